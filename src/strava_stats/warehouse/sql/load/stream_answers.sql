-- what was answered when streams were asked for, in the files getvariable('portion')
create or replace temp table new_answers as
select
    id as activity_id,
    arg_max(athlete_id, (run_id, seq)) as athlete_id,
    max(run_id) as run_id,
    arg_max(kind = 'absent', (run_id, seq)) as absent,
    arg_max(hash, (run_id, seq)) filter (kind <> 'absent') as body_hash,
    arg_max(fetched_at, (run_id, seq)) as answered_at,
    max(run_id) filter (kind <> 'absent') as samples_run_id,
    arg_max(fetched_at, (run_id, seq)) filter (kind <> 'absent') as samples_at
from (
    select
        run_of(filename) as run_id,
        *
    from read_ndjson(
        getvariable('portion'),
        filename = true,
        maximum_object_size = getvariable('longest_line'),
        columns = {
            'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'fetched_at': 'timestamptz', 'id': 'bigint',
            'hash': 'varchar'
        }
    )
    -- bytes that were no clean answer have no hash
    where id is not null and (kind = 'absent' or hash is not null)
)
group by id;

merge into meta.stream_answers as old
using new_answers as new
on old.activity_id = new.activity_id
when matched and new.run_id >= old.run_id then update set
    athlete_id = new.athlete_id,
    run_id = new.run_id,
    absent = new.absent,
    body_hash = coalesce(new.body_hash, old.body_hash),
    answered_at = new.answered_at,
    summary_fingerprint = null
when not matched then insert (activity_id, athlete_id, run_id, absent, body_hash, answered_at)
values (new.activity_id, new.athlete_id, new.run_id, new.absent, new.body_hash, new.answered_at);

insert into streams_heard
select
    activity_id,
    samples_run_id,
    samples_at
from new_answers
where samples_run_id is not null;
