-- bodies, one a line → Parquet with the columns of a shard: typed in one go, and what has no column in `extra`
copy (
    select
        t.id,
        t.athlete.id as athlete_id,
        t.* exclude (id, athlete, map, start_latlng, end_latlng),
        t.map.id as map_id,
        t.map.summary_polyline as summary_polyline,
        t.athlete.resource_state as athlete_resource_state,
        t.map.resource_state as map_resource_state,
        t.start_latlng[1] as start_lat,
        t.start_latlng[2] as start_lng,
        t.end_latlng[1] as end_lat,
        t.end_latlng[2] as end_lng,
        hash(body)::varchar as body_hash,
        body_hash as fingerprint,
        'api' as source,
        now() as fetched_at,
        '' as run_id,
        0::bigint as seq,
        null::varchar[] as misfits,
        nullif(json_merge_patch(body, '{
            "id": null, "athlete": null, "upload_id": null, "upload_id_str": null, "external_id": null,
            "gear_id": null, "map": null, "name": null, "type": null, "sport_type": null, "workout_type": null,
            "device_name": null, "start_date": null, "start_date_local": null, "timezone": null, "utc_offset": null,
            "distance": null, "moving_time": null, "elapsed_time": null, "total_elevation_gain": null,
            "elev_high": null, "elev_low": null, "average_speed": null, "max_speed": null, "average_cadence": null,
            "average_temp": null, "average_watts": null, "weighted_average_watts": null, "max_watts": null,
            "kilojoules": null, "device_watts": null, "has_heartrate": null, "average_heartrate": null,
            "max_heartrate": null, "suffer_score": null, "start_latlng": null, "end_latlng": null,
            "location_city": null, "location_state": null, "location_country": null, "trainer": null,
            "commute": null, "manual": null, "private": null, "visibility": null, "flagged": null,
            "from_accepted_tag": null, "heartrate_opt_out": null, "display_hide_heartrate_option": null,
            "kudos_count": null, "comment_count": null, "achievement_count": null, "pr_count": null,
            "athlete_count": null, "photo_count": null, "total_photo_count": null, "has_kudoed": null,
            "resource_state": null
        }'), '{}') as extra
    from (
        select
            json as body,
            json_transform(json, '{
                "id": "BIGINT", "athlete": {"id": "BIGINT", "resource_state": "BIGINT"}, "upload_id": "BIGINT",
                "upload_id_str": "VARCHAR", "external_id": "VARCHAR", "gear_id": "VARCHAR",
                "map": {"id": "VARCHAR", "summary_polyline": "VARCHAR", "resource_state": "BIGINT"},
                "name": "VARCHAR", "type": "VARCHAR", "sport_type": "VARCHAR", "workout_type": "BIGINT",
                "device_name": "VARCHAR", "start_date": "TIMESTAMPTZ", "start_date_local": "TIMESTAMP",
                "timezone": "VARCHAR", "utc_offset": "BIGINT", "distance": "DOUBLE", "moving_time": "BIGINT",
                "elapsed_time": "BIGINT", "total_elevation_gain": "DOUBLE", "elev_high": "DOUBLE",
                "elev_low": "DOUBLE", "average_speed": "DOUBLE", "max_speed": "DOUBLE", "average_cadence": "DOUBLE",
                "average_temp": "DOUBLE", "average_watts": "DOUBLE", "weighted_average_watts": "DOUBLE",
                "max_watts": "DOUBLE", "kilojoules": "DOUBLE", "device_watts": "BOOLEAN",
                "has_heartrate": "BOOLEAN", "average_heartrate": "DOUBLE", "max_heartrate": "DOUBLE",
                "suffer_score": "DOUBLE", "start_latlng": ["DOUBLE"], "end_latlng": ["DOUBLE"],
                "location_city": "VARCHAR", "location_state": "VARCHAR", "location_country": "VARCHAR",
                "trainer": "BOOLEAN", "commute": "BOOLEAN", "manual": "BOOLEAN", "private": "BOOLEAN",
                "visibility": "VARCHAR", "flagged": "BOOLEAN", "from_accepted_tag": "BOOLEAN",
                "heartrate_opt_out": "BOOLEAN", "display_hide_heartrate_option": "BOOLEAN",
                "kudos_count": "BIGINT", "comment_count": "BIGINT", "achievement_count": "BIGINT",
                "pr_count": "BIGINT", "athlete_count": "BIGINT", "photo_count": "BIGINT",
                "total_photo_count": "BIGINT", "has_kudoed": "BOOLEAN", "resource_state": "BIGINT"
            }') as t
        from read_ndjson_objects($bodies)
    )
) to $target (format parquet, compression zstd)
