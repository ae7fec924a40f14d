-- the rows and the directory of one archive join those of the others
create temp table if not exists archive_rows as
select
    *,
    null::varchar as run_id,
    null::bigint as athlete_id,
    null::timestamptz as imported_at
from export_rows
where false;

insert into archive_rows by name
select
    *,
    getvariable('export_run') as run_id,
    getvariable('export_athlete') as athlete_id,
    getvariable('export_at') as imported_at
from export_rows;

create temp table if not exists archive_members (run_id varchar, name varchar, size bigint, crc bigint);

insert into archive_members
select
    getvariable('export_run'),
    name,
    size,
    crc
from read_ndjson(getvariable('export_members'), columns = {'name': 'varchar', 'size': 'bigint', 'crc': 'bigint'});

create temp table if not exists archive_gear as
select
    *,
    null::varchar as run_id,
    null::bigint as athlete_id,
    null::timestamptz as fetched_at
from export_gear
where false;

insert into archive_gear by name
select
    *,
    getvariable('export_run') as run_id,
    getvariable('export_athlete') as athlete_id,
    getvariable('export_at') as fetched_at
from export_gear;

create temp table if not exists archive_athletes as
select
    * exclude (athlete_id),
    null::varchar as run_id,
    null::bigint as athlete_id,
    null::timestamptz as fetched_at
from export_athletes
where false;

insert into archive_athletes by name
select
    * exclude (athlete_id),
    getvariable('export_run') as run_id,
    getvariable('export_athlete') as athlete_id,
    getvariable('export_at') as fetched_at
from export_athletes;
