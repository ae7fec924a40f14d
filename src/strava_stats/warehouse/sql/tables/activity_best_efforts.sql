-- one row per activity and standard distance
create table activity_best_efforts (
    activity_id       bigint,
    athlete_id        bigint,
    name              varchar,
    id                bigint,
    start_date        timestamptz,
    start_date_local  timestamp,
    start_index       bigint,
    end_index         bigint,
    distance          double,
    elapsed_time      bigint,
    moving_time       bigint,
    pr_rank           bigint,
    kom_rank          bigint,
    achievements      json,
    extra             json,
    source            varchar,
    fetched_at        timestamptz
);

comment on table activity_best_efforts is 'one row per activity and standard distance';
comment on column activity_best_efforts.activity_id is 'activity, see activities.id';
comment on column activity_best_efforts.athlete_id is 'athlete whose token fetched the row';
comment on column activity_best_efforts.name is 'distance: 400m, 1/2 mile, 1K … Marathon, 50K';
comment on column activity_best_efforts.id is 'best effort id';
comment on column activity_best_efforts.start_date is 'start, an instant';
comment on column activity_best_efforts.start_date_local is 'start on the athlete''s clock, without zone';
comment on column activity_best_efforts.start_index is 'first sample in the streams';
comment on column activity_best_efforts.end_index is 'last sample in the streams';
comment on column activity_best_efforts.distance is 'm';
comment on column activity_best_efforts.elapsed_time is 's';
comment on column activity_best_efforts.moving_time is 's';
comment on column activity_best_efforts.pr_rank is '1 to 3 when among the athlete''s best, else null';
comment on column activity_best_efforts.kom_rank is '1 to 10 when among the best of all, else null';
comment on column activity_best_efforts.achievements is 'achievements as sent';
comment on column activity_best_efforts.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column activity_best_efforts.source is 'api, export or demo';
comment on column activity_best_efforts.fetched_at is 'when the stored answer was received';
