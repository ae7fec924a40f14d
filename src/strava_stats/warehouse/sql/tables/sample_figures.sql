-- one row per activity whose samples were worked up: from which set, and the activity's figures as the samples have them
create table meta.sample_figures (
    activity_id           bigint,
    athlete_id            bigint,
    run_id                varchar,
    start_date            timestamptz,
    start_date_local      timestamp,
    sport_type            varchar,
    distance              double,
    moving_time           bigint,
    elapsed_time          bigint,
    total_elevation_gain  double,
    average_speed         double,
    max_speed             double,
    average_heartrate     double,
    max_heartrate         double,
    average_cadence       double,
    average_watts         double,
    max_watts             double,
    average_temp          double,
    start_lat             double,
    start_lng             double,
    end_lat               double,
    end_lng               double,
    has_pieces            boolean,
    has_efforts           boolean
);

comment on table meta.sample_figures is 'one row per activity whose samples were worked up: from which set, and the activity''s figures as the samples have them';
comment on column meta.sample_figures.activity_id is 'activity, see activities.id';
comment on column meta.sample_figures.athlete_id is 'athlete whose activity it is';
comment on column meta.sample_figures.run_id is 'run that brought the samples';
comment on column meta.sample_figures.start_date is 'start of the activity as it was then';
comment on column meta.sample_figures.start_date_local is 'start on the athletes clock as it was then';
comment on column meta.sample_figures.sport_type is 'sport as it was then';
comment on column meta.sample_figures.distance is 'm';
comment on column meta.sample_figures.moving_time is 's';
comment on column meta.sample_figures.elapsed_time is 's, up to the last sample';
comment on column meta.sample_figures.total_elevation_gain is 'm, of smoothed altitudes';
comment on column meta.sample_figures.average_speed is 'm/s while moving';
comment on column meta.sample_figures.max_speed is 'm/s';
comment on column meta.sample_figures.average_heartrate is 'bpm';
comment on column meta.sample_figures.max_heartrate is 'bpm';
comment on column meta.sample_figures.average_cadence is 'rotations or strides of one leg per minute, without zeros';
comment on column meta.sample_figures.average_watts is 'W, with zeros';
comment on column meta.sample_figures.max_watts is 'W';
comment on column meta.sample_figures.average_temp is '°C';
comment on column meta.sample_figures.start_lat is '° north, first position';
comment on column meta.sample_figures.start_lng is '° east, first position';
comment on column meta.sample_figures.end_lat is '° north, last position';
comment on column meta.sample_figures.end_lng is '° east, last position';
comment on column meta.sample_figures.has_pieces is 'the samples allow splits and laps: they have a distance';
comment on column meta.sample_figures.has_efforts is 'the samples allow best efforts: a run of 400 m or more';
