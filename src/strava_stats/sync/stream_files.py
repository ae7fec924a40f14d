"""Journals of streams → sample files and what the warehouse knows of them; nothing that is held already is made again.

A run's samples are one file, written anew while the run goes on and grows. Runs that are shaped together, as in a
rebuild, share one; many files become one. What a file holds is written in it (`warehouse/sample_files.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from strava_stats.files import disk_errors
from strava_stats.lake.bronze import ANSWERED, Lines, body_portions, check_archive
from strava_stats.lake.imports import counting, read_imports
from strava_stats.lake.layout import STREAMS, Layout
from strava_stats.lake.shards import new_shard
from strava_stats.narration import Narrator
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.sample_files import SampleFile, SampleView, sample_files, shown_files
from strava_stats.warehouse.stream_edit import (
    load_answers,
    note_sets,
    relate_streams,
    runs_with_samples,
    shape_portion,
    write_sample_file,
)

PORTION_BYTES = 24 << 20  # of streams a statement; bounds the memory
MOST_FILES = 50
TASK = "Loading streams"


class Waiting(Protocol):
    """A journal of streams that the warehouse does not hold whole, as `compact.Pending`."""

    @property
    def run_id(self) -> str:
        """Its run."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def loaded_seq(self) -> int:
        """The last line that is in."""

    @property
    def until_seq(self) -> int | None:
        """The last line there is, None when it is closed."""


Journal = TypeVar("Journal", bound=Waiting)


@dataclass(frozen=True)
class Lost:
    """A closed journal whose samples are in no file any more."""

    run_id: str
    path: Path
    loaded_seq: int = 0
    until_seq: int | None = None


@dataclass(frozen=True)
class LoadedStreams:
    """How many answers were loaded, and of all files made of journals those alone that count, None: as they say."""

    answers: int
    only: frozenset[Path] | None


def load_streams(
    edit: WarehouseEdit,
    layout: Layout,
    waiting: Sequence[Journal],
    narrator: Narrator,
    *,
    reuse: bool,
    group: Callable[[list[Journal]], list[list[Journal]]],
) -> LoadedStreams:
    """Bring answers, sample files and sets up to date.

    Without `reuse` all files are made again, also those that are as they should be.
    """
    held = _held(shown_files(sample_files(layout.streams))) if reuse else {}
    ready = [one for one in waiting if _is_held(one, held)]
    for portion in _portions([(one, one.loaded_seq) for one in ready], layout):
        load_answers(edit, portion)
    touched = {held[one.run_id][0] for one in ready}
    count = 0
    # A run that goes on has its file to itself: it is written again as the run grows.
    rest = [one for one in waiting if one not in ready]
    groups: list[Sequence[Waiting]] = []
    groups.extend(group([one for one in rest if one.until_seq is None]))
    groups.extend([one] for one in rest if one.until_seq is not None)
    groups.extend([one] for one in (_lost(edit, layout, held, waiting) if reuse else ()))
    for some in groups:
        made, answers = _shape(edit, layout, some, held)
        touched |= made
        count += answers
        narrator.progress(TASK, count, None)
    if count:
        narrator.progress(TASK, count, count)
    note_sets(edit, sorted(touched))
    relate_streams(edit)
    if reuse:
        _merge(edit, layout)
    return LoadedStreams(count, None if reuse else frozenset(touched))


def view_of(layout: Layout, shown_data_dir: str | None, only: frozenset[Path] | None = None) -> SampleView:
    """What the published view reads."""
    names = tuple(one.path.name for one in _shown(layout, only))
    return SampleView(shown_data_dir or str(layout.data_dir.absolute()), names)


def drop_superseded(layout: Layout, only: frozenset[Path] | None = None) -> None:
    """After a publish: files whose rows are in others. A kill before this leaves files that no view reads."""
    shown = {one.path for one in _shown(layout, only)}
    with disk_errors(layout.streams):
        for path in layout.streams.glob("*.parquet"):
            if path not in shown:
                path.unlink()


