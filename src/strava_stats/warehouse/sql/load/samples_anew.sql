-- the samples of a run were read again: what was made of them no longer counts
delete from meta.sample_figures where run_id = getvariable('export_run');

delete from meta.track_overlaps
where run_id = getvariable('export_run') or other_run_id = getvariable('export_run');
