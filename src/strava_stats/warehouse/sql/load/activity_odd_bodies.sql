-- one row per summary body that has a key without a column; read as maps, so that no body is copied whole
create or replace temp table odd_bodies as
with top_level as (
    select
        run_of(filename) as run_id,
        seq
    from read_ndjson(
        getvariable('journals'),
        filename = true,
        maximum_object_size = getvariable('longest_line'),
        columns = {'seq': 'bigint', 'kind': 'varchar', 'id': 'bigint', 'body': 'map(varchar, varchar)'}
    )
    where
        kind = 'body'
        and id is not null
        and not list_has_all([
            'upload_id', 'upload_id_str', 'external_id', 'gear_id', 'map', 'name', 'type', 'sport_type',
            'workout_type', 'device_name', 'start_date', 'start_date_local', 'timezone', 'utc_offset',
            'distance', 'moving_time', 'elapsed_time', 'total_elevation_gain', 'elev_high', 'elev_low',
            'average_speed', 'max_speed', 'average_cadence', 'average_temp', 'average_watts',
            'weighted_average_watts', 'max_watts', 'kilojoules', 'device_watts', 'has_heartrate',
            'average_heartrate', 'max_heartrate', 'suffer_score', 'location_city', 'location_state',
            'location_country', 'trainer', 'commute', 'manual', 'private', 'visibility', 'flagged',
            'from_accepted_tag', 'heartrate_opt_out', 'display_hide_heartrate_option', 'kudos_count',
            'comment_count', 'achievement_count', 'pr_count', 'athlete_count', 'photo_count',
            'total_photo_count', 'has_kudoed', 'resource_state', 'athlete', 'id', 'start_latlng',
            'end_latlng'
        ], map_keys(body))
),

nested as (
    select
        run_of(filename) as run_id,
        seq
    from read_ndjson(
        getvariable('journals'),
        filename = true,
        maximum_object_size = getvariable('longest_line'),
        columns = {
            'seq': 'bigint', 'kind': 'varchar', 'id': 'bigint',
            'body': 'struct(athlete map(varchar, varchar), map map(varchar, varchar))'
        }
    )
    where
        kind = 'body'
        and id is not null
        and (
            not list_has_all(['id', 'resource_state'], map_keys(body.athlete))
            or not list_has_all(['id', 'resource_state', 'summary_polyline'], map_keys(body.map))
        )
)

from top_level
union
from nested
