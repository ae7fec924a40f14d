-- the last summary of what goes: details that are fetched while it is gone belong to it
insert into meta.dead_summaries
with gone as (
    select id
    from events
    where is_last and not is_body
)

select
    id,
    run_id,
    fingerprint
from (
    select
        id,
        run_id,
        seq,
        fingerprint
    from shard_rows
    semi join gone using (id)
    union all by name
    select
        id,
        run_id,
        -1 as seq,
        fingerprint
    from activities
    semi join gone using (id)
)
qualify row_number() over (partition by id order by run_id desc, seq desc) = 1;
