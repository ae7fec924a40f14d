"""Read-only questions to the published warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from strava_stats.errors import ConfigurationError, CorruptData, UsageError
from strava_stats.warehouse.engine import connect, glob_of, tables_fingerprint
from strava_stats.warehouse.sample_files import DATA_VARIABLE

if TYPE_CHECKING:
    import duckdb

TABLE_NAMES = """
select string_agg(table_name, ', ' order by table_name)
from information_schema.tables
where table_schema = 'main'
"""


class Warehouse:
    """The published file, opened read-only; close and open again to see the next one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        if not self.path.exists():
            raise ConfigurationError(
                f"There is no warehouse at {self.path} yet", "run `strava-stats flow` first (or `make demo`)"
            )
        import duckdb  # noqa: PLC0415

        try:
            self._connection = connect(str(self.path), read_only=True)
            # The one who published may have seen the data folder elsewhere, in a container or before it was moved.
            self._connection.execute(
                f"set variable {DATA_VARIABLE} = $folder", {"folder": glob_of(str(self.path.absolute().parents[1]))}
            )
        except duckdb.Error as error:
            raise CorruptData(
                f"{self.path} cannot be opened: {str(error).splitlines()[0][:160]}",
                "run `strava-stats compact --rebuild` to make it anew from bronze; no call is needed",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """All rows of a query of our own."""
        assert self._connection is not None
        return self._connection.execute(statement, parameters).fetchall()

    def require_current(self) -> None:
        """Raise ConfigurationError when another version's SQL built the file: its columns may be others."""
        if not is_current(self):
            raise ConfigurationError(
                f"{self.path} was built by another version",
                "run `strava-stats compact`: it makes the file anew",
            )

    def run_records(self) -> list[dict[str, Any]]:
        """The table `runs`, as `WarehouseEdit.note_runs` takes it; [] when another version's file has none."""
        import duckdb  # noqa: PLC0415

        assert self._connection is not None
        try:
            cursor = self._connection.execute("select * from runs")
        except duckdb.Error:
            return []
        names = [column[0] for column in cursor.description or []]
        records = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return [{**record, "stages": json.loads(record.get("stages") or "[]")} for record in records]

    def relation(self, query: str) -> Answer:
        """Run a query of the user's; a mistake in it is a UsageError with DuckDB's own words."""
        assert self._connection is not None
        with _query_mistakes(self._connection):
            if len(self._connection.extract_statements(query)) > 1:
                raise UsageError("The query holds several statements", "give them one at a time, or use `duck`")
            return Answer(self._connection.execute(query))


class Answer:
    """The rows of a user's query; a value may fail only when its row is read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.columns = [column[0] for column in connection.description or []]

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        """The next rows, [] at the end."""
        with _query_mistakes(self._connection):
            return self._connection.fetchmany(count)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        with _query_mistakes(self._connection):
            return self._connection.fetchall()


@contextmanager
def _query_mistakes(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    import duckdb  # noqa: PLC0415

    try:
        yield
    except duckdb.Error as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise UsageError(f"The query failed: {lines[0]}", _query_hint(lines, connection)) from error


def _query_hint(lines: Sequence[str], connection: duckdb.DuckDBPyConnection) -> str:
    suggestions = [line.strip() for line in lines[1:] if "Did you mean" in line or "Candidate" in line]
    if suggestions:
        return suggestions[0]
    if "read-only" in lines[0]:
        return "the warehouse is read-only; put views of your own into data/sql/*.sql"
    tables = connection.execute(TABLE_NAMES).fetchone()
    return f"tables and views are: {tables[0] if tables else 'none'}"


def is_current(warehouse: Warehouse) -> bool:
    """True when the file was built by this version's SQL."""
    import duckdb  # noqa: PLC0415

    try:
        found = warehouse.rows("select value from meta.settings where name = 'tables'")
    except duckdb.Error:
        return False
    return found == [(tables_fingerprint(),)]
