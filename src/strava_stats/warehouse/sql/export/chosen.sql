-- one row per activity that is to be exported, oldest first
create or replace temp table chosen as
select
    id,
    name,
    sport_type,
    start_date,
    coalesce(start_date_local, timezone('UTC', start_date)) as started
from activities
where
    (cast($athlete as bigint) is null or athlete_id = $athlete)
    and (cast($ids as bigint[]) is null or list_contains($ids, id))
    and (cast($sports as varchar[]) is null or list_contains($sports, lower(sport_type)))
    and (cast($first as date) is null or cast(started as date) >= $first)
    and (cast($last as date) is null or cast(started as date) <= $last)
order by start_date nulls first, id;
