-- the same for journals that the typed reader refuses (a map that is no object, a key that is there twice): slower, and
-- with all bodies in memory, but nothing in a body stops it
create or replace temp view bodies as
select
    seq,
    athlete_id,
    fetched_at,
    id,
    hash,
    coalesce(source, 'api') as source,
    run_of(filename) as run_id,
    json_transform(body, '
        {"upload_id": "VARCHAR", "upload_id_str": "VARCHAR", "external_id": "VARCHAR", "gear_id": "VARCHAR",
        "map": {"id": "VARCHAR", "summary_polyline": "VARCHAR", "resource_state": "VARCHAR"}, "name":
        "VARCHAR", "type": "VARCHAR", "sport_type": "VARCHAR", "workout_type": "VARCHAR", "device_name":
        "VARCHAR", "start_date": "VARCHAR", "start_date_local": "VARCHAR", "timezone": "VARCHAR",
        "utc_offset": "VARCHAR", "distance": "VARCHAR", "moving_time": "VARCHAR", "elapsed_time": "VARCHAR",
        "total_elevation_gain": "VARCHAR", "elev_high": "VARCHAR", "elev_low": "VARCHAR", "average_speed":
        "VARCHAR", "max_speed": "VARCHAR", "average_cadence": "VARCHAR", "average_temp": "VARCHAR",
        "average_watts": "VARCHAR", "weighted_average_watts": "VARCHAR", "max_watts": "VARCHAR",
        "kilojoules": "VARCHAR", "device_watts": "VARCHAR", "has_heartrate": "VARCHAR", "average_heartrate":
        "VARCHAR", "max_heartrate": "VARCHAR", "suffer_score": "VARCHAR", "location_city": "VARCHAR",
        "location_state": "VARCHAR", "location_country": "VARCHAR", "trainer": "VARCHAR", "commute":
        "VARCHAR", "manual": "VARCHAR", "private": "VARCHAR", "visibility": "VARCHAR", "flagged": "VARCHAR",
        "from_accepted_tag": "VARCHAR", "heartrate_opt_out": "VARCHAR", "display_hide_heartrate_option":
        "VARCHAR", "kudos_count": "VARCHAR", "comment_count": "VARCHAR", "achievement_count": "VARCHAR",
        "pr_count": "VARCHAR", "athlete_count": "VARCHAR", "photo_count": "VARCHAR", "total_photo_count":
        "VARCHAR", "has_kudoed": "VARCHAR", "resource_state": "VARCHAR", "athlete": {"resource_state":
        "VARCHAR", "id": "VARCHAR"}, "id": "VARCHAR", "start_latlng": "VARCHAR", "end_latlng": "VARCHAR"}
    ') as t
from read_ndjson(
    getvariable('journals'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {
        'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'fetched_at': 'timestamptz',
        'id': 'bigint', 'source': 'varchar', 'hash': 'varchar', 'body': 'json'
    }
)
where kind = 'body' and id is not null and body is not null;

create or replace temp table odd_bodies as
select
    run_id,
    seq
from bodies;
