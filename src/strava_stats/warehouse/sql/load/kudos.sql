-- kudos of the details: the listing's when its body came later, else the larger; so they are never behind
update activity_details
set kudos_count = now.kudos_count
from (
    select
        activities.id,
        case
            when activities.run_id > activity_details.run_id
                then coalesce(activities.kudos_count, activity_details.kudos_count_at_fetch)
            else greatest(activity_details.kudos_count_at_fetch, activities.kudos_count)
        end as kudos_count
    from activities
    inner join activity_details on activity_details.activity_id = activities.id
) as now
where now.id = activity_details.activity_id and now.kudos_count is distinct from activity_details.kudos_count;
