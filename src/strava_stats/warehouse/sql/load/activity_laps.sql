-- laps of new_details
create or replace temp table new_rows as
with source as (
    select
        id as activity_id,
        athlete_id,
        source,
        fetched_at,
        unnest(json_extract(parts.laps, '$[*]')) as lap,
        generate_subscripts(json_extract(parts.laps, '$[*]'), 1) as position
    from new_details
    where latest
),

texts as (
    select
        *,
        json_transform(lap, '
            {"id": "VARCHAR", "name": "VARCHAR", "split": "VARCHAR", "start_date": "VARCHAR",
            "start_date_local": "VARCHAR", "start_index": "VARCHAR", "end_index": "VARCHAR", "distance":
            "VARCHAR", "elapsed_time": "VARCHAR", "moving_time": "VARCHAR", "average_speed": "VARCHAR",
            "max_speed": "VARCHAR", "total_elevation_gain": "VARCHAR", "average_cadence": "VARCHAR",
            "device_watts": "VARCHAR", "average_watts": "VARCHAR", "average_heartrate": "VARCHAR",
            "max_heartrate": "VARCHAR", "pace_zone": "VARCHAR", "lap_index": "VARCHAR"}
        ') as t,
        case
            when list_has_all([
                'id', 'name', 'split', 'start_date', 'start_date_local', 'start_index', 'end_index',
                'distance', 'elapsed_time', 'moving_time', 'average_speed', 'max_speed',
                'total_elevation_gain', 'average_cadence', 'device_watts', 'average_watts',
                'average_heartrate', 'max_heartrate', 'pace_zone', 'lap_index', 'resource_state',
                'activity', 'athlete'
            ], json_keys(lap)) then '{}'::json
            else json_merge_patch(lap, '
            {"id": null, "name": null, "split": null, "start_date": null, "start_date_local": null,
            "start_index": null, "end_index": null, "distance": null, "elapsed_time": null, "moving_time":
            null, "average_speed": null, "max_speed": null, "total_elevation_gain": null, "average_cadence":
            null, "device_watts": null, "average_watts": null, "average_heartrate": null, "max_heartrate":
            null, "pace_zone": null, "lap_index": null, "resource_state": null, "activity": null, "athlete":
            null}
        ')
        end as rest
    from source
    where json_type(lap) = 'OBJECT'
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
        coalesce(exact_bigint(t.lap_index), position) as lap_index,
        exact_bigint(t.id) as id,
        t.name as name,
        exact_bigint(t.split) as split,
        instant(t.start_date) as start_date,
        local_time(t.start_date_local) as start_date_local,
        exact_bigint(t.start_index) as start_index,
        exact_bigint(t.end_index) as end_index,
        exact_double(t.distance) as distance,
        exact_bigint(t.elapsed_time) as elapsed_time,
        exact_bigint(t.moving_time) as moving_time,
        exact_double(t.average_speed) as average_speed,
        exact_double(t.max_speed) as max_speed,
        exact_double(t.total_elevation_gain) as total_elevation_gain,
        exact_double(t.average_cadence) as average_cadence,
        exact_boolean(t.device_watts) as device_watts,
        exact_double(t.average_watts) as average_watts,
        exact_double(t.average_heartrate) as average_heartrate,
        exact_double(t.max_heartrate) as max_heartrate,
        exact_bigint(t.pace_zone) as pace_zone
    from texts
)

select
    * exclude (position, rest, t),
    case
        when
            lost(t.id, id)
            or lost(t.split, split)
            or lost(t.start_date, start_date)
            or lost(t.start_date_local, start_date_local)
            or lost(t.start_index, start_index)
            or lost(t.end_index, end_index)
            or lost(t.distance, distance)
            or lost(t.elapsed_time, elapsed_time)
            or lost(t.moving_time, moving_time)
            or lost(t.average_speed, average_speed)
            or lost(t.max_speed, max_speed)
            or lost(t.total_elevation_gain, total_elevation_gain)
            or lost(t.average_cadence, average_cadence)
            or lost(t.device_watts, device_watts)
            or lost(t.average_watts, average_watts)
            or lost(t.average_heartrate, average_heartrate)
            or lost(t.max_heartrate, max_heartrate)
            or lost(t.pace_zone, pace_zone)
            then [one for one in [
                misfit('id', t.id, id is null),
                misfit('split', t.split, split is null),
                misfit('start_date', t.start_date, start_date is null),
                misfit('start_date_local', t.start_date_local, start_date_local is null),
                misfit('start_index', t.start_index, start_index is null),
                misfit('end_index', t.end_index, end_index is null),
                misfit('distance', t.distance, distance is null),
                misfit('elapsed_time', t.elapsed_time, elapsed_time is null),
                misfit('moving_time', t.moving_time, moving_time is null),
                misfit('average_speed', t.average_speed, average_speed is null),
                misfit('max_speed', t.max_speed, max_speed is null),
                misfit('total_elevation_gain', t.total_elevation_gain, total_elevation_gain is null),
                misfit('average_cadence', t.average_cadence, average_cadence is null),
                misfit('device_watts', t.device_watts, device_watts is null),
                misfit('average_watts', t.average_watts, average_watts is null),
                misfit('average_heartrate', t.average_heartrate, average_heartrate is null),
                misfit('max_heartrate', t.max_heartrate, max_heartrate is null),
                misfit('pace_zone', t.pace_zone, pace_zone is null)
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, misfits) as extra
from typed
qualify row_number() over (partition by activity_id, lap_index order by position) = 1;

delete from activity_laps where activity_id in (select id from new_details);

insert into activity_laps by name
select * exclude (misfits)
from new_rows;

insert into misfits
select 'activity_laps', activity_id, one.key
from (select activity_id, unnest(misfits) as one from new_rows);
