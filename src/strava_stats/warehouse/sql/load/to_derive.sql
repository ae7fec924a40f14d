-- live activities with samples, each with the set that counts
create or replace temp table to_derive as
select
    sets.activity_id,
    activities.athlete_id,
    sets.run_id,
    activities.start_date,
    activities.start_date_local,
    activities.sport_type,
    sets.fetched_at
from meta.sample_sets as sets
inner join activities on activities.id = sets.activity_id
qualify row_number() over (partition by sets.activity_id order by sets.source) = 1;
