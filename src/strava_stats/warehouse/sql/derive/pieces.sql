-- the portion's activities cut into pieces of `unit` decimetres. A piece ends with the first sample at or beyond its
-- end, as Strava cuts: its figures are those of the steps in it. Standing at the very end makes no piece of its own
create or replace temp table pieces as
with cut as (
    select
        activity_id,
        floor(pm / getvariable('unit'))::bigint as piece,
        min(i) as first_i,
        max(i) as last_i,
        min(t - dt) as first_t,
        max(m) - min(pm) as metre,
        sum(dt) as elapsed_time,
        sum(moving_seconds(moving, dt, m - pm)) as moving_time,
        arg_min(altitude, i) as first_altitude,
        arg_max(altitude, i) as last_altitude,
        max(velocity_smooth) as max_speed,
        avg(heartrate) as average_heartrate,
        max(heartrate) as max_heartrate,
        avg(nullif(cadence, 0)) as average_cadence,
        avg(watts) as average_watts
    from portion_samples
    where m is not null
    group by all
)

select
    *,
    row_number() over along as split,
    last_altitude - coalesce(lag(last_altitude) over along, first_altitude) as elevation_difference
from cut
where metre > 0
window along as (partition by activity_id order by piece);
