-- one row per activity in a bulk export: the columns that the API does not have
create table activity_export (
    activity_id                   bigint,
    athlete_id                    bigint,
    activity_type                 varchar,
    gear_name                     varchar,
    filename                      varchar,
    athlete_weight                double,
    bike_weight                   double,
    bike_number                   bigint,
    gear_number                   bigint,
    elevation_loss                double,
    max_grade                     double,
    average_grade                 double,
    average_positive_grade        double,
    average_negative_grade        double,
    max_cadence                   double,
    max_temperature               double,
    total_work                    double,
    number_of_runs                bigint,
    uphill_time                   double,
    downhill_time                 double,
    other_time                    double,
    type_code                     double,
    start_time_value              double,
    exported_sport_type           varchar,
    power_count                   bigint,
    perceived_relative_effort     double,
    total_weight_lifted           double,
    total_sets                    bigint,
    total_reps                    bigint,
    from_upload                   boolean,
    grade_adjusted_distance       double,
    average_grade_adjusted_pace   double,
    average_elapsed_speed         double,
    dirt_distance                 double,
    newly_explored_distance       double,
    newly_explored_dirt_distance  double,
    downhill_distance             double,
    activity_count                bigint,
    total_steps                   bigint,
    total_cycles                  bigint,
    pool_length                   double,
    timer_time                    double,
    carbon_saved                  double,
    training_load                 double,
    intensity                     double,
    jump_count                    bigint,
    total_grit                    double,
    average_flow                  double,
    recovery                      boolean,
    with_pet                      boolean,
    with_kid                      boolean,
    competition                   boolean,
    long_run                      boolean,
    for_a_cause                   boolean,
    weather_observation_time      timestamptz,
    weather_condition             bigint,
    weather_temperature           double,
    apparent_temperature          double,
    dewpoint                      double,
    humidity                      double,
    weather_pressure              double,
    wind_speed                    double,
    wind_gust                     double,
    wind_bearing                  double,
    precipitation_intensity       double,
    precipitation_probability     double,
    precipitation_type            bigint,
    cloud_cover                   double,
    weather_visibility            double,
    uv_index                      double,
    weather_ozone                 double,
    sunrise_time                  timestamptz,
    sunset_time                   timestamptz,
    moon_phase                    double,
    media                         struct(name varchar, caption varchar)[],
    extra                         json,
    source                        varchar,
    fetched_at                    timestamptz,
    run_id                        varchar
);

