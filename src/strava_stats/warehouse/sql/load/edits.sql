-- one row per event that follows a body: which columns differ from it, and the summary as it was. Kudos and comments are
-- compared in activity_versions, where the details' word on them counts too; other counters flicker and are left out
create or replace temp table edits as
with pairs as (
    select *
    from events
    where follows_body and not is_known
),

bodies as (
    select * exclude (misfits, filename)
    from shard_rows
    semi join (
        select id, run_id, seq, filename from pairs
        union
        select id, previous_run_id, previous_seq, previous_filename from pairs
    ) as wanted using (id, run_id, seq, filename)
    union all by name
    select
        *,
        -1 as seq
    from activities
    semi join pairs using (id)
)

select
    pairs.id,
    pairs.run_id,
    pairs.seq,
    case
        when pairs.is_body then list_filter([
            case when new.upload_id is distinct from old.upload_id then 'upload_id' end,
            case when new.external_id is distinct from old.external_id then 'external_id' end,
            case when new.gear_id is distinct from old.gear_id then 'gear_id' end,
            case when new.name is distinct from old.name then 'name' end,
            case when new.type is distinct from old.type then 'type' end,
            case when new.sport_type is distinct from old.sport_type then 'sport_type' end,
            case when new.workout_type is distinct from old.workout_type then 'workout_type' end,
            case when new.device_name is distinct from old.device_name then 'device_name' end,
            case when new.start_date is distinct from old.start_date then 'start_date' end,
            case when new.start_date_local is distinct from old.start_date_local then 'start_date_local' end,
            case when new.timezone is distinct from old.timezone then 'timezone' end,
            case when new.utc_offset is distinct from old.utc_offset then 'utc_offset' end,
            case when new.distance is distinct from old.distance then 'distance' end,
            case when new.moving_time is distinct from old.moving_time then 'moving_time' end,
            case when new.elapsed_time is distinct from old.elapsed_time then 'elapsed_time' end,
            case when new.total_elevation_gain is distinct from old.total_elevation_gain then 'total_elevation_gain' end,
            case when new.elev_high is distinct from old.elev_high then 'elev_high' end,
            case when new.elev_low is distinct from old.elev_low then 'elev_low' end,
            case when new.average_speed is distinct from old.average_speed then 'average_speed' end,
            case when new.max_speed is distinct from old.max_speed then 'max_speed' end,
            case when new.average_cadence is distinct from old.average_cadence then 'average_cadence' end,
            case when new.average_temp is distinct from old.average_temp then 'average_temp' end,
            case when new.average_watts is distinct from old.average_watts then 'average_watts' end,
            case when new.weighted_average_watts is distinct from old.weighted_average_watts then 'weighted_average_watts' end,
            case when new.max_watts is distinct from old.max_watts then 'max_watts' end,
            case when new.kilojoules is distinct from old.kilojoules then 'kilojoules' end,
            case when new.device_watts is distinct from old.device_watts then 'device_watts' end,
            case when new.has_heartrate is distinct from old.has_heartrate then 'has_heartrate' end,
            case when new.average_heartrate is distinct from old.average_heartrate then 'average_heartrate' end,
            case when new.max_heartrate is distinct from old.max_heartrate then 'max_heartrate' end,
            case when new.suffer_score is distinct from old.suffer_score then 'suffer_score' end,
            case when new.start_lat is distinct from old.start_lat then 'start_lat' end,
            case when new.start_lng is distinct from old.start_lng then 'start_lng' end,
            case when new.end_lat is distinct from old.end_lat then 'end_lat' end,
            case when new.end_lng is distinct from old.end_lng then 'end_lng' end,
            case when new.location_city is distinct from old.location_city then 'location_city' end,
            case when new.location_state is distinct from old.location_state then 'location_state' end,
            case when new.location_country is distinct from old.location_country then 'location_country' end,
            case when new.summary_polyline is distinct from old.summary_polyline then 'summary_polyline' end,
            case when new.trainer is distinct from old.trainer then 'trainer' end,
            case when new.commute is distinct from old.commute then 'commute' end,
            case when new.manual is distinct from old.manual then 'manual' end,
            case when new.private is distinct from old.private then 'private' end,
            case when new.visibility is distinct from old.visibility then 'visibility' end,
            case when new.flagged is distinct from old.flagged then 'flagged' end,
            case when new.from_accepted_tag is distinct from old.from_accepted_tag then 'from_accepted_tag' end,
            case when new.heartrate_opt_out is distinct from old.heartrate_opt_out then 'heartrate_opt_out' end,
            case when new.display_hide_heartrate_option is distinct from old.display_hide_heartrate_option then 'display_hide_heartrate_option' end,
            case when new.has_kudoed is distinct from old.has_kudoed then 'has_kudoed' end
        ], lambda one: one is not null)
        else []
    end as changed,
    to_json({
        'id': old.id,
        'upload_id': old.upload_id,
        'upload_id_str': old.upload_id_str,
        'external_id': old.external_id,
        'gear_id': old.gear_id,
        'map_id': old.map_id,
        'name': old.name,
        'type': old.type,
        'sport_type': old.sport_type,
        'workout_type': old.workout_type,
        'device_name': old.device_name,
        'start_date': old.start_date,
        'start_date_local': old.start_date_local,
        'timezone': old.timezone,
        'utc_offset': old.utc_offset,
        'distance': old.distance,
        'moving_time': old.moving_time,
        'elapsed_time': old.elapsed_time,
        'total_elevation_gain': old.total_elevation_gain,
        'elev_high': old.elev_high,
        'elev_low': old.elev_low,
        'average_speed': old.average_speed,
        'max_speed': old.max_speed,
        'average_cadence': old.average_cadence,
        'average_temp': old.average_temp,
        'average_watts': old.average_watts,
        'weighted_average_watts': old.weighted_average_watts,
        'max_watts': old.max_watts,
        'kilojoules': old.kilojoules,
        'device_watts': old.device_watts,
        'has_heartrate': old.has_heartrate,
        'average_heartrate': old.average_heartrate,
        'max_heartrate': old.max_heartrate,
        'suffer_score': old.suffer_score,
        'start_lat': old.start_lat,
        'start_lng': old.start_lng,
        'end_lat': old.end_lat,
        'end_lng': old.end_lng,
        'location_city': old.location_city,
        'location_state': old.location_state,
        'location_country': old.location_country,
        'summary_polyline': old.summary_polyline,
        'trainer': old.trainer,
        'commute': old.commute,
        'manual': old.manual,
        'private': old.private,
        'visibility': old.visibility,
        'flagged': old.flagged,
        'from_accepted_tag': old.from_accepted_tag,
        'heartrate_opt_out': old.heartrate_opt_out,
        'display_hide_heartrate_option': old.display_hide_heartrate_option,
        'kudos_count': old.kudos_count,
        'comment_count': old.comment_count,
        'achievement_count': old.achievement_count,
        'pr_count': old.pr_count,
        'athlete_count': old.athlete_count,
        'photo_count': old.photo_count,
        'total_photo_count': old.total_photo_count,
        'has_kudoed': old.has_kudoed,
        'resource_state': old.resource_state,
        'athlete_resource_state': old.athlete_resource_state,
        'map_resource_state': old.map_resource_state,
        'extra': old.extra
    }) as before
from pairs
inner join bodies as old
    on
        old.id = pairs.id
        and old.run_id = pairs.previous_run_id
        and old.seq = pairs.previous_seq
left join bodies as new
    on
        new.id = pairs.id
        and new.run_id = pairs.run_id
        and new.seq = pairs.seq;
