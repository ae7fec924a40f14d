"""A warehouse under edit with sample files of a test's own making, for what is computed from samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from strava_stats.warehouse.derive import derive, find_duplicates
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.samples import SAMPLE_COLUMNS

Sample = Mapping[str, Any]
START = "2026-05-01T06:00:00Z"


class SampleDesk:
    """Activities with samples, as after a load and before a publish."""

    def __init__(self, folder: Path, edit: WarehouseEdit) -> None:
        self.folder = folder
        self.edit = edit
        self.files: list[Path] = []

    def activity(self, number: int, **columns: Any) -> None:
        """A live activity; a run that starts at START unless the columns say otherwise."""
        row = {"id": number, "athlete_id": 7, "sport_type": "Run", "start_date": START, **columns}
        row.setdefault("start_date_local", row["start_date"].rstrip("Z"))
        values = ", ".join(f"${name} as {name}" for name in row)
        self.edit.run(f"insert into activities by name select {values}", row)

    def samples(self, run: str, sets: Mapping[int, Iterable[Sample]], source: str = "export") -> None:
        """A sample file of one run; its sets become those of their activities."""
        lines, path = self.folder / "samples.jsonl", self.folder / f"{run}.parquet"
        with lines.open("wb") as file:
            for number, samples in sets.items():
                fixed = {"activity_id": number, "run_id": run, "athlete_id": 7, "source": source}
                file.writelines(msgspec.json.encode(fixed | dict(sample)) + b"\n" for sample in samples)
        quoted = str(path).replace("'", "''")
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (from read_ndjson($lines, columns = $columns) order by activity_id, t) to '{quoted}' "
                "(format parquet, parquet_version v2, compression zstd)",
                {"lines": str(lines), "columns": dict(SAMPLE_COLUMNS)},
            )
        self.files.append(path)
        for number in sets:
            self.edit.run("delete from meta.sample_sets where activity_id = ? and source = ?", [number, source])
            self.edit.run(
                "insert into meta.sample_sets by name select ? as activity_id, 7 as athlete_id, ? as source, "
                "? as run_id, timestamptz '2026-06-01 00:00:00Z' as fetched_at",
                [number, source, run],
            )

    def derive(self, portion_size: int = 300_000) -> int:
        """Work up what is new, as the merger does."""
        self.edit.run(
            "create or replace temp table to_derive as select id as activity_id, activities.athlete_id, "
            "arg_min(sets.run_id, sets.source) as run_id, start_date, start_date_local, sport_type, "
            "arg_min(sets.fetched_at, sets.source) as fetched_at from activities "
            "inner join meta.sample_sets as sets on id = activity_id group by all"
        )
        return derive(self.edit, self.files, portion_size=portion_size)

    def find_duplicates(self) -> int:
        """Look for pairs, as the merger does."""
        return find_duplicates(self.edit, self.files)

    def table(self, name: str, columns: str = "*", rest: str = "order by all") -> list[tuple[Any, ...]]:
        """Some columns of a table."""
        return self.rows(f"select {columns} from {name} {rest}")  # noqa: S608 - a test's own names

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.edit.run(query).fetchall())


@contextmanager
def sample_desk(folder: Path) -> Iterator[SampleDesk]:
    """An empty desk in a folder whose name is a trial for every path."""
    home = folder / "a folder's [name]"
    home.mkdir()
    with WarehouseEdit(home / "w" / "strava.duckdb", home / "tmp", anew=True, note=home / "note.json") as edit:
        yield SampleDesk(home, edit)
