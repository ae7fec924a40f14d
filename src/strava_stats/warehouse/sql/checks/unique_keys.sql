-- key columns of each table are unique and not null: the tables have no constraints, so it is checked here
select table_name, broken
from (
select 'activities' as table_name, count(*) as broken
from (select id from activities group by id having count(*) > 1 or id is null)
union all
select 'activity_details' as table_name, count(*) as broken
from (select activity_id from activity_details group by activity_id having count(*) > 1 or activity_id is null)
union all
select 'activity_splits_metric' as table_name, count(*) as broken
from (select activity_id, split from activity_splits_metric group by activity_id, split having count(*) > 1 or activity_id is null or split is null)
union all
select 'activity_splits_standard' as table_name, count(*) as broken
from (select activity_id, split from activity_splits_standard group by activity_id, split having count(*) > 1 or activity_id is null or split is null)
union all
select 'activity_laps' as table_name, count(*) as broken
from (select activity_id, lap_index from activity_laps group by activity_id, lap_index having count(*) > 1 or activity_id is null or lap_index is null)
union all
select 'activity_best_efforts' as table_name, count(*) as broken
from (select activity_id, name from activity_best_efforts group by activity_id, name having count(*) > 1 or activity_id is null or name is null)
union all
select 'activity_segment_efforts' as table_name, count(*) as broken
from (select id from activity_segment_efforts group by id having count(*) > 1 or id is null)
union all
select 'activity_versions' as table_name, count(*) as broken
from (
    select activity_id, observed_at from activity_versions group by activity_id, observed_at
    having count(*) > 1 or activity_id is null or observed_at is null
)
union all
select 'activity_export' as table_name, count(*) as broken
from (select activity_id from activity_export group by activity_id having count(*) > 1 or activity_id is null)
union all
select 'segments' as table_name, count(*) as broken
from (select id from segments group by id having count(*) > 1 or id is null)
union all
select 'gear' as table_name, count(*) as broken
from (select id from gear group by id having count(*) > 1 or id is null)
union all
select 'athletes' as table_name, count(*) as broken
from (select id from athletes group by id having count(*) > 1 or id is null)
union all
select 'activity_curves' as table_name, count(*) as broken
from (
    select activity_id, metric, duration from activity_curves group by activity_id, metric, duration
    having count(*) > 1 or activity_id is null or metric is null or duration is null
)
union all
select 'duplicate_candidates' as table_name, count(*) as broken
from (
    select activity_id, other_id from duplicate_candidates group by activity_id, other_id
    having count(*) > 1 or activity_id is null or other_id is null
)
)
where broken > 0
