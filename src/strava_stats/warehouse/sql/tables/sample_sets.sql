-- one row per activity and source with samples in data/streams: where the newest ones are
create table meta.sample_sets (
    activity_id  bigint,
    athlete_id   bigint,
    source       varchar,
    run_id       varchar,
    samples      bigint,
    fetched_at   timestamptz
);

comment on table meta.sample_sets is 'one row per activity and source with samples in data/streams; those of the API count before those of an export';
comment on column meta.sample_sets.activity_id is 'activity, see activities.id; it need not be live';
comment on column meta.sample_sets.athlete_id is 'athlete whose token fetched the samples, or who imported them';
comment on column meta.sample_sets.source is 'api, export or demo';
comment on column meta.sample_sets.run_id is 'run whose samples of the activity are the newest, as in the sample files';
comment on column meta.sample_sets.samples is 'how many there are';
comment on column meta.sample_sets.fetched_at is 'when they were received, or received again unchanged';
