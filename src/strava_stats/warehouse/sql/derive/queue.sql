-- derive_due in portions of bounded size: what one costs are samples and, on the grid of the curves, seconds
create or replace temp table derive_queue as
with sized as (
    select
        activity_id,
        run_id,
        greatest(count(*), least(max(t) - min(t), getvariable('longest_grid'))) as size
    from read_parquet(getvariable('sample_files'))
    where activity_id in (select activity_id from derive_due)
    group by activity_id, run_id
)

select
    derive_due.*,
    (sum(size) over (order by start_date, activity_id) // getvariable('portion_size'))::bigint as portion
from derive_due
inner join sized using (activity_id, run_id);
