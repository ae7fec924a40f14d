-- what one edit of the warehouse gathers along its way; gone with it
create temp table misfits (table_name varchar, id bigint, key varchar);

create temp table fingerprints (id bigint, run_id varchar, fingerprint varchar);

create temp table seen_again (id bigint, run_id varchar);

create temp table absences (
    id          bigint,
    run_id      varchar,
    seq         bigint,
    athlete_id  bigint,
    fetched_at  timestamptz,
    source      varchar
);

create temp table detail_observations (
    id             bigint,
    run_id         varchar,
    seq            bigint,
    athlete_id     bigint,
    source         varchar,
    fetched_at     timestamptz,
    kudos_count    bigint,
    comment_count  bigint
);

create temp table detail_notes (
    id          bigint,
    run_id      varchar,
    seq         bigint,
    athlete_id  bigint,
    source      varchar,
    fetched_at  timestamptz
);

create temp table details_before (id bigint, kudos_count bigint, comment_count bigint);

create temp table streams_heard (activity_id bigint, run_id varchar, fetched_at timestamptz);
