-- details, splits, laps and efforts are shown for live activities only; meta.dormant keeps where the others are
delete from meta.dormant
where activity_id in (select activity_id from activity_details);

insert into meta.dormant
select
    activity_id,
    run_id,
    summary_fingerprint
from activity_details
where activity_id not in (select id from activities);

delete from activity_details where activity_id in (select activity_id from meta.dormant);

delete from activity_splits_metric where activity_id in (select activity_id from meta.dormant);

delete from activity_splits_standard where activity_id in (select activity_id from meta.dormant);

delete from activity_laps where activity_id in (select activity_id from meta.dormant);

delete from activity_best_efforts where activity_id in (select activity_id from meta.dormant);

delete from activity_segment_efforts where activity_id in (select activity_id from meta.dormant);
