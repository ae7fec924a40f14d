-- one row per activity of new_details; gear and the lists have tables of their own
create or replace temp table new_rows as
with texts as (
    select
        *,
        json_transform(body, '
            {"description": "VARCHAR", "private_note": "VARCHAR", "device_name": "VARCHAR", "calories":
            "VARCHAR", "perceived_exertion": "VARCHAR", "prefer_perceived_exertion": "VARCHAR",
            "hide_from_home": "VARCHAR", "embed_token": "VARCHAR", "sport_image_visibility": "VARCHAR",
            "map": {"polyline": "VARCHAR"}, "kudos_count": "VARCHAR", "comment_count": "VARCHAR", "photos":
            "JSON", "stats_visibility": "JSON", "similar_activities": "JSON", "available_zones": "JSON",
            "id": "VARCHAR"}
        ') as t,
        json_type(body, [
            '$.map', '$.athlete', '$.gear',
            '$.segment_efforts', '$.splits_metric', '$.splits_standard', '$.laps', '$.best_efforts'
        ]) as types,
        json_extract_string(body, '$.segment_efforts[*].id') as effort_ids
    from new_details
    where latest
),

-- whole bodies are only worked on where there is something to find: a copy of each is tens of kilobytes
rests as (
    select
        * exclude (body, types, effort_ids),
        case
            when
                list_has_all([
                'upload_id', 'upload_id_str', 'external_id', 'gear_id', 'map', 'name', 'type',
                'sport_type', 'workout_type', 'device_name', 'start_date', 'start_date_local',
                'timezone', 'utc_offset', 'distance', 'moving_time', 'elapsed_time',
                'total_elevation_gain', 'elev_high', 'elev_low', 'average_speed', 'max_speed',
                'average_cadence', 'average_temp', 'average_watts', 'weighted_average_watts',
                'max_watts', 'kilojoules', 'device_watts', 'has_heartrate', 'average_heartrate',
                'max_heartrate', 'suffer_score', 'location_city', 'location_state', 'location_country',
                'trainer', 'commute', 'manual', 'private', 'visibility', 'flagged', 'from_accepted_tag',
                'heartrate_opt_out', 'display_hide_heartrate_option', 'kudos_count', 'comment_count',
                'achievement_count', 'pr_count', 'athlete_count', 'photo_count', 'total_photo_count',
                'has_kudoed', 'resource_state', 'athlete', 'id', 'start_latlng', 'end_latlng',
                'description', 'private_note', 'calories', 'perceived_exertion',
                'prefer_perceived_exertion', 'hide_from_home', 'embed_token', 'sport_image_visibility',
                'photos', 'stats_visibility', 'similar_activities', 'available_zones',
                'segment_efforts', 'splits_metric', 'splits_standard', 'laps', 'best_efforts', 'gear'
                ], json_keys(body))
                and list_has_all(['id', 'summary_polyline', 'resource_state', 'polyline'], json_keys(body, '$.map'))
                and list_has_all(['id', 'resource_state'], json_keys(body, '$.athlete'))
                then '{}'::json
            else without_empty(json_merge_patch(body, '
            {"upload_id": null, "upload_id_str": null, "external_id": null, "gear_id": null, "map": {"id":
            null, "summary_polyline": null, "resource_state": null, "polyline": null}, "name": null, "type":
            null, "sport_type": null, "workout_type": null, "device_name": null, "start_date": null,
            "start_date_local": null, "timezone": null, "utc_offset": null, "distance": null, "moving_time":
            null, "elapsed_time": null, "total_elevation_gain": null, "elev_high": null, "elev_low": null,
            "average_speed": null, "max_speed": null, "average_cadence": null, "average_temp": null,
            "average_watts": null, "weighted_average_watts": null, "max_watts": null, "kilojoules": null,
            "device_watts": null, "has_heartrate": null, "average_heartrate": null, "max_heartrate": null,
            "suffer_score": null, "location_city": null, "location_state": null, "location_country": null,
            "trainer": null, "commute": null, "manual": null, "private": null, "visibility": null,
            "flagged": null, "from_accepted_tag": null, "heartrate_opt_out": null,
            "display_hide_heartrate_option": null, "kudos_count": null, "comment_count": null,
            "achievement_count": null, "pr_count": null, "athlete_count": null, "photo_count": null,
            "total_photo_count": null, "has_kudoed": null, "resource_state": null, "athlete": {"id": null,
            "resource_state": null}, "id": null, "start_latlng": null, "end_latlng": null, "description":
            null, "private_note": null, "calories": null, "perceived_exertion": null,
            "prefer_perceived_exertion": null, "hide_from_home": null, "embed_token": null,
            "sport_image_visibility": null, "photos": null, "stats_visibility": null, "similar_activities":
            null, "available_zones": null, "segment_efforts": null, "splits_metric": null,
            "splits_standard": null, "laps": null, "best_efforts": null, "gear": null}
        '))
        end as rest,
        case
            when
                len(list_filter(types[1:3], lambda one: one not in ('OBJECT', 'NULL'))) > 0
                or len(list_filter(types[4:8], lambda one: one not in ('ARRAY', 'NULL'))) > 0
                then list_concat(
                    odd_members(body, ['map', 'athlete', 'gear'], types[1:3], 'OBJECT'),
                    odd_members(
                        body,
                        ['segment_efforts', 'splits_metric', 'splits_standard', 'laps', 'best_efforts'],
                        types[4:8],
                        'ARRAY'
                    )
                )
            else []
        end as odd,
        -- an effort without a 64-bit id has no row of its own
        case
            when list_count([exact_bigint(one) for one in effort_ids])
                < json_array_length(body, '$.segment_efforts')
                then [
                    effort
                    for effort in json_extract(parts.segment_efforts, '$[*]')
                    if exact_bigint(effort ->> '$.id') is null
                ]
            else []
        end as efforts_without_id
    from texts
),

typed as (
    select
        id as activity_id,
        athlete_id,
        source,
        fetched_at,
        run_id,
        hash as body_hash,
        t,
        with_members(
            rest,
            case
                when len(efforts_without_id) = 0 then odd
                else list_append(odd, '"segment_efforts":' || cast(to_json(efforts_without_id) as varchar))
            end
        ) as rest,
        efforts_without_id,
        t.description as description,
        t.private_note as private_note,
        t.device_name as device_name,
        exact_double(t.calories) as calories,
        exact_double(t.perceived_exertion) as perceived_exertion,
        exact_boolean(t.prefer_perceived_exertion) as prefer_perceived_exertion,
        exact_boolean(t.hide_from_home) as hide_from_home,
        t.embed_token as embed_token,
        t.sport_image_visibility as sport_image_visibility,
        t.map.polyline as polyline,
        exact_bigint(t.kudos_count) as kudos_count,
        exact_bigint(t.kudos_count) as kudos_count_at_fetch,
        exact_bigint(t.comment_count) as comment_count,
        t.photos as photos,
        t.stats_visibility as stats_visibility,
        t.similar_activities as similar_activities,
        t.available_zones as available_zones
    from rests
)

select
    * exclude (t, rest, efforts_without_id),
    case
        when
            lost(t.calories, calories)
            or lost(t.perceived_exertion, perceived_exertion)
            or lost(t.prefer_perceived_exertion, prefer_perceived_exertion)
            or lost(t.hide_from_home, hide_from_home)
            or lost(t.kudos_count, kudos_count)
            or lost(t.comment_count, comment_count)
            or len(efforts_without_id) > 0
            then [one for one in [
                misfit('calories', t.calories, calories is null),
                misfit('perceived_exertion', t.perceived_exertion, perceived_exertion is null),
                misfit('prefer_perceived_exertion', t.prefer_perceived_exertion, prefer_perceived_exertion is null),
                misfit('hide_from_home', t.hide_from_home, hide_from_home is null),
                misfit('kudos_count', t.kudos_count, kudos_count is null),
                misfit('comment_count', t.comment_count, comment_count is null),
                case when len(efforts_without_id) > 0 then {'key': 'segment_efforts.id', 'text': null} end
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, [one for one in misfits if one.text is not null]) as extra
from typed;

delete from activity_details where activity_id in (select activity_id from new_rows);

insert into activity_details by name
select * exclude (misfits)
from new_rows;

insert into misfits
select 'activity_details', activity_id, one.key
from (select activity_id, unnest(misfits) as one from new_rows);
