-- a detail that came again unchanged is as fresh as the answer that said so
create or replace temp table notes as
select
    id,
    run_of(filename) as run_id,
    seq,
    athlete_id,
    coalesce(source, 'api') as source,
    fetched_at
from read_ndjson(
    getvariable('portion'),
    filename = true,
    maximum_object_size = getvariable('longest_line'),
    columns = {
        'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'id': 'bigint', 'source': 'varchar',
        'fetched_at': 'timestamptz'
    }
)
where kind = 'same' and id is not null;

insert into detail_notes by name
from notes;

create or replace temp table again as
select
    id,
    max(run_id) as run_id,
    max_by(fetched_at, (run_id, seq)) as fetched_at
from notes
group by id;

update activity_details
set fetched_at = again.fetched_at
from again
where again.id = activity_details.activity_id and again.run_id > activity_details.run_id;

insert into seen_again
select
    id,
    run_id
from again;