comment on table activity_export is 'one row per activity in a bulk export: the columns that the API does not have';
comment on column activity_export.activity_id is 'activity, see activities.id';
comment on column activity_export.athlete_id is 'athlete whose archive it is';
comment on column activity_export.activity_type is 'sport as the archive words it, in the language of the account';
comment on column activity_export.gear_name is 'name of the bike or shoes';
comment on column activity_export.filename is 'file of the recording in the archive; null when there is none or Strava could not write it';
comment on column activity_export.athlete_weight is 'kg, weight of the athlete at that time';
comment on column activity_export.bike_weight is 'kg';
comment on column activity_export.bike_number is 'number of the bike; gear.id is b and this number. In archives made before August 2025 numbers above 16777216 are rounded to single precision';
comment on column activity_export.gear_number is 'number of the shoes; gear.id is g and this number. Rounded as bike_number is';
comment on column activity_export.elevation_loss is 'm';
comment on column activity_export.max_grade is '%';
comment on column activity_export.average_grade is '%';
comment on column activity_export.average_positive_grade is '%, over what goes up';
comment on column activity_export.average_negative_grade is '%, over what goes down';
comment on column activity_export.max_cadence is 'rotations (rides) or strides of one leg (runs) per minute';
comment on column activity_export.max_temperature is '°C, of the device';
comment on column activity_export.total_work is 'J';
comment on column activity_export.number_of_runs is 'descents of a day of skiing';
comment on column activity_export.uphill_time is 's';
comment on column activity_export.downhill_time is 's';
comment on column activity_export.other_time is 's, neither up nor down';
comment on column activity_export.type_code is 'column Type, not documented by Strava; blank in all archives seen';
comment on column activity_export.start_time_value is 'column Start Time, not documented by Strava; blank in all archives seen';
comment on column activity_export.exported_sport_type is 'column Sport Type of 2023, as it stands; not documented by Strava';
comment on column activity_export.power_count is 'samples with power';
comment on column activity_export.perceived_relative_effort is 'relative effort worked out from perceived exertion';
comment on column activity_export.total_weight_lifted is 'kg';
comment on column activity_export.total_sets is 'sets of weight training';
comment on column activity_export.total_reps is 'repetitions of weight training';
comment on column activity_export.from_upload is 'came as a file that was uploaded';
comment on column activity_export.grade_adjusted_distance is 'm on the flat of the same effort';
comment on column activity_export.average_grade_adjusted_pace is 'm/s: grade adjusted distance by moving time';
comment on column activity_export.average_elapsed_speed is 'm/s, distance by elapsed time';
comment on column activity_export.dirt_distance is 'm on unpaved ground';
comment on column activity_export.newly_explored_distance is 'm where the athlete had not been before';
comment on column activity_export.newly_explored_dirt_distance is 'm of it on unpaved ground';
comment on column activity_export.downhill_distance is 'm';
comment on column activity_export.activity_count is 'column Activity Count, not documented by Strava';
comment on column activity_export.total_steps is 'steps of both feet';
comment on column activity_export.total_cycles is 'strokes, strides or turns of the pedals that the device counted';
comment on column activity_export.pool_length is 'm';
comment on column activity_export.timer_time is 's that the device ran';
comment on column activity_export.carbon_saved is 'column Carbon Saved, for commutes; Strava documents no unit';
comment on column activity_export.training_load is 'training load by power';
comment on column activity_export.intensity is '%, weighted average power by threshold power';
comment on column activity_export.jump_count is 'jumps of a mountain bike ride';
comment on column activity_export.total_grit is 'difficulty of a mountain bike ride, as the device has it';
comment on column activity_export.average_flow is 'flow of a mountain bike ride, as the device has it';
comment on column activity_export.recovery is 'tagged: recovery';
comment on column activity_export.with_pet is 'tagged: with pet';
comment on column activity_export.with_kid is 'tagged: with kid';
comment on column activity_export.competition is 'tagged: competition';
comment on column activity_export.long_run is 'tagged: long run';
comment on column activity_export.for_a_cause is 'tagged: for a cause';
comment on column activity_export.weather_observation_time is 'when the weather was so; rounded to 128 s in archives made before August 2025';
comment on column activity_export.weather_condition is 'code, not documented by Strava';
comment on column activity_export.weather_temperature is '°C';
comment on column activity_export.apparent_temperature is '°C, as it feels';
comment on column activity_export.dewpoint is '°C';
comment on column activity_export.humidity is '0 to 1';
comment on column activity_export.weather_pressure is 'hPa';
comment on column activity_export.wind_speed is 'm/s';
comment on column activity_export.wind_gust is 'm/s';
comment on column activity_export.wind_bearing is 'degrees from north, where the wind comes from';
comment on column activity_export.precipitation_intensity is 'mm/h';
comment on column activity_export.precipitation_probability is '0 to 1';
comment on column activity_export.precipitation_type is 'code, not documented by Strava';
comment on column activity_export.cloud_cover is '0 to 1';
comment on column activity_export.weather_visibility is 'm';
comment on column activity_export.uv_index is 'UV index';
comment on column activity_export.weather_ozone is 'Dobson units';
comment on column activity_export.sunrise_time is 'sunrise; rounded to 128 s in archives made before August 2025';
comment on column activity_export.sunset_time is 'sunset; rounded to 128 s in archives made before August 2025';
comment on column activity_export.moon_phase is '0 new, 0.5 full, towards 1 waning';
comment on column activity_export.media is 'pictures and films: names in the archive, and captions';
comment on column activity_export.extra is 'columns of the archive that are not known, and every value that does not fit its column; null when there are none';
comment on column activity_export.source is 'export';
comment on column activity_export.fetched_at is 'when the archive was imported';
comment on column activity_export.run_id is 'run that imported it, see runs.run_id';
