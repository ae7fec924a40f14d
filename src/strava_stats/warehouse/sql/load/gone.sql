-- what Strava (a 404) or an archive (--prune) said last to be gone
delete from meta.gone where id in (select id from events where is_last);

insert into meta.gone
select
    id,
    run_id,
    source
from events
where is_last and not is_body;
