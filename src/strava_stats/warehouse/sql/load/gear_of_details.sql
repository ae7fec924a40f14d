-- the gear embedded in new_details, as new_bodies
create or replace temp table new_bodies as
select
    run_id,
    seq,
    athlete_id,
    fetched_at,
    left(md5(cast(gear as varchar)), 16) as hash,
    source,
    gear as body
from (select *, parts.gear as gear from new_details)
where json_type(gear) = 'OBJECT'
qualify row_number() over (partition by gear ->> '$.id' order by run_id desc, seq desc) = 1;
