"""What bulk exports say, kept apart from what the API says, and merged with it last (docs/decisions/017)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from strava_stats.files import disk_errors
from strava_stats.warehouse.engine import LONGEST_LINE, connect, sql
from strava_stats.warehouse.failures import duckdb_errors
from strava_stats.warehouse.samples import FACT_COLUMNS

NEIGHBOUR_DAYS = 30  # further away, the athlete may have been anywhere
HAS_WORDS = "select count(*) from duckdb_tables() where schema_name = 'meta' and table_name = 'export_words'"
UNREAD_FILES = """
select activity_id, athlete_id, member, size, crc
from export_files
where run_id = $run_id and not exists (
    select 1
    from facts
    where
        facts.activity_id = export_files.activity_id
        and facts.size = export_files.size
        and facts.crc = export_files.crc
)
order by start_date nulls last, activity_id
"""
ROWS_WITH_FILES = """
select
    archive_rows.id,
    archive_rows.start_date,
    coalesce([one.name for one in archive_rows.media], []) as media,
    export_files.member,
    export_files.size,
    export_files.crc
from archive_rows
left join export_files on export_files.run_id = archive_rows.run_id and export_files.activity_id = archive_rows.id
order by archive_rows.id
"""
FIRST_POINTS = """
select activity_id, run_id, start_lat, start_lng
from facts
where start_lat is not null and start_lng is not null and utc_offset is null
"""


@dataclass(frozen=True)
class RowFile:
    """The device file of an activity: its name in the archive, size and CRC-32."""

    member: str
    size: int
    crc: int


@dataclass(frozen=True)
class Row:
    """An activity of an archive: when it began, as its table says, its pictures, and its device file."""

    id: int
    start: datetime | None
    media: tuple[str, ...]
    file: RowFile | None


class Sql(Protocol):
    """What runs SQL: an edit of the warehouse, or `Bench`."""

    def run(self, statement: str, parameters: Any = None) -> Any:
        """Execute it."""

    def set(self, **variables: Any) -> None:
        """Values that SQL reads with getvariable."""


class Bench:
    """Archives alone, typed in memory, without a warehouse."""

    def __init__(self, scratch: Path) -> None:
        self._place = scratch
        self._connection = connect(scratch=scratch)
        self.run(sql("macros"))
        self.set(longest_line=LONGEST_LINE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def run(self, statement: str, parameters: Any = None) -> Any:
        """Execute SQL; a full disk becomes DiskFull."""
        with duckdb_errors(self._place):
            return self._connection.execute(statement, parameters)

    def set(self, **variables: Any) -> None:
        """Values that SQL reads with getvariable."""
        for name, value in variables.items():
            self.run(f"set variable {name} = ?", [value])


class Exports:
    """The archives' part of one edit of the warehouse."""

    def __init__(self, edit: Sql, scratch: Path) -> None:
        self.edit = edit
        self.scratch = scratch

    @property
    def any(self) -> bool:
        """True when some archive was imported."""
        return bool(self.edit.run(HAS_WORDS).fetchone()[0])

    def take_out(self) -> None:
        """Leave what Strava's API said alone."""
        if self.any:
            self._run("activities_without_export", "details_without_export", "profiles_without_export")

    def add_archive(self, run_id: str, athlete_id: int, imported_at: datetime, **files: Path) -> None:
        """Take in one archive: its `rows`, `members`, `gear`, `profile` and `media`, each as JSON Lines."""
        self.edit.set(**{f"export_{name}": str(path) for name, path in files.items()})
        self.edit.set(export_run=run_id, export_athlete=athlete_id, export_at=imported_at)
        self._run("export_words", "export_rows", "export_gear", "export_athletes", "archive_rows")

    def rows(self) -> list[Row]:
        """Every row that was added."""
        self._run("export_files")
        found = self.edit.run(ROWS_WITH_FILES).fetchall()
        return [
            Row(one, start, tuple(media), RowFile(member, size, crc) if member is not None else None)
            for one, start, media, member, size, crc in found
        ]

    def newest_starts(self) -> dict[str, datetime | None]:
        """Run → start of the newest activity in the archive that it imported."""
        return dict(self.edit.run("select run_id, max(start_date) from archive_rows group by run_id").fetchall())

    def order_archives(self, runs: Sequence[str]) -> None:
        """Say which archives are newer than which: the newest last."""
        self.edit.set(export_order=list(runs))
        self._run("archive_places")

    def unread_files(self, run_id: str, facts: Sequence[Path]) -> list[tuple[int, int, str, int, int]]:
        """(activity, athlete, member, size, CRC) of one archive's files that `facts` do not tell of, by start."""
        self._run("export_files")
        self._see_facts(facts)
        return list(self.edit.run(UNREAD_FILES, {"run_id": run_id}).fetchall())

    def forget_samples(self, run_id: str) -> None:
        """What was worked up from the samples of this run is worked up again."""
        self.edit.set(export_run=run_id)
        self._run("samples_anew")

    def merge_archives(self, facts: Sequence[Path]) -> int:
        """The newest word on each activity, from all archives that were added and what is known of their files.

        Returns of how many activities there is one.
        """
        self._run("export_files")
        self._see_facts(facts)
        self._find_zones()
        self._run("merged_words", "export_misfits", "merged_laps", "merged_profiles", "export_sample_sets")
        return int(self.edit.run("select count(*) from meta.export_words").fetchone()[0])

    def put_in_activities(self, floors: Mapping[int, datetime], timezone: str) -> None:
        """Fill what the API left empty, and add what only the archives know, from each athlete's floor on."""
        if self.any:
            self.edit.run("create or replace temp table floors (athlete_id bigint, start timestamptz)")
            for athlete_id, start in floors.items():
                self.edit.run("insert into floors values (?, ?)", [athlete_id, start])
            self.edit.set(timezone=timezone, neighbour_days=NEIGHBOUR_DAYS)
            self._run("shown_words", "activities_with_export")

    def put_in_laps(self) -> None:
        """Laps of the devices, where Strava gave none."""
        if self.any:
            self._run("laps_with_export")

    def put_in_figures(self) -> None:
        """What an archive's table does not say, from its samples."""
        if self.any:
            self._run("activities_with_figures")

    def put_in_the_rest(self) -> None:
        """What hangs on activities: details, the archive's own columns, gear, athletes, files that failed."""
        if self.any:
            self._run("details_with_export", "activity_export", "profiles_with_export", "quarantined_files")

    def _see_facts(self, facts: Sequence[Path]) -> None:
        if facts:
            self.edit.set(facts=[str(path) for path in facts])
            self.edit.run("create or replace temp view facts as from read_parquet(getvariable('facts'))")
        else:
            columns = ", ".join(f"null::{kind} as {name}" for name, kind in FACT_COLUMNS.items())
            self.edit.run(f"create or replace temp view facts as select {columns} where false")

    def _find_zones(self) -> None:
        import tzfpy  # noqa: PLC0415 - half a megabyte of borders, needed by imports alone

        points = self.edit.run(FIRST_POINTS).fetchall()
        zones = ((activity, run, tzfpy.get_tz(lng, lat)) for activity, run, lat, lng in points)
        path = self.scratch / "file_zones.jsonl"
        write_lines(path, ({"activity_id": one, "run_id": run, "zone": zone} for one, run, zone in zones))
        self.edit.set(file_zones=str(path))
        self._run("file_zones")

    def _run(self, *names: str) -> None:
        for name in names:
            self.edit.run(sql(f"load/{name}"))


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """JSON Lines. Raises DiskFull."""
    with disk_errors(path):
        path.write_bytes(msgspec.json.Encoder().encode_lines(rows))
