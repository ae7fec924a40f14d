"""Which sample files there are, and how the view `activity_streams` finds them.

A file that was made of journals says so itself: which SQL made it, and of which runs it holds everything (or all up
to a line, while the run goes on). Others, of imports, say nothing of the kind and are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from strava_stats.errors import CorruptData
from strava_stats.warehouse.engine import connect, fingerprint_of, glob_of, quoted
from strava_stats.warehouse.samples import SAMPLE_COLUMNS

DATA_VARIABLE = "strava_data"
"""Who sees the data folder elsewhere than the one who published: `set variable strava_data = '/there'`."""
NO_SAMPLES = f"select {', '.join(f'null::{kind} as {name}' for name, kind in SAMPLE_COLUMNS.items())} where false"
NOTES = """
select file_name, decode(key), decode(value)
from parquet_kv_metadata($paths)
where decode(key) in ('sql', 'runs')
"""


def samples_fingerprint() -> str:
    """Hash of what shapes samples of the API; another one means: make the files anew."""
    return fingerprint_of("load/new_streams", *SAMPLE_COLUMNS, *SAMPLE_COLUMNS.values())


@dataclass(frozen=True)
class SampleFile:
    """One file; `runs` → up to which line of its journal (None: all of it); None when it was made of no journal."""

    path: Path
    runs: Mapping[str, int | None] | None
    is_current: bool = True


def sample_files(folder: Path) -> list[SampleFile]:
    """All sample files of a data folder, in the order of their names; raises CorruptData for one that does not open."""
    import duckdb  # noqa: PLC0415

    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        return []
    try:
        with closing(connect()) as connection:
            rows = connection.execute(NOTES, {"paths": [glob_of(str(path)) for path in paths]}).fetchall()
    except duckdb.Error as error:
        raise CorruptData(
            f"A sample file in {folder} cannot be read: {str(error).splitlines()[0][:200]}",
            "delete that file and run `strava-stats compact --rebuild`",
        ) from error
    notes: dict[str, dict[str, str]] = {}
    for name, key, value in rows:
        notes.setdefault(Path(name).name, {})[key] = value
    return [_sample_file(path, notes.get(path.name, {})) for path in paths]


def _sample_file(path: Path, notes: Mapping[str, str]) -> SampleFile:
    runs = json.loads(notes["runs"]) if "runs" in notes else None
    return SampleFile(path, runs, runs is None or notes.get("sql") == samples_fingerprint())


def shown_files(files: Iterable[SampleFile]) -> list[SampleFile]:
    """Those whose rows count: none that other SQL made, and no two that hold the same run.

    The one that holds more runs counts: it was made of the others. What is left over by that is made again.
    """
    shown: list[SampleFile] = []
    seen: set[str] = set()
    for one in sorted(files, key=lambda file: (len(file.runs or ()), file.path.name), reverse=True):
        if one.is_current and (one.runs is None or seen.isdisjoint(one.runs)):
            shown.append(one)
            seen.update(one.runs or ())
    return sorted(shown, key=lambda file: file.path.name)


@dataclass(frozen=True)
class SampleView:
    """The files that the published view reads, below `data_dir` as those see it who open the published file."""

    data_dir: str = ""
    names: tuple[str, ...] = ()

    def as_sql(self) -> str:
        """What stands behind FROM: file by file, so that one that is not published yet, or replaced, is not seen.

        Without a file an empty relation of the same shape, because DuckDB refuses a pattern that matches nothing.
        """
        if not self.names:
            return f"({NO_SAMPLES})"
        folder = f"coalesce(getvariable('{DATA_VARIABLE}'), {quoted(glob_of(self.data_dir))})"
        files = ",\n    ".join(f"{folder} || {quoted(glob_of(f'/streams/{name}'))}" for name in self.names)
        return f"read_parquet([\n    {files}\n])"
