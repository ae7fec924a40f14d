-- bodies of streams in the files getvariable('portion') → their samples, one row per body and second
-- The lists are taken apart side by side, so that samples meet by their position: where a stream is absent, shorter or
-- holds no number, there is null. Without `time` nothing says when a sample was taken (devices do not record every
-- second), so what has no time is no sample; the body stays in bronze.
copy (
with bodies as (
    select
        run_of(filename) as run_id,
        seq,
        athlete_id,
        id as activity_id,
        coalesce(source, 'api') as source,
        json_transform(body, '
            {"time": {"data": ["DOUBLE"]}, "distance": {"data": ["DOUBLE"]}, "latlng": {"data": [["DOUBLE"]]},
            "altitude": {"data": ["DOUBLE"]}, "velocity_smooth": {"data": ["DOUBLE"]}, "heartrate": {"data":
            ["DOUBLE"]}, "cadence": {"data": ["DOUBLE"]}, "watts": {"data": ["DOUBLE"]}, "temp": {"data": ["DOUBLE"]},
            "moving": {"data": ["BOOLEAN"]}, "grade_smooth": {"data": ["DOUBLE"]}}
        ') as streams
    from read_ndjson(
        getvariable('portion'),
        filename = true,
        maximum_object_size = getvariable('longest_line'),
        columns = {
            'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'id': 'bigint', 'source': 'varchar',
            'body': 'json'
        }
    )
    where body is not null and id is not null
),

positions as (
    select
        run_id,
        seq,
        athlete_id,
        activity_id,
        source,
        generate_subscripts(streams.time.data, 1) as position,
        unnest(streams.time.data) as t,
        unnest(streams.distance.data) as distance,
        unnest(streams.latlng.data) as latlng,
        unnest(streams.altitude.data) as altitude,
        unnest(streams.velocity_smooth.data) as velocity_smooth,
        unnest(streams.heartrate.data) as heartrate,
        unnest(streams.cadence.data) as cadence,
        unnest(streams.watts.data) as watts,
        unnest(streams.temp.data) as temp,
        unnest(streams.moving.data) as moving,
        unnest(streams.grade_smooth.data) as grade_smooth
    from bodies
)

select
    activity_id,
    run_id,
    seq,
    athlete_id,
    source,
    try_cast(t as integer) as t,
    try_cast(distance as decimal(9, 1)) as distance,
    case when latlng[1] between -90 and 90 then cast(latlng[1] as decimal(9, 6)) end as lat,
    case when latlng[2] between -180 and 180 then cast(latlng[2] as decimal(9, 6)) end as lng,
    try_cast(altitude as decimal(6, 1)) as altitude,
    try_cast(velocity_smooth as decimal(6, 3)) as velocity_smooth,
    try_cast(heartrate as smallint) as heartrate,
    try_cast(cadence as smallint) as cadence,
    try_cast(watts as smallint) as watts,
    try_cast(temp as tinyint) as temp,
    moving,
    try_cast(grade_smooth as decimal(5, 1)) as grade_smooth
from positions
where try_cast(t as integer) is not null
qualify row_number() over (partition by run_id, seq, try_cast(t as integer) order by position) = 1
) to $target (format parquet, compression snappy)
