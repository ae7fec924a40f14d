-- metric splits of new_details
create or replace temp table new_rows as
with source as (
    select
        id as activity_id,
        athlete_id,
        source,
        fetched_at,
        unnest(json_extract(parts.splits_metric, '$[*]')) as split,
        generate_subscripts(json_extract(parts.splits_metric, '$[*]'), 1) as position
    from new_details
    where latest
),

texts as (
    select
        *,
        json_transform(split, '
            {"distance": "VARCHAR", "elapsed_time": "VARCHAR", "moving_time": "VARCHAR",
            "elevation_difference": "VARCHAR", "average_speed": "VARCHAR", "average_grade_adjusted_speed":
            "VARCHAR", "average_heartrate": "VARCHAR", "pace_zone": "VARCHAR", "split": "VARCHAR"}
        ') as t,
        case
            when list_has_all([
                'distance', 'elapsed_time', 'moving_time', 'elevation_difference', 'average_speed',
                'average_grade_adjusted_speed', 'average_heartrate', 'pace_zone', 'split'
            ], json_keys(split)) then '{}'::json
            else json_merge_patch(split, '
            {"distance": null, "elapsed_time": null, "moving_time": null, "elevation_difference": null,
            "average_speed": null, "average_grade_adjusted_speed": null, "average_heartrate": null,
            "pace_zone": null, "split": null}
        ')
        end as rest
    from source
    where json_type(split) = 'OBJECT'
),

typed as (
    select
        activity_id,
        athlete_id,
        source,
        fetched_at,
        position,
        rest,
        t,
        coalesce(exact_bigint(t.split), position) as split,
        exact_double(t.distance) as distance,
        exact_bigint(t.elapsed_time) as elapsed_time,
        exact_bigint(t.moving_time) as moving_time,
        exact_double(t.elevation_difference) as elevation_difference,
        exact_double(t.average_speed) as average_speed,
        exact_double(t.average_grade_adjusted_speed) as average_grade_adjusted_speed,
        exact_double(t.average_heartrate) as average_heartrate,
        exact_bigint(t.pace_zone) as pace_zone
    from texts
)

select
    * exclude (position, rest, t),
    case
        when
            lost(t.distance, distance)
            or lost(t.elapsed_time, elapsed_time)
            or lost(t.moving_time, moving_time)
            or lost(t.elevation_difference, elevation_difference)
            or lost(t.average_speed, average_speed)
            or lost(t.average_grade_adjusted_speed, average_grade_adjusted_speed)
            or lost(t.average_heartrate, average_heartrate)
            or lost(t.pace_zone, pace_zone)
            then [one for one in [
                misfit('distance', t.distance, distance is null),
                misfit('elapsed_time', t.elapsed_time, elapsed_time is null),
                misfit('moving_time', t.moving_time, moving_time is null),
                misfit('elevation_difference', t.elevation_difference, elevation_difference is null),
                misfit('average_speed', t.average_speed, average_speed is null),
                misfit('average_grade_adjusted_speed', t.average_grade_adjusted_speed, average_grade_adjusted_speed is null),
                misfit('average_heartrate', t.average_heartrate, average_heartrate is null),
                misfit('pace_zone', t.pace_zone, pace_zone is null)
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, misfits) as extra
from typed
qualify row_number() over (partition by activity_id, split order by position) = 1;

delete from activity_splits_metric where activity_id in (select id from new_details);

insert into activity_splits_metric by name
select * exclude (misfits)
from new_rows;

insert into misfits
select 'activity_splits_metric', activity_id, one.key
from (select activity_id, unnest(misfits) as one from new_rows);
