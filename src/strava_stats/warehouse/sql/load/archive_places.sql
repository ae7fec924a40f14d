-- which archives are newer than which
create or replace temp table archive_places as
select
    unnest(getvariable('export_order')::varchar[]) as run_id,
    generate_subscripts(getvariable('export_order')::varchar[], 1) as place;
