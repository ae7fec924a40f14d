-- how an archive writes numbers, dates and sports; macros of load/export_rows
create or replace temp macro plain_text(t) as
    -- a spreadsheet of another locale turns the point of a raw value into a comma
    case when regexp_full_match(trim(t), '-?\d+,\d+') then replace(trim(t), ',', '.') else trim(t) end;

-- Until August 2025 lists hold single precision written out in full (13609.2001953125): a value that is exactly one of
-- those is read as the shortest number that means it (13609.2), as later lists and the API have it.
create or replace temp macro plain_double(t) as
    case
        when
            regexp_matches(t, '\.\d{4}')
            and cast(try_cast(plain_text(t) as float) as double) = exact_double(plain_text(t))
            then exact_double(cast(try_cast(plain_text(t) as float) as varchar))
        else exact_double(plain_text(t))
    end;

create or replace temp macro plain_bigint(t) as exact_bigint(plain_text(t));

-- extra plus the values that did not fit, as the texts that they are
create or replace temp macro with_texts(extra, misfits) as
    with_members(
        extra,
        [cast(to_json(one.key) as varchar) || ':' || cast(to_json(one.text) as varchar) for one in misfits]
    );

-- true, True, 1.0 and what spreadsheets make of it
create or replace temp macro plain_boolean(t) as
    case
        when lower(trim(t)) in ('true', '1', '1.0', '1,0') then true
        when lower(trim(t)) in ('false', '0', '0.0', '0,0') then false
    end;

-- seconds since 1970; not before Strava, and not beyond 2100
create or replace temp macro epoch_instant(t) as
    case when plain_double(t) between 0 and 4102444800 then to_timestamp(plain_double(t)) end;

create or replace temp macro letters_of(t) as lower(regexp_replace(t, '[^\pL\pN]', '', 'g'));

create or replace temp macro with_point(t) as try_cast(replace(t, ',', '') as double);

create or replace temp macro with_comma(t) as try_cast(replace(replace(t, '.', ''), ',', '.') as double);

-- A number as the site shows it. Distances have at most two decimals, so three digits behind a lone mark are thousands
-- where the language does not say otherwise; those of swims and rowing are whole metres, so there they always are.
create or replace temp macro number_shown(t, sport_type, language) as
    case
        when sport_type in ('Swim', 'Rowing') and regexp_full_match(t, '\d{1,3}([.,]\d{3})+')
            then try_cast(regexp_replace(t, '[.,]', '', 'g') as double)
        when
            regexp_full_match(t, '\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?')
            and regexp_full_match(t, '\d{1,3}(\.\d{3})+(,\d+)?|\d+(,\d+)?')
            then case
                when language in ('en', 'en_2018') then with_point(t)
                when language is not null or contains(t, '.') then with_comma(t)
                else with_point(t)
            end
        when regexp_full_match(t, '\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?') then with_point(t)
        when regexp_full_match(t, '\d{1,3}(\.\d{3})+(,\d+)?|\d+(,\d+)?') then with_comma(t)
    end;

create or replace temp macro shown_number(t, sport_type, language) as
    number_shown(regexp_replace(t, '[\s\x{a0}\x{2009}\x{202f}]', '', 'g'), sport_type, language);

-- the site shows swims and rowing in metres, sails in nautical miles, all else in km; of an unknown sport that is open
create or replace temp macro metres(shown, sport_type) as
    case
        when sport_type in ('Swim', 'Rowing') then shown
        when sport_type = 'Sail' then round(shown * 1852, 1)
        when sport_type is not null then round(shown * 1000, 1)
    end;

