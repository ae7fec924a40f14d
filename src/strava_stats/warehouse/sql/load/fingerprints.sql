-- what the summary of each activity was in each run of the shards
insert into fingerprints
select
    id,
    run_id,
    fingerprint
from read_parquet(getvariable('shards'), union_by_name = true)
qualify row_number() over (partition by id, run_id order by seq desc) = 1;
