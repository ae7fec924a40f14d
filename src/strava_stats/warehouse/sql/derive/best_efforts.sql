-- fastest time over Strava's distances in the portion's runs that have none from Strava: from the last sample at one
-- distance to the first that is as far on, in whole samples, as Strava does it
create or replace temp table marks as
select
    activity_id,
    m,
    min(t) as arrival,
    max(t) as departure
from portion_samples
inner join portion using (activity_id)
where
    m is not null
    and is_run(sport_type)
    and activity_id not in (select activity_id from activity_best_efforts)
group by all;

create or replace temp table efforts as
with short_ways as (
    select
        activity_id,
        departure,
        first_value(arrival) over (way range between 4000 following and unbounded following) - departure as "400m",
        first_value(arrival) over (way range between 8050 following and unbounded following) - departure as "1/2 mile",
        first_value(arrival) over (way range between 10000 following and unbounded following) - departure as "1K",
        first_value(arrival) over (way range between 16090 following and unbounded following) - departure as "1 mile",
        first_value(arrival) over (way range between 32190 following and unbounded following) - departure as "2 mile",
        first_value(arrival) over (way range between 50000 following and unbounded following) - departure as "5K",
        first_value(arrival) over (way range between 100000 following and unbounded following) - departure as "10K"
    from marks
    window way as (partition by activity_id order by m)
),

shortest as (
    select
        activity_id,
        min(shortest_first("400m", departure)) as "400m",
        min(shortest_first("1/2 mile", departure)) as "1/2 mile",
        min(shortest_first("1K", departure)) as "1K",
        min(shortest_first("1 mile", departure)) as "1 mile",
        min(shortest_first("2 mile", departure)) as "2 mile",
        min(shortest_first("5K", departure)) as "5K",
        min(shortest_first("10K", departure)) as "10K"
    from short_ways
    group by activity_id
),

-- apart from the short ones, because most runs end before
long_ways as (
    select
        activity_id,
        departure,
        first_value(arrival) over (way range between 150000 following and unbounded following) - departure as "15K",
        first_value(arrival) over (way range between 160900 following and unbounded following) - departure as "10 mile",
        first_value(arrival) over (way range between 200000 following and unbounded following) - departure as "20K",
        first_value(arrival) over (way range between 210970 following and unbounded following) - departure as "Half-Marathon",
        first_value(arrival) over (way range between 300000 following and unbounded following) - departure as "30K",
        first_value(arrival) over (way range between 421950 following and unbounded following) - departure as "Marathon",
        first_value(arrival) over (way range between 500000 following and unbounded following) - departure as "50K"
    from marks
    where activity_id in (select activity_id from marks where m >= 150000)
    window way as (partition by activity_id order by m)
),

longest as (
    select
        activity_id,
        min(shortest_first("15K", departure)) as "15K",
        min(shortest_first("10 mile", departure)) as "10 mile",
        min(shortest_first("20K", departure)) as "20K",
        min(shortest_first("Half-Marathon", departure)) as "Half-Marathon",
        min(shortest_first("30K", departure)) as "30K",
        min(shortest_first("Marathon", departure)) as "Marathon",
        min(shortest_first("50K", departure)) as "50K"
    from long_ways
    group by activity_id
),

found as (
    unpivot shortest on columns(* exclude activity_id) into name name value code
    union all by name
    unpivot longest on columns(* exclude activity_id) into name name value code
)

select
    activity_id,
    name,
    map {
        '400m': 400, '1/2 mile': 805, '1K': 1000, '1 mile': 1609, '2 mile': 3219,
        '5K': 5000, '10K': 10000, '15K': 15000, '10 mile': 16090, '20K': 20000,
        'Half-Marathon': 21097, '30K': 30000, 'Marathon': 42195, '50K': 50000
    }[name] as metres,
    code >> 32 as elapsed_time,
    code & 4294967295 as departure
from found;

-- a table of its own, because as part of the next statement the samples would be joined with each other first
create or replace temp table effort_ends as
with ends as (
    select activity_id, name, unnest([departure, departure + elapsed_time])::integer as t
    from efforts
)

select
    activity_id,
    name,
    min(i) as start_index,
    max(i) as end_index
from ends
inner join portion_samples using (activity_id, t)
group by all;

insert into activity_best_efforts by name
select
    activity_id,
    athlete_id,
    name,
    start_date + to_seconds(departure) as start_date,
    start_date_local + to_seconds(departure) as start_date_local,
    start_index,
    end_index,
    metres as distance,
    elapsed_time,
    -- Strava's own efforts have no other moving time
    elapsed_time as moving_time,
    'computed' as source,
    fetched_at
from efforts
inner join effort_ends using (activity_id, name)
inner join portion using (activity_id);
