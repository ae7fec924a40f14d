-- one row per live activity with details
create table activity_details (
    activity_id                bigint,
    athlete_id                 bigint,
    description                varchar,
    private_note               varchar,
    device_name                varchar,
    calories                   double,
    perceived_exertion         double,
    prefer_perceived_exertion  boolean,
    hide_from_home             boolean,
    embed_token                varchar,
    sport_image_visibility     varchar,
    polyline                   varchar,
    kudos_count                bigint,
    kudos_count_at_fetch bigint,
    comment_count              bigint,
    photos                     json,
    stats_visibility           json,
    similar_activities         json,
    available_zones            json,
    summary_fingerprint        varchar,
    filled                     varchar[],
    extra                      json,
    source                     varchar,
    fetched_at                 timestamptz,
    run_id                     varchar,
    body_hash                  varchar
);

comment on table activity_details is 'one row per live activity with details';
comment on column activity_details.activity_id is 'activity, see activities.id';
comment on column activity_details.athlete_id is 'athlete whose token fetched the row';
comment on column activity_details.description is 'free text, line ends as typed';
comment on column activity_details.private_note is 'note seen by the athlete only';
comment on column activity_details.device_name is 'recording device';
comment on column activity_details.calories is 'kcal';
comment on column activity_details.perceived_exertion is '1 (easy) to 10 (max)';
comment on column activity_details.prefer_perceived_exertion is 'relative effort is taken from perceived exertion';
comment on column activity_details.hide_from_home is 'muted: not shown in home feeds';
comment on column activity_details.embed_token is 'token of the public embed of the activity';
comment on column activity_details.sport_image_visibility is 'who sees the sport image';
comment on column activity_details.polyline is 'full track, Google encoded polyline with 5 decimals';
comment on column activity_details.kudos_count is 'kudos; never behind activities.kudos_count';
comment on column activity_details.kudos_count_at_fetch is 'kudos as they stood in the details when fetched';
comment on column activity_details.comment_count is 'comments';
comment on column activity_details.photos is 'photo count and the primary photo, as sent';
comment on column activity_details.stats_visibility is 'which statistics others see, as sent';
comment on column activity_details.similar_activities is 'trend over similar activities, as sent';
comment on column activity_details.available_zones is 'zone kinds Strava has for the activity, as sent';
comment on column activity_details.summary_fingerprint is 'activities.fingerprint as it was when the details were fetched; another one now means the details are out of date';
comment on column activity_details.filled is 'columns that Strava''s API left empty and the bulk export filled; null when there are none, or when the whole row is from the export';
comment on column activity_details.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column activity_details.source is 'api, export or demo';
comment on column activity_details.fetched_at is 'when the stored answer was received';
comment on column activity_details.run_id is 'run that received it, see runs.run_id';
comment on column activity_details.body_hash is 'hash of the answer as stored in bronze';
