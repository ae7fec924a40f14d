-- one row per odd body: what is left of it when all known keys are taken out
create or replace temp table unknown_keys as
select
    run_of(filename) as run_id,
    seq,
    with_members(without_empty(json_merge_patch(body, '
        {"upload_id": null, "upload_id_str": null, "external_id": null, "gear_id": null, "map": {"id": null,
        "summary_polyline": null, "resource_state": null}, "name": null, "type": null, "sport_type": null,
        "workout_type": null, "device_name": null, "start_date": null, "start_date_local": null, "timezone":
        null, "utc_offset": null, "distance": null, "moving_time": null, "elapsed_time": null,
        "total_elevation_gain": null, "elev_high": null, "elev_low": null, "average_speed": null,
        "max_speed": null, "average_cadence": null, "average_temp": null, "average_watts": null,
        "weighted_average_watts": null, "max_watts": null, "kilojoules": null, "device_watts": null,
        "has_heartrate": null, "average_heartrate": null, "max_heartrate": null, "suffer_score": null,
        "location_city": null, "location_state": null, "location_country": null, "trainer": null, "commute":
        null, "manual": null, "private": null, "visibility": null, "flagged": null, "from_accepted_tag":
        null, "heartrate_opt_out": null, "display_hide_heartrate_option": null, "kudos_count": null,
        "comment_count": null, "achievement_count": null, "pr_count": null, "athlete_count": null,
        "photo_count": null, "total_photo_count": null, "has_kudoed": null, "resource_state": null,
        "athlete": {"resource_state": null, "id": null}, "id": null, "start_latlng": null, "end_latlng":
        null}
    ')), odd_members(body, ['map', 'athlete'], json_type(body, ['$.map', '$.athlete']), 'OBJECT')) as extra
from read_ndjson(
    getvariable('journals'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {'seq': 'bigint', 'kind': 'varchar', 'id': 'bigint', 'body': 'json'}
)
where
    kind = 'body'
    and (run_of(filename), seq) in (select (run_id, seq) from odd_bodies)
