-- one row per athlete, local week and sport
create or replace view gold_weekly as
with settings as (
    select
        max(value) filter (name = 'week_start') as week_start,
        max(value) filter (name = 'timezone') as timezone
    from meta.settings
),

dated as (
    select
        activities.*,
        activity_details.calories,
        cast(coalesce(start_date_local, timezone(settings.timezone, start_date)) as date) as day,
        settings.week_start
    from activities
    cross join settings
    left join activity_details on activity_details.activity_id = activities.id
)

select
    athlete_id,
    case
        when week_start = 'sunday' then day - cast(dayofweek(day) as integer)
        else day - (cast(isodow(day) as integer) - 1)
    end as week,
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

comment on view gold_weekly is 'one row per athlete, week of the athlete''s own calendar and sport';
comment on column gold_weekly.athlete_id is 'athlete';
comment on column gold_weekly.week is 'first day of the week (WEEK_START), local calendar';
comment on column gold_weekly.sport_type is 'sport';
comment on column gold_weekly.activities is 'activities';
comment on column gold_weekly.days is 'days with at least one';
comment on column gold_weekly.distance is 'm';
comment on column gold_weekly.moving_time is 's';
comment on column gold_weekly.elapsed_time is 's';
comment on column gold_weekly.total_elevation_gain is 'm';
comment on column gold_weekly.average_speed is 'm/s over moving time';
comment on column gold_weekly.average_heartrate is 'bpm, weighted by moving time, over activities that have it';
comment on column gold_weekly.suffer_score is 'relative effort, sum';
comment on column gold_weekly.calories is 'kcal, over activities with details';
comment on column gold_weekly.kudos_count is 'kudos';
