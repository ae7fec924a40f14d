-- one row per activity in any archive: the newest archive's row of it, and what its device file says where that row is
-- silent
create or replace table meta.export_words as
with places as (
    select
        run_id,
        place,
        place = max(place) over (partition by athlete_id order by run_id) as was_newest
    from archive_places
    inner join (select distinct run_id, athlete_id from archive_rows) using (run_id)
),

-- an archive that was older than another one when it was imported does not bring back what that one has let go
seen as (
    select
        id,
        max(run_id) filter (was_newest) as seen_in
    from archive_rows
    inner join places using (run_id)
    group by id
),

files as (
    select
        facts.* replace (nullif(trim(device_name), '') as device_name),
        zones.zone
    from facts
    left join file_zones as zones using (activity_id, run_id)
),

newest as (
    select
        archive_rows.*,
        archive_places.place,
        archive_places.place = max(archive_places.place) over (partition by athlete_id) as in_newest
    from archive_rows
    inner join archive_places using (run_id)
    qualify row_number() over (partition by id order by place desc) = 1
)

select
    newest.* exclude (place, imported_at) replace (
        coalesce(newest.start_date, files.start_time) as start_date,
        coalesce(newest.distance, files.distance) as distance,
        coalesce(newest.moving_time, files.moving_time) as moving_time,
        coalesce(newest.elapsed_time, files.elapsed_time) as elapsed_time,
        coalesce(newest.total_elevation_gain, files.total_ascent) as total_elevation_gain,
        coalesce(newest.calories, files.calories) as calories,
        coalesce(newest.pool_length, files.pool_length) as pool_length
    ),
    seen.seen_in,
    newest.imported_at as fetched_at,
    files.device_name,
    files.start_lat,
    files.start_lng,
    files.end_lat,
    files.end_lng,
    files.polyline as summary_polyline,
    files.utc_offset as file_offset,
    files.zone,
    case when files.samples > 0 then files.run_id end as samples_run_id,
    files.samples,
    case when files.status = 'failed' then files.error end as file_error
from newest
inner join seen using (id)
left join export_files on export_files.run_id = newest.run_id and export_files.activity_id = newest.id
left join files
    on
        files.activity_id = export_files.activity_id
        and files.size = export_files.size
        and files.crc = export_files.crc;

comment on table meta.export_words is 'one row per activity in an imported archive: the newest archive''s word on it';

delete from meta.export_seen;

insert into meta.export_seen
select
    archive_rows.id,
    any_value(words.athlete_id),
    min(archive_rows.imported_at),
    max(archive_rows.imported_at)
from archive_rows
inner join meta.export_words as words using (id)
group by archive_rows.id;
