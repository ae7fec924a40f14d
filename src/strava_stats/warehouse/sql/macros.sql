-- casts that are exact or null: a value that does not fit its type is never rounded, it goes to extra
create or replace temp macro exact_bigint(t) as
    case
        when try_cast(t as bigint)::varchar = t then try_cast(t as bigint)
        when try_cast(t as double) = try_cast(t as bigint)::double and abs(try_cast(t as double)) < 9007199254740992
            then try_cast(t as bigint)
    end;

create or replace temp macro exact_double(t) as try_cast(t as double);

create or replace temp macro exact_boolean(t) as case t when 'true' then true when 'false' then false end;

create or replace temp macro instant(t) as try_cast(t as timestamptz);

-- start_date_local ends in a false Z: it is the athlete's clock, not UTC
create or replace temp macro local_time(t) as try_cast(rtrim(t, 'Z') as timestamp);

-- [] and null are "no GPS"; anything else must be two numbers
create or replace temp macro latlng(t) as
    case
        when t = '[]' then []::double[]
        when len(try_cast(t as double[])) = 2 and list_count(try_cast(t as double[])) = 2 then try_cast(t as double[])
    end;

-- {key, text} of a value that its column cannot hold
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

-- extra plus the values that did not fit, under their own keys; null when there are neither
create or replace temp macro with_misfits(extra, misfits) as
    case
        when len(misfits) = 0 then nullif(extra, '{}')
        else json_merge_patch(
            coalesce(extra, '{}'),
            to_json(map(
                [one.key for one in misfits],
                [case when json_valid(one.text) then one.text::json else to_json(one.text) end for one in misfits]
            ))
        )
    end;

create or replace temp macro fingerprint_of(texts) as
    left(md5(array_to_string([coalesce(one, '') for one in texts], chr(31))), 16);
