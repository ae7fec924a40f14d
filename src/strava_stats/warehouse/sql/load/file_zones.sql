-- the zone of the first point of each device file
create or replace temp table file_zones as
select *
from read_ndjson(
    getvariable('file_zones'),
    columns = {'activity_id': 'bigint', 'run_id': 'varchar', 'zone': 'varchar'}
);
