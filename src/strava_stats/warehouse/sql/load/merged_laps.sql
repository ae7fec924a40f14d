-- laps of the device files that count
create or replace table meta.export_laps as
with laps as (
    select
        words.id as activity_id,
        words.athlete_id,
        words.fetched_at,
        unnest(facts.laps) as lap
    from meta.export_words as words
    inner join export_files on export_files.run_id = words.run_id and export_files.activity_id = words.id
    inner join facts
        on
            facts.activity_id = export_files.activity_id
            and facts.size = export_files.size
            and facts.crc = export_files.crc
)

select
    activity_id,
    athlete_id,
    lap.lap_index,
    lap.start_time as start_date,
    lap.start_index,
    lap.end_index,
    lap.distance,
    lap.elapsed_time,
    lap.moving_time,
    lap.average_speed,
    lap.max_speed,
    lap.total_elevation_gain,
    lap.average_cadence,
    lap.average_watts,
    lap.average_heartrate,
    lap.max_heartrate,
    fetched_at
from laps
qualify row_number() over (partition by activity_id, lap.lap_index order by lap.start_time) = 1;

comment on table meta.export_laps is 'one row per lap in a device file of an imported archive';
