"""What the API does not give, from samples: splits, laps, best efforts, curves, figures; and likely duplicates.

The rules are in sql/derive and docs/computed.md. Everything is made once for a sample set of an activity.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from strava_stats.warehouse.engine import glob_of, sql

if TYPE_CHECKING:
    from strava_stats.warehouse.edit import WarehouseEdit

PORTION_SIZE = 150_000  # samples or seconds; some 50 activities
LONGEST_GRID = 30 * 86_400  # s; a recording with more has no curves, so that a broken clock cannot fill the disk
KILOMETRE = 10_000.0  # decimetres
MILE = 16_093.44


def derive(edit: WarehouseEdit, sample_files: Sequence[Path], *, portion_size: int = PORTION_SIZE) -> int:
    """Work up the activities of the temporary table `to_derive` whose sample set is new; returns how many.

    `to_derive(activity_id, athlete_id, run_id, start_date, start_date_local, sport_type, fetched_at)` may name every
    live activity with samples, each with the run whose samples count. Activities, and rows of Strava's and of device
    files in the tables of splits, laps and best efforts, have to be there before: what is computed gives way to them.
    Afterwards the temporary view `activity_figures` has the figures of every activity that has samples.
    """
    edit.set(sample_files=[glob_of(str(path)) for path in sample_files])
    edit.set(portion_size=portion_size, longest_grid=LONGEST_GRID)
    edit.run(sql("derive/macros"))
    edit.run(sql("derive/due"))
    edit.run(sql("derive/make_room"))
    edit.run(sql("derive/activity_figures"))
    if not edit.run("select count(*) from derive_due").fetchone()[0]:
        return 0
    edit.run(sql("derive/queue"))
    portions = edit.run("select portion, count(*) from derive_queue group by portion order by portion").fetchall()
    for portion, _ in portions:
        _derive_portion(edit, portion)
    return sum(count for _, count in portions)


def find_duplicates(edit: WarehouseEdit, sample_files: Sequence[Path]) -> int:
    """Make `duplicate_candidates` of `activities` as they are now; returns how many pairs.

    Tracks are read from the sample files that `meta.sample_sets` names, once for two sample sets. Call it when
    activities have their final figures.
    """
    edit.set(sample_files=[glob_of(str(path)) for path in sample_files])
    for name in ("macros", "pairs", "tracks_due"):
        edit.run(sql(f"derive/{name}"))
    for (portion,) in edit.run("select distinct portion from tracks_due order by portion").fetchall():
        edit.set(portion=portion)
        edit.run(sql("derive/track_overlaps"))
        _end_portion(edit)
    edit.run(sql("derive/duplicate_candidates"))
    return int(edit.run("select count(*) from duplicate_candidates").fetchone()[0])


def _derive_portion(edit: WarehouseEdit, portion: int) -> None:
    edit.set(portion=portion)
    for name in ("samples", "climbs", "figures", "best_efforts", "curves"):
        edit.run(sql(f"derive/{name}"))
    for unit, tables in ((KILOMETRE, ("splits_metric", "laps")), (MILE, ("splits_standard",))):
        edit.set(unit=unit)
        for name in ("pieces", *tables):
            edit.run(sql(f"derive/{name}"))
    _end_portion(edit)


def _end_portion(edit: WarehouseEdit) -> None:
    # A portion a transaction: replaced temporary tables keep their memory until the end of theirs.
    edit.run("commit")
    edit.run("begin")
