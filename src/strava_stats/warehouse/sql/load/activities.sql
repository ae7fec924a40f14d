-- the newest bodies replace the rows of the same activities; an activity whose last word is an absence goes
merge into activities
using (
    select * exclude (seq, misfits, filename)
    from shard_rows
    semi join (from events where is_last and is_body) using (id, run_id, seq, filename)
) as new
on activities.id = new.id
when matched then update by name
when not matched then insert by name;

delete from activities where id in (select id from events where is_last and not is_body);
