-- one row per run in the shards $paths: its rows, and a number for what they say, in whatever order
select
    run_id,
    count(*) as row_count,
    sum(hash(shard)::hugeint) as total
from read_parquet($paths, union_by_name = true) as shard
group by run_id
