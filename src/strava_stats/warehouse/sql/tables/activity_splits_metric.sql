-- one row per activity and kilometre split; the last one is partial
create table activity_splits_metric (
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

comment on table activity_splits_metric is 'one row per activity and kilometre split; the last one is partial';
comment on column activity_splits_metric.activity_id is 'activity, see activities.id';
comment on column activity_splits_metric.athlete_id is 'athlete whose token fetched the row';
comment on column activity_splits_metric.split is 'number of the split, from 1';
comment on column activity_splits_metric.distance is 'm';
comment on column activity_splits_metric.elapsed_time is 's';
comment on column activity_splits_metric.moving_time is 's';
comment on column activity_splits_metric.elevation_difference is 'm, end minus start';
comment on column activity_splits_metric.average_speed is 'm/s';
comment on column activity_splits_metric.average_grade_adjusted_speed is 'm/s on the flat for the same effort; null on rides';
comment on column activity_splits_metric.average_heartrate is 'bpm';
comment on column activity_splits_metric.pace_zone is 'pace zone, 0 = none';
comment on column activity_splits_metric.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column activity_splits_metric.source is 'api, export or demo';
comment on column activity_splits_metric.fetched_at is 'when the stored answer was received';
