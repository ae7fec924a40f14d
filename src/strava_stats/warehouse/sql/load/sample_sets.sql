-- the sets of samples in the files getvariable('sample_files'), and when they were received last
create or replace temp table new_sets as
select
    activity_id,
    any_value(athlete_id) as athlete_id,
    source,
    run_id,
    count(*) as samples
from read_parquet(getvariable('sample_files'))
group by activity_id, source, run_id
qualify row_number() over (partition by activity_id, source order by run_id desc) = 1;

merge into meta.sample_sets as old
using new_sets as new
on old.activity_id = new.activity_id and old.source = new.source
when matched and new.run_id >= old.run_id then update set
    athlete_id = new.athlete_id,
    run_id = new.run_id,
    samples = new.samples
when not matched then insert (activity_id, athlete_id, source, run_id, samples)
values (new.activity_id, new.athlete_id, new.source, new.run_id, new.samples);
