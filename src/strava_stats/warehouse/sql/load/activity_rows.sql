-- one row per summary body, typed; values that do not cast exactly go to extra
with typed as (
    select
        * exclude (t),
        t,
        latlng(t.start_latlng) as start_point,
        latlng(t.end_latlng) as end_point,
        exact_bigint(t.upload_id) as upload_id,
        t.upload_id_str as upload_id_str,
        t.external_id as external_id,
        t.gear_id as gear_id,
        t.map.id as map_id,
        t.name as name,
        t.type as type,
        t.sport_type as sport_type,
        exact_bigint(t.workout_type) as workout_type,
        t.device_name as device_name,
        instant(t.start_date) as start_date,
        local_time(t.start_date_local) as start_date_local,
        t.timezone as timezone,
        exact_bigint(t.utc_offset) as utc_offset,
        exact_double(t.distance) as distance,
        exact_bigint(t.moving_time) as moving_time,
        exact_bigint(t.elapsed_time) as elapsed_time,
        exact_double(t.total_elevation_gain) as total_elevation_gain,
        exact_double(t.elev_high) as elev_high,
        exact_double(t.elev_low) as elev_low,
        exact_double(t.average_speed) as average_speed,
        exact_double(t.max_speed) as max_speed,
        exact_double(t.average_cadence) as average_cadence,
        exact_double(t.average_temp) as average_temp,
        exact_double(t.average_watts) as average_watts,
        exact_double(t.weighted_average_watts) as weighted_average_watts,
        exact_double(t.max_watts) as max_watts,
        exact_double(t.kilojoules) as kilojoules,
        exact_boolean(t.device_watts) as device_watts,
        exact_boolean(t.has_heartrate) as has_heartrate,
        exact_double(t.average_heartrate) as average_heartrate,
        exact_double(t.max_heartrate) as max_heartrate,
        exact_double(t.suffer_score) as suffer_score,
        t.location_city as location_city,
        t.location_state as location_state,
        t.location_country as location_country,
        t.map.summary_polyline as summary_polyline,
        exact_boolean(t.trainer) as trainer,
        exact_boolean(t.commute) as commute,
        exact_boolean(t.manual) as manual,
        exact_boolean(t.private) as private,
        t.visibility as visibility,
        exact_boolean(t.flagged) as flagged,
        exact_boolean(t.from_accepted_tag) as from_accepted_tag,
        exact_boolean(t.heartrate_opt_out) as heartrate_opt_out,
        exact_boolean(t.display_hide_heartrate_option) as display_hide_heartrate_option,
        exact_bigint(t.kudos_count) as kudos_count,
        exact_bigint(t.comment_count) as comment_count,
        exact_bigint(t.achievement_count) as achievement_count,
        exact_bigint(t.pr_count) as pr_count,
        exact_bigint(t.athlete_count) as athlete_count,
        exact_bigint(t.photo_count) as photo_count,
        exact_bigint(t.total_photo_count) as total_photo_count,
        exact_boolean(t.has_kudoed) as has_kudoed,
        exact_bigint(t.resource_state) as resource_state,
        exact_bigint(t.athlete.resource_state) as athlete_resource_state,
        exact_bigint(t.map.resource_state) as map_resource_state
    from bodies
),

