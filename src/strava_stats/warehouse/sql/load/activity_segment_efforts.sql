-- segment efforts of new_details; one whose id is no 64-bit integer stays in activity_details.extra
create or replace temp table new_rows as
with source as (
    select
        id as activity_id,
        athlete_id,
        source,
        fetched_at,
        run_id,
        seq,
        unnest(json_extract(parts.segment_efforts, '$[*]')) as effort,
        generate_subscripts(json_extract(parts.segment_efforts, '$[*]'), 1) as position
    from new_details
    where latest
),

texts as (
    select
        *,
        json_transform(effort, '
            {"segment": {"id": "VARCHAR"}, "name": "VARCHAR", "start_date": "VARCHAR", "start_date_local":
            "VARCHAR", "start_index": "VARCHAR", "end_index": "VARCHAR", "distance": "VARCHAR",
            "elapsed_time": "VARCHAR", "moving_time": "VARCHAR", "average_cadence": "VARCHAR",
            "device_watts": "VARCHAR", "average_watts": "VARCHAR", "average_heartrate": "VARCHAR",
            "max_heartrate": "VARCHAR", "pr_rank": "VARCHAR", "kom_rank": "VARCHAR", "achievements": "JSON",
            "visibility": "VARCHAR", "hidden": "VARCHAR", "id": "VARCHAR"}
        ') as t,
        case
            when list_has_all([
                'segment', 'name', 'start_date', 'start_date_local', 'start_index', 'end_index',
                'distance', 'elapsed_time', 'moving_time', 'average_cadence', 'device_watts',
                'average_watts', 'average_heartrate', 'max_heartrate', 'pr_rank', 'kom_rank',
                'achievements', 'visibility', 'hidden', 'id', 'resource_state', 'activity', 'athlete'
            ], json_keys(effort)) then '{}'::json
            else json_merge_patch(effort, '
            {"segment": null, "name": null, "start_date": null, "start_date_local": null, "start_index":
            null, "end_index": null, "distance": null, "elapsed_time": null, "moving_time": null,
            "average_cadence": null, "device_watts": null, "average_watts": null, "average_heartrate": null,
            "max_heartrate": null, "pr_rank": null, "kom_rank": null, "achievements": null, "visibility":
            null, "hidden": null, "id": null, "resource_state": null, "activity": null, "athlete": null}
        ')
        end as rest
    from source
    where json_type(effort) = 'OBJECT'
),

typed as (
    select
        activity_id,
        athlete_id,
        source,
        fetched_at,
        run_id,
        seq,
        position,
        rest,
        t,
        exact_bigint(t.id) as id,
        exact_bigint(t.segment.id) as segment_id,
        t.name as name,
        instant(t.start_date) as start_date,
        local_time(t.start_date_local) as start_date_local,
        exact_bigint(t.start_index) as start_index,
        exact_bigint(t.end_index) as end_index,
        exact_double(t.distance) as distance,
        exact_bigint(t.elapsed_time) as elapsed_time,
        exact_bigint(t.moving_time) as moving_time,
        exact_double(t.average_cadence) as average_cadence,
        exact_boolean(t.device_watts) as device_watts,
        exact_double(t.average_watts) as average_watts,
        exact_double(t.average_heartrate) as average_heartrate,
        exact_double(t.max_heartrate) as max_heartrate,
        exact_bigint(t.pr_rank) as pr_rank,
        exact_bigint(t.kom_rank) as kom_rank,
        t.achievements as achievements,
        t.visibility as visibility,
        exact_boolean(t.hidden) as hidden
    from texts
)

select
    * exclude (run_id, seq, position, rest, t),
    case
        when
            lost(t.segment.id, segment_id)
            or lost(t.start_date, start_date)
            or lost(t.start_date_local, start_date_local)
            or lost(t.start_index, start_index)
            or lost(t.end_index, end_index)
            or lost(t.distance, distance)
            or lost(t.elapsed_time, elapsed_time)
            or lost(t.moving_time, moving_time)
            or lost(t.average_cadence, average_cadence)
            or lost(t.device_watts, device_watts)
            or lost(t.average_watts, average_watts)
            or lost(t.average_heartrate, average_heartrate)
            or lost(t.max_heartrate, max_heartrate)
            or lost(t.pr_rank, pr_rank)
            or lost(t.kom_rank, kom_rank)
            or lost(t.hidden, hidden)
            then [one for one in [
                misfit('segment.id', t.segment.id, segment_id is null),
                misfit('start_date', t.start_date, start_date is null),
                misfit('start_date_local', t.start_date_local, start_date_local is null),
                misfit('start_index', t.start_index, start_index is null),
                misfit('end_index', t.end_index, end_index is null),
                misfit('distance', t.distance, distance is null),
                misfit('elapsed_time', t.elapsed_time, elapsed_time is null),
                misfit('moving_time', t.moving_time, moving_time is null),
                misfit('average_cadence', t.average_cadence, average_cadence is null),
                misfit('device_watts', t.device_watts, device_watts is null),
                misfit('average_watts', t.average_watts, average_watts is null),
                misfit('average_heartrate', t.average_heartrate, average_heartrate is null),
                misfit('max_heartrate', t.max_heartrate, max_heartrate is null),
                misfit('pr_rank', t.pr_rank, pr_rank is null),
                misfit('kom_rank', t.kom_rank, kom_rank is null),
                misfit('hidden', t.hidden, hidden is null)
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, misfits) as extra
from typed
where id is not null
qualify row_number() over (partition by id order by run_id desc, seq desc, position) = 1;

delete from activity_segment_efforts where activity_id in (select id from new_details);
delete from activity_segment_efforts where id in (select id from new_rows);

insert into activity_segment_efforts by name
select * exclude (misfits)
from new_rows;

insert into misfits
select 'activity_segment_efforts', activity_id, one.key
from (select activity_id, unnest(misfits) as one from new_rows);
