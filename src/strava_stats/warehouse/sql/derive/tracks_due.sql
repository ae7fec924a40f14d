-- pairs whose tracks are compared, because both have samples, and of them those that have not been yet. Where the
-- times are hidden every two of a day overlap, so only those alike in place and distance are looked at
create or replace temp table comparable as
with sets as (
    select activity_id as id, arg_min(run_id, source) as run_id
    from meta.sample_sets
    group by activity_id
)

select
    activity_id,
    other_id,
    one.run_id,
    other.run_id as other_run_id,
    common_begin,
    common_end
from pairs
inner join sets as one on activity_id = one.id
inner join sets as other on other_id = other.id
where
    not is_hidden
    or (coalesce(starts_apart <= 500, true) and coalesce(distance_difference <= 0.1 * distance, true));

delete from meta.track_overlaps
where
    (activity_id, other_id, run_id, other_run_id) not in (
        select activity_id, other_id, run_id, other_run_id from comparable
    );

create or replace temp table tracks_due as
select
    *,
    (row_number() over (order by common_begin, activity_id, other_id) - 1) // 200 as portion
from comparable
where (activity_id, other_id) not in (select activity_id, other_id from meta.track_overlaps);
