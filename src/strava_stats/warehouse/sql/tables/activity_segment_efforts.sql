-- one row per effort on a segment
create table activity_segment_efforts (
    id                 bigint,
    activity_id        bigint,
    athlete_id         bigint,
    segment_id         bigint,
    name               varchar,
    start_date         timestamptz,
    start_date_local   timestamp,
    start_index        bigint,
    end_index          bigint,
    distance           double,
    elapsed_time       bigint,
    moving_time        bigint,
    average_cadence    double,
    device_watts       boolean,
    average_watts      double,
    average_heartrate  double,
    max_heartrate      double,
    pr_rank            bigint,
    kom_rank           bigint,
    achievements       json,
    visibility         varchar,
    hidden             boolean,
    extra              json,
    source             varchar,
    fetched_at         timestamptz
);

comment on table activity_segment_efforts is 'one row per effort on a segment';
comment on column activity_segment_efforts.id is 'effort id; may exceed 2^53, so keep it an exact integer';
comment on column activity_segment_efforts.activity_id is 'activity, see activities.id';
comment on column activity_segment_efforts.athlete_id is 'athlete whose token fetched the row';
comment on column activity_segment_efforts.segment_id is 'segment, see segments.id';
comment on column activity_segment_efforts.name is 'name of the segment at that time';
comment on column activity_segment_efforts.start_date is 'start, an instant';
comment on column activity_segment_efforts.start_date_local is 'start on the athlete''s clock, without zone';
comment on column activity_segment_efforts.start_index is 'first sample in the streams';
comment on column activity_segment_efforts.end_index is 'last sample in the streams';
comment on column activity_segment_efforts.distance is 'm';
comment on column activity_segment_efforts.elapsed_time is 's';
comment on column activity_segment_efforts.moving_time is 's';
comment on column activity_segment_efforts.average_cadence is 'rotations or strides of one leg per minute';
comment on column activity_segment_efforts.device_watts is 'true: power is measured';
comment on column activity_segment_efforts.average_watts is 'W';
comment on column activity_segment_efforts.average_heartrate is 'bpm';
comment on column activity_segment_efforts.max_heartrate is 'bpm';
comment on column activity_segment_efforts.pr_rank is '1 to 3 when among the athlete''s best, else null';
comment on column activity_segment_efforts.kom_rank is '1 to 10 when among the best of all, else null';
comment on column activity_segment_efforts.achievements is 'achievements as sent';
comment on column activity_segment_efforts.visibility is 'who sees the effort';
comment on column activity_segment_efforts.hidden is 'hidden by Strava as unimportant';
comment on column activity_segment_efforts.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column activity_segment_efforts.source is 'api, export or demo';
comment on column activity_segment_efforts.fetched_at is 'when the stored answer was received';
