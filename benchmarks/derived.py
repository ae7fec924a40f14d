"""Time and memory of all that is computed from samples: `python -m benchmarks.derived [activities]`, 5,000 by default.

Activities of 20 to 80 minutes at a sample a second, two runs for each ride, with a pause, heart rate and power.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from strava_stats.warehouse.derive import derive
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.engine import connect

ACTIVITIES = """
copy (
    select
        range as activity_id,
        timestamptz '2010-01-01 06:00:00Z' + to_hours(range * 10) as start_date,
        if(range % 3 = 1, 'Ride', 'Run') as sport_type,
        (1200 + hash(range) % 3600)::bigint as samples,
        hash(range) % 1000 / 1000.0 as seed
    from range($activities)
) to '{folder}/activities.parquet'
"""
SAMPLES = """
copy (
    with clock as (
        select *, unnest(range(samples)) as k
        from '{folder}/activities.parquet'
    ),

    paces as (
        select
            *,
            if(sport_type = 'Ride', 2.8, 1) * (2.9 + 0.7 * sin(k / 173.0 + seed * 6) + 0.3 * sin(k / 11.0 + seed * 50))
                + hash(activity_id * 7919 + k) % 1000 / 2000.0 as speed
        from clock
    )

    select
        activity_id,
        'r1' as run_id,
        1::bigint as athlete_id,
        'export' as source,
        (k + if(k > 1500, 240, 0))::integer as t,
        (sum(speed) over (partition by activity_id order by k))::decimal(9, 1) as distance,
        (48 + seed + 0.01 * sin(k / 900.0))::decimal(9, 6) as lat,
        (11 + seed + 0.01 * cos(k / 900.0))::decimal(9, 6) as lng,
        (300 + 50 * sin(k / 400.0 + seed) + hash(k) % 10 / 10.0)::decimal(6, 1) as altitude,
        speed::decimal(6, 3) as velocity_smooth,
        (140 + 20 * sin(k / 300.0 + seed) + hash(k + activity_id) % 4)::smallint as heartrate,
        (80 + hash(k) % 5)::smallint as cadence,
        if(
            sport_type = 'Ride' or seed < 0.5,
            (200 + 90 * sin(k / 200.0 + seed * 3) + hash(k * 31 + activity_id) % 80)::smallint,
            null
        ) as watts,
        18::tinyint as temp,
        true as moving,
        (2 * sin(k / 400.0))::decimal(5, 1) as grade_smooth
    from paces
    order by activity_id, t
) to '{folder}/r1.parquet' (format parquet, parquet_version v2, compression zstd)
"""
LOADED = """
insert into activities by name
select activity_id as id, sport_type, start_date from '{folder}/activities.parquet';

insert into meta.sample_sets by name
select id as activity_id, 'r1' as run_id, 'export' as source from activities;

create temp table to_derive as
select
    id as activity_id,
    1::bigint as athlete_id,
    'r1' as run_id,
    start_date,
    start_date::timestamp as start_date_local,
    sport_type,
    start_date as fetched_at
from activities;
"""


def main(arguments: Sequence[str]) -> int:
    """Print seconds and memory of the first call, which has all to do, and of the second, which has nothing."""
    count = int(arguments[0]) if arguments else 5_000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with closing(connect(scratch=home / "making")) as connection:
            connection.execute(ACTIVITIES.format(folder=folder), {"activities": count})
            connection.execute(SAMPLES.format(folder=folder))
        with WarehouseEdit(home / "w" / "strava.duckdb", home / "tmp", anew=True, note=home / "note.json") as edit:
            edit.run(LOADED.format(folder=folder))
            for which in ("all new", "nothing new"):
                begin, cpu = time.perf_counter(), time.process_time()
                derived = derive(edit, [home / "r1.parquet"])
                seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
                print(f"{which}: {derived} activities, {seconds:.1f} s, {cpu:.1f} s of CPU; at most {peak} MB so far")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
