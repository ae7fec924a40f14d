-- detail bodies in the files getvariable('portion'); `latest` marks the one that becomes the activity's row
copy (
select
    run_of(filename) as run_id,
    seq,
    athlete_id,
    fetched_at,
    id,
    hash,
    coalesce(source, 'api') as source,
    body,
    json_transform(body, '{"segment_efforts": "JSON", "splits_metric": "JSON", "splits_standard": "JSON", "laps": "JSON",
    "best_efforts": "JSON", "gear": "JSON", "kudos_count": "VARCHAR", "comment_count": "VARCHAR"}') as parts,
    row_number() over (partition by id order by run_of(filename) desc, seq desc) = 1 as latest
from read_ndjson(
    getvariable('portion'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {
        'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'fetched_at': 'timestamptz',
        'id': 'bigint', 'source': 'varchar', 'hash': 'varchar', 'body': 'json'
    }
)
where body is not null and id is not null
) to $target (format parquet, compression snappy, row_group_size 256)
