-- a value that Strava gave stands, a gap is filled from the archive; what only the archive has becomes a row
update activities
set
    upload_id = coalesce(activities.upload_id, word.upload_id),
    upload_id_str = coalesce(activities.upload_id_str, word.upload_id_str),
    gear_id = coalesce(activities.gear_id, word.gear_id),
    name = coalesce(activities.name, word.name),
    type = coalesce(activities.type, word.type),
    sport_type = coalesce(activities.sport_type, word.sport_type),
    device_name = coalesce(activities.device_name, word.device_name),
    start_date = coalesce(activities.start_date, word.start_date),
    start_date_local = coalesce(activities.start_date_local, word.start_date_local),
    timezone = coalesce(activities.timezone, word.timezone),
    utc_offset = coalesce(activities.utc_offset, word.utc_offset),
    distance = coalesce(activities.distance, word.distance),
    moving_time = coalesce(activities.moving_time, word.moving_time),
    elapsed_time = coalesce(activities.elapsed_time, word.elapsed_time),
    total_elevation_gain = coalesce(activities.total_elevation_gain, word.total_elevation_gain),
    elev_high = coalesce(activities.elev_high, word.elev_high),
    elev_low = coalesce(activities.elev_low, word.elev_low),
    average_speed = coalesce(activities.average_speed, word.average_speed),
    max_speed = coalesce(activities.max_speed, word.max_speed),
    average_cadence = coalesce(activities.average_cadence, word.average_cadence),
    average_temp = coalesce(activities.average_temp, word.average_temp),
    average_watts = coalesce(activities.average_watts, word.average_watts),
    weighted_average_watts = coalesce(activities.weighted_average_watts, word.weighted_average_watts),
    max_watts = coalesce(activities.max_watts, word.max_watts),
    kilojoules = coalesce(activities.kilojoules, word.kilojoules),
    has_heartrate = coalesce(activities.has_heartrate, word.has_heartrate),
    average_heartrate = coalesce(activities.average_heartrate, word.average_heartrate),
    max_heartrate = coalesce(activities.max_heartrate, word.max_heartrate),
    suffer_score = coalesce(activities.suffer_score, word.suffer_score),
    start_lat = coalesce(activities.start_lat, word.start_lat),
    start_lng = coalesce(activities.start_lng, word.start_lng),
    end_lat = coalesce(activities.end_lat, word.end_lat),
    end_lng = coalesce(activities.end_lng, word.end_lng),
    summary_polyline = coalesce(activities.summary_polyline, word.summary_polyline),
    commute = coalesce(activities.commute, word.commute),
    manual = coalesce(activities.manual, word.manual),
    flagged = coalesce(activities.flagged, word.flagged),
    utc_offset_source = case when activities.utc_offset is null then word.utc_offset_source else 'api' end,
    filled = list_filter([
        case when activities.upload_id is null and word.upload_id is not null then 'upload_id' end,
        case when activities.upload_id_str is null and word.upload_id_str is not null then 'upload_id_str' end,
        case when activities.gear_id is null and word.gear_id is not null then 'gear_id' end,
        case when activities.name is null and word.name is not null then 'name' end,
        case when activities.type is null and word.type is not null then 'type' end,
        case when activities.sport_type is null and word.sport_type is not null then 'sport_type' end,
        case when activities.device_name is null and word.device_name is not null then 'device_name' end,
        case when activities.start_date is null and word.start_date is not null then 'start_date' end,
        case when activities.start_date_local is null and word.start_date_local is not null then 'start_date_local' end,
        case when activities.timezone is null and word.timezone is not null then 'timezone' end,
        case when activities.utc_offset is null and word.utc_offset is not null then 'utc_offset' end,
        case when activities.distance is null and word.distance is not null then 'distance' end,
        case when activities.moving_time is null and word.moving_time is not null then 'moving_time' end,
        case when activities.elapsed_time is null and word.elapsed_time is not null then 'elapsed_time' end,
        case when activities.total_elevation_gain is null and word.total_elevation_gain is not null then 'total_elevation_gain' end,
        case when activities.elev_high is null and word.elev_high is not null then 'elev_high' end,
        case when activities.elev_low is null and word.elev_low is not null then 'elev_low' end,
        case when activities.average_speed is null and word.average_speed is not null then 'average_speed' end,
        case when activities.max_speed is null and word.max_speed is not null then 'max_speed' end,
        case when activities.average_cadence is null and word.average_cadence is not null then 'average_cadence' end,
        case when activities.average_temp is null and word.average_temp is not null then 'average_temp' end,
        case when activities.average_watts is null and word.average_watts is not null then 'average_watts' end,
        case when activities.weighted_average_watts is null and word.weighted_average_watts is not null then 'weighted_average_watts' end,
        case when activities.max_watts is null and word.max_watts is not null then 'max_watts' end,
        case when activities.kilojoules is null and word.kilojoules is not null then 'kilojoules' end,
        case when activities.has_heartrate is null and word.has_heartrate is not null then 'has_heartrate' end,
        case when activities.average_heartrate is null and word.average_heartrate is not null then 'average_heartrate' end,
        case when activities.max_heartrate is null and word.max_heartrate is not null then 'max_heartrate' end,
        case when activities.suffer_score is null and word.suffer_score is not null then 'suffer_score' end,
        case when activities.start_lat is null and word.start_lat is not null then 'start_lat' end,
        case when activities.start_lng is null and word.start_lng is not null then 'start_lng' end,
        case when activities.end_lat is null and word.end_lat is not null then 'end_lat' end,
        case when activities.end_lng is null and word.end_lng is not null then 'end_lng' end,
        case when activities.summary_polyline is null and word.summary_polyline is not null then 'summary_polyline' end,
        case when activities.commute is null and word.commute is not null then 'commute' end,
        case when activities.manual is null and word.manual is not null then 'manual' end,
        case when activities.flagged is null and word.flagged is not null then 'flagged' end
    ], lambda one: one is not null)
