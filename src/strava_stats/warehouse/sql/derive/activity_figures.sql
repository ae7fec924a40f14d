-- the figures of the samples of every live activity that has some, for what neither Strava nor the archive gave
create or replace temp view activity_figures as
select * exclude (athlete_id, run_id, start_date, start_date_local, sport_type, has_pieces, has_efforts)
from meta.sample_figures;
