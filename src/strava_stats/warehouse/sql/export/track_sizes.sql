-- one row per chosen activity, oldest first: how many samples with a place it has
with sizes as (
    select activity_id, count(*) filter (lat is not null and lng is not null) as points
    from uncut.main.activity_streams
    where activity_id in (select id from chosen)
    group by activity_id
)

select chosen.id, chosen.name, chosen.sport_type, chosen.start_date, chosen.started, coalesce(sizes.points, 0) as points
from chosen
left join sizes on sizes.activity_id = chosen.id
order by chosen.start_date nulls first, chosen.id;
