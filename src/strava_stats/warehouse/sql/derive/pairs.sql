-- pairs of activities of one athlete and one family of sports that ran at the same time for at least half of the
-- shorter one. The later of two that overlap starts in an hour that the earlier one runs in: that hour joins them, so
-- that a hundred thousand activities are no cross join
create or replace temp table pairs as
with timed as (
    select
        id,
        athlete_id,
        sport_type,
        sport_family(coalesce(sport_type, type)) as family,
        epoch(start_date)::bigint as begins,
        least(greatest(coalesce(elapsed_time, moving_time, 0), 1), 604800) as lasts,
        begins + lasts as ends,
        distance,
        start_lat,
        start_lng,
        end_lat,
        end_lng,
        -- who hides the time of day has all activities of a day start at its first second
        coalesce(start_date_local::time in ('00:00:00', '00:00:01'), false) as is_hidden
    from activities
    where start_date is not null
),

hours as (
    select *, unnest(range(begins // 3600, ends // 3600 + 1)) as hour
    from timed
)

select
    least(earlier.id, later.id) as activity_id,
    greatest(earlier.id, later.id) as other_id,
    earlier.athlete_id,
    later.begins - earlier.begins as start_difference,
    abs(earlier.distance - later.distance) as distance_difference,
    abs(earlier.lasts - later.lasts) as elapsed_difference,
    greatest(earlier.distance, later.distance) as distance,
    greatest(earlier.lasts, later.lasts) as lasts,
    coalesce(earlier.sport_type = later.sport_type, false) as same_sport,
    round(
        (least(earlier.ends, later.ends) - later.begins) / least(earlier.lasts, later.lasts), 2
    ) as time_overlap,
    metres_between(earlier.start_lat, earlier.start_lng, later.start_lat, later.start_lng) as starts_apart,
    metres_between(earlier.end_lat, earlier.end_lng, later.end_lat, later.end_lng) as ends_apart,
    earlier.is_hidden and later.is_hidden as is_hidden,
    later.begins as common_begin,
    least(earlier.ends, later.ends) as common_end
from hours as earlier
inner join timed as later
    on
        earlier.athlete_id = later.athlete_id
        and earlier.family = later.family
        and earlier.hour = later.begins // 3600
where
    (later.begins, later.id) > (earlier.begins, earlier.id)
    and least(earlier.ends, later.ends) - later.begins >= 0.5 * least(earlier.lasts, later.lasts);
