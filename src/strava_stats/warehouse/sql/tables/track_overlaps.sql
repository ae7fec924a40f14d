-- one row per pair of activities whose tracks were compared
create table meta.track_overlaps (
    activity_id    bigint,
    other_id       bigint,
    run_id         varchar,
    other_run_id   varchar,
    track_overlap  double
);

comment on table meta.track_overlaps is 'one row per pair of activities whose tracks were compared, so that it is done once';
comment on column meta.track_overlaps.activity_id is 'activity, the smaller id of the two';
comment on column meta.track_overlaps.other_id is 'the other activity';
comment on column meta.track_overlaps.run_id is 'run that brought the samples of the one';
comment on column meta.track_overlaps.other_run_id is 'run that brought the samples of the other';
comment on column meta.track_overlaps.track_overlap is 'as in duplicate_candidates; null when one has no positions in the common time';
