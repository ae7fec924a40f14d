-- computed rows that have no place any more: of activities that are gone or lost their samples, of those that are
-- worked up anew, and where Strava or the device have rows of their own
create or replace temp table derive_stale as
select activity_id from derive_due
union
select activity_id from meta.sample_figures
where
    activity_id not in (select id from activities)
    or activity_id not in (select activity_id from meta.sample_sets);

delete from activity_splits_metric
where
    source = 'computed'
    and (
        activity_id in (select activity_id from derive_stale)
        or activity_id in (select activity_id from activity_splits_metric where source <> 'computed')
    );

delete from activity_splits_standard
where
    source = 'computed'
    and (
        activity_id in (select activity_id from derive_stale)
        or activity_id in (select activity_id from activity_splits_standard where source <> 'computed')
    );

delete from activity_laps
where
    source = 'computed'
    and (
        activity_id in (select activity_id from derive_stale)
        or activity_id in (select activity_id from activity_laps where source <> 'computed')
    );

delete from activity_best_efforts
where
    source = 'computed'
    and (
        activity_id in (select activity_id from derive_stale)
        or activity_id in (select activity_id from activity_best_efforts where source <> 'computed')
    );

delete from activity_curves
where activity_id in (select activity_id from derive_stale);

delete from meta.sample_figures
where activity_id in (select activity_id from derive_stale);
