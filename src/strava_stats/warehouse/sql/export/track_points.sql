-- one row per sample of these activities that has a place and lies in no privacy zone, numbered within its track.
-- `begins`: no line is to be drawn from the one before. The activity paused or the signal was lost ($pause seconds, or five
-- times the usual interval where that is longer), it leaps ($leap metres), a zone lies between, or was left out between
create or replace temp table track_points as
with points as (
    select
        streams.activity_id,
        streams.t,
        -- tested and written with the same decimals: rounding must not move a point into a zone
        try_cast(streams.lat as decimal(9, 6)) as lat,
        -- the schema wants less than 180
        nullif(try_cast(streams.lng as decimal(9, 6)), 180) as east,
        coalesce(east, -180) as lng,
        streams.altitude,
        streams.heartrate,
        streams.cadence,
        streams.watts,
        streams.temp,
        chosen.start_date
    from uncut.main.activity_streams as streams
    inner join chosen on chosen.id = streams.activity_id
    where
        streams.activity_id in (select unnest($ids))
        and streams.activity_id between $lowest and $highest
        and streams.lat between -90 and 90
        and streams.lng between -180 and 180
),

steps as (
    select
        *,
        is_hidden(cast(lat as double), cast(lng as double)) as is_cut,
        lag(t) over track as t_before,
        cast(lag(lat) over track as double) as lat_before,
        cast(lag(lng) over track as double) as lng_before
    from points
    window track as (partition by activity_id order by t)
),

usual as (
    select activity_id, median(t - t_before) as interval
    from steps
    group by activity_id
),

measured as (
    select
        steps.*,
        lag(is_cut) over (partition by steps.activity_id order by t) as was_cut,
        t - t_before > greatest($pause, 5 * usual.interval) as has_paused,
        metres_between(cast(lat as double), cast(lng as double), lat_before, lng_before) as step
    from steps
    inner join usual on usual.activity_id = steps.activity_id
)

select
    activity_id,
    lat,
    lng,
    altitude,
    heartrate,
    cadence,
    watts,
    temp,
    start_date,
    t,
    t_before is null
    or was_cut
    or has_paused
    or step > $leap
    or is_across_a_zone(cast(lat as double), cast(lng as double), lat_before, lng_before, step) as begins,
    row_number() over (partition by activity_id order by t) as number
from measured
where not is_cut;
