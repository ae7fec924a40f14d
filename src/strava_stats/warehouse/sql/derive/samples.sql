-- samples of one portion, each with the step that led to it: dt in s, distances in decimetres (from pm to m). A
-- distance is there for all samples of an activity or for none, and never falls
create or replace temp table portion as
select * exclude (portion) from derive_queue where portion = getvariable('portion');

-- a file is named after its run, or holds several
set variable portion_files = (
    select list(file)
    from (select unnest(getvariable('sample_files')) as file)
    where parse_filename(file, true) in (select run_id from portion) or parse_filename(file, true) like '%-merged'
);

create or replace temp table portion_samples as
with source as (
    select
        activity_id,
        t,
        case when distance >= 0 then (distance * 10)::bigint end as m,
        altitude,
        lat,
        lng,
        velocity_smooth,
        heartrate,
        cadence,
        watts,
        temp,
        moving
    from read_parquet(getvariable('portion_files'))
    where (activity_id, run_id) in (select activity_id, run_id from portion)
)

select
    *,
    row_number() over steps - 1 as i,
    coalesce(t - lag(t) over steps, 0) as dt,
    lag(m, 1, 0) over steps as pm
from source
window steps as (partition by activity_id order by t);

create or replace temp table portion_odd as
select activity_id
from portion_samples
group by activity_id
having bool_or(m < pm) or (count(m) > 0 and count(m) < count(*));

create or replace temp table portion_mended as
with risen as (
    select
        * exclude (pm) replace (coalesce(max(m) over (partition by activity_id order by t), 0) as m)
    from portion_samples
    where activity_id in (select activity_id from portion_odd)
)

select
    *,
    lag(m, 1, 0) over (partition by activity_id order by t) as pm
from risen;

delete from portion_samples
where activity_id in (select activity_id from portion_odd);

insert into portion_samples by name
from portion_mended;
