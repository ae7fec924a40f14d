-- one row per kind of difference and shard (lacking rows: of all shards together): trouble, file, a run, rows
with lacking as (
    select
        run_id,
        seq
    from promised
    anti join held using (run_id, seq, id, body_hash)
    where list_contains(getvariable('loaded')::varchar[], run_id) or run_id in (select run_id from held)
),

foreign_rows as (
    select
        file,
        run_id
    from held
    anti join promised using (run_id, seq, id, body_hash)
),

-- a merged shard comes last, so that it is the one that is named
doubles as (
    select
        max_by(file, (contains(file, '-merged'), file)) as file,
        run_id
    from held
    semi join promised using (run_id, seq, id, body_hash)
    group by run_id, seq
    having count(*) > 1
)

select
    'lacking' as trouble,
    null as file,
    min(run_id) as run_id,
    count(*) as found
from lacking
having count(*) > 0
union all
select
    'foreign' as trouble,
    file,
    min(run_id) as run_id,
    count(*) as found
from foreign_rows
group by file
union all
select
    'twice' as trouble,
    file,
    min(run_id) as run_id,
    count(*) as found
from doubles
group by file
order by trouble desc, file
