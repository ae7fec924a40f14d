-- the samples of an archive's device file that count
delete from meta.sample_sets where source = 'export';

insert into meta.sample_sets by name
select
    id as activity_id,
    athlete_id,
    'export' as source,
    samples_run_id as run_id,
    samples,
    fetched_at
from meta.export_words
where samples_run_id is not null;
