-- one row per lap
create table activity_laps (
    activity_id           bigint,
    athlete_id            bigint,
    lap_index             bigint,
    id                    bigint,
    name                  varchar,
    split                 bigint,
    start_date            timestamptz,
    start_date_local      timestamp,
    start_index           bigint,
    end_index             bigint,
    distance              double,
    elapsed_time          bigint,
    moving_time           bigint,
    average_speed         double,
    max_speed             double,
    total_elevation_gain  double,
    average_cadence       double,
    device_watts          boolean,
    average_watts         double,
    average_heartrate     double,
    max_heartrate         double,
    pace_zone             bigint,
    extra                 json,
    source                varchar,
    fetched_at            timestamptz
);

comment on table activity_laps is 'one row per lap';
comment on column activity_laps.activity_id is 'activity, see activities.id';
comment on column activity_laps.athlete_id is 'athlete whose token fetched the row';
comment on column activity_laps.lap_index is 'number of the lap, from 1';
comment on column activity_laps.id is 'lap id';
comment on column activity_laps.name is 'lap name';
comment on column activity_laps.split is 'split that the lap belongs to';
comment on column activity_laps.start_date is 'start, an instant';
comment on column activity_laps.start_date_local is 'start on the athlete''s clock, without zone';
comment on column activity_laps.start_index is 'first sample in the streams';
comment on column activity_laps.end_index is 'last sample in the streams';
comment on column activity_laps.distance is 'm; may exceed the activity''s';
comment on column activity_laps.elapsed_time is 's; may be less than moving_time';
comment on column activity_laps.moving_time is 's';
comment on column activity_laps.average_speed is 'm/s';
comment on column activity_laps.max_speed is 'm/s';
comment on column activity_laps.total_elevation_gain is 'm';
comment on column activity_laps.average_cadence is 'rotations or strides of one leg per minute';
comment on column activity_laps.device_watts is 'true: power is measured';
comment on column activity_laps.average_watts is 'W';
comment on column activity_laps.average_heartrate is 'bpm';
comment on column activity_laps.max_heartrate is 'bpm';
comment on column activity_laps.pace_zone is 'pace zone, 0 = none';
comment on column activity_laps.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column activity_laps.source is 'api, export or demo';
comment on column activity_laps.fetched_at is 'when the stored answer was received';
