-- the newest body of every activity in the shards: only keys, so that no row is held twice
create or replace temp table winners as
select
    id,
    max_by(run_id, (run_id, seq)) as run_id,
    max_by(seq, (run_id, seq)) as seq
from read_parquet(getvariable('shards'), union_by_name = true)
group by id;