final as (
    select
        *,
        start_point[1] as start_lat,
        start_point[2] as start_lng,
        end_point[1] as end_lat,
        end_point[2] as end_lng,
        case
            when
                lost(t.upload_id, upload_id)
                or lost(t.workout_type, workout_type)
                or lost(t.start_date, start_date)
                or lost(t.start_date_local, start_date_local)
                or lost(t.utc_offset, utc_offset)
                or lost(t.distance, distance)
                or lost(t.moving_time, moving_time)
                or lost(t.elapsed_time, elapsed_time)
                or lost(t.total_elevation_gain, total_elevation_gain)
                or lost(t.elev_high, elev_high)
                or lost(t.elev_low, elev_low)
                or lost(t.average_speed, average_speed)
                or lost(t.max_speed, max_speed)
                or lost(t.average_cadence, average_cadence)
                or lost(t.average_temp, average_temp)
                or lost(t.average_watts, average_watts)
                or lost(t.weighted_average_watts, weighted_average_watts)
                or lost(t.max_watts, max_watts)
                or lost(t.kilojoules, kilojoules)
                or lost(t.device_watts, device_watts)
                or lost(t.has_heartrate, has_heartrate)
                or lost(t.average_heartrate, average_heartrate)
                or lost(t.max_heartrate, max_heartrate)
                or lost(t.suffer_score, suffer_score)
                or lost(t.trainer, trainer)
                or lost(t.commute, commute)
                or lost(t.manual, manual)
                or lost(t.private, private)
                or lost(t.flagged, flagged)
                or lost(t.from_accepted_tag, from_accepted_tag)
                or lost(t.heartrate_opt_out, heartrate_opt_out)
                or lost(t.display_hide_heartrate_option, display_hide_heartrate_option)
                or lost(t.kudos_count, kudos_count)
                or lost(t.comment_count, comment_count)
                or lost(t.achievement_count, achievement_count)
                or lost(t.pr_count, pr_count)
                or lost(t.athlete_count, athlete_count)
                or lost(t.photo_count, photo_count)
                or lost(t.total_photo_count, total_photo_count)
                or lost(t.has_kudoed, has_kudoed)
                or lost(t.resource_state, resource_state)
                or lost(t.athlete.resource_state, athlete_resource_state)
                or lost(t.map.resource_state, map_resource_state)
                or lost(t.start_latlng, start_point)
                or lost(t.end_latlng, end_point)
                then [one for one in [
                    misfit('upload_id', t.upload_id, upload_id is null),
                    misfit('workout_type', t.workout_type, workout_type is null),
                    misfit('start_date', t.start_date, start_date is null),
                    misfit('start_date_local', t.start_date_local, start_date_local is null),
                    misfit('utc_offset', t.utc_offset, utc_offset is null),
                    misfit('distance', t.distance, distance is null),
                    misfit('moving_time', t.moving_time, moving_time is null),
                    misfit('elapsed_time', t.elapsed_time, elapsed_time is null),
                    misfit('total_elevation_gain', t.total_elevation_gain, total_elevation_gain is null),
                    misfit('elev_high', t.elev_high, elev_high is null),
                    misfit('elev_low', t.elev_low, elev_low is null),
                    misfit('average_speed', t.average_speed, average_speed is null),
                    misfit('max_speed', t.max_speed, max_speed is null),
                    misfit('average_cadence', t.average_cadence, average_cadence is null),
                    misfit('average_temp', t.average_temp, average_temp is null),
                    misfit('average_watts', t.average_watts, average_watts is null),
                    misfit('weighted_average_watts', t.weighted_average_watts, weighted_average_watts is null),
                    misfit('max_watts', t.max_watts, max_watts is null),
                    misfit('kilojoules', t.kilojoules, kilojoules is null),
                    misfit('device_watts', t.device_watts, device_watts is null),
                    misfit('has_heartrate', t.has_heartrate, has_heartrate is null),
                    misfit('average_heartrate', t.average_heartrate, average_heartrate is null),
                    misfit('max_heartrate', t.max_heartrate, max_heartrate is null),
                    misfit('suffer_score', t.suffer_score, suffer_score is null),
                    misfit('trainer', t.trainer, trainer is null),
                    misfit('commute', t.commute, commute is null),
                    misfit('manual', t.manual, manual is null),
                    misfit('private', t.private, private is null),
                    misfit('flagged', t.flagged, flagged is null),
                    misfit('from_accepted_tag', t.from_accepted_tag, from_accepted_tag is null),
                    misfit('heartrate_opt_out', t.heartrate_opt_out, heartrate_opt_out is null),
                    misfit('display_hide_heartrate_option', t.display_hide_heartrate_option, display_hide_heartrate_option is null),
                    misfit('kudos_count', t.kudos_count, kudos_count is null),
                    misfit('comment_count', t.comment_count, comment_count is null),
                    misfit('achievement_count', t.achievement_count, achievement_count is null),
                    misfit('pr_count', t.pr_count, pr_count is null),
                    misfit('athlete_count', t.athlete_count, athlete_count is null),
                    misfit('photo_count', t.photo_count, photo_count is null),
                    misfit('total_photo_count', t.total_photo_count, total_photo_count is null),
                    misfit('has_kudoed', t.has_kudoed, has_kudoed is null),
                    misfit('resource_state', t.resource_state, resource_state is null),
                    misfit('athlete.resource_state', t.athlete.resource_state, athlete_resource_state is null),
                    misfit('map.resource_state', t.map.resource_state, map_resource_state is null),
                    misfit('start_latlng', t.start_latlng, start_point is null),
                    misfit('end_latlng', t.end_latlng, end_point is null)
                ] if one is not null]
            else []
        end as misfits,
        fingerprint_of([
            name::varchar,
            type::varchar,
            sport_type::varchar,
            workout_type::varchar,
            start_date::varchar,
            start_date_local::varchar,
            timezone::varchar,
            utc_offset::varchar,
            distance::varchar,
            moving_time::varchar,
            elapsed_time::varchar,
            total_elevation_gain::varchar,
            average_speed::varchar,
            max_speed::varchar,
            average_cadence::varchar,
            average_temp::varchar,
            average_watts::varchar,
            weighted_average_watts::varchar,
            max_watts::varchar,
            kilojoules::varchar,
            average_heartrate::varchar,
            max_heartrate::varchar,
            gear_id::varchar,
            external_id::varchar,
            location_city::varchar,
            location_state::varchar,
            location_country::varchar,
            summary_polyline::varchar,
            trainer::varchar,
            commute::varchar,
            manual::varchar,
            private::varchar,
            visibility::varchar,
            flagged::varchar,
            heartrate_opt_out::varchar,
            start_point::varchar,
            end_point::varchar
        ]) as fingerprint
    from typed
)

