-- one row per 404 that confirmed what a listing lacked, from the journals getvariable('journals')
insert into absences by name
select
    id,
    run_of(filename) as run_id,
    seq,
    athlete_id,
    fetched_at,
    coalesce(source, 'api') as source
from read_ndjson(
    getvariable('journals'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {
        'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'fetched_at': 'timestamptz',
        'id': 'bigint', 'source': 'varchar'
    }
)
where kind = 'absent' and id is not null;
