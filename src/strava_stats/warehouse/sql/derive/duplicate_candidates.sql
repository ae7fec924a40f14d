-- pairs that look like one activity. Tracks decide where both have one; else places, which have to agree; else times
-- and distance, which prove less
delete from duplicate_candidates;

insert into duplicate_candidates by name
with judged as (
    select
        *,
        coalesce(distance, 0) > 0 as has_distance,
        case
            when track_overlap is not null then
                case when track_overlap >= 0.5 then 'same track' end
            when starts_apart > 500 or ends_apart > 500 then null
            when starts_apart is not null and not is_hidden then
                case when coalesce(distance_difference <= 0.1 * distance, true) then 'same places and distance' end
            when is_hidden then
                case
                    when
                        has_distance and distance_difference <= 0.01 * distance and elapsed_difference <= 0.01 * lasts
                        then 'same times and distance'
                end
            when
                start_difference <= 300
                and time_overlap >= 0.8
                and elapsed_difference <= 0.1 * lasts
                and coalesce(distance_difference <= 0.05 * distance, not has_distance)
                then 'same times and distance'
        end as why
    from pairs
    left join meta.track_overlaps using (activity_id, other_id)
)

select
    activity_id,
    other_id,
    athlete_id,
    case why
        when 'same track' then track_overlap
        when 'same places and distance' then 0.7
        else case when is_hidden then 0.3 else 0.5 end
    end as score,
    start_difference,
    round(distance_difference, 1) as distance_difference,
    same_sport,
    time_overlap,
    track_overlap,
    why
from judged
where why is not null
order by activity_id, other_id;
