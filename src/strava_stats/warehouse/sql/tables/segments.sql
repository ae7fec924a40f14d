-- one row per segment met in a segment effort
create table segments (
    id              bigint,
    athlete_id      bigint,
    name            varchar,
    activity_type   varchar,
    distance        double,
    average_grade   double,
    maximum_grade   double,
    elevation_high  double,
    elevation_low   double,
    start_lat       double,
    start_lng       double,
    end_lat         double,
    end_lng         double,
    climb_category  bigint,
    city            varchar,
    state           varchar,
    country         varchar,
    private         boolean,
    hazardous       boolean,
    starred         boolean,
    extra           json,
    source          varchar,
    fetched_at      timestamptz,
    run_id          varchar,
    body_hash       varchar
);

comment on table segments is 'one row per segment met in a segment effort';
comment on column segments.id is 'segment id';
comment on column segments.athlete_id is 'athlete whose details it was last seen in';
comment on column segments.name is 'name';
comment on column segments.activity_type is 'Ride, Run …';
comment on column segments.distance is 'm';
comment on column segments.average_grade is '%';
comment on column segments.maximum_grade is '%';
comment on column segments.elevation_high is 'm above sea level';
comment on column segments.elevation_low is 'm above sea level';
comment on column segments.start_lat is 'degrees north (WGS 84)';
comment on column segments.start_lng is 'degrees east (WGS 84)';
comment on column segments.end_lat is 'degrees north (WGS 84)';
comment on column segments.end_lng is 'degrees east (WGS 84)';
comment on column segments.climb_category is '0 = none, 1 = category 4 … 5 = hors catégorie';
comment on column segments.city is 'city';
comment on column segments.state is 'state';
comment on column segments.country is 'country';
comment on column segments.private is 'private segment';
comment on column segments.hazardous is 'marked as hazardous';
comment on column segments.starred is 'starred by the athlete';
comment on column segments.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column segments.source is 'api, export or demo';
comment on column segments.fetched_at is 'when the stored answer was received';
comment on column segments.run_id is 'run that received it, see runs.run_id';
comment on column segments.body_hash is 'hash of the answer as stored in bronze';
