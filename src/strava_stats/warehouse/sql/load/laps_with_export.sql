-- laps as the device counted them, where Strava gave none
delete from activity_laps where source = 'export';

insert into activity_laps by name
select
    laps.* replace (activities.athlete_id as athlete_id),
    'Lap ' || laps.lap_index as name,
    laps.lap_index as split,
    (laps.start_date at time zone 'UTC') + (activities.start_date_local - (activities.start_date at time zone 'UTC'))
        as start_date_local,
    'export' as source
from meta.export_laps as laps
inner join activities on activities.id = laps.activity_id
where laps.activity_id not in (select activity_id from activity_laps where source <> 'computed');
