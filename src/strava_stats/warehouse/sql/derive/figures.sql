-- what the samples of the portion say of their activities as wholes, and that they were worked up
insert into meta.sample_figures by name
with totals as (
    select
        activity_id,
        max(m) / 10 as distance,
        -- who covers no distance at all is not at rest for that
        case
            when max(m) = 0 then sum(dt) filter (where dt <= 30)
            else sum(moving_seconds(moving, dt, m - pm))
        end as moving_time,
        max(t) as elapsed_time,
        max(velocity_smooth) as max_speed,
        avg(heartrate) as average_heartrate,
        max(heartrate) as max_heartrate,
        avg(nullif(cadence, 0)) as average_cadence,
        avg(watts) as average_watts,
        max(watts) as max_watts,
        avg(temp) as average_temp,
        arg_min(lat, i) as start_lat,
        arg_min(lng, i) as start_lng,
        arg_max(lat, i) as end_lat,
        arg_max(lng, i) as end_lng,
        coalesce(max(m) > 0, false) as has_pieces,
        coalesce(max(m) - min(m) >= 4000, false) as has_400_metres
    from portion_samples
    group by activity_id
),

climbed as (
    select activity_id, sum(gain) as total_elevation_gain
    from climbs
    group by activity_id
)

select
    activity_id,
    athlete_id,
    run_id,
    start_date,
    start_date_local,
    sport_type,
    distance,
    moving_time,
    elapsed_time,
    round(total_elevation_gain, 1) as total_elevation_gain,
    round(distance / nullif(moving_time, 0), 3) as average_speed,
    max_speed,
    round(average_heartrate, 1) as average_heartrate,
    max_heartrate,
    round(average_cadence, 1) as average_cadence,
    round(average_watts, 1) as average_watts,
    max_watts,
    round(average_temp, 1) as average_temp,
    start_lat,
    start_lng,
    end_lat,
    end_lng,
    has_pieces,
    has_400_metres and is_run(sport_type) as has_efforts
from totals
inner join portion using (activity_id)
left join climbed using (activity_id);
