-- which journals are in this file, and what of them is not shown
create schema meta;

create table meta.ledger (
    kind      varchar,
    run_id    varchar,
    last_seq  bigint,
    closed    boolean
);

comment on table meta.ledger is 'one row per bronze journal that is in this file';
comment on column meta.ledger.kind is 'folder below data/bronze';
comment on column meta.ledger.run_id is 'run that wrote the journal';
comment on column meta.ledger.last_seq is 'last line of it that is in, null when closed';
comment on column meta.ledger.closed is 'the journal was complete when it was loaded';

create table meta.settings (
    name   varchar,
    value  varchar
);

comment on table meta.settings is 'what this file was built with';
comment on column meta.settings.name is 'tables (hash of the SQL that shapes them), views (the same of the views), week_start, timezone';
comment on column meta.settings.value is 'its value';

create table meta.dormant (
    activity_id          bigint,
    run_id               varchar,
    summary_fingerprint  varchar
);

comment on table meta.dormant is 'one row per activity that has details in bronze but is not live';
comment on column meta.dormant.activity_id is 'activity';
comment on column meta.dormant.run_id is 'run whose journal of details holds the newest ones';
comment on column meta.dormant.summary_fingerprint is 'activity_details.summary_fingerprint as it was';

create table meta.dead_summaries (
    id           bigint,
    run_id       varchar,
    fingerprint  varchar
);

comment on table meta.dead_summaries is 'one row per activity that is not live: its last summary, which details fetched since belong to';
comment on column meta.dead_summaries.id is 'activity';
comment on column meta.dead_summaries.run_id is 'run that listed it last';
comment on column meta.dead_summaries.fingerprint is 'fingerprint of that summary';

create table meta.gone (
    id      bigint,
    run_id  varchar,
    source  varchar
);

comment on table meta.gone is 'one row per activity that was last said to be gone';
comment on column meta.gone.id is 'activity';
comment on column meta.gone.run_id is 'run that found it gone';
comment on column meta.gone.source is 'export: an archive lacked it and the import was told to prune; else Strava answered 404';

create table meta.export_seen (
    activity_id    bigint,
    athlete_id     bigint,
    first_seen_at  timestamptz,
    last_seen_at   timestamptz
);

comment on table meta.export_seen is 'one row per activity in an imported archive';
comment on column meta.export_seen.activity_id is 'activity';
comment on column meta.export_seen.athlete_id is 'athlete whose archive it is';
comment on column meta.export_seen.first_seen_at is 'when the first archive that has it was imported';
comment on column meta.export_seen.last_seen_at is 'when the last one was';
