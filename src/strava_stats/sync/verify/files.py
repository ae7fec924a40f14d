"""Orphans, file modes, and state: what lies in the folders, and how."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from strava_stats.lake.layout import KINDS
from strava_stats.strava.token_store import FILE_NAME
from strava_stats.sync.verify.findings import REBUILD, Look, Survey, counted, reading
from strava_stats.sync.verify.shards import SHARD
from strava_stats.warehouse.engine import sql

HARMLESS = frozenset({".DS_Store", ".gitkeep"})
JOURNAL_ENDS = (".jsonl", ".jsonl.gz")
MOVE = "move it out of there"
LEFT_OVER = "delete it: a killed run left it, and nothing refers to it"
NO_STATE = "delete it: losing it costs calls, never data"
NO_RECORDS = "delete it: losing it costs records of runs, never data"
RECORDS = "runs.jsonl"
HOLDER = "writer.json"


def check_orphans(survey: Survey) -> Look:
    """Rows that no activity owns, and files that belong to nothing."""
    look = Look("orphans", verdict="no file out of place")
    if survey.warehouse is not None:
        look.verdict = "none out of place, and no row without its activity"
        with reading(survey.layout.warehouse):
            rows = survey.warehouse.rows(sql("verify/orphan_rows"))
        for table, trouble, count in rows:
            message = f"table {table} has {counted(count, 'row')} {trouble}"
            look.find(survey.shown(survey.layout.warehouse), message, REBUILD)
    for path in _strangers(survey):
        look.find(survey.shown(path), "does not belong there", MOVE, passing=True)
    for path in _left_overs(survey):
        look.find(survey.shown(path), "is half made", LEFT_OVER, passing=True)
    files = sum(1 for path in survey.layout.data_dir.rglob("*") if path.is_file())
    look.looked_at = counted(files, "file")
    return look


def _strangers(survey: Survey) -> Iterator[Path]:
    """Unknown names in bronze, among the shards and the samples; a journal with an odd name is the first check's."""
    layout = survey.layout
    for path in _entries(layout.data_dir / "bronze"):
        if path not in {layout.floor, layout.archives} and (path.name not in KINDS or not path.is_dir()):
            yield path
    yield from (path for path in _entries(layout.archives) if path.stem not in survey.archives)
    for kind in KINDS:
        yield from (path for path in _entries(layout.bronze(kind)) if not path.name.endswith(JOURNAL_ENDS))
    for folder in (layout.shards, layout.streams):
        yield from (path for path in _entries(folder) if not SHARD.fullmatch(path.name))


def _entries(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.name not in HARMLESS and not _is_temporary(path)]


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _left_overs(survey: Survey) -> Iterator[Path]:
    """What a kill leaves of files that were being made."""
    layout = survey.layout
    yield from sorted(layout.data_dir.rglob(".*.tmp"))
    yield from sorted(layout.warehouse.parent.glob(f".{layout.warehouse.name}.edit*"))
    if layout.scratch.is_dir() and any(layout.scratch.iterdir()):
        yield layout.scratch


def check_modes(survey: Survey) -> Look:
    """Who may read the tokens, and who may write the data."""
    look = Look("modes", verdict="as they should be")
    layout, token_file = survey.layout, survey.secrets_dir / FILE_NAME
    rules = (
        (token_file, 0o077, "others can read the tokens", "600"),
        (survey.secrets_dir, 0o077, "others can look into the secrets folder", "700"),
        (layout.warehouse, 0o222, "a client could open the warehouse for writing", "444"),
        (layout.data_dir, 0o002, "everybody can write the data folder", "o-w"),
    )
    there = [rule for rule in rules if rule[0].exists()]
    for path, forbidden, message, mode in there:
        found = path.stat().st_mode & 0o777
        if found & forbidden:
            look.find(str(path), f"{message} (mode {found:04o})", f"chmod {mode} {shlex.quote(str(path))}")
    look.looked_at = counted(len(there), "path")
    return look


def check_state(survey: Survey) -> Look:
    """Files in data/state that would be taken as lost."""
    look = Look("state", verdict="all readable")
    folder = survey.layout.state
    paths = [*sorted(folder.glob("*.json")), *folder.glob(RECORDS)]
    paths = [path for path in paths if path.name != HOLDER]
    for path in paths:
        if not _is_state(path):
            cure = NO_RECORDS if path.name == RECORDS else NO_STATE
            look.find(survey.shown(path), "is not JSON as it is written there", cure, passing=True)
    look.looked_at = counted(len(paths), "file")
    return look


def _is_state(path: Path) -> bool:
    """An object or a list, or one of them a line."""
    try:
        content = path.read_bytes()
        texts = [one for one in content.splitlines() if one] if path.suffix == ".jsonl" else [content]
        return all(isinstance(json.loads(text), dict | list) for text in texts)
    except FileNotFoundError:  # a run replaced it, or had nothing to keep
        return True
    except (ValueError, RecursionError):
        return False
