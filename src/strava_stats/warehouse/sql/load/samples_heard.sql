-- samples that came again unchanged are as fresh as the answer that said so
update meta.sample_sets
set fetched_at = heard.fetched_at
from (
    select
        activity_id,
        max(run_id) as run_id,
        arg_max(fetched_at, run_id) as fetched_at
    from streams_heard
    group by activity_id
) as heard
where
    heard.activity_id = sample_sets.activity_id
    and heard.run_id >= sample_sets.run_id
    and sample_sets.source <> 'export';
