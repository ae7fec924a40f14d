-- s of a step between two samples that count as moving. A step longer than a recording at longest waits between two
-- samples is a pause, unless the athlete came forward in it; else the sample says it itself; else its speed does.
-- dm in decimetres, null without a distance
create or replace temp macro moving_seconds(moving, dt, dm) as
    case
        when dt > 30 then case when dm >= 5 * dt then dt else 0 end
        when coalesce(moving, dm is null or dm >= 5 * dt) then dt
        else 0
    end;

-- sports that have best efforts
create or replace temp macro is_run(sport_type) as sport_type in ('Run', 'TrailRun', 'VirtualRun');

-- a number whose least is the shortest time, and of equal ones the one that starts first; null stays null
create or replace temp macro shortest_first(seconds, departure) as (seconds::bigint << 32) + departure;

-- m between two places, near enough for some kilometres
create or replace temp macro metres_between(lat, lng, other_lat, other_lng) as
    111195 * sqrt((lat - other_lat) ** 2 + ((lng - other_lng) * cos(radians((lat + other_lat) / 2))) ** 2);

-- sports as which one and the same activity may have been recorded
create or replace temp macro sport_family(sport_type) as
    case
        when sport_type in ('Run', 'TrailRun', 'VirtualRun', 'Walk', 'Hike', 'Snowshoe') then 'foot'
        when
            sport_type in (
                'Ride', 'MountainBikeRide', 'GravelRide', 'EBikeRide', 'EMountainBikeRide', 'VirtualRide', 'Velomobile',
                'Handcycle'
            ) then 'bike'
        when sport_type in ('AlpineSki', 'BackcountrySki', 'NordicSki', 'RollerSki', 'Snowboard') then 'ski'
        when sport_type in ('Canoeing', 'Kayaking', 'Rowing', 'VirtualRow', 'StandUpPaddling') then 'paddle'
        when sport_type in ('Sail', 'Windsurf', 'Kitesurf') then 'sail'
        when
            sport_type in (
                'Workout', 'WeightTraining', 'Crossfit', 'HighIntensityIntervalTraining', 'Yoga', 'Pilates',
                'Elliptical', 'StairStepper'
            ) then 'gym'
        else sport_type
    end;

-- squares of some 50 m, numbered from the equator and from Greenwich; as wide as high at the latitude's whole degree
create or replace temp macro square_y(lat) as floor(lat / 0.00045)::integer;
create or replace temp macro square_x(lat, lng) as floor(lng * cos(radians(round(lat))) / 0.00045)::integer;
