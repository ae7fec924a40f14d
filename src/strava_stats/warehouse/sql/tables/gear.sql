-- one row per bike or shoe
create table gear (
    id                     varchar,
    athlete_id             bigint,
    name                   varchar,
    nickname               varchar,
    "primary"              boolean,
    retired                boolean,
    distance               double,
    converted_distance     double,
    brand_name             varchar,
    model_name             varchar,
    frame_type             bigint,
    weight                 double,
    description            varchar,
    notification_distance  double,
    extra                  json,
    source                 varchar,
    fetched_at             timestamptz,
    run_id                 varchar,
    body_hash              varchar
);

comment on table gear is 'one row per bike or shoe';
comment on column gear.id is 'b… bike, g… shoe';
comment on column gear.athlete_id is 'owner';
comment on column gear.name is 'name';
comment on column gear.nickname is 'nickname';
comment on column gear.primary is 'default gear of its kind';
comment on column gear.retired is 'retired';
comment on column gear.distance is 'm, total';
comment on column gear.converted_distance is 'total in the athlete''s unit (km or mi)';
comment on column gear.brand_name is 'brand';
comment on column gear.model_name is 'model';
comment on column gear.frame_type is 'bikes: 1 mountain, 2 cross, 3 road, 4 time trial, 5 gravel';
comment on column gear.weight is 'kg';
comment on column gear.description is 'free text';
comment on column gear.notification_distance is 'shoes: distance at which the athlete is told, in the athlete''s unit';
comment on column gear.extra is 'every key of the answer that has no column, and every value that does not fit its column; null when there is none';
comment on column gear.source is 'api, export or demo';
comment on column gear.fetched_at is 'when the stored answer was received';
comment on column gear.run_id is 'run that received it, see runs.run_id';
comment on column gear.body_hash is 'hash of the answer as stored in bronze';
