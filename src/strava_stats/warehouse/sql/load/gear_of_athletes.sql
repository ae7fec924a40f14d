-- the bikes and shoes of the athletes in new_bodies, as new_bodies
create or replace temp table new_bodies as
select
    run_id,
    seq,
    athlete_id,
    fetched_at,
    left(md5(cast(gear as varchar)), 16) as hash,
    source,
    gear as body
from (
    select
        * exclude (body),
        unnest(list_concat(json_extract(body, '$.bikes[*]'), json_extract(body, '$.shoes[*]'))) as gear
    from new_bodies
)
where json_type(gear) = 'OBJECT';