-- no two languages of these use one word for two months
create or replace temp macro month_of(word) as
    map {
        'jan': 1, 'january': 1, 'januar': 1, 'januari': 1, 'janv': 1, 'janvier': 1, 'ene': 1, 'enero': 1,
        'janeiro': 1, 'gen': 1, 'gennaio': 1, 'jänner': 1,
        'feb': 2, 'february': 2, 'februar': 2, 'februari': 2, 'févr': 2, 'fév': 2, 'février': 2, 'febrero': 2,
        'fev': 2, 'fevereiro': 2, 'febbraio': 2,
        'mar': 3, 'march': 3, 'märz': 3, 'mär': 3, 'mrz': 3, 'mrt': 3, 'maart': 3, 'mars': 3, 'marzo': 3,
        'março': 3,
        'apr': 4, 'april': 4, 'avr': 4, 'avril': 4, 'abr': 4, 'abril': 4, 'aprile': 4,
        'may': 5, 'mai': 5, 'mei': 5, 'mayo': 5, 'maio': 5, 'mag': 5, 'maggio': 5,
        'jun': 6, 'june': 6, 'juni': 6, 'juin': 6, 'junio': 6, 'junho': 6, 'giu': 6, 'giugno': 6,
        'jul': 7, 'july': 7, 'juli': 7, 'juil': 7, 'juillet': 7, 'julio': 7, 'julho': 7, 'lug': 7, 'luglio': 7,
        'aug': 8, 'august': 8, 'augustus': 8, 'août': 8, 'ago': 8, 'agosto': 8,
        'sep': 9, 'sept': 9, 'september': 9, 'septembre': 9, 'septiembre': 9, 'set': 9, 'setembro': 9,
        'settembre': 9,
        'oct': 10, 'october': 10, 'okt': 10, 'oktober': 10, 'octobre': 10, 'octubre': 10, 'out': 10, 'outubro':
        10, 'ott': 10, 'ottobre': 10,
        'nov': 11, 'november': 11, 'novembre': 11, 'noviembre': 11, 'novembro': 11,
        'dec': 12, 'december': 12, 'dez': 12, 'dezember': 12, 'déc': 12, 'décembre': 12, 'dic': 12, 'diciembre':
        12, 'dezembro': 12, 'dicembre': 12
    }[word];

-- lower case, one kind of blank, no marks of direction, no point behind a word
create or replace temp macro date_text(t) as
    regexp_replace(
        trim(regexp_replace(regexp_replace(lower(t), '[\x{200e}\x{200f}]', '', 'g'), '[\s\x{a0}\x{2009}\x{202f}]+', ' ', 'g')),
        '(\pL)\.', '\1', 'g'
    );

create or replace temp macro time_pattern() as
    '[, t]+(?:à |um |om |a las |às |at |alle )?(\d{1,2})[:.](\d\d)(?:[:.](\d\d))?(?:\.0+)?(?: ?([ap]) ?m)?(?: ?utc|z|\+00:00)?$';

create or replace temp macro day_of_date(date_text) as regexp_replace(date_text, time_pattern(), '');

create or replace temp macro clock_of_date(date_text) as
    regexp_extract(date_text, time_pattern(), ['hour', 'minute', 'second', 'half']);

-- first and second are set for 3/4/2022 alone, of which either can be the day
create or replace temp macro split_day(day_text) as
    case
        when regexp_full_match(day_text, '\d{4}[-/.]\d{1,2}[-/.]\d{1,2}')
            then {
                'year': try_cast(day_text[1:4] as integer),
                'month': try_cast(regexp_extract(day_text, '^\d{4}\D(\d+)', 1) as integer),
                'day': try_cast(regexp_extract(day_text, '(\d+)$', 1) as integer),
                'first': null::integer, 'second': null::integer
            }
        when regexp_full_match(day_text, '\d{1,2}\. ?\d{1,2}\. ?\d{4}')
            then {
                'year': try_cast(right(day_text, 4) as integer),
                'month': try_cast(regexp_extract(day_text, '^\d+\. ?(\d+)', 1) as integer),
                'day': try_cast(regexp_extract(day_text, '^(\d+)', 1) as integer),
                'first': null::integer, 'second': null::integer
            }
        when regexp_full_match(day_text, '\d{1,2}[-/]\d{1,2}[-/]\d{4}')
            then {
                'year': try_cast(right(day_text, 4) as integer),
                'month': null::integer,
                'day': null::integer,
                'first': try_cast(regexp_extract(day_text, '^(\d+)', 1) as integer),
                'second': try_cast(regexp_extract(day_text, '^\d+\D(\d+)', 1) as integer)
            }
        when regexp_full_match(day_text, '\d{1,2}\.? (de )?\pL+,? (de )?\d{4}')
            then {
                'year': try_cast(right(day_text, 4) as integer),
                'month': month_of(regexp_extract(day_text, '^\d{1,2}\.? (?:de )?(\pL+)', 1)),
                'day': try_cast(regexp_extract(day_text, '^(\d+)', 1) as integer),
                'first': null::integer, 'second': null::integer
            }
        when regexp_full_match(day_text, '\pL+ \d{1,2},? \d{4}')
            then {
                'year': try_cast(right(day_text, 4) as integer),
                'month': month_of(regexp_extract(day_text, '^(\pL+)', 1)),
                'day': try_cast(regexp_extract(day_text, '^\pL+ (\d+)', 1) as integer),
                'first': null::integer, 'second': null::integer
            }
    end;

create or replace temp macro hour_of(clock) as
    case
        when clock.half = '' and try_cast(clock."hour" as integer) < 24 then try_cast(clock."hour" as integer)
        when clock.half <> '' and try_cast(clock."hour" as integer) between 1 and 12
            then try_cast(clock."hour" as integer) % 12 + case clock.half when 'p' then 12 else 0 end
    end;

