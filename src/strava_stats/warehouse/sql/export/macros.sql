-- metres between two places on a sphere with the Earth's mean radius (haversine: right at the poles and over the
-- antimeridian, exact to the millimetre also for neighbours; the real Earth differs by up to 0.6 %)
create macro metres_between(lat_a, lng_a, lat_b, lng_b) as
    2 * 6371008.8 * asin(
        sqrt(
            least(
                1,
                pow(sin(radians(lat_b - lat_a) / 2), 2)
                + cos(radians(lat_a)) * cos(radians(lat_b)) * pow(sin(radians(lng_b - lng_a) / 2), 2)
            )
        )
    );

-- whether a circle can reach as far as `margin` metres beside a latitude; a degree is 111,195 m on that sphere. It
-- spares most places the trigonometry, and infinity never gets there
create macro is_near(lat, lng, circle, margin) as
    isfinite(lng) and abs(lat - circle.lat) <= (circle.radius + margin) / 111194;

-- whether a place lies in a privacy zone; its edge belongs to it
create macro is_hidden(lat, lng) as
    coalesce(
        list_bool_or(
            list_transform(
                getvariable('zones'),
                lambda zone:
                    case
                        when is_near(lat, lng, zone, 0)
                            then metres_between(lat, lng, zone.lat, zone.lng) <= zone.radius
                        else false
                    end
            )
        ),
        false
    );

-- whether the straight line between two places outside a circle passes through it. Their distances from its centre and
-- from each other make a triangle: its foot has to lie between the two, its height within the radius. On the plane, so
-- `step` has to be small beside the Earth
create macro line_crosses(from_centre, from_centre_before, step, radius) as
    abs(pow(from_centre, 2) - pow(from_centre_before, 2)) < pow(step, 2)
    and pow(from_centre, 2)
        - pow((pow(from_centre, 2) - pow(from_centre_before, 2) + pow(step, 2)) / nullif(2 * step, 0), 2)
        <= pow(radius, 2);

-- the same for all zones
create macro is_across_a_zone(lat, lng, lat_before, lng_before, step) as
    coalesce(
        list_bool_or(
            list_transform(
                getvariable('zones'),
                lambda zone:
                    case
                        when is_near(lat, lng, zone, step)
                            then line_crosses(
                                metres_between(lat, lng, zone.lat, zone.lng),
                                metres_between(lat_before, lng_before, zone.lat, zone.lng),
                                step,
                                zone.radius
                            )
                        else false
                    end
            )
        ),
        false
    );

-- a time without zone as ISO 8601
create macro local_text(clock) as
    case
        when not isfinite(clock) then cast(clock as varchar)
        when epoch_us(clock) % 1000000 = 0 then strftime(clock, '%Y-%m-%dT%H:%M:%S')
        else strftime(clock, '%Y-%m-%dT%H:%M:%S.%f')
    end;

-- an instant as ISO 8601 in UTC, with a fraction where there is one
create macro utc_text(instant) as
    local_text(timezone('UTC', instant)) || case when isfinite(instant) then 'Z' else '' end;

-- a text that a spreadsheet would take for a formula, with an apostrophe before it
create macro no_formula(cell) as case when regexp_matches(cell, '^[=+\-@\t\r\n]') then '''' || cell else cell end;
