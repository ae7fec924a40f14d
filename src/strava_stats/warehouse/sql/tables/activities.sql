-- one row per live activity
create table activities (
    id                             bigint,
    athlete_id                     bigint,
    upload_id                      bigint,
    upload_id_str                  varchar,
    external_id                    varchar,
    gear_id                        varchar,
    map_id                         varchar,
    name                           varchar,
    type                           varchar,
    sport_type                     varchar,
    workout_type                   bigint,
    device_name                    varchar,
    start_date                     timestamptz,
    start_date_local               timestamp,
    timezone                       varchar,
    utc_offset                     bigint,
    utc_offset_source              varchar,
    distance                       double,
    moving_time                    bigint,
    elapsed_time                   bigint,
    total_elevation_gain           double,
    elev_high                      double,
    elev_low                       double,
    average_speed                  double,
    max_speed                      double,
    average_cadence                double,
    average_temp                   double,
    average_watts                  double,
    weighted_average_watts         double,
    max_watts                      double,
    kilojoules                     double,
    device_watts                   boolean,
    has_heartrate                  boolean,
    average_heartrate              double,
    max_heartrate                  double,
    suffer_score                   double,
    start_lat                      double,
    start_lng                      double,
    end_lat                        double,
    end_lng                        double,
    location_city                  varchar,
    location_state                 varchar,
    location_country               varchar,
    summary_polyline               varchar,
    trainer                        boolean,
    commute                        boolean,
    manual                         boolean,
    private                        boolean,
    visibility                     varchar,
    flagged                        boolean,
    from_accepted_tag              boolean,
    heartrate_opt_out              boolean,
    display_hide_heartrate_option  boolean,
    kudos_count                    bigint,
    comment_count                  bigint,
    achievement_count              bigint,
    pr_count                       bigint,
    athlete_count                  bigint,
    photo_count                    bigint,
    total_photo_count              bigint,
    has_kudoed                     boolean,
    resource_state                 bigint,
    athlete_resource_state         bigint,
    map_resource_state             bigint,
    fingerprint                    varchar,
    filled                         varchar[],
    extra                          json,
    source                         varchar,
    fetched_at                     timestamptz,
    run_id                         varchar,
    body_hash                      varchar
);

comment on table activities is 'one row per live activity';
comment on column activities.id is 'activity id';
comment on column activities.athlete_id is 'athlete whose token fetched the row';
comment on column activities.upload_id is 'id of the upload; null when the activity was entered by hand';
comment on column activities.upload_id_str is 'upload id as text';
comment on column activities.external_id is 'name given by the device or app, often a file name';
comment on column activities.gear_id is 'bike (b…) or shoe (g…), see gear.id';
comment on column activities.map_id is 'id of the map: a + activity id';
comment on column activities.name is 'title';
comment on column activities.type is 'legacy sport, coarser than sport_type';
comment on column activities.sport_type is 'sport; an open set that grows (Run, TrailRun, Ride …)';
comment on column activities.workout_type is 'Strava code: runs 0 default, 1 race, 2 long run, 3 workout; rides 10 default, 11 race, 12 workout';
comment on column activities.device_name is 'recording device; absent on manual and older activities';
comment on column activities.start_date is 'start, an instant';
comment on column activities.start_date_local is 'start on the athletes clock, without zone';
comment on column activities.timezone is 'zone label as sent; it shows the standard offset, use utc_offset';
comment on column activities.utc_offset is 's, local minus UTC at the start';
comment on column activities.utc_offset_source is 'who says utc_offset: api, file (the device''s own local time), place (zone of the first point), neighbour (activity nearest in time) or setting (TZ)';
comment on column activities.distance is 'm';
comment on column activities.moving_time is 's';
comment on column activities.elapsed_time is 's';
comment on column activities.total_elevation_gain is 'm';
comment on column activities.elev_high is 'm above sea level';
comment on column activities.elev_low is 'm above sea level';
comment on column activities.average_speed is 'm/s';
comment on column activities.max_speed is 'm/s';
comment on column activities.average_cadence is 'rotations (rides) or strides of one leg (runs) per minute';
comment on column activities.average_temp is '°C';
comment on column activities.average_watts is 'W, estimated unless device_watts';
comment on column activities.weighted_average_watts is 'W, power meter only';
comment on column activities.max_watts is 'W, power meter only';
comment on column activities.kilojoules is 'kJ of work';
comment on column activities.device_watts is 'true: power is measured, false: estimated';
comment on column activities.has_heartrate is 'heart rate was recorded';
comment on column activities.average_heartrate is 'bpm';
comment on column activities.max_heartrate is 'bpm';
comment on column activities.suffer_score is 'relative effort';
comment on column activities.start_lat is 'degrees north (WGS 84), from start_latlng; null without GPS';
comment on column activities.start_lng is 'degrees east (WGS 84), from start_latlng; null without GPS';
comment on column activities.end_lat is 'degrees north (WGS 84), from end_latlng; null without GPS';
comment on column activities.end_lng is 'degrees east (WGS 84), from end_latlng; null without GPS';
comment on column activities.location_city is 'city; null in newer data';
comment on column activities.location_state is 'state; null in newer data';
comment on column activities.location_country is 'country; null in newer data';
comment on column activities.summary_polyline is 'simplified track, Google encoded polyline with 5 decimals';
comment on column activities.trainer is 'indoors on a trainer or treadmill';
comment on column activities.commute is 'marked as commute';
comment on column activities.manual is 'entered by hand';
comment on column activities.private is 'visible to the athlete only (see visibility)';
comment on column activities.visibility is 'everyone, followers_only or only_me';
comment on column activities.flagged is 'flagged by others';
comment on column activities.from_accepted_tag is 'made by accepting another athletes tag';
comment on column activities.heartrate_opt_out is 'heart rate is kept out of the activity';
comment on column activities.display_hide_heartrate_option is 'the site offers to hide heart rate';
comment on column activities.kudos_count is 'kudos';
comment on column activities.comment_count is 'comments';
comment on column activities.achievement_count is 'achievements';
comment on column activities.pr_count is 'personal records';
comment on column activities.athlete_count is 'athletes in the group activity; flickers';
comment on column activities.photo_count is 'Instagram photos';
comment on column activities.total_photo_count is 'all photos';
comment on column activities.has_kudoed is 'the athlete of the token gave kudos';
comment on column activities.resource_state is 'Strava level of detail: 2 summary, 3 detailed';
comment on column activities.athlete_resource_state is 'Strava level of detail of the embedded athlete';
comment on column activities.map_resource_state is 'Strava level of detail of the embedded map';
comment on column activities.fingerprint is 'hash of what an athlete can edit (no counters); a change queues the details';
comment on column activities.filled is 'columns that Strava''s API left empty and the bulk export filled; null when there are none, or when the whole row is from the export';
comment on column activities.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column activities.source is 'api, export or demo';
comment on column activities.fetched_at is 'when the stored answer was received';
comment on column activities.run_id is 'run that received it, see runs.run_id';
comment on column activities.body_hash is 'hash of the answer as stored in bronze';
