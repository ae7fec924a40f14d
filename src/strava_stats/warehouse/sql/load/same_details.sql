-- a detail that came again unchanged is as fresh as the answer that said so
update activity_details
set fetched_at = again.fetched_at
from (
    select
        id,
        max(fetched_at) as fetched_at
    from read_ndjson(
        getvariable('portion'),
        maximum_object_size = getvariable('longest_line'),
        columns = {'kind': 'varchar', 'id': 'bigint', 'fetched_at': 'timestamptz'}
    )
    where kind = 'same' and id is not null
    group by id
) as again
where again.id = activity_details.activity_id and again.fetched_at > activity_details.fetched_at;
