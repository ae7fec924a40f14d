-- which member of its archive each activity's file is: as named, or with .gz more or less than the table says
create or replace temp table export_files as
select
    archive_rows.run_id,
    archive_rows.id as activity_id,
    archive_rows.athlete_id,
    archive_rows.start_date,
    members.name as member,
    members.size,
    members.crc
from archive_rows
inner join archive_members as members
    on
        members.run_id = archive_rows.run_id
        and regexp_replace(members.name, '\.gz$', '') = regexp_replace(archive_rows.filename, '\.gz$', '')
qualify
    row_number() over (
        partition by archive_rows.run_id, archive_rows.id
        order by (members.name = archive_rows.filename) desc, members.name
    ) = 1;
