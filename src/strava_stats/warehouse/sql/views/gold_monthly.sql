-- one row per athlete, local month and sport
create or replace view gold_monthly as
with settings as (
    select max(value) filter (name = 'timezone') as timezone
    from meta.settings
),

dated as (
    select
        activities.*,
        activity_details.calories,
        cast(coalesce(start_date_local, timezone(settings.timezone, start_date)) as date) as day
    from activities
    cross join settings
    left join activity_details on activity_details.activity_id = activities.id
)

select
    athlete_id,
    cast(date_trunc('month', day) as date) as month,
    sport_type,
    count(*) as activities,
    count(distinct day) as days,
    fsum(distance) as distance,
    sum(moving_time) as moving_time,
    sum(elapsed_time) as elapsed_time,
    fsum(total_elevation_gain) as total_elevation_gain,
    fsum(distance) filter (moving_time > 0) / nullif(sum(moving_time) filter (moving_time > 0), 0) as average_speed,
    fsum(average_heartrate * moving_time) / nullif(sum(moving_time) filter (average_heartrate is not null), 0)
        as average_heartrate,
    fsum(suffer_score) as suffer_score,
    fsum(calories) as calories,
    sum(kudos_count) as kudos_count
from dated
where day is not null
group by all;

comment on view gold_monthly is 'one row per athlete, month of the athlete''s own calendar and sport';
comment on column gold_monthly.athlete_id is 'athlete';
comment on column gold_monthly.month is 'first day of the month, local calendar';
comment on column gold_monthly.sport_type is 'sport';
comment on column gold_monthly.activities is 'activities';
comment on column gold_monthly.days is 'days with at least one';
comment on column gold_monthly.distance is 'm';
comment on column gold_monthly.moving_time is 's';
comment on column gold_monthly.elapsed_time is 's';
comment on column gold_monthly.total_elevation_gain is 'm';
comment on column gold_monthly.average_speed is 'm/s over moving time';
comment on column gold_monthly.average_heartrate is 'bpm, weighted by moving time, over activities that have it';
comment on column gold_monthly.suffer_score is 'relative effort, sum';
comment on column gold_monthly.calories is 'kcal, over activities with details';
comment on column gold_monthly.kudos_count is 'kudos';
