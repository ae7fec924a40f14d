-- one row per run of a command
create table runs (
    run_id        varchar,
    athlete_id    bigint,
    command       varchar,
    started_at    timestamptz,
    finished_at   timestamptz,
    status        varchar,
    calls         bigint,
    "rows"        bigint,
    seconds       double,
    stages        json,
    error         varchar
);

comment on table runs is 'one row per run of a command';
comment on column runs.run_id is 'run; sorts by time and names the athlete';
comment on column runs.athlete_id is 'athlete the run was for';
comment on column runs.command is 'pull, compact, enrich or flow';
comment on column runs.started_at is 'start, an instant';
comment on column runs.finished_at is 'end, an instant; for the run that published this file: when it published';
comment on column runs.status is 'ok, partial or failed';
comment on column runs.calls is 'calls to the API, each attempt counted';
comment on column runs."rows" is 'activities and details that were new or had changed';
comment on column runs.seconds is 's, whole run';
comment on column runs.stages is 'stages with their seconds, calls and rows';
comment on column runs.error is 'what went wrong, null when nothing did';
