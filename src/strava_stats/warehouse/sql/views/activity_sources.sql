-- one row per live activity and source that has seen it
create view activity_sources as
with first_seen as (
    select
        activity_id,
        min(observed_at) as first_seen_at
    from activity_versions
    group by activity_id
)

select
    activities.id as activity_id,
    activities.athlete_id,
    activities.source,
    coalesce(first_seen.first_seen_at, activities.fetched_at) as first_seen_at,
    activities.fetched_at as last_seen_at
from activities
left join first_seen on first_seen.activity_id = activities.id
where activities.source <> 'export'
union all
select
    activity_id,
    athlete_id,
    'export' as source,
    first_seen_at,
    last_seen_at
from meta.export_seen
where activity_id in (select id from activities);

comment on view activity_sources is 'one row per live activity and source that has seen it';
comment on column activity_sources.activity_id is 'activity, see activities.id';
comment on column activity_sources.athlete_id is 'athlete';
comment on column activity_sources.source is 'api, export or demo';
comment on column activity_sources.first_seen_at is 'when the source showed it first, an instant';
comment on column activity_sources.last_seen_at is 'api: when the stored answer came, which later ones repeated word for word; export: when the last archive that has it was imported';
