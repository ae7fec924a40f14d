-- what an archive's table does not say, its samples do
update activities
set
    distance = coalesce(activities.distance, figures.distance),
    moving_time = coalesce(activities.moving_time, figures.moving_time),
    elapsed_time = coalesce(activities.elapsed_time, figures.elapsed_time),
    total_elevation_gain = coalesce(activities.total_elevation_gain, figures.total_elevation_gain),
    average_speed = coalesce(activities.average_speed, figures.average_speed),
    max_speed = coalesce(activities.max_speed, figures.max_speed),
    average_heartrate = coalesce(activities.average_heartrate, figures.average_heartrate),
    max_heartrate = coalesce(activities.max_heartrate, figures.max_heartrate),
    average_cadence = coalesce(activities.average_cadence, figures.average_cadence),
    average_watts = coalesce(activities.average_watts, figures.average_watts),
    max_watts = coalesce(activities.max_watts, figures.max_watts),
    average_temp = coalesce(activities.average_temp, figures.average_temp)
from activity_figures as figures
where figures.activity_id = activities.id and activities.source = 'export';
