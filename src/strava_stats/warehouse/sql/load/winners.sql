-- the newest body of every activity in the shards: only keys, so that no row is held twice; a killed compaction may
-- have left a run in two shards, so the file is part of the key
create or replace temp table winners as
select
    id,
    max_by(run_id, (run_id, seq, filename)) as run_id,
    max_by(seq, (run_id, seq, filename)) as seq,
    max_by(filename, (run_id, seq, filename)) as filename
from read_parquet(getvariable('shards'), union_by_name = true, filename = true)
group by id;
