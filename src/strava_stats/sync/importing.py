"""Land a bulk export in bronze: the archive whole, and a line that says when and for whom it was imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from strava_stats.clock import Clock
from strava_stats.export.archive import Archive
from strava_stats.export.rows import Report
from strava_stats.lake.bronze import Journal, compress
from strava_stats.lake.floor import floor_of
from strava_stats.lake.imports import Import, counting, read_imports
from strava_stats.lake.layout import ACTIVITIES, IMPORTS, Layout
from strava_stats.sync.archives import write_table
from strava_stats.sync.cutting import keep_the_rest, look_into, replace_archive
from strava_stats.warehouse.query import Warehouse

MOST_NAMED = 20
MISSING = """
select words.id
from meta.export_words as words
semi join activities using (id)
where words.athlete_id = ? and not words.in_newest
order by words.id
"""


@dataclass(frozen=True)
class Landed:
    """What an import brought; `known` says that this very archive was imported before.

    `below` is how many of its activities began before the floor: they are not kept.
    """

    sha256: str
    known: bool
    report: Report
    oddities: list[tuple[str, str]] = field(default_factory=list)
    below: int = 0


def land(layout: Layout, clock: Clock, archive: Archive, *, athlete_id: int, run_id: str) -> Landed:
    """Keep the archive and note its import; durable when this returns."""
    report, side_files = write_table(archive, layout.scratch)
    whole = archive.keep(layout.archives, layout.scratch)
    given = Import(run_id, athlete_id, clock.now(), whole, archive.made_at)
    below, damaged, sha256 = _keep_above_the_floor(layout, given)
    known = any(one.sha256 == sha256 and one.athlete_id == athlete_id for one in counting(read_imports(layout)))
    if not known:
        journal = Journal(layout, IMPORTS, run_id, athlete_id, "export")
        journal.add_archive(given.imported_at, sha256, given.made)
        _close(journal, layout)
    if sha256 != whole:
        replace_archive(layout, whole, sha256)
    oddities = [*side_files.oddities, *((name, "damaged: it is not kept") for name in damaged)]
    return Landed(sha256, known, report, oddities, below)


def _keep_above_the_floor(layout: Layout, given: Import) -> tuple[int, list[str], str]:
    """How many activities began before the floor, damaged files, and the archive that is kept without these."""
    floor = floor_of(layout, given.athlete_id)
    if floor is None:
        return 0, [], given.sha256
    contents = look_into(layout, given)
    gone = contents.below(floor)
    if not gone:
        return 0, [], given.sha256
    sha256, damaged = keep_the_rest(layout, contents, gone)
    return len(gone), damaged, sha256


def missing(layout: Layout, athlete_id: int) -> list[int]:
    """Live activities that an earlier archive of the athlete has, and the newest has not."""
    if not layout.warehouse.exists():
        return []
    with Warehouse(layout.warehouse) as warehouse:
        return [row[0] for row in warehouse.rows(MISSING, [athlete_id])]


def let_go(layout: Layout, clock: Clock, activities: Iterable[int], *, athlete_id: int, run_id: str) -> None:
    """Note that these are gone because the user says so; the next compaction takes them out."""
    absences = Journal(layout, ACTIVITIES, run_id, athlete_id, "export")
    now = clock.now()
    for one in activities:
        absences.add_pruned(now, one)
    _close(absences, layout)


def _close(journal: Journal, layout: Layout) -> None:
    path = journal.finish()
    assert path is not None
    compress(path, layout.scratch)
    path.unlink()


def remarks(archive: Archive, landed: Landed) -> Iterator[str]:
    """What a user should know of an archive that was taken in, a line each."""
    if landed.below:
        yield f"{landed.below:,} activities of the archive began before the floor of `purge`: they were not taken in"
    columns = landed.report.columns
    if not landed.report.rows:
        yield "activities.csv has no activity: this archive says nothing, also not that any is missing"
    if columns.by_position:
        yield f"activities.csv: {len(columns.by_position)} columns were recognised by their place alone"
    if columns.unknown:
        yield f"activities.csv: unknown columns, kept in activity_export.extra: {some(columns.unknown)}"
    for row, what in landed.report.oddities[:MOST_NAMED]:
        yield f"activities.csv, row {row}: {what}"
    if len(landed.report.oddities) > MOST_NAMED:
        yield f"activities.csv: … and {len(landed.report.oddities) - MOST_NAMED:,} more odd rows"
    for name, what in landed.oddities[:MOST_NAMED]:
        yield f"{name}: {what}"
    if archive.refused:
        named = some([f"{name} ({why})" for name, why in archive.refused])
        yield f"{len(archive.refused):,} files of the archive are not read: {named}"


def some(things: Sequence[object]) -> str:
    """Twenty of them at most, in words."""
    shown = ", ".join(map(str, things[:MOST_NAMED]))
    return shown if len(things) <= MOST_NAMED else f"{shown} … and {len(things) - MOST_NAMED:,} more"
