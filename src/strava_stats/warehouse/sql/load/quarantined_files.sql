-- device files that could not be read: they are tried again when an archive brings another one, or a version that reads more
insert into quarantine
select
    'device_files' as kind,
    words.id::varchar as id,
    words.athlete_id,
    1 as attempts,
    words.file_error as last_error,
    words.fetched_at as first_seen_at,
    words.fetched_at as last_tried_at,
    null as next_try_at
from meta.export_words as words
semi join activities using (id)
where words.file_error is not null
