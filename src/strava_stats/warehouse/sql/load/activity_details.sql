-- one row per activity of new_details; gear and the lists have tables of their own
create or replace temp table new_rows as
with texts as (
    select
        * exclude (body),
        json_transform(body, '
            {"description": "VARCHAR", "private_note": "VARCHAR", "device_name": "VARCHAR", "calories":
            "VARCHAR", "perceived_exertion": "VARCHAR", "prefer_perceived_exertion": "VARCHAR",
            "hide_from_home": "VARCHAR", "embed_token": "VARCHAR", "sport_image_visibility": "VARCHAR",
            "map": {"polyline": "VARCHAR"}, "kudos_count": "VARCHAR", "comment_count": "VARCHAR", "photos":
            "JSON", "stats_visibility": "JSON", "similar_activities": "JSON", "available_zones": "JSON",
            "id": "VARCHAR"}
        ') as t,
        without_empty(json_merge_patch(body, '
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
        ')) as rest,
        -- an effort without a 64-bit id has no row of its own
        [
            effort for effort in json_extract(body, '$.segment_efforts[*]') if exact_bigint(effort ->> '$.id') is null
        ] as efforts_without_id,
        list_concat(
            odd_members(
                body,
                ['map', 'athlete', 'gear'],
                json_type(body, ['$.map', '$.athlete', '$.gear']),
                'OBJECT'
            ),
            odd_members(
                body,
                ['segment_efforts', 'splits_metric', 'splits_standard', 'laps', 'best_efforts'],
                json_type(
                    body, ['$.segment_efforts', '$.splits_metric', '$.splits_standard', '$.laps', '$.best_efforts']
                ),
                'ARRAY'
            )
        ) as odd
    from new_details
    where latest
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
    from texts
)

select
    * exclude (t, rest, efforts_without_id),
    [one for one in [
        misfit('calories', t.calories, calories is null),
        misfit('perceived_exertion', t.perceived_exertion, perceived_exertion is null),
        misfit('prefer_perceived_exertion', t.prefer_perceived_exertion, prefer_perceived_exertion is null),
        misfit('hide_from_home', t.hide_from_home, hide_from_home is null),
        misfit('kudos_count', t.kudos_count, kudos_count is null),
        misfit('comment_count', t.comment_count, comment_count is null),
        case when len(efforts_without_id) > 0 then {'key': 'segment_efforts.id', 'text': null} end
    ] if one is not null] as misfits,
    with_misfits(rest, [one for one in misfits if one.text is not null]) as extra
from typed;

delete from activity_details where activity_id in (select activity_id from new_rows);

insert into activity_details by name
select * exclude (misfits)
from new_rows;

insert into misfits
select 'activity_details', activity_id, one.key
from (select activity_id, unnest(misfits) as one from new_rows);
