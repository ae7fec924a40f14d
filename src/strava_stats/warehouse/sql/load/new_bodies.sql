-- bodies of athletes or gear in the portion getvariable('portion')
create or replace temp table new_bodies as
select
    run_of(filename) as run_id,
    seq,
    athlete_id,
    fetched_at,
    hash,
    coalesce(source, 'api') as source,
    body
from read_ndjson(
    getvariable('portion'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {
        'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'fetched_at': 'timestamptz',
        'source': 'varchar', 'hash': 'varchar', 'body': 'json'
    }
)
where body is not null;
