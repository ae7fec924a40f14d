-- gear and athletes that only the archive knows
insert into gear by name
select *
from meta.export_gear
where id not in (select id from gear);

insert into athletes by name
select *
from meta.export_athletes
where id not in (select id from athletes);
