-- one row per sample of a live activity; the sample files take the place of the braces at every publish
create view activity_streams as
with sets as (
    select
        sample_sets.activity_id,
        activities.athlete_id,
        sample_sets.run_id,
        sample_sets.source,
        sample_sets.fetched_at
    from meta.sample_sets
    inner join activities on activities.id = sample_sets.activity_id
    -- api and demo come before export in the alphabet
    qualify row_number() over (partition by activity_id order by sample_sets.source) = 1
)

select
    activity_id,
    sets.athlete_id,
    t,
    cast(distance as double) as distance,
    cast(lat as double) as lat,
    cast(lng as double) as lng,
    cast(altitude as double) as altitude,
    cast(velocity_smooth as double) as velocity_smooth,
    cast(heartrate as integer) as heartrate,
    cast(cadence as integer) as cadence,
    cast(watts as integer) as watts,
    cast(temp as integer) as temp,
    moving,
    cast(grade_smooth as double) as grade_smooth,
    source,
    fetched_at
from {samples} as samples
inner join sets using (activity_id, run_id, source);

comment on view activity_streams is 'one row per sample of a live activity, read from data/streams; `set variable strava_data = ''/there''` where the data folder lies elsewhere';
comment on column activity_streams.activity_id is 'activity, see activities.id; a condition on it reads that activity alone';
comment on column activity_streams.athlete_id is 'athlete';
comment on column activity_streams.t is 's from the start of the activity; unique within it';
comment on column activity_streams.distance is 'm from the start, to 0.1';
comment on column activity_streams.lat is 'latitude in degrees, to 0.000001';
comment on column activity_streams.lng is 'longitude in degrees, to 0.000001';
comment on column activity_streams.altitude is 'm above the sea, to 0.1';
comment on column activity_streams.velocity_smooth is 'smoothed speed in m/s, to 0.001';
comment on column activity_streams.heartrate is 'bpm';
comment on column activity_streams.cadence is 'revolutions per minute; running: of one foot';
comment on column activity_streams.watts is 'power in W';
comment on column activity_streams.temp is 'degrees Celsius';
comment on column activity_streams.moving is 'false while at rest';
comment on column activity_streams.grade_smooth is 'smoothed slope in %, to 0.1';
comment on column activity_streams.source is 'where all samples of the activity come from: api, export or demo';
comment on column activity_streams.fetched_at is 'when they were received, or received again unchanged';