def _shown(layout: Layout, only: frozenset[Path] | None) -> list[SampleFile]:
    imports = read_imports(layout)
    replaced = {layout.stream_file(one.run_id) for one in set(imports) - set(counting(imports))}
    files = [one for one in sample_files(layout.streams) if one.path not in replaced]
    return shown_files(one for one in files if only is None or one.runs is None or one.path in only)


def _held(files: Iterable[SampleFile]) -> dict[str, tuple[Path, int | None]]:
    """Run → the file that holds it, and up to which line."""
    return {run: (one.path, seq) for one in files for run, seq in (one.runs or {}).items()}


def _is_held(one: Waiting, held: Mapping[str, tuple[Path, int | None]]) -> bool:
    if one.run_id not in held:
        return False
    _, seq = held[one.run_id]
    return seq is None or (one.until_seq is not None and seq == one.until_seq)


def _lost(
    edit: WarehouseEdit,
    layout: Layout,
    held: Mapping[str, tuple[Path, int | None]],
    waiting: Sequence[Waiting],
) -> list[Waiting]:
    """Loaded journals whose samples are gone: a file was deleted, or damaged and moved away."""
    gone = runs_with_samples(edit) - held.keys() - {one.run_id for one in waiting}
    return [Lost(run, path) for run, path in layout.journals(STREAMS).items() if run in gone]


def _shape(
    edit: WarehouseEdit, layout: Layout, some: Sequence[Waiting], held: Mapping[str, tuple[Path, int | None]]
) -> tuple[set[Path], int]:
    """One file of these runs; a run alone goes on where its own file ends. Returns the file and how many answers."""
    for one in some:
        check_archive(one.path)
    last = some[-1]
    target = layout.stream_file(last.run_id) if len(some) == 1 else layout.merged_stream_file(last.run_id)
    from_seq, old = _base(last, target, held) if len(some) == 1 else (0, [])
    parts: list[Path] = []
    answers = 0
    for portion in _portions([(one, from_seq) for one in some], layout):
        if not isinstance(last, Lost):
            load_answers(edit, portion)
        parts.append(layout.scratch / f"samples-{len(parts)}.parquet")
        shape_portion(edit, portion, parts[-1])
        answers += sum(path.read_bytes().count(b"\n") for path in portion)
    rows = 0
    if parts:
        with new_shard(target, layout.scratch) as unfinished:
            runs = {one.run_id: one.until_seq for one in some}
            rows = write_sample_file(edit, unfinished, new=parts, old=old, runs=runs)
            if not rows:
                unfinished.unlink()
    for part in parts:
        part.unlink()
    return ({target} if rows else set()), answers


def _base(one: Waiting, target: Path, held: Mapping[str, tuple[Path, int | None]]) -> tuple[int, list[Path]]:
    """Behind which line to go on, and the file that holds what comes before.

    A file that is ahead of the warehouse was written by a run that was killed before it published: from the start.
    """
    path, seq = held.get(one.run_id, (None, None))
    if path != target or seq is None or seq != one.loaded_seq:
        return 0, []
    return seq, [target]


def _portions(pieces: Iterable[tuple[Waiting, int]], layout: Layout) -> Iterable[list[Path]]:
    lines = [Lines(one.path, seq, one.until_seq, kept=ANSWERED) for one, seq in pieces]
    return body_portions(lines, layout.scratch, PORTION_BYTES)


def _merge(edit: WarehouseEdit, layout: Layout) -> None:
    """Many files of closed runs become one, without samples that newer ones have replaced."""
    ours = [one for one in shown_files(sample_files(layout.streams)) if one.runs]
    if len(ours) <= MOST_FILES or any(seq is not None for one in ours for seq in (one.runs or {}).values()):
        return
    runs = {run: seq for one in ours for run, seq in (one.runs or {}).items()}
    with new_shard(layout.merged_stream_file(max(runs)), layout.scratch) as target:
        write_sample_file(edit, target, old=[one.path for one in ours], runs=runs)
