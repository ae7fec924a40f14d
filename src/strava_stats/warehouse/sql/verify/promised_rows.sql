-- one row per clean body in the journals getvariable('journals')
insert into promised
select
    run_of(filename) as run_id,
    seq,
    id,
    hash as body_hash
from read_ndjson(
    getvariable('journals'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {'seq': 'bigint', 'kind': 'varchar', 'id': 'bigint', 'hash': 'varchar', 'base64': 'varchar'}
)
where kind = 'body' and id is not null and base64 is null
