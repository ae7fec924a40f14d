-- one row per sport of which Strava has totals: public activities. Which kinds of sport it adds up is not documented:
-- all that could be of one count here, and so does each activity of the athlete that waits in quarantine
with kinds as (
    select unnest([
        {'sport': 'ride', 'kinds': [
            'Ride', 'MountainBikeRide', 'GravelRide', 'VirtualRide', 'EBikeRide', 'EMountainBikeRide', 'Velomobile',
            'Handcycle'
        ]},
        {'sport': 'run', 'kinds': ['Run', 'TrailRun', 'VirtualRun']},
        {'sport': 'swim', 'kinds': ['Swim']}
    ], recursive := true)
),

waiting as (
    select count(*) as activity_count
    from quarantine
    where athlete_id = $athlete_id and kind = 'activity'
)

select
    sport,
    count(activities.id) + any_value(waiting.activity_count) as activity_count
from kinds
cross join waiting
left join activities
    on
        activities.athlete_id = $athlete_id
        and coalesce(activities.visibility, 'everyone') = 'everyone'
        and (list_contains(kinds.kinds, activities.sport_type) or list_contains(kinds.kinds, activities.type))
group by sport
