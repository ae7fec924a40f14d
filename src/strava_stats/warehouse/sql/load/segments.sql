-- one row per segment of new_details, as seen last
create or replace temp table new_rows as
with source as (
    select
        athlete_id,
        source,
        fetched_at,
        run_id,
        seq,
        unnest(json_extract(parts.segment_efforts, '$[*].segment')) as segment,
        generate_subscripts(json_extract(parts.segment_efforts, '$[*].segment'), 1) as position
    from new_details
),

texts as (
    select
        *,
        json_transform(segment, '
            {"name": "VARCHAR", "activity_type": "VARCHAR", "distance": "VARCHAR", "average_grade":
            "VARCHAR", "maximum_grade": "VARCHAR", "elevation_high": "VARCHAR", "elevation_low": "VARCHAR",
            "climb_category": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR", "country": "VARCHAR",
            "private": "VARCHAR", "hazardous": "VARCHAR", "starred": "VARCHAR", "id": "VARCHAR",
            "start_latlng": "VARCHAR", "end_latlng": "VARCHAR"}
        ') as t,
        case
            when list_has_all([
                'name', 'activity_type', 'distance', 'average_grade', 'maximum_grade', 'elevation_high',
                'elevation_low', 'climb_category', 'city', 'state', 'country', 'private', 'hazardous',
                'starred', 'id', 'start_latlng', 'end_latlng', 'resource_state'
            ], json_keys(segment)) then '{}'::json
            else json_merge_patch(segment, '
            {"name": null, "activity_type": null, "distance": null, "average_grade": null, "maximum_grade":
            null, "elevation_high": null, "elevation_low": null, "climb_category": null, "city": null,
            "state": null, "country": null, "private": null, "hazardous": null, "starred": null, "id": null,
            "start_latlng": null, "end_latlng": null, "resource_state": null}
        ')
        end as rest
    from source
    where json_type(segment) = 'OBJECT'
    qualify row_number() over (partition by segment ->> '$.id' order by run_id desc, seq desc, position desc) = 1
),

typed as (
    select
        exact_bigint(t.id) as id,
        athlete_id,
        source,
        fetched_at,
        run_id,
        md5(segment::varchar)[:16] as body_hash,
        rest,
        t,
        latlng(t.start_latlng)[1] as start_lat,
        latlng(t.start_latlng)[2] as start_lng,
        latlng(t.end_latlng)[1] as end_lat,
        latlng(t.end_latlng)[2] as end_lng,
        t.name as name,
        t.activity_type as activity_type,
        exact_double(t.distance) as distance,
        exact_double(t.average_grade) as average_grade,
        exact_double(t.maximum_grade) as maximum_grade,
        exact_double(t.elevation_high) as elevation_high,
        exact_double(t.elevation_low) as elevation_low,
        exact_bigint(t.climb_category) as climb_category,
        t.city as city,
        t.state as state,
        t.country as country,
        exact_boolean(t.private) as private,
        exact_boolean(t.hazardous) as hazardous,
        exact_boolean(t.starred) as starred
    from texts
)

select
    * exclude (rest, t),
    case
        when
            lost(t.distance, distance)
            or lost(t.average_grade, average_grade)
            or lost(t.maximum_grade, maximum_grade)
            or lost(t.elevation_high, elevation_high)
            or lost(t.elevation_low, elevation_low)
            or lost(t.climb_category, climb_category)
            or lost(t.private, private)
            or lost(t.hazardous, hazardous)
            or lost(t.starred, starred)
            then [one for one in [
                misfit('distance', t.distance, distance is null),
                misfit('average_grade', t.average_grade, average_grade is null),
                misfit('maximum_grade', t.maximum_grade, maximum_grade is null),
                misfit('elevation_high', t.elevation_high, elevation_high is null),
                misfit('elevation_low', t.elevation_low, elevation_low is null),
                misfit('climb_category', t.climb_category, climb_category is null),
                misfit('private', t.private, private is null),
                misfit('hazardous', t.hazardous, hazardous is null),
                misfit('starred', t.starred, starred is null)
            ] if one is not null]
        else []
    end as misfits,
    with_misfits(rest, misfits) as extra
from typed
where id is not null;

merge into segments
using (select * exclude (misfits) from new_rows) as new
on segments.id = new.id
when matched then update by name
when not matched then insert by name;

insert into misfits
select 'segments', id, one.key
from (select id, unnest(misfits) as one from new_rows);
