-- one row per activity whose streams were asked for: what Strava answered last
create table meta.stream_answers (
    activity_id          bigint,
    athlete_id           bigint,
    run_id               varchar,
    absent               boolean,
    body_hash            varchar,
    answered_at          timestamptz,
    summary_fingerprint  varchar
);

comment on table meta.stream_answers is 'one row per activity whose streams were asked for';
comment on column meta.stream_answers.activity_id is 'activity; it need not be live';
comment on column meta.stream_answers.athlete_id is 'athlete whose token asked';
comment on column meta.stream_answers.run_id is 'run that asked last';
comment on column meta.stream_answers.absent is 'the last answer was that there are none';
comment on column meta.stream_answers.body_hash is 'hash of the last streams as stored in bronze, null when there never were any';
comment on column meta.stream_answers.answered_at is 'when it was answered last';
comment on column meta.stream_answers.summary_fingerprint is 'activities.fingerprint as it was then; another one now means: ask again';
