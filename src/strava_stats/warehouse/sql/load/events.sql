-- one row per body or absence in the shards and journals that are loaded now, behind the live row it follows; only
-- keys and counts, so that no row is held twice. A killed compaction may have left a run in two shards
create or replace temp table events as
with seen as (
    select
        id,
        run_id,
        seq,
        any_value(athlete_id) as athlete_id,
        any_value(source) as source,
        any_value(fetched_at) as fetched_at,
        any_value(kudos_count) as kudos_count,
        any_value(comment_count) as comment_count,
        max(filename) as filename,
        true as is_body,
        false as is_known
    from shard_rows
    group by id, run_id, seq
    union all by name
    select
        *,
        false as is_body,
        false as is_known
    from absences
),

known as (
    select
        id,
        run_id,
        -1 as seq,
        kudos_count,
        comment_count,
        true as is_body,
        true as is_known
    from activities
    semi join seen using (id)
)

select
    *,
    lag(is_body) over earlier as follows_body,
    lag(run_id) over earlier as previous_run_id,
    lag(seq) over earlier as previous_seq,
    lag(filename) over earlier as previous_filename,
    lead(seq) over earlier is null as is_last
from (
    from seen
    union all by name
    from known
)
window earlier as (partition by id order by run_id, seq);
