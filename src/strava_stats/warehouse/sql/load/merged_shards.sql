-- the rows of the shards getvariable('shards'), each once: a killed merge may have left some in two files
select * exclude (filename)
from read_parquet(getvariable('shards'), union_by_name = true, filename = true)
semi join (
    select
        id,
        run_id,
        seq,
        max(filename) as filename
    from read_parquet(getvariable('shards'), union_by_name = true, filename = true)
    group by id, run_id, seq
) as once using (id, run_id, seq, filename)
order by start_date desc nulls last, id, run_id, seq
