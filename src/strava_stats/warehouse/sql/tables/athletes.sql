-- one row per athlete who gave access
create table athletes (
    id                      bigint,
    athlete_id              bigint,
    username                varchar,
    firstname               varchar,
    lastname                varchar,
    bio                     varchar,
    city                    varchar,
    state                   varchar,
    country                 varchar,
    sex                     varchar,
    premium                 boolean,
    summit                  boolean,
    created_at              timestamptz,
    updated_at              timestamptz,
    badge_type_id           bigint,
    weight                  double,
    ftp                     double,
    profile_medium          varchar,
    profile                 varchar,
    follower_count          bigint,
    friend_count            bigint,
    athlete_type            bigint,
    date_preference         varchar,
    measurement_preference  varchar,
    extra                   json,
    source                  varchar,
    fetched_at              timestamptz,
    run_id                  varchar,
    body_hash               varchar
);

comment on table athletes is 'one row per athlete who gave access';
comment on column athletes.id is 'athlete id';
comment on column athletes.athlete_id is 'the same, as in every table';
comment on column athletes.username is 'user name';
comment on column athletes.firstname is 'first name';
comment on column athletes.lastname is 'last name';
comment on column athletes.bio is 'free text';
comment on column athletes.city is 'city';
comment on column athletes.state is 'state';
comment on column athletes.country is 'country';
comment on column athletes.sex is 'M, F or null';
comment on column athletes.premium is 'subscriber (old name)';
comment on column athletes.summit is 'subscriber';
comment on column athletes.created_at is 'account made';
comment on column athletes.updated_at is 'profile last changed';
comment on column athletes.badge_type_id is 'badge shown beside the name';
comment on column athletes.weight is 'kg';
comment on column athletes.ftp is 'functional threshold power, W';
comment on column athletes.profile_medium is 'address of the picture, small';
comment on column athletes.profile is 'address of the picture, large';
comment on column athletes.follower_count is 'followers';
comment on column athletes.friend_count is 'athletes followed';
comment on column athletes.athlete_type is '0 cyclist, 1 runner';
comment on column athletes.date_preference is 'date format';
comment on column athletes.measurement_preference is 'feet or meters';
comment on column athletes.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column athletes.source is 'api, export or demo';
comment on column athletes.fetched_at is 'when the stored answer was received';
comment on column athletes.run_id is 'run that received it, see runs.run_id';
comment on column athletes.body_hash is 'hash of the answer as stored in bronze';
