-- the newest bodies into an empty table
insert into activities by name
select * exclude (seq, misfits, filename)
from shard_rows
semi join (from events where is_last and is_body) using (id, run_id, seq, filename);
