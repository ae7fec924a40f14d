-- one row per row of the shard $path
select
    parse_filename(filename) as file,
    run_id,
    seq,
    id,
    body_hash
from read_parquet($path, filename = true)
