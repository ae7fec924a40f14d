-- one row per athlete body in new_bodies
create or replace temp table new_rows as
with texts as (
    select
        *,
        json_transform(body, '
            {"username": "VARCHAR", "firstname": "VARCHAR", "lastname": "VARCHAR", "bio": "VARCHAR", "city":
            "VARCHAR", "state": "VARCHAR", "country": "VARCHAR", "sex": "VARCHAR", "premium": "VARCHAR",
            "summit": "VARCHAR", "created_at": "VARCHAR", "updated_at": "VARCHAR", "badge_type_id":
            "VARCHAR", "weight": "VARCHAR", "ftp": "VARCHAR", "profile_medium": "VARCHAR", "profile":
            "VARCHAR", "follower_count": "VARCHAR", "friend_count": "VARCHAR", "athlete_type": "VARCHAR",
            "date_preference": "VARCHAR", "measurement_preference": "VARCHAR", "id": "VARCHAR"}
        ') as t,
        case
            when list_has_all([
                'username', 'firstname', 'lastname', 'bio', 'city', 'state', 'country', 'sex',
                'premium', 'summit', 'created_at', 'updated_at', 'badge_type_id', 'weight', 'ftp',
                'profile_medium', 'profile', 'follower_count', 'friend_count', 'athlete_type',
                'date_preference', 'measurement_preference', 'id', 'resource_state', 'bikes', 'shoes'
            ], json_keys(body)) then '{}'::json
            else json_merge_patch(body, '
            {"username": null, "firstname": null, "lastname": null, "bio": null, "city": null, "state":
            null, "country": null, "sex": null, "premium": null, "summit": null, "created_at": null,
            "updated_at": null, "badge_type_id": null, "weight": null, "ftp": null, "profile_medium": null,
            "profile": null, "follower_count": null, "friend_count": null, "athlete_type": null,
            "date_preference": null, "measurement_preference": null, "id": null, "resource_state": null,
            "bikes": null, "shoes": null}
        ')
        end as rest
    from new_bodies
    where json_type(body) = 'OBJECT'
),

typed as (
    select
        exact_bigint(t.id) as id,
        athlete_id,
        source,
        fetched_at,
        run_id,
        seq,
        hash as body_hash,
        rest,
        t,
        t.username as username,
        t.firstname as firstname,
        t.lastname as lastname,
        t.bio as bio,
        t.city as city,
        t.state as state,
        t.country as country,
        t.sex as sex,
        exact_boolean(t.premium) as premium,
        exact_boolean(t.summit) as summit,
        instant(t.created_at) as created_at,
        instant(t.updated_at) as updated_at,
        exact_bigint(t.badge_type_id) as badge_type_id,
        exact_double(t.weight) as weight,
        exact_double(t.ftp) as ftp,
        t.profile_medium as profile_medium,
        t.profile as profile,
        exact_bigint(t.follower_count) as follower_count,
        exact_bigint(t.friend_count) as friend_count,
        exact_bigint(t.athlete_type) as athlete_type,
        t.date_preference as date_preference,
        t.measurement_preference as measurement_preference
    from texts
)

select
    * exclude (rest, t),
    case
        when
            lost(t.premium, premium)
            or lost(t.summit, summit)
            or lost(t.created_at, created_at)
            or lost(t.updated_at, updated_at)
            or lost(t.badge_type_id, badge_type_id)
            or lost(t.weight, weight)
            or lost(t.ftp, ftp)
            or lost(t.follower_count, follower_count)
            or lost(t.friend_count, friend_count)
            or lost(t.athlete_type, athlete_type)
            then [one for one in [
                misfit('premium', t.premium, premium is null),
                misfit('summit', t.summit, summit is null),
                misfit('created_at', t.created_at, created_at is null),
                misfit('updated_at', t.updated_at, updated_at is null),
                misfit('badge_type_id', t.badge_type_id, badge_type_id is null),
                misfit('weight', t.weight, weight is null),
                misfit('ftp', t.ftp, ftp is null),
                misfit('follower_count', t.follower_count, follower_count is null),
                misfit('friend_count', t.friend_count, friend_count is null),
                misfit('athlete_type', t.athlete_type, athlete_type is null)
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, misfits) as extra
from typed
where id is not null
qualify row_number() over (partition by id order by run_id desc, seq desc) = 1;

merge into athletes
using (select * exclude (seq, misfits) from new_rows) as new
on athletes.id = new.id
when matched then update by name
when not matched then insert by name;
