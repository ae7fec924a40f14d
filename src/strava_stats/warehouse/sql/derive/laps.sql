-- laps of a kilometre for the portion's activities that have none from Strava or the device
insert into activity_laps by name
select
    activity_id,
    athlete_id,
    split as lap_index,
    'Lap ' || split as name,
    split,
    start_date + to_seconds(first_t) as start_date,
    start_date_local + to_seconds(first_t) as start_date_local,
    first_i as start_index,
    last_i as end_index,
    metre / 10 as distance,
    elapsed_time,
    moving_time,
    round(metre / 10 / nullif(moving_time, 0), 2) as average_speed,
    max_speed,
    round(gain, 1) as total_elevation_gain,
    round(average_cadence, 1) as average_cadence,
    round(average_watts, 1) as average_watts,
    round(average_heartrate, 1) as average_heartrate,
    max_heartrate,
    'computed' as source,
    fetched_at
from pieces
inner join portion using (activity_id)
left join (
    select activity_id, floor(m / getvariable('unit'))::bigint as piece, sum(gain) as gain
    from climbs
    group by all
) using (activity_id, piece)
where activity_id not in (select activity_id from activity_laps);
