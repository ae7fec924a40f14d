-- mile splits of the portion's activities that have none from Strava
insert into activity_splits_standard by name
select
    activity_id,
    athlete_id,
    split,
    metre / 10 as distance,
    elapsed_time,
    moving_time,
    round(elevation_difference, 1) as elevation_difference,
    round(metre / 10 / nullif(moving_time, 0), 2) as average_speed,
    average_heartrate,
    'computed' as source,
    fetched_at
from pieces
inner join portion using (activity_id)
where activity_id not in (select activity_id from activity_splits_standard);
