-- what the table of the archive that was imported last says and no column could take
insert into misfits
select
    'activity_export' as table_name,
    id,
    unnest(misfits) as key
from meta.export_words
where run_id = (select max(run_id) from archive_rows) and misfits is not null;
