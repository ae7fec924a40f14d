-- one row per pair of activities of one athlete that look like the same one recorded twice
create table duplicate_candidates (
    activity_id          bigint,
    other_id             bigint,
    athlete_id           bigint,
    score                double,
    start_difference     bigint,
    distance_difference  double,
    same_sport           boolean,
    time_overlap         double,
    track_overlap        double,
    why                  varchar
);

comment on table duplicate_candidates is 'one row per pair of activities of one athlete that look like the same one recorded or uploaded twice; nothing is merged';
comment on column duplicate_candidates.activity_id is 'activity, the smaller id of the two';
comment on column duplicate_candidates.other_id is 'the other activity';
comment on column duplicate_candidates.athlete_id is 'athlete whose activities they are';
comment on column duplicate_candidates.score is '0 to 1: the overlap of the tracks, else 0.7 for the same places and distance, else 0.5 for the same times and distance, 0.3 when the times of day are hidden';
comment on column duplicate_candidates.start_difference is 's between the starts';
comment on column duplicate_candidates.distance_difference is 'm between the distances; null when one has none';
comment on column duplicate_candidates.same_sport is 'true: the same sport_type; false: another one of the same family, such as Ride and GravelRide';
comment on column duplicate_candidates.time_overlap is '0 to 1: share of the shorter activity during which the other ran too';
comment on column duplicate_candidates.track_overlap is '0 to 1: share of the track of the shorter one, in the time that both ran, within some 50 m of where the other was in that minute; null when one has no positions';
comment on column duplicate_candidates.why is 'same track, same places and distance, or same times and distance';
