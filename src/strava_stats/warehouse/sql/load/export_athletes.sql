-- the athlete of profile.csv (getvariable('export_profile')), when it tells an id: temp table export_athletes, columns as
-- in athletes. Needs load/export_words
create or replace temp table export_athletes as
with lines as (
    select lines as t
    from read_ndjson(
        getvariable('export_profile'),
        columns = {
            'athlete_id': 'varchar', 'firstname': 'varchar', 'lastname': 'varchar', 'sex': 'varchar', 'bio': 'varchar',
            'weight': 'varchar', 'city': 'varchar', 'state': 'varchar', 'country': 'varchar'
        }
    ) as lines
),

typed as (
    select
        t,
        plain_bigint(t.athlete_id) as id,
        case lower(t.sex) when 'm' then 'M' when 'male' then 'M' when 'f' then 'F' when 'female' then 'F' end as sex,
        plain_double(t.weight) as weight
    from lines
)

select
    id,
    id as athlete_id,
    t.firstname as firstname,
    t.lastname as lastname,
    t.bio as bio,
    t.city as city,
    t.state as state,
    t.country as country,
    sex,
    weight,
    with_texts(null, [one for one in [
        misfit('sex', t.sex, sex is null),
        misfit('weight', t.weight, weight is null)
    ] if one is not null]) as extra
from typed
where id is not null;
