-- kudos of the details: the listing's when it was read later, else the larger; so they are never behind
update activity_details
set kudos_count = case
    when activities.run_id > activity_details.run_id then activities.kudos_count
    else greatest(activity_details.kudos_count, activities.kudos_count)
end
from activities
where
    activities.id = activity_details.activity_id
    and activities.kudos_count is not null
    and activity_details.kudos_count is distinct from case
        when activities.run_id > activity_details.run_id then activities.kudos_count
        else greatest(activity_details.kudos_count, activities.kudos_count)
    end;
