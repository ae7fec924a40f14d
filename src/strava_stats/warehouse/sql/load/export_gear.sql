-- one row per bike or shoe that export_rows names by a number: temp table export_gear, columns as in gear.
--
-- bikes.csv and shoes.csv (getvariable('export_gear')) have no ids. The numbers in the columns Bike and Gear of
-- activities.csv are those of the API's ids b… and g…; brand and model come from the one entry of that kind whose name is
-- the one that the activities show. Gear that no activity names by number has no key, and so no row.
create or replace temp table export_gear as
with used as (
    select
        gear_id as id,
        left(gear_id, 1) as kind,
        last(gear_name order by start_date nulls first, id) filter (gear_name is not null) as name
    from export_rows
    where gear_id is not null
    group by gear_id
),

listed as (
    select
        kind,
        brand,
        model,
        lower(trim(coalesce(name, concat_ws(' ', brand, model)))) as shown
    from read_ndjson(
        getvariable('export_gear'),
        columns = {'kind': 'varchar', 'name': 'varchar', 'brand': 'varchar', 'model': 'varchar'}
    )
),

-- a name that two share tells nothing
entries as (
    select kind, shown, any_value(brand) as brand_name, any_value(model) as model_name
    from listed
    group by kind, shown
    having count(*) = 1
),

names as (
    select kind, lower(trim(name)) as shown from used group by all having count(*) = 1
)

select
    used.id,
    used.name,
    entries.brand_name,
    entries.model_name
from used
left join names on names.kind = used.kind and names.shown = lower(trim(used.name))
left join entries on entries.kind = names.kind and entries.shown = names.shown
order by used.id;
