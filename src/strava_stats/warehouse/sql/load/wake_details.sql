-- details that are shown again belong to the summary that they belonged to
update activity_details
set summary_fingerprint = dormant.summary_fingerprint
from meta.dormant as dormant
where dormant.activity_id = activity_details.activity_id and dormant.run_id = activity_details.run_id;
