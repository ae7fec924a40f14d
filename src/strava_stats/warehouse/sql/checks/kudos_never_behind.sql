-- the kudos of the details are never behind those of the listing
select 'activity_details' as table_name, count(*) as broken
from activity_details
inner join activities on activities.id = activity_details.activity_id
where activity_details.kudos_count < activities.kudos_count
having count(*) > 0
