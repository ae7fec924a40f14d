-- which of to_derive have to be worked up: those whose set is another than last time, or whose athlete, start or sport,
-- which computed rows bear or depend on; and those whose computed rows gave way to an answer of the API that has no
-- such rows
create or replace temp table derive_due as
with bare as (
    select activity_id
    from meta.sample_figures
    where
        (has_pieces and (
            activity_id not in (select activity_id from activity_splits_metric)
            or activity_id not in (select activity_id from activity_splits_standard)
            or activity_id not in (select activity_id from activity_laps)
        ))
        or (has_efforts and activity_id not in (select activity_id from activity_best_efforts))
)

select to_derive.*
from to_derive
left join meta.sample_figures as done
    on
        done.activity_id = to_derive.activity_id
        and done.run_id = to_derive.run_id
        and done.athlete_id = to_derive.athlete_id
        and done.start_date is not distinct from to_derive.start_date
        and done.start_date_local is not distinct from to_derive.start_date_local
        and done.sport_type is not distinct from to_derive.sport_type
where done.activity_id is null or to_derive.activity_id in (select activity_id from bare);
