-- one row per some hundred points of a track, in order: their <trkpt> elements, and <trkseg> where a segment begins
with extended as (
    select
        *,
        coalesce('<gpxtpx:atemp>' || temp || '</gpxtpx:atemp>', '')
        || case when heartrate between 1 and 255 then '<gpxtpx:hr>' || heartrate || '</gpxtpx:hr>' else '' end
        || case when cadence between 0 and 254 then '<gpxtpx:cad>' || cadence || '</gpxtpx:cad>' else '' end as body,
        case
            when watts between 0 and 65535 then '<pwr:PowerInWatts>' || watts || '</pwr:PowerInWatts>' else ''
        end as power
    from track_points
    where number between $first and $last
),

written as (
    select
        activity_id,
        number,
        begins,
        case when begins and number > 1 then '</trkseg>' else '' end
        || case when begins then '<trkseg>' else '' end
        || '<trkpt lat="' || lat || '" lon="' || lng || '">'
        || coalesce('<ele>' || try_cast(altitude as decimal(9, 1)) || '</ele>', '')
        || coalesce(
            '<time>'
            || strftime(make_timestamp(epoch_us(start_date) + 1000000 * cast(t as bigint)), '%Y-%m-%dT%H:%M:%SZ')
            || '</time>',
            ''
        )
        || case
            when power <> '' or body <> ''
                then '<extensions>' || power
                    || case
                        when body <> ''
                            then '<gpxtpx:TrackPointExtension>' || body || '</gpxtpx:TrackPointExtension>'
                        else ''
                    end
                    || '</extensions>'
            else ''
        end
        || '</trkpt>' as element
    from extended
)

select
    activity_id,
    string_agg(element, chr(10) order by number) as elements,
    count(*) as points
from written
group by activity_id, (number - 1) // 500
order by activity_id, min(number);
