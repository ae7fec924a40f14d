-- one row per summary body in the journals of getvariable('journals'): every known key as text, in the reader's own
-- parse, so that no other copy of the body is made
create or replace temp view bodies as
select
    seq,
    athlete_id,
    fetched_at,
    id,
    hash,
    coalesce(source, 'api') as source,
    run_of(filename) as run_id,
    body as t
from read_ndjson(
    getvariable('journals'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {
        'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'fetched_at': 'timestamptz',
        'id': 'bigint', 'source': 'varchar', 'hash': 'varchar', 'body': 'struct(
            upload_id varchar, upload_id_str varchar, external_id varchar, gear_id varchar, map
            struct(id varchar, summary_polyline varchar, resource_state varchar), name varchar, type
            varchar, sport_type varchar, workout_type varchar, device_name varchar, start_date varchar,
            start_date_local varchar, timezone varchar, utc_offset varchar, distance varchar,
            moving_time varchar, elapsed_time varchar, total_elevation_gain varchar, elev_high varchar,
            elev_low varchar, average_speed varchar, max_speed varchar, average_cadence varchar,
            average_temp varchar, average_watts varchar, weighted_average_watts varchar, max_watts
            varchar, kilojoules varchar, device_watts varchar, has_heartrate varchar, average_heartrate
            varchar, max_heartrate varchar, suffer_score varchar, location_city varchar, location_state
            varchar, location_country varchar, trainer varchar, commute varchar, manual varchar, private
            varchar, visibility varchar, flagged varchar, from_accepted_tag varchar, heartrate_opt_out
            varchar, display_hide_heartrate_option varchar, kudos_count varchar, comment_count varchar,
            achievement_count varchar, pr_count varchar, athlete_count varchar, photo_count varchar,
            total_photo_count varchar, has_kudoed varchar, resource_state varchar, athlete
            struct(resource_state varchar, id varchar), id varchar, start_latlng varchar, end_latlng
            varchar
        )'
    }
)
where kind = 'body' and id is not null and body is not null;
