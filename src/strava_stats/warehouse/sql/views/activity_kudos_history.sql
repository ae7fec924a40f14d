-- kudos and comments of an activity each time they moved
create view activity_kudos_history as
select
    activity_id,
    observed_at,
    kudos_count,
    comment_count
from activity_versions
where op <> 'deleted'
window earlier as (partition by activity_id order by observed_at)
qualify
    lag(activity_id) over earlier is null
    or kudos_count is distinct from lag(kudos_count) over earlier
    or comment_count is distinct from lag(comment_count) over earlier;

comment on view activity_kudos_history is 'one row per activity and moment at which its kudos or comments were seen to have moved';
comment on column activity_kudos_history.activity_id is 'activity, see activities.id';
comment on column activity_kudos_history.observed_at is 'when it was seen, an instant';
comment on column activity_kudos_history.kudos_count is 'kudos from then on';
comment on column activity_kudos_history.comment_count is 'comments from then on';
