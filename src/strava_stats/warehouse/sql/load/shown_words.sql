-- the archives' word on each activity that Strava has not said to be gone, with its local time: the file's own stamp,
-- else the zone of the first point, else that of the activity nearest in time, else the setting
create or replace temp table shown_words as
with zones as (
    select name
    from pg_timezone_names()
),

words as (
    select
        words.*,
        zones.name as place_zone
    from meta.export_words as words
    left join zones on zones.name = words.zone
    left join meta.gone as gone on gone.id = words.id
    left join floors on floors.athlete_id = words.athlete_id
    where
        -- a 404 of Strava's own stands; what one archive lacked, a later one may have
        (gone.id is null or (gone.source = 'export' and gone.run_id < words.seen_in))
        and (floors.start is null or words.start_date is null or words.start_date >= floors.start)
),

-- activities whose offset is known: with their zone where that explains it, so that the clocks' change is seen
told as (
    select
        athlete_id,
        start_date,
        utc_offset,
        regexp_extract(timezone, '^\(GMT[^)]*\) (.+)$', 1) as zone
    from activities
    where utc_offset is not null and start_date is not null and source <> 'export'
    union all by name
    select
        athlete_id,
        start_date,
        file_offset as utc_offset,
        place_zone as zone
    from words
    where start_date is not null and file_offset is not null
    union all by name
    select
        athlete_id,
        start_date,
        offset_in(place_zone, start_date) as utc_offset,
        place_zone as zone
    from words
    where start_date is not null and file_offset is null and place_zone is not null
),

neighbours as (
    select
        athlete_id,
        start_date,
        any_value(utc_offset order by utc_offset, zone nulls last) as utc_offset,
        any_value(case when zones.name is not null and offset_in(zones.name, start_date) = utc_offset then zone end
            order by utc_offset, zone nulls last) as zone
    from told
    left join zones on zones.name = told.zone
    group by athlete_id, start_date
),

lost_ones as (
    select
        id,
        athlete_id,
        start_date
    from words
    where file_offset is null and place_zone is null and start_date is not null
),

near as (
    select
        lost_ones.id,
        neighbours.*
    from lost_ones
    asof inner join neighbours
        on neighbours.athlete_id = lost_ones.athlete_id and neighbours.start_date <= lost_ones.start_date
    union all by name
    select
        lost_ones.id,
        neighbours.*
    from lost_ones
    asof inner join neighbours
        on neighbours.athlete_id = lost_ones.athlete_id and neighbours.start_date > lost_ones.start_date
),

nearest as (
    select
        near.id,
        near.zone,
        near.utc_offset
    from near
    inner join lost_ones using (id)
    where abs(epoch(near.start_date) - epoch(lost_ones.start_date)) <= getvariable('neighbour_days') * 86400
    qualify row_number() over (
        partition by near.id
        order by abs(epoch(near.start_date) - epoch(lost_ones.start_date)), near.start_date
    ) = 1
),

placed as (
    select
        words.*,
        case
            when words.file_offset is not null then 'file'
            when words.place_zone is not null then 'place'
            when nearest.id is not null then 'neighbour'
            else 'setting'
        end as utc_offset_source,
        coalesce(
            words.place_zone,
            case
                when words.file_offset is not null then null
                when nearest.id is not null then nearest.zone
                else getvariable('timezone')
            end
        ) as known_zone,
        nearest.utc_offset as neighbour_offset
    from words
    left join nearest on nearest.id = words.id
),

settled as (
    select
        *,
        case utc_offset_source
            when 'file' then file_offset
            when 'neighbour' then coalesce(offset_in(known_zone, start_date), neighbour_offset)
            else offset_in(known_zone, start_date)
        end as utc_offset
    from placed
)

select
    * exclude (utc_offset_source, known_zone, neighbour_offset, place_zone, zone, file_offset),
    case when start_date is not null then utc_offset_source end as utc_offset_source,
    (start_date at time zone 'UTC') + to_seconds(utc_offset) as start_date_local,
    case
        when known_zone is not null and offset_in(known_zone, start_date) = utc_offset
            then zone_label(known_zone, start_date)
    end as timezone
from settled;