create or replace temp macro instant_of(year, month, day, clock) as
    try_cast(
        printf('%04d-%02d-%02d %02d:%02d:', year, month, day, hour_of(clock), try_cast(clock."minute" as integer))
        || coalesce(nullif(clock."second", ''), '00') || '+00' as timestamptz
    );

-- Activity Date is UTC. null where the day is not certain: 3/4/2022 in an archive where no day is above 12
create or replace temp macro start_of(parts, clock, has_day_first, has_month_first) as
    case
        when parts.first is null then instant_of(parts.year, parts.month, parts.day, clock)
        when parts.first = parts.second or (has_day_first and not has_month_first)
            then instant_of(parts.year, parts.second, parts.first, clock)
        when has_month_first and not has_day_first
            then instant_of(parts.year, parts.first, parts.second, clock)
    end;

-- the sport types of the API by their letters alone ("E-Bike Ride", "Alpine Ski"), and what archives call them else
create or replace temp macro known_sport(label) as
    coalesce(
        list_filter([
            'AlpineSki', 'BackcountrySki', 'Badminton', 'Canoeing', 'Crossfit', 'EBikeRide', 'Elliptical',
            'EMountainBikeRide', 'Golf', 'GravelRide', 'Handcycle', 'HighIntensityIntervalTraining', 'Hike', 'IceSkate',
            'InlineSkate', 'Kayaking', 'Kitesurf', 'MountainBikeRide', 'NordicSki', 'Pickleball', 'Pilates', 'Racquetball',
            'Ride', 'RockClimbing', 'RollerSki', 'Rowing', 'Run', 'Sail', 'Skateboard', 'Snowboard', 'Snowshoe', 'Soccer',
            'Squash', 'StairStepper', 'StandUpPaddling', 'Surfing', 'Swim', 'TableTennis', 'Tennis', 'TrailRun',
            'Velomobile', 'VirtualRide', 'VirtualRow', 'VirtualRun', 'Walk', 'WeightTraining', 'Wheelchair', 'Windsurf',
            'Workout', 'Yoga'
        ], lambda one: lower(one) = letters_of(label))[1],
        case letters_of(label)
            when 'footballsoccer' then 'Soccer'
            when 'rockclimb' then 'RockClimbing'
            when 'canoe' then 'Canoeing'
            when 'hardloopsessie' then 'Run'
            when 'fietsrit' then 'Ride'
            when 'lauf' then 'Run'
            when 'laufen' then 'Run'
            when 'radfahren' then 'Ride'
            when 'schwimmen' then 'Swim'
            when 'wandern' then 'Hike'
            when 'gehen' then 'Walk'
            when 'spaziergang' then 'Walk'
            when 'krafttraining' then 'WeightTraining'
            when 'training' then 'Workout'
            when 'courseàpied' then 'Run'
            when 'coursevirtuelle' then 'VirtualRun'
            when 'vélo' then 'Ride'
            when 'natation' then 'Swim'
            when 'marche' then 'Walk'
            when 'randonnée' then 'Hike'
            when 'carrera' then 'Run'
        end
    );

-- a sport that is new to us is named as the API would, when its label is English
create or replace temp macro sport_of(label, language) as
    coalesce(
        known_sport(label),
        case
            when language in ('en', 'en_2018') and regexp_full_match(label, '[A-Za-z][A-Za-z0-9 ()&/''-]*')
                then regexp_replace(label, '[^A-Za-z0-9]', '', 'g')
        end
    );

-- only where it follows; the API has had these since 2022 and tells no type of others
create or replace temp macro legacy_type(sport_type) as
    case
        when sport_type = 'TrailRun' then 'Run'
        when sport_type in ('GravelRide', 'MountainBikeRide') then 'Ride'
        when sport_type = 'EMountainBikeRide' then 'EBikeRide'
        when sport_type in (
            'AlpineSki', 'BackcountrySki', 'Canoeing', 'Crossfit', 'EBikeRide', 'Elliptical', 'Golf', 'Handcycle', 'Hike',
            'IceSkate', 'InlineSkate', 'Kayaking', 'Kitesurf', 'NordicSki', 'Ride', 'RockClimbing', 'RollerSki', 'Rowing',
            'Run', 'Sail', 'Skateboard', 'Snowboard', 'Snowshoe', 'Soccer', 'StairStepper', 'StandUpPaddling', 'Surfing',
            'Swim', 'Velomobile', 'VirtualRide', 'VirtualRun', 'Walk', 'WeightTraining', 'Wheelchair', 'Windsurf',
            'Workout', 'Yoga'
        ) then sport_type
    end;
