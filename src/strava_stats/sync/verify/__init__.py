"""verify: journals against their checksums, shards against journals, warehouse against shards, and what lies around.

A reader: it takes no lock and changes nothing; a run may write at the same time. What that run explains is no
finding.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from strava_stats.errors import CorruptData
from strava_stats.lake.layout import Layout
from strava_stats.narration import Narrator
from strava_stats.sync.compact import Calendar
from strava_stats.sync.verify.archives import check_archives
from strava_stats.sync.verify.counts import Asker, check_counts
from strava_stats.sync.verify.files import check_modes, check_orphans, check_state
from strava_stats.sync.verify.findings import Finding, Look, Survey, Watch
from strava_stats.sync.verify.journals import check_journals
from strava_stats.sync.verify.shards import check_shards
from strava_stats.sync.verify.warehouse import check_rebuild, check_warehouse, open_warehouse

__all__ = ["Asker", "Finding", "Look", "verify"]

Check = Callable[[Survey], Look]
FindAskers = Callable[[], Sequence[Asker]]


def verify(
    layout: Layout,
    secrets_dir: Path,
    calendar: Calendar,
    narrator: Narrator,
    *,
    quick: bool = False,
    find_askers: FindAskers | None = None,
) -> list[Look]:
    """All checks in turn. `quick` leaves out the rebuild; without `find_askers` Strava is not asked.

    Half-made files are kept in a folder of the system's temporary one, which is gone when this returns or raises.
    """
    with tempfile.TemporaryDirectory(prefix="strava-stats-verify-") as scratch, ExitStack() as stack:
        watch = Watch(layout)
        survey = Survey(layout, secrets_dir, calendar, narrator, Path(scratch))
        opening = _timed("warehouse", lambda one: open_warehouse(one, stack), survey)
        checks: dict[str, Check] = {
            "journals": check_journals,
            "archives": check_archives,
            "shards": check_shards,
            "warehouse": lambda one: check_warehouse(one, opening),
            "rebuild": check_rebuild,
            "orphans": check_orphans,
            "modes": check_modes,
            "state": check_state,
            "counts": lambda one: check_counts(one, find_askers),
        }
        left_out = {"rebuild" if quick else "", "" if find_askers else "counts"}
        looks = [_timed(name, check, survey) for name, check in checks.items() if name not in left_out]
        busy = watch.saw_a_run()
        for look in looks:
            look.settle(busy=busy)
        return looks


def _timed(name: str, check: Check, survey: Survey) -> Look:
    started = time.monotonic()
    try:
        look = check(survey)
    except CorruptData as error:
        look = Look(name)
        look.find(survey.shown(survey.layout.warehouse), error.message, error.hint)
    look.seconds = round(time.monotonic() - started, 3)
    survey.narrator.pause()
    return look