from shown_words as word
where
    word.id = activities.id
    and (
        (activities.upload_id is null and word.upload_id is not null)
        or (activities.upload_id_str is null and word.upload_id_str is not null)
        or (activities.gear_id is null and word.gear_id is not null)
        or (activities.name is null and word.name is not null)
        or (activities.type is null and word.type is not null)
        or (activities.sport_type is null and word.sport_type is not null)
        or (activities.device_name is null and word.device_name is not null)
        or (activities.start_date is null and word.start_date is not null)
        or (activities.start_date_local is null and word.start_date_local is not null)
        or (activities.timezone is null and word.timezone is not null)
        or (activities.utc_offset is null and word.utc_offset is not null)
        or (activities.distance is null and word.distance is not null)
        or (activities.moving_time is null and word.moving_time is not null)
        or (activities.elapsed_time is null and word.elapsed_time is not null)
        or (activities.total_elevation_gain is null and word.total_elevation_gain is not null)
        or (activities.elev_high is null and word.elev_high is not null)
        or (activities.elev_low is null and word.elev_low is not null)
        or (activities.average_speed is null and word.average_speed is not null)
        or (activities.max_speed is null and word.max_speed is not null)
        or (activities.average_cadence is null and word.average_cadence is not null)
        or (activities.average_temp is null and word.average_temp is not null)
        or (activities.average_watts is null and word.average_watts is not null)
        or (activities.weighted_average_watts is null and word.weighted_average_watts is not null)
        or (activities.max_watts is null and word.max_watts is not null)
        or (activities.kilojoules is null and word.kilojoules is not null)
        or (activities.has_heartrate is null and word.has_heartrate is not null)
        or (activities.average_heartrate is null and word.average_heartrate is not null)
        or (activities.max_heartrate is null and word.max_heartrate is not null)
        or (activities.suffer_score is null and word.suffer_score is not null)
        or (activities.start_lat is null and word.start_lat is not null)
        or (activities.start_lng is null and word.start_lng is not null)
        or (activities.end_lat is null and word.end_lat is not null)
        or (activities.end_lng is null and word.end_lng is not null)
        or (activities.summary_polyline is null and word.summary_polyline is not null)
        or (activities.commute is null and word.commute is not null)
        or (activities.manual is null and word.manual is not null)
        or (activities.flagged is null and word.flagged is not null)
    );

insert into activities by name
select
    id,
    athlete_id,
    upload_id,
    upload_id_str,
    gear_id,
    name,
    type,
    sport_type,
    device_name,
    start_date,
    start_date_local,
    timezone,
    utc_offset,
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
    has_heartrate,
    average_heartrate,
    max_heartrate,
    suffer_score,
    start_lat,
    start_lng,
    end_lat,
    end_lng,
    summary_polyline,
    commute,
    manual,
    flagged,
    utc_offset_source,
    'export' as source,
    fetched_at
from shown_words
where id not in (select id from activities);
