"""Imported archives → device files parsed → the warehouse. What was parsed once is not parsed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strava_stats.errors import CorruptData
from strava_stats.export.archive import LIST, Archive, open_archive
from strava_stats.export.devices import PARSER_VERSION
from strava_stats.export.rows import LARGEST_TABLE, Report, write_rows
from strava_stats.export.side_files import SideFiles, write_side_files
from strava_stats.files import make_folder
from strava_stats.lake.imports import Import, counting, oldest_first, read_imports
from strava_stats.lake.layout import Layout
from strava_stats.narration import Narrator
from strava_stats.warehouse.exports import Exports, write_lines
from strava_stats.warehouse.samples import is_made_by, write_facts, write_samples

if TYPE_CHECKING:
    from strava_stats.warehouse.samples import Columns

TASK = "Reading device files"
SOURCE = "export"
ROWS, DIRECTORY = "rows.jsonl", "members.jsonl"


@dataclass
class Unpacked:
    """What was read out of archives: activities, and device files by what became of them."""

    activities: int = 0
    files: int = 0
    failed: list[str] = field(default_factory=list)


def load_archives(exports: Exports, layout: Layout, narrator: Narrator, *, reuse: bool) -> Unpacked:
    """All imported archives, and their device files; `reuse` keeps what was parsed by this version before."""
    result = Unpacked()
    imports = read_imports(layout)
    counted = counting(imports)
    for one in counted:
        with kept_archive(layout, one) as archive:
            add_archive(exports, layout.scratch, archive, one)
    exports.order_archives([one.run_id for one in oldest_first(counted, exports.newest_starts())])
    known: list[Path] = []
    for replaced in [one for one in imports if one not in counted]:
        layout.facts(replaced.run_id).unlink(missing_ok=True)  # its samples go after the publish
    for one in counted:
        facts, samples = layout.facts(one.run_id), layout.stream_file(one.run_id)
        if not (reuse and is_made_by(PARSER_VERSION, facts, samples)):
            _parse(exports, layout, narrator, one, known=known, result=result)
        known += [facts] if facts.exists() else []
    result.activities = exports.merge_archives(known)
    return result


def add_archive(exports: Exports, scratch: Path, archive: Archive, one: Import) -> None:
    """Take in the tables and the directory of one archive."""
    _, side_files = write_table(archive, scratch)
    directory = scratch / DIRECTORY
    write_lines(directory, ({"name": m.name, "size": m.size, "crc": m.crc} for m in archive.members.values()))
    exports.add_archive(
        one.run_id,
        one.athlete_id,
        one.imported_at,
        rows=scratch / ROWS,
        members=directory,
        gear=side_files.gear,
        profile=side_files.profile,
        media=side_files.media,
    )


def write_table(archive: Archive, folder: Path) -> tuple[Report, SideFiles]:
    """The archive's tables as JSON Lines in `folder`."""
    make_folder(folder)
    return write_rows(archive.read(LIST, LARGEST_TABLE), folder / ROWS), write_side_files(archive, folder)


@contextmanager
def kept_archive(layout: Layout, one: Import) -> Iterator[Archive]:
    """An archive as bronze keeps it. Raises CorruptData when it is not there."""
    path = layout.archive(one.sha256)
    if not path.exists():
        raise CorruptData(
            f"The archive {path.name} of the import {one.run_id} is not in {layout.archives}",
            "bring it back from a backup, or import the same archive again",
        )
    with open_archive(path) as archive:
        yield archive


def _parse(
    exports: Exports, layout: Layout, narrator: Narrator, one: Import, *, known: Sequence[Path], result: Unpacked
) -> None:
    """The device files that this import brought, and no earlier one."""
    from strava_stats.export.devices.pool import Job, parse_all  # noqa: PLC0415 - numpy takes its time

    facts, samples = layout.facts(one.run_id), layout.stream_file(one.run_id)
    archive = layout.archive(one.sha256)
    unread = exports.unread_files(one.run_id, known)
    jobs = [
        Job(activity, athlete, archive, member, size=size, crc=crc) for activity, athlete, member, size, crc in unread
    ]
    found: list[dict[str, Any]] = []
    exports.forget_samples(one.run_id)

    def portions() -> Iterator[Columns]:
        for portion in parse_all(jobs):
            found.extend(portion.facts)
            narrator.progress(TASK, len(found), len(jobs))
            yield portion.samples

    # The published view may read these samples: they are replaced, and never away in between.
    if not write_samples(portions(), samples, run_id=one.run_id, source=SOURCE, scratch=layout.scratch):
        samples.unlink(missing_ok=True)
    if not write_facts(found, facts, run_id=one.run_id, parser=PARSER_VERSION, scratch=layout.scratch):
        facts.unlink(missing_ok=True)
    result.files += len(found)
    result.failed += [f"{fact['member']} ({fact['error']})" for fact in found if fact["status"] == "failed"]
