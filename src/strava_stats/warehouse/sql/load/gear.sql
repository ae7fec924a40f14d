-- one row per gear body in new_bodies
create or replace temp table new_rows as
with texts as (
    select
        *,
        json_transform(body, '
            {"name": "VARCHAR", "nickname": "VARCHAR", "primary": "VARCHAR", "retired": "VARCHAR",
            "distance": "VARCHAR", "converted_distance": "VARCHAR", "brand_name": "VARCHAR", "model_name":
            "VARCHAR", "frame_type": "VARCHAR", "weight": "VARCHAR", "description": "VARCHAR",
            "notification_distance": "VARCHAR", "id": "VARCHAR", "resource_state": "VARCHAR"}
        ') as t,
        case
            when list_has_all([
                'name', 'nickname', 'primary', 'retired', 'distance', 'converted_distance',
                'brand_name', 'model_name', 'frame_type', 'weight', 'description',
                'notification_distance', 'id', 'resource_state'
            ], json_keys(body)) then '{}'::json
            else json_merge_patch(body, '
            {"name": null, "nickname": null, "primary": null, "retired": null, "distance": null,
            "converted_distance": null, "brand_name": null, "model_name": null, "frame_type": null,
            "weight": null, "description": null, "notification_distance": null, "id": null,
            "resource_state": null}
        ')
        end as rest
    from new_bodies
    where json_type(body) = 'OBJECT'
),

typed as (
    select
        t.id as id,
        athlete_id,
        source,
        fetched_at,
        run_id,
        seq,
        hash as body_hash,
        rest,
        t,
        t.name as name,
        t.nickname as nickname,
        exact_boolean(t."primary") as "primary",
        exact_boolean(t.retired) as retired,
        exact_double(t.distance) as distance,
        exact_double(t.converted_distance) as converted_distance,
        t.brand_name as brand_name,
        t.model_name as model_name,
        exact_bigint(t.frame_type) as frame_type,
        exact_double(t.weight) as weight,
        t.description as description,
        exact_double(t.notification_distance) as notification_distance,
        exact_bigint(t.resource_state) as resource_state
    from texts
)

select
    * exclude (rest, t),
    case
        when
            lost(t."primary", "primary")
            or lost(t.retired, retired)
            or lost(t.distance, distance)
            or lost(t.converted_distance, converted_distance)
            or lost(t.frame_type, frame_type)
            or lost(t.weight, weight)
            or lost(t.notification_distance, notification_distance)
            then [one for one in [
                misfit('primary', t."primary", "primary" is null),
                misfit('retired', t.retired, retired is null),
                misfit('distance', t.distance, distance is null),
                misfit('converted_distance', t.converted_distance, converted_distance is null),
                misfit('frame_type', t.frame_type, frame_type is null),
                misfit('weight', t.weight, weight is null),
                misfit('notification_distance', t.notification_distance, notification_distance is null)
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, misfits) as extra
from typed
where id is not null
qualify row_number() over (partition by id order by run_id desc, seq desc) = 1;

-- newer wins; bodies of one run are loaded in the order details, athletes, gear, as they were fetched
merge into gear
using (select * exclude (seq, misfits, resource_state) from new_rows) as new
on gear.id = new.id
when matched and new.run_id >= gear.run_id then update set
    athlete_id = new.athlete_id,
    name = new.name,
    nickname = new.nickname,
    "primary" = new."primary",
    retired = new.retired,
    distance = new.distance,
    converted_distance = new.converted_distance,
    extra = new.extra,
    source = new.source,
    fetched_at = new.fetched_at,
    run_id = new.run_id,
    body_hash = new.body_hash
when not matched then insert by name;

-- only /gear/{id} (resource_state 3) knows these
update gear
set
    brand_name = new.brand_name,
    model_name = new.model_name,
    frame_type = new.frame_type,
    weight = new.weight,
    description = new.description,
    notification_distance = new.notification_distance
from new_rows as new
where gear.id = new.id and new.resource_state = 3;
