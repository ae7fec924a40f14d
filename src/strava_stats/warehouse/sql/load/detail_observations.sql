-- what the details say of kudos and comments
insert into detail_observations
select
    id,
    run_id,
    seq,
    athlete_id,
    source,
    fetched_at,
    exact_bigint(parts.kudos_count) as kudos_count,
    exact_bigint(parts.comment_count) as comment_count
from new_details;
