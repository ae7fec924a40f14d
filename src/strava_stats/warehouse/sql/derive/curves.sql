-- best averages of the portion's activities over standard durations. Samples are laid on a grid of one second: a value
-- holds until the next sample when that comes within 10 s, else the recording paused, which is power 0 and no heart
-- rate; distance is spread evenly. Watts as they are; heart rate with a loss so great for a second without a reading
-- that no stretch with one wins; speed in mm/s
create or replace temp table grid as
with griddable as (
    select
        activity_id,
        max(watts) > 0 as has_watts,
        max(heartrate) > 0 as has_heartrate,
        max(m) > 0 as has_metres
    from portion_samples
    group by activity_id
    having sum(least(dt, 21600)) <= getvariable('longest_grid')
),

source as (
    select
        activity_id,
        t,
        case when has_watts then coalesce(watts, 0) end as watts,
        case when has_heartrate then coalesce(heartrate, -1000000) end as heartrate,
        has_metres,
        lead(t, 1, t + 1) over steps - t as gap,
        lead(m) over steps - m as metre
    from portion_samples
    inner join griddable using (activity_id)
    window steps as (partition by activity_id order by t)
),

spread as (
    select
        activity_id,
        t,
        watts,
        heartrate,
        case when has_metres then least(coalesce(100 * metre // gap, 0), 1000000) end as speed,
        gap > 10 as is_pause,
        unnest(range(least(gap, 21600))) as after
    from source
)

select
    activity_id,
    t + after as second,
    case when is_pause and after > 0 then 0 else watts end as watts,
    case when is_pause and after > 0 then least(heartrate, -1000000) else heartrate end as heartrate,
    speed
from spread;

-- metrics as numbers, which sort faster than names; whole numbers as doubles, which add up exactly and faster than
-- integers of 128 bits
create or replace temp table running_sums as
with tall as (
    select activity_id, second, 1::tinyint as metric, watts::double as value from grid where watts is not null
    union all
    select activity_id, second, 2::tinyint as metric, heartrate::double as value from grid where heartrate is not null
    union all
    select activity_id, second, 3::tinyint as metric, speed::double as value from grid where speed is not null
)

select
    activity_id,
    metric,
    second,
    value,
    sum(value) over (partition by activity_id, metric order by second rows unbounded preceding) as running
from tall;

insert into activity_curves by name
with sums as (
    select
        activity_id,
        metric,
        lead(running, 0) over ahead - running + value as "1",
        lead(running, 1) over ahead - running + value as "2",
        lead(running, 4) over ahead - running + value as "5",
        lead(running, 9) over ahead - running + value as "10",
        lead(running, 14) over ahead - running + value as "15",
        lead(running, 29) over ahead - running + value as "30",
        lead(running, 59) over ahead - running + value as "60",
        lead(running, 119) over ahead - running + value as "120",
        lead(running, 179) over ahead - running + value as "180",
        lead(running, 299) over ahead - running + value as "300",
        lead(running, 479) over ahead - running + value as "480",
        lead(running, 599) over ahead - running + value as "600",
        lead(running, 899) over ahead - running + value as "900",
        lead(running, 1199) over ahead - running + value as "1200",
        lead(running, 1799) over ahead - running + value as "1800",
        lead(running, 2699) over ahead - running + value as "2700",
        lead(running, 3599) over ahead - running + value as "3600",
        lead(running, 5399) over ahead - running + value as "5400",
        lead(running, 7199) over ahead - running + value as "7200",
        lead(running, 10799) over ahead - running + value as "10800",
        lead(running, 14399) over ahead - running + value as "14400",
        lead(running, 17999) over ahead - running + value as "18000",
        lead(running, 21599) over ahead - running + value as "21600"
    from running_sums
    window ahead as (partition by activity_id, metric order by second)
),

greatest_sums as (
    select
        activity_id,
        metric,
        max("1") as "1",
        max("2") as "2",
        max("5") as "5",
        max("10") as "10",
        max("15") as "15",
        max("30") as "30",
        max("60") as "60",
        max("120") as "120",
        max("180") as "180",
        max("300") as "300",
        max("480") as "480",
        max("600") as "600",
        max("900") as "900",
        max("1200") as "1200",
        max("1800") as "1800",
        max("2700") as "2700",
        max("3600") as "3600",
        max("5400") as "5400",
        max("7200") as "7200",
        max("10800") as "10800",
        max("14400") as "14400",
        max("18000") as "18000",
        max("21600") as "21600"
    from sums
    group by all
),

curve as (
    unpivot greatest_sums on columns(* exclude (activity_id, metric)) into name duration value total
)

select
    activity_id,
    athlete_id,
    metrics.name as metric,
    duration::bigint as duration,
    case metrics.name
        when 'speed' then round(total / duration::bigint / 1000, 3)
        else round(total / duration::bigint, 1)
    end as value,
    'computed' as source,
    fetched_at
from curve
inner join portion using (activity_id)
inner join (values (1, 'watts'), (2, 'heartrate'), (3, 'speed')) as metrics (metric, name) using (metric)
where total >= 0;
