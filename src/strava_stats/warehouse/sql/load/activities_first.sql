-- the winners' rows into an empty table
insert into activities by name
select * exclude (seq, misfits, filename)
from read_parquet(getvariable('shards'), union_by_name = true, filename = true)
semi join winners using (id, run_id, seq, filename);
