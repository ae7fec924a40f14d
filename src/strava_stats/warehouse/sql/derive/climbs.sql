-- climbing of the portion's activities: rises of the altitude, averaged over a quarter of a minute so that the noise of
-- a barometer is no climb
create or replace temp table climbs as
with quarters as (
    select
        activity_id,
        t // 15 as quarter,
        min(pm) as m,
        avg(altitude) as altitude
    from portion_samples
    where altitude is not null
    group by all
)

select
    activity_id,
    m,
    greatest(altitude - lag(altitude) over (partition by activity_id order by quarter), 0) as gain
from quarters;
