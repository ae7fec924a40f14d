-- the fingerprint of the summary that was current when streams were last asked for: the newest one not newer than that
update meta.stream_answers
set summary_fingerprint = found.fingerprint
from (
    select
        asked.activity_id,
        arg_max(fingerprints.fingerprint, fingerprints.run_id) as fingerprint
    from meta.stream_answers as asked
    inner join fingerprints
        on
            fingerprints.id = asked.activity_id
            and fingerprints.run_id <= asked.run_id
    where asked.summary_fingerprint is null
    group by asked.activity_id
) as found
where found.activity_id = stream_answers.activity_id;
