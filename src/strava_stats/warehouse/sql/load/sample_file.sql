-- the rows of one sample file: of new samples those of the newest body of each activity that has any, and those of older
-- files that they do not replace; in the order of the starts
with newest as (
    select
        activity_id,
        max((run_id, seq)) as place
    from new_samples
    group by activity_id
),

rows as (
    select * exclude (seq)
    from new_samples
    where (activity_id, (run_id, seq)) in (select (activity_id, place) from newest)
    union all by name
    select *
    from old_samples
    where activity_id not in (select activity_id from newest)
)

select rows.*
from rows
left join activities on activities.id = rows.activity_id
order by activities.start_date nulls last, rows.activity_id, rows.t
