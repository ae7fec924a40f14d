-- gear and athletes as the newest archive that knows them has them
create or replace table meta.export_gear as
select
    archive_gear.*,
    'export' as source
from archive_gear
inner join archive_places using (run_id)
qualify row_number() over (partition by id order by place desc) = 1;

comment on table meta.export_gear is 'one row per bike or shoe in an imported archive: the newest archive''s word on it';

create or replace table meta.export_athletes as
select
    archive_athletes.*,
    'export' as source
from archive_athletes
inner join archive_places using (run_id)
qualify row_number() over (partition by id order by place desc) = 1;

comment on table meta.export_athletes is 'one row per athlete whose archive was imported: the newest archive''s word on them';
