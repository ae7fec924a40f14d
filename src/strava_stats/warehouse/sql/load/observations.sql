-- one row per word of Strava on an activity's kudos and comments: bodies and absences of the listings, then, within a run,
-- bodies of the details, and the notes that they came again unchanged, which say what the body before them said
create or replace temp table observations as
with details as (
    select
        *,
        {'kudos_count': kudos_count, 'comment_count': comment_count} as counts
    from detail_observations
    union all by name
    from detail_notes
),

told as (
    select
        details.*,
        coalesce(
            last_value(counts ignore nulls) over so_far,
            {'kudos_count': details_before.kudos_count, 'comment_count': details_before.comment_count}
        ) as said
    from details
    left join details_before using (id)
    window so_far as (partition by id order by run_id, seq rows between unbounded preceding and current row)
)

select
    id,
    run_id,
    0 as stage,
    seq,
    athlete_id,
    source,
    fetched_at,
    kudos_count,
    comment_count,
    is_body as lives
from events
where not is_known
union all
select
    id,
    run_id,
    1 as stage,
    seq,
    athlete_id,
    source,
    fetched_at,
    said.kudos_count,
    said.comment_count,
    null as lives
from told;
