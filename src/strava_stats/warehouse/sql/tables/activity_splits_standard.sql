-- one row per activity and mile split; the last one is partial
create table activity_splits_standard (
    activity_id                   bigint,
    athlete_id                    bigint,
    split                         bigint,
    distance                      double,
    elapsed_time                  bigint,
    moving_time                   bigint,
    elevation_difference          double,
    average_speed                 double,
    average_grade_adjusted_speed  double,
    average_heartrate             double,
    pace_zone                     bigint,
    extra                         json,
    source                        varchar,
    fetched_at                    timestamptz
);

comment on table activity_splits_standard is 'one row per activity and mile split; the last one is partial';
comment on column activity_splits_standard.activity_id is 'activity, see activities.id';
comment on column activity_splits_standard.athlete_id is 'athlete whose token fetched the row';
comment on column activity_splits_standard.split is 'number of the split, from 1';
comment on column activity_splits_standard.distance is 'm';
comment on column activity_splits_standard.elapsed_time is 's';
comment on column activity_splits_standard.moving_time is 's';
comment on column activity_splits_standard.elevation_difference is 'm, end minus start';
comment on column activity_splits_standard.average_speed is 'm/s';
comment on column activity_splits_standard.average_grade_adjusted_speed is 'm/s on the flat for the same effort; null on rides';
comment on column activity_splits_standard.average_heartrate is 'bpm';
comment on column activity_splits_standard.pace_zone is 'pace zone, 0 = none';
comment on column activity_splits_standard.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column activity_splits_standard.source is 'api, export or demo';
comment on column activity_splits_standard.fetched_at is 'when the stored answer was received';
