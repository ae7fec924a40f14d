-- one row per observed change of an activity
create table activity_versions (
    activity_id    bigint,
    observed_at    timestamptz,
    athlete_id     bigint,
    op             varchar,
    changed        varchar[],
    before         json,
    kudos_count    bigint,
    comment_count  bigint,
    source         varchar,
    run_id         varchar
);

comment on table activity_versions is 'one row per observed change of an activity, also of those that are gone';
comment on column activity_versions.activity_id is 'activity, see activities.id';
comment on column activity_versions.observed_at is 'when Strava was seen to say so, an instant; in the order of observation, also when the clock was set back';
comment on column activity_versions.athlete_id is 'athlete whose token saw it';
comment on column activity_versions.op is 'created (first seen), edited, deleted (gone, and its own request answered 404) or restored';
comment on column activity_versions.changed is 'edited: columns of activities that differ from before; counters other than kudos and comments make no version';
comment on column activity_versions.before is 'edited, deleted: the columns of activities as they were; where only the details showed other kudos or comments, these alone';
comment on column activity_versions.kudos_count is 'kudos as last seen';
comment on column activity_versions.comment_count is 'comments as last seen';
comment on column activity_versions.source is 'api, export or demo';
comment on column activity_versions.run_id is 'run that saw it, see runs.run_id';
