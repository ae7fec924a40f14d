"""Streams in the warehouse's private copy: answers, sample files and sets, by SQL alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strava_stats.files import make_folder
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.engine import LONGEST_LINE, glob_of, quoted, sql
from strava_stats.warehouse.sample_files import NO_SAMPLES, samples_fingerprint

COPY = """
copy ({rows}) to $target (
    format parquet, parquet_version v2, compression zstd, kv_metadata {{sql: '{made_by}', runs: {runs}}}
)
"""
API_RUNS = "select distinct run_id from meta.sample_sets where source <> 'export'"
NEW = "from read_parquet(getvariable('new_files'))"
NO_NEW = f"select *, null::bigint as seq from ({NO_SAMPLES})"  # noqa: S608 - our own text
OLD = """
select samples.*
from read_parquet(getvariable('old_files')) as samples
semi join meta.sample_sets using (activity_id, source, run_id)
"""


def load_answers(edit: WarehouseEdit, portion: Sequence[Path]) -> None:
    """What Strava said when streams were asked for, in these files."""
    _set_portion(edit, portion)
    edit.run(sql("load/stream_answers"))


def shape_portion(edit: WarehouseEdit, portion: Sequence[Path], target: Path) -> int:
    """Write the samples of the bodies in these files to `target`; returns how many."""
    _set_portion(edit, portion)
    return int(edit.run(sql("load/new_streams"), {"target": str(target)}).fetchone()[0])


def _set_portion(edit: WarehouseEdit, portion: Sequence[Path]) -> None:
    """A day and a night of samples is a line of some MB: the reader is given room for the longest."""
    longest = max((len(line) for path in portion for line in path.read_bytes().splitlines()), default=0)
    set_variable(edit, "portion", [str(path) for path in portion])
    set_variable(edit, "longest_line", max(LONGEST_LINE, longest + 1))


def write_sample_file(
    edit: WarehouseEdit,
    target: Path,
    *,
    new: Sequence[Path] = (),
    old: Sequence[Path] = (),
    runs: Mapping[str, int | None],
) -> int:
    """The samples of `new` and what they leave of `old` files, each activity's once; returns how many.

    `runs` says up to which line of which journals that is everything.
    """
    set_variable(edit, "new_files", [glob_of(str(path)) for path in new])
    set_variable(edit, "old_files", [glob_of(str(path)) for path in old])
    edit.run(f"create or replace temp view new_samples as {NEW if new else NO_NEW}")
    edit.run(f"create or replace temp view old_samples as {OLD if old else NO_SAMPLES}")
    make_folder(target.parent)
    notes = quoted(json.dumps(dict(runs)))
    copy = COPY.format(rows=sql("load/sample_file"), made_by=samples_fingerprint(), runs=notes)
    return int(edit.run(copy, {"target": str(target)}).fetchone()[0])


def note_sets(edit: WarehouseEdit, paths: Sequence[Path]) -> None:
    """Enter the sets of samples in these files."""
    if paths:
        set_variable(edit, "sample_files", [glob_of(str(path)) for path in paths])
        edit.run(sql("load/sample_sets"))


def relate_streams(edit: WarehouseEdit) -> None:
    """What depends on answers and samples together: how fresh sets are, which summary an answer belongs to."""
    edit.run(sql("load/samples_heard"))
    edit.run(sql("load/stream_fingerprints"))


def runs_with_samples(edit: WarehouseEdit) -> frozenset[str]:
    """Runs whose sample files the sets of the API refer to."""
    return frozenset(row[0] for row in edit.run(API_RUNS).fetchall())


def set_variable(edit: WarehouseEdit, name: str, value: Any) -> None:
    """A value that SQL files read with getvariable."""
    edit.run(f"set variable {name} = $value", {"value": value})
