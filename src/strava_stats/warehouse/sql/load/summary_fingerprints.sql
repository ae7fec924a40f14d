-- the fingerprint of the summary that was current when the details were last seen: the newest one not newer than that
update activity_details
set summary_fingerprint = found.fingerprint
from (
    select
        seen.activity_id,
        arg_max(fingerprints.fingerprint, fingerprints.run_id) as fingerprint
    from (
        select
            activity_details.activity_id,
            greatest(activity_details.run_id, coalesce(max(seen_again.run_id), '')) as run_id
        from activity_details
        left join seen_again on seen_again.id = activity_details.activity_id
        where activity_details.summary_fingerprint is null or seen_again.id is not null
        group by activity_details.activity_id, activity_details.run_id
    ) as seen
    inner join fingerprints
        on
            fingerprints.id = seen.activity_id
            and fingerprints.run_id <= seen.run_id
    group by seen.activity_id
) as found
where found.activity_id = activity_details.activity_id;