select
    id,
    athlete_id,
    upload_id,
    upload_id_str,
    external_id,
    gear_id,
    map_id,
    name,
    type,
    sport_type,
    workout_type,
    device_name,
    start_date,
    start_date_local,
    timezone,
    utc_offset,
    case when utc_offset is not null then 'api' end as utc_offset_source,
    distance,
    moving_time,
    elapsed_time,
    total_elevation_gain,
    elev_high,
    elev_low,
    average_speed,
    max_speed,
    average_cadence,
    average_temp,
    average_watts,
    weighted_average_watts,
    max_watts,
    kilojoules,
    device_watts,
    has_heartrate,
    average_heartrate,
    max_heartrate,
    suffer_score,
    start_lat,
    start_lng,
    end_lat,
    end_lng,
    location_city,
    location_state,
    location_country,
    summary_polyline,
    trainer,
    commute,
    manual,
    private,
    visibility,
    flagged,
    from_accepted_tag,
    heartrate_opt_out,
    display_hide_heartrate_option,
    kudos_count,
    comment_count,
    achievement_count,
    pr_count,
    athlete_count,
    photo_count,
    total_photo_count,
    has_kudoed,
    resource_state,
    athlete_resource_state,
    map_resource_state,
    fingerprint,
    with_misfits(unknown_keys.extra, misfits) as extra,
    source,
    fetched_at,
    run_id,
    hash as body_hash,
    seq,
    nullif([one.key for one in misfits], []) as misfits
from final
left join unknown_keys using (run_id, seq)
order by start_date desc nulls last, id, run_id, seq
