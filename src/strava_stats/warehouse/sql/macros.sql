-- casts that are exact or null: a value that does not fit its type is never rounded, it goes to extra
create or replace temp macro exact_bigint(t) as
    case
        when try_cast(t as bigint)::varchar = t then try_cast(t as bigint)
        when try_cast(t as double) = try_cast(t as bigint)::double and abs(try_cast(t as double)) < 9007199254740992
            then try_cast(t as bigint)
    end;

create or replace temp macro exact_double(t) as case when isfinite(try_cast(t as double)) then try_cast(t as double) end;

create or replace temp macro exact_boolean(t) as case t when 'true' then true when 'false' then false end;

-- four-digit years only: the cast itself takes 'infinity' and the year 99999
create or replace temp macro looks_like_a_time(t) as
    (length(t) = 20 and t[5] = '-' and t[11] = 'T' and t[20] = 'Z')
    or regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?');

create or replace temp macro instant(t) as case when looks_like_a_time(t) then try_cast(t as timestamptz) end;

-- start_date_local ends in a false Z: it is the athlete's clock, not UTC
create or replace temp macro local_time(t) as
    case when looks_like_a_time(t) then try_cast(rtrim(t, 'Z') as timestamp) end;

-- [] and null are "no GPS"; anything else must be two numbers
create or replace temp macro latlng(t) as
    case
        when t = '[]' then []::double[]
        when len(try_cast(t as double[])) = 2 and list_count(try_cast(t as double[])) = 2 then try_cast(t as double[])
    end;

-- a value that its column cannot hold
create or replace temp macro lost(t, typed) as t is not null and typed is null;

-- {key, text} of such a value
create or replace temp macro misfit(key, t, is_null) as
    case when is_null and t is not null then {'key': key, 'text': t} end;

-- the journal's file name is the run
create or replace temp macro run_of(path) as regexp_extract(path, '([^/\\]+)\.jsonl(\.gz)?$', 1);

-- known keys are patched away; what is left of a known object may be {}
create or replace temp macro without_empty(rest) as
    json_merge_patch(
        rest,
        case when rest ->> '$.athlete' = '{}' then '{"athlete":null}' else '{}' end,
        case when rest ->> '$.map' = '{}' then '{"map":null}' else '{}' end
    );

-- an object with more members, each given as "key":value; null when it stays empty. Not json_merge_patch, which drops
-- nulls inside the values
create or replace temp macro with_members(object, members) as
    cast(
        case
            when len(members) = 0 then nullif(cast(object as varchar), '{}')
            when coalesce(cast(object as varchar), '{}') = '{}' then '{' || array_to_string(members, ',') || '}'
            else left(cast(object as varchar), -1) || ',' || array_to_string(members, ',') || '}'
        end as json
    );

-- a value as JSON: as it is when it reads as JSON, else as a string; DuckDB takes -inf for JSON, others do not
create or replace temp macro json_of(t) as
    case when regexp_matches(t, '^(-?[0-9]|[{\[tf])') and json_valid(t) then t else cast(to_json(t) as varchar) end;

-- extra plus the values that did not fit, under their own keys
create or replace temp macro with_misfits(extra, misfits) as
    with_members(extra, [cast(to_json(one.key) as varchar) || ':' || json_of(one.text) for one in misfits]);

-- members of a body that are not of the type they should be; types is json_type(body, paths) in the order of names
create or replace temp macro odd_members(body, names, types, wanted) as
    [
        cast(to_json(name) as varchar) || ':' || cast(json_extract(body, '$.' || name) as varchar)
        for name, position in names
        if types[position] is not null and types[position] not in ('NULL', wanted)
    ];

create or replace temp macro fingerprint_of(texts) as
    left(md5(array_to_string([coalesce(one, '') for one in texts], chr(31))), 16);

-- s, local minus UTC in a zone of the IANA database at an instant
create or replace temp macro offset_in(zone, instant) as
    cast(epoch(instant at time zone zone) - epoch(instant at time zone 'UTC') as bigint);

-- the zone as the API labels it: with its standard offset, which is the smaller one of winter and summer
create or replace temp macro zone_label(zone, instant) as (
    select
        '(GMT'
        || case when seconds < 0 then '-' else '+' end
        || lpad((abs(seconds) // 3600)::varchar, 2, '0')
        || ':'
        || lpad((abs(seconds) % 3600 // 60)::varchar, 2, '0')
        || ') '
        || zone
    from (
        select least(
            offset_in(zone, make_timestamptz(year(instant)::bigint, 1, 1, 12, 0, 0.0)),
            offset_in(zone, make_timestamptz(year(instant)::bigint, 7, 1, 12, 0, 0.0))
        ) as seconds
    )
);
