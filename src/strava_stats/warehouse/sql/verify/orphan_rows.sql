-- one row per table with rows that no live activity owns, and per way in which history and live activities disagree
with live as (
    select id as activity_id
    from activities
),

last_versions as (
    select
        activity_id,
        arg_max(op, observed_at) <> 'deleted' as lives
    from activity_versions
    group by activity_id
),

found as (
    select 'activity_details' as table_name, 'without an activity' as trouble
    from activity_details
    anti join live using (activity_id)
    union all
    select 'activity_splits_metric' as table_name, 'without an activity' as trouble
    from activity_splits_metric
    anti join live using (activity_id)
    union all
    select 'activity_splits_standard' as table_name, 'without an activity' as trouble
    from activity_splits_standard
    anti join live using (activity_id)
    union all
    select 'activity_laps' as table_name, 'without an activity' as trouble
    from activity_laps
    anti join live using (activity_id)
    union all
    select 'activity_best_efforts' as table_name, 'without an activity' as trouble
    from activity_best_efforts
    anti join live using (activity_id)
    union all
    select 'activity_curves' as table_name, 'without an activity' as trouble
    from activity_curves
    anti join live using (activity_id)
    union all
    select 'activity_segment_efforts' as table_name, 'without an activity' as trouble
    from activity_segment_efforts
    anti join live using (activity_id)
    union all
    select 'activity_versions' as table_name, 'that say live of activities that are not' as trouble
    from last_versions
    where lives and activity_id not in (select id from activities where source <> 'export')
    union all
    select 'activities' as table_name, 'whose last version is not one of a live activity' as trouble
    from activities
    where source <> 'export' and id not in (select activity_id from last_versions where lives)
)

select
    table_name,
    trouble,
    count(*) as found
from found
group by table_name, trouble
order by table_name
