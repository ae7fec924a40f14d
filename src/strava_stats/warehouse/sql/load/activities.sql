-- the winners' rows replace those of the same activities
merge into activities
using (
    select * exclude (seq, misfits, filename)
    from read_parquet(getvariable('shards'), union_by_name = true, filename = true)
    semi join winners using (id, run_id, seq, filename)
) as new
on activities.id = new.id
when matched then update by name
when not matched then insert by name;
