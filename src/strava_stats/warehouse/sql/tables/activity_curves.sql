-- one row per activity, metric and duration: the best average over that many seconds in a row
create table activity_curves (
    activity_id  bigint,
    athlete_id   bigint,
    metric       varchar,
    duration     bigint,
    value        double,
    source       varchar,
    fetched_at   timestamptz
);

comment on table activity_curves is 'one row per activity, metric and duration: the best average over that many seconds in a row, computed from samples laid on a grid of one second; docs/computed.md has the rules';
comment on column activity_curves.activity_id is 'activity, see activities.id';
comment on column activity_curves.athlete_id is 'athlete whose activity it is';
comment on column activity_curves.metric is 'watts, heartrate or speed';
comment on column activity_curves.duration is 's: 1, 2, 5, 10, 15, 30; 1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90 minutes; 2 to 6 hours; as long as the activity lasts';
comment on column activity_curves.value is 'best average: W (0 in pauses of the recording), bpm (a reading in every second) or m/s (standing still included)';
comment on column activity_curves.source is 'computed';
comment on column activity_curves.fetched_at is 'when the samples were received';
