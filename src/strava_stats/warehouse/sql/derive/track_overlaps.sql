-- how far the tracks of one portion of pairs agree: of the places of the one with fewer, one every 15 s, the share
-- that lies in a square, or next to one, where the other was in the same minute
set variable portion_files = (
    select list(file)
    from (select unnest(getvariable('sample_files')) as file)
    where
        parse_filename(file, true) in (
            select unnest([run_id, other_run_id]) from tracks_due where portion = getvariable('portion')
        )
        or parse_filename(file, true) like '%-merged'
);

create or replace temp table places as
with sides as (
    select activity_id, other_id, 1 as side, activity_id as id, run_id, common_begin, common_end
    from tracks_due
    where portion = getvariable('portion')
    union all
    select activity_id, other_id, 2 as side, other_id as id, other_run_id as run_id, common_begin, common_end
    from tracks_due
    where portion = getvariable('portion')
),

timed as (
    select sides.*, epoch(start_date)::bigint as begins
    from sides
    inner join activities on sides.id = activities.id
)

select
    timed.activity_id,
    timed.other_id,
    side,
    begins + t as second,
    square_y(lat) as y,
    square_x(lat, lng) as x
from timed
inner join (
    select activity_id as id, run_id, t, lat, lng
    from read_parquet(getvariable('portion_files'))
    where
        lat is not null
        and lng is not null
        and (lat <> 0 or lng <> 0)
        and (activity_id, run_id) in (select id, run_id from sides)
) using (id, run_id)
where begins + t between common_begin and common_end;

insert into meta.track_overlaps
with points as (
    select
        activity_id,
        other_id,
        side,
        second // 60 as minute,
        arg_min(y, second) as y,
        arg_min(x, second) as x
    from places
    group by activity_id, other_id, side, second // 15, minute
),

shorter as (
    select activity_id, other_id, arg_min(side, number) as side, count(*) = 2 as has_both
    from (select activity_id, other_id, side, count(*) as number from points group by all)
    group by activity_id, other_id
),

-- where the other was, and next to it
near as (
    select distinct
        activity_id,
        other_id,
        side,
        minute,
        y + dy as y,
        x + dx as x
    from (select distinct activity_id, other_id, side, second // 60 as minute, y, x from places)
    cross join (select unnest([-1, 0, 1]) as dy)
    cross join (select unnest([-1, 0, 1]) as dx)
),

shares as (
    select
        points.activity_id,
        points.other_id,
        round(avg((near.side is not null)::integer), 2) as share
    from points
    inner join shorter using (activity_id, other_id, side)
    left join near
        on
            points.activity_id = near.activity_id
            and points.other_id = near.other_id
            and points.side <> near.side
            and points.minute = near.minute
            and points.y = near.y
            and points.x = near.x
    where has_both
    group by all
)

select
    activity_id,
    other_id,
    run_id,
    other_run_id,
    share as track_overlap
from tracks_due
left join shares using (activity_id, other_id)
where portion = getvariable('portion');
