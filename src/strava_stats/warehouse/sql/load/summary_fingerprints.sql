-- the fingerprint of the summary that was current when the details were fetched: the newest one not newer than they
update activity_details
set summary_fingerprint = found.fingerprint
from (
    select
        activity_details.activity_id,
        arg_max(fingerprints.fingerprint, fingerprints.run_id) as fingerprint
    from activity_details
    inner join fingerprints
        on
            fingerprints.id = activity_details.activity_id
            and fingerprints.run_id <= activity_details.run_id
    where activity_details.summary_fingerprint is null
    group by activity_details.activity_id
) as found
where found.activity_id = activity_details.activity_id;
