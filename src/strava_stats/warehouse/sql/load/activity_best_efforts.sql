-- best efforts of new_details
create or replace temp table new_rows as
with source as (
    select
        id as activity_id,
        athlete_id,
        source,
        fetched_at,
        unnest(json_extract(parts.best_efforts, '$[*]')) as best_effort,
        generate_subscripts(json_extract(parts.best_efforts, '$[*]'), 1) as position
    from new_details
    where latest
),

texts as (
    select
        *,
        json_transform(best_effort, '
            {"id": "VARCHAR", "start_date": "VARCHAR", "start_date_local": "VARCHAR", "start_index":
            "VARCHAR", "end_index": "VARCHAR", "distance": "VARCHAR", "elapsed_time": "VARCHAR",
            "moving_time": "VARCHAR", "pr_rank": "VARCHAR", "kom_rank": "VARCHAR", "achievements": "JSON",
            "name": "VARCHAR"}
        ') as t,
        case
            when list_has_all([
                'id', 'start_date', 'start_date_local', 'start_index', 'end_index', 'distance',
                'elapsed_time', 'moving_time', 'pr_rank', 'kom_rank', 'achievements', 'name',
                'resource_state', 'activity', 'athlete'
            ], json_keys(best_effort)) then '{}'::json
            else json_merge_patch(best_effort, '
            {"id": null, "start_date": null, "start_date_local": null, "start_index": null, "end_index":
            null, "distance": null, "elapsed_time": null, "moving_time": null, "pr_rank": null, "kom_rank":
            null, "achievements": null, "name": null, "resource_state": null, "activity":
            null, "athlete": null}
        ')
        end as rest
    from source
    where json_type(best_effort) = 'OBJECT'
),

typed as (
    select
        activity_id,
        athlete_id,
        source,
        fetched_at,
        position,
        -- null on every effort since 2013: no news
        case when json_type(rest, '$.segment') = 'NULL' then json_merge_patch(rest, '{"segment":null}') else rest end
            as rest,
        t,
        coalesce(t.name, position::varchar) as name,
        exact_bigint(t.id) as id,
        instant(t.start_date) as start_date,
        local_time(t.start_date_local) as start_date_local,
        exact_bigint(t.start_index) as start_index,
        exact_bigint(t.end_index) as end_index,
        exact_double(t.distance) as distance,
        exact_bigint(t.elapsed_time) as elapsed_time,
        exact_bigint(t.moving_time) as moving_time,
        exact_bigint(t.pr_rank) as pr_rank,
        exact_bigint(t.kom_rank) as kom_rank,
        t.achievements as achievements
    from texts
)

select
    * exclude (position, rest, t),
    case
        when
            lost(t.id, id)
            or lost(t.start_date, start_date)
            or lost(t.start_date_local, start_date_local)
            or lost(t.start_index, start_index)
            or lost(t.end_index, end_index)
            or lost(t.distance, distance)
            or lost(t.elapsed_time, elapsed_time)
            or lost(t.moving_time, moving_time)
            or lost(t.pr_rank, pr_rank)
            or lost(t.kom_rank, kom_rank)
            then [one for one in [
                misfit('id', t.id, id is null),
                misfit('start_date', t.start_date, start_date is null),
                misfit('start_date_local', t.start_date_local, start_date_local is null),
                misfit('start_index', t.start_index, start_index is null),
                misfit('end_index', t.end_index, end_index is null),
                misfit('distance', t.distance, distance is null),
                misfit('elapsed_time', t.elapsed_time, elapsed_time is null),
                misfit('moving_time', t.moving_time, moving_time is null),
                misfit('pr_rank', t.pr_rank, pr_rank is null),
                misfit('kom_rank', t.kom_rank, kom_rank is null)
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, misfits) as extra
from typed
qualify row_number() over (partition by activity_id, name order by position) = 1;

delete from activity_best_efforts where activity_id in (select id from new_details);

insert into activity_best_efforts by name
select * exclude (misfits)
from new_rows;

insert into misfits
select 'activity_best_efforts', activity_id, one.key
from (select activity_id, unnest(misfits) as one from new_rows);
