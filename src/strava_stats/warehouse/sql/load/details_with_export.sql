-- the same for details: one row for each live activity that an archive knows
update activity_details
set
    description = coalesce(activity_details.description, word.description),
    private_note = coalesce(activity_details.private_note, word.private_note),
    device_name = coalesce(activity_details.device_name, word.device_name),
    calories = coalesce(activity_details.calories, word.calories),
    perceived_exertion = coalesce(activity_details.perceived_exertion, word.perceived_exertion),
    prefer_perceived_exertion = coalesce(activity_details.prefer_perceived_exertion, word.prefer_perceived_exertion),
    filled = list_filter([
        case when activity_details.description is null and word.description is not null then 'description' end,
        case when activity_details.private_note is null and word.private_note is not null then 'private_note' end,
        case when activity_details.device_name is null and word.device_name is not null then 'device_name' end,
        case when activity_details.calories is null and word.calories is not null then 'calories' end,
        case when activity_details.perceived_exertion is null and word.perceived_exertion is not null then 'perceived_exertion' end,
        case when activity_details.prefer_perceived_exertion is null and word.prefer_perceived_exertion is not null then 'prefer_perceived_exertion' end
    ], lambda one: one is not null)
from shown_words as word
where
    word.id = activity_details.activity_id
    and (
        (activity_details.description is null and word.description is not null)
        or (activity_details.private_note is null and word.private_note is not null)
        or (activity_details.device_name is null and word.device_name is not null)
        or (activity_details.calories is null and word.calories is not null)
        or (activity_details.perceived_exertion is null and word.perceived_exertion is not null)
        or (activity_details.prefer_perceived_exertion is null and word.prefer_perceived_exertion is not null)
    );

insert into activity_details by name
select
    word.id as activity_id,
    activities.athlete_id,
    word.description,
    word.private_note,
    word.device_name,
    word.calories,
    word.perceived_exertion,
    word.prefer_perceived_exertion,
    activities.kudos_count,
    'export' as source,
    word.fetched_at
from shown_words as word
inner join activities on activities.id = word.id
where word.id not in (select activity_id from activity_details);
