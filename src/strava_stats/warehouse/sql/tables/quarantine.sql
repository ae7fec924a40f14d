-- one row per thing that could not be fetched or parsed
create table quarantine (
    kind          varchar,
    id            varchar,
    athlete_id    bigint,
    attempts      bigint,
    last_error    varchar,
    first_seen_at timestamptz,
    last_tried_at timestamptz,
    next_try_at   timestamptz
);

comment on table quarantine is 'one row per thing that could not be fetched or parsed';
comment on column quarantine.kind is 'activity (in a listing), activity_details or activity_streams';
comment on column quarantine.id is 'id as sent; text, because it may be no 64-bit integer';
comment on column quarantine.athlete_id is 'athlete whose token met it';
comment on column quarantine.attempts is 'failed attempts';
comment on column quarantine.last_error is 'why the last attempt failed';
comment on column quarantine.first_seen_at is 'first failure, an instant';
comment on column quarantine.last_tried_at is 'last failure, an instant';
comment on column quarantine.next_try_at is 'not tried again before, an instant';
