"""Remove one athlete everywhere: journals, archives, floor, state, run records, what is derived, lines of logs.

Backups are not touched. Each step may be killed and done again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from strava_stats.care.backup import run_records
from strava_stats.care.purge import athletes_in_bronze
from strava_stats.errors import StravaStatsError
from strava_stats.files import disk_errors, fsync_folder
from strava_stats.lake.floor import read_floors, write_floors
from strava_stats.lake.imports import counting, read_imports
from strava_stats.lake.layout import IMPORTS, KINDS, NOBODY, RUN, Layout
from strava_stats.lake.rewrite import Cut, cut_journal, noted_lines
from strava_stats.narration import Narrator
from strava_stats.strava.token_store import FILE_NAME
from strava_stats.sync.compact import Calendar, compact
from strava_stats.sync.cutting import drop_unnamed, strangers
from strava_stats.sync.state import State
from strava_stats.warehouse.published import discard_stray_log


@dataclass
class Forgotten:
    """What was removed of one athlete."""

    athlete_id: int
    journals: int = 0
    archives: int = 0
    logs: int = 0
    archives_left: int = 0
    revoked: bool = False


def forget(
    layout: Layout,
    state: State,
    narrator: Narrator,
    calendar: Calendar,
    *,
    secrets_dir: Path,
    logs_dir: Path,
    athlete_id: int,
) -> Forgotten:
    """Under the writer's lock, with all journals closed; the token is gone already."""
    result = Forgotten(athlete_id)
    records = [one for one in run_records(layout, state) if not _is_of(one, athlete_id)]
    state.replace_runs(records)
    with disk_errors(layout.data_dir):
        _drop_what_is_derived(layout)
        result.journals = _drop_imports_of_others(layout, athlete_id) + _drop_journals(layout, athlete_id)
        write_floors(layout, {one: floor for one, floor in read_floors(layout).items() if one != athlete_id})
        _drop_archives(layout, result)
    state.forget_athlete(athlete_id)
    if athlete_id != NOBODY:  # who has no token, and is named in no log
        _drop_set_aside_tokens(secrets_dir, athlete_id)
    if athletes_in_bronze(layout):
        compact(layout, state, narrator, calendar, rebuild=True)
    for path in _our_logs(logs_dir) if athlete_id != NOBODY else ():
        try:
            result.logs += _drop_lines(path, athlete_id)
        except (StravaStatsError, OSError) as error:
            narrator.warn(f"Lines that name the athlete stay in {path}: {error}")
    return result


def _is_of(record: dict[str, object], athlete_id: int) -> bool:
    return record.get("athlete_id") == athlete_id or str(record.get("run_id")).endswith(f"-{athlete_id}")


def _drop_what_is_derived(layout: Layout) -> None:
    """Shards, sample files and warehouse hold several athletes: they are made anew of what stays in bronze."""
    layout.published.unlink(missing_ok=True)
    if layout.warehouse.exists():
        layout.warehouse.unlink()
        discard_stray_log(layout.warehouse)
        fsync_folder(layout.warehouse.parent)
    for folder in (layout.shards, layout.streams, layout.device_files):
        if folder.is_dir():
            for path in folder.glob("*.parquet"):
                path.unlink()
            fsync_folder(folder)


def _drop_imports_of_others(layout: Layout, athlete_id: int) -> int:
    """An archive is whose it was said to be last: what earlier imports said of it goes first, or it would be theirs."""
    imports = read_imports(layout)
    archives = {one.sha256 for one in counting(imports) if one.athlete_id == athlete_id}
    runs = {one.run_id for one in imports if one.sha256 in archives and one.athlete_id != athlete_id}
    journals = layout.journals(IMPORTS)
    for run_id in runs:
        journals[run_id].unlink()
    if runs:
        fsync_folder(layout.bronze(IMPORTS))
    return len(runs)


def _drop_journals(layout: Layout, athlete_id: int) -> int:
    """A journal is one athlete's, as its name says; one with another name is looked into."""
    count = 0
    for kind in KINDS:
        for run, path in layout.journals(kind).items():
            name = RUN.fullmatch(run)
            if name is not None and int(name["athlete"]) == athlete_id:
                path.unlink()
                count += 1
            elif name is None and any(line.athlete_id == athlete_id for line, _ in noted_lines(path)):
                cut_journal(path, Cut(lambda line: line.athlete_id != athlete_id), layout.scratch)
                count += 1
        if layout.bronze(kind).is_dir():
            fsync_folder(layout.bronze(kind))
    return count


def _drop_archives(layout: Layout, result: Forgotten) -> None:
    """Archives that no import names any more; what no import has put there goes with the last athlete."""
    result.archives = drop_unnamed(layout)
    others = strangers(layout)
    if athletes_in_bronze(layout):
        result.archives_left = len(others)
        return
    for path in others:
        path.unlink()
    result.archives += len(others)


def _drop_set_aside_tokens(secrets_dir: Path, athlete_id: int) -> None:
    """Token files that did not read were set aside by `auth`."""
    for path in secrets_dir.glob(f"{FILE_NAME}.corrupt-*"):
        with disk_errors(path):
            if b"%d" % athlete_id in path.read_bytes():
                path.unlink()


def _our_logs(logs_dir: Path) -> list[Path]:
    """The folder may hold what others have written."""
    found = [*(logs_dir / "flow").rglob("flow_*.log"), *(logs_dir / "flow").rglob("flow_*.jsonl")]
    found += (logs_dir / "scheduler").glob("cron*.log")
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _drop_lines(path: Path, athlete_id: int) -> bool:
    """Rewrite a log in place without the lines that name the athlete: who appends to it goes on doing so."""
    names = re.compile(rb"(?<!\d)%d(?!\d)" % athlete_id)
    with disk_errors(path), path.open("r+b") as file:
        lines = file.readlines()
        kept = [line for line in lines if not names.search(line)]
        if len(kept) == len(lines):
            return False
        file.seek(0)
        file.writelines(kept)
        file.truncate()
    return True
