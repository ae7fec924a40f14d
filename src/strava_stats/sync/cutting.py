"""Archives without what is not wanted: rows of activities that began too early, and what is theirs alone.

An archive is packed anew under the name of its new content; then the journals of its imports name that one, and the
old one goes. A kill in between leaves archives that no import names: whoever writes archives next removes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strava_stats.export.cutting import keep_without
from strava_stats.files import disk_errors, fsync_folder
from strava_stats.lake.imports import Import, read_imports
from strava_stats.lake.layout import IMPORTS, Layout
from strava_stats.lake.rewrite import rename_archive
from strava_stats.sync.archives import add_archive, kept_archive
from strava_stats.warehouse.exports import Bench, Exports, RowFile

KEPT = re.compile(r"[0-9a-f]{64}\.zip")


@dataclass(frozen=True)
class Told:
    """An activity of an archive: when it began, as far as anything tells, and which members are its own."""

    id: int
    start: datetime
    members: tuple[str, ...]


@dataclass(frozen=True)
class Contents:
    """The activities of one imported archive."""

    one: Import
    activities: tuple[Told, ...]

    def below(self, floor: datetime) -> frozenset[int]:
        """Those that began before."""
        return frozenset(told.id for told in self.activities if told.start < floor)

    @property
    def ids(self) -> frozenset[int]:
        """All of them."""
        return frozenset(told.id for told in self.activities)


def look_into(layout: Layout, one: Import) -> Contents:
    """What an archive in bronze tells. Raises CorruptData when it is not there, or damaged.

    A row without a date began when its device file says; where that tells nothing either, before the archive was made.
    """
    with kept_archive(layout, one) as archive, Bench(layout.scratch) as bench:
        exports = Exports(bench, layout.scratch)
        add_archive(exports, layout.scratch, archive, one)
        rows = exports.rows()
    undated = [(row.id, row.file) for row in rows if row.start is None and row.file is not None]
    recorded = _starts_of(layout.archive(one.sha256), one.athlete_id, undated)
    latest = one.made or one.imported_at
    return Contents(
        one,
        tuple(
            Told(
                row.id,
                row.start or recorded.get(row.id) or latest,
                (*row.media, *([row.file.member] if row.file else [])),
            )
            for row in rows
        ),
    )


def _starts_of(archive: Path, athlete_id: int, files: Sequence[tuple[int, RowFile]]) -> dict[int, datetime]:
    """Activity → when its device file says that it began."""
    if not files:
        return {}
    from strava_stats.export.devices.pool import Job, parse_all  # noqa: PLC0415 - numpy takes its time

    jobs = [Job(one, athlete_id, archive, file.member, size=file.size, crc=file.crc) for one, file in files]
    facts = (fact for portion in parse_all(jobs) for fact in portion.facts)
    return {fact["activity_id"]: fact["start_time"] for fact in facts if fact["start_time"] is not None}


def keep_the_rest(layout: Layout, contents: Contents, gone: AbstractSet[int]) -> tuple[str, list[str]]:
    """Keep the archive again, without these activities: its new SHA-256, and damaged files that were left out.

    No import names it yet, and the old one stays.
    """
    stays = {name for told in contents.activities if told.id not in gone for name in told.members}
    with kept_archive(layout, contents.one) as archive:
        return keep_without(archive, gone, stays, layout.archives, layout.scratch)


def replace_archive(layout: Layout, old: str, new: str) -> None:
    """From here on the imports of `old` are imports of `new`; `old` is removed.

    The oldest first: the last import of an archive says whose it is, so a kill in between gives it to nobody else.
    """
    journals = layout.journals(IMPORTS)
    for run_id in sorted({one.run_id for one in read_imports(layout) if one.sha256 == old}):
        rename_archive(journals[run_id], old, new, layout.scratch)
    drop_unnamed(layout)


def drop_unnamed(layout: Layout) -> int:
    """Remove archives that no import names: a killed run left them. Returns how many."""
    named = {layout.archive(one.sha256) for one in read_imports(layout)}
    unnamed = [path for path in _entries(layout) if KEPT.fullmatch(path.name) and path not in named]
    for path in unnamed:
        path.unlink()
    if unnamed:
        fsync_folder(layout.archives)
    return len(unnamed)


def strangers(layout: Layout) -> list[Path]:
    """Files among the archives that no import has put there."""
    return [path for path in _entries(layout) if not KEPT.fullmatch(path.name)]


def _entries(layout: Layout) -> list[Path]:
    if not layout.archives.is_dir():
        return []
    with disk_errors(layout.archives):
        return sorted(path for path in layout.archives.iterdir() if path.is_file())
