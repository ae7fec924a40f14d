"""The published warehouse as it may leave the house: read-only, with the privacy zones cut out.

The zones are cut at the source: every table is read through a view that lacks what lies inside, and the warehouse's
views, the user's own among them, are made anew over these. So no view can bring back under another name what was cut.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from strava_stats.errors import TryAgainLater, UsageError
from strava_stats.tracks.columns import quoted_name, quoted_text, shown_columns
from strava_stats.tracks.privacy import Zone, polyline_cutter, without_places
from strava_stats.warehouse.engine import connect, glob_of, sql
from strava_stats.warehouse.failures import duckdb_errors
from strava_stats.warehouse.query import Warehouse
from strava_stats.warehouse.sample_files import DATA_VARIABLE

if TYPE_CHECKING:
    import duckdb

SAMPLES = "activity_streams"
SHOWN_IDS = 5  # of unknown ones, in a message
OBJECTS = """
select schema_name, table_name as name, null as definition
from duckdb_tables() where database_name = 'uncut' and not internal
union all
select schema_name, view_name, sql
from duckdb_views() where database_name = 'uncut' and not internal
"""
COLUMNS = """
select column_name, data_type from duckdb_columns()
where database_name = 'uncut' and schema_name = $schema and table_name = $name
order by column_index
"""


@dataclass(frozen=True)
class Selection:
    """Which activities; None: any. Days are local and included, sports in any case."""

    athlete: int | None = None
    ids: Sequence[int] | None = None
    first: date | None = None
    last: date | None = None
    sports: Sequence[str] | None = None

    @property
    def is_by_activity(self) -> bool:
        """True when it asks for more than the athlete."""
        return any(getattr(self, one.name) is not None for one in fields(self) if one.name != "athlete")


class Outgoing:
    """A connection in which tables and views hold nothing of the inside of `zones`, for the time of a `with` block."""

    def __init__(self, path: Path, zones: Sequence[Zone] = ()) -> None:
        self.path = path
        self.zones = zones
        self._scratch = tempfile.TemporaryDirectory(prefix="strava-stats-")
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._anew: set[str] = set()
        self.unreadable: dict[str, str] = {}
        """Views that there are but that fail, with DuckDB's words."""

    def __enter__(self) -> Self:
        with Warehouse(self.path):  # says what is wrong with the file, if anything is
            pass
        self._connection = connect(scratch=Path(self._scratch.name))
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._scratch.cleanup()

    def _open(self) -> None:
        data_dir = glob_of(str(self.path.absolute().parents[1]))
        self.run(f"set variable {DATA_VARIABLE} = $folder", {"folder": data_dir})
        self.run(f"attach {quoted_text(str(self.path))} as uncut (read_only)")
        self.run("set preserve_insertion_order = true")  # files come out in the warehouse's own order
        circles = [zone._asdict() for zone in self.zones]
        self.run("set variable zones = $zones::struct(lat double, lng double, radius double)[]", {"zones": circles})
        self.run(sql("export/macros"))
        if self.zones:
            assert self._connection is not None
            special: Any = "special"  # null is given and taken; the stubs lack the text
            for name, function in (("cut_polyline", polyline_cutter(self.zones)), ("without_places", without_places)):
                self._connection.create_function(name, function, ["VARCHAR"], "VARCHAR", null_handling=special)
        views = {}
        for schema, name, definition in self.run(OBJECTS).fetchall():
            here = f"{quoted_name(schema)}.{quoted_name(name)}"
            if definition is None:
                self.run(f"create schema if not exists {quoted_name(schema)}")
                self.run(f"create view {here} as {self._cut(schema, name)}")
            elif self.zones and name != SAMPLES:
                self._anew.add(name)
                views[name] = definition
            else:
                views[name] = f"create view {here} as {self._cut(schema, name)}"
        self._create(views)

    def _cut(self, schema: str, name: str) -> str:
        """The query for the warehouse's own table or view without what lies in a zone."""
        found = self.run(COLUMNS, {"schema": schema, "name": name}).fetchall()
        shown = shown_columns(dict(found)) if self.zones else "*"
        return f"select {shown} from uncut.{quoted_name(schema)}.{quoted_name(name)}"  # noqa: S608 - names, quoted

    def _create(self, views: dict[str, str]) -> None:
        """Create views; one may need another, so again and again as long as there is progress."""
        import duckdb  # noqa: PLC0415

        while views:
            self.unreadable = {}
            for name, statement in views.items():
                try:
                    self.run(statement)
                except (duckdb.Error, TryAgainLater) as error:
                    self.unreadable[name] = str(error).splitlines()[0]
            if len(self.unreadable) == len(views):
                return
            views = {name: views[name] for name in self.unreadable}

    def run(self, statement: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """Execute SQL; what the disk does becomes an error with a cure."""
        import duckdb  # noqa: PLC0415

        assert self._connection is not None
        try:
            with duckdb_errors(self.path):
                return self._connection.execute(statement, parameters)
        except duckdb.IOException as error:
            if "/streams/" not in str(error):
                raise
            raise TryAgainLater(
                "A file of samples was replaced while it was read", "run the same command again; nothing was written"
            ) from error

    def tables(self) -> list[str]:
        """Names of the tables and views that there are."""
        return sorted(name for schema, name, _ in self.run(OBJECTS).fetchall() if schema == "main")

    def resolve(self, name: str) -> str:
        """The table or view as it is written in the warehouse; UsageError with names like it when there is none."""
        known = {one.lower(): one for one in self.tables()}
        found = known.get(name.lower().removeprefix("main."))
        if found is None:
            close = get_close_matches(name.lower(), known, n=3)
            raise UsageError(
                f"There is no table or view {name[:80]!r}",
                f"did you mean {' or '.join(known[one] for one in close)}?"
                if close
                else f"there are {', '.join(known.values())}",
            )
        if found in self.unreadable:
            raise UsageError(
                f"The view {found} cannot be read: {self.unreadable[found][:200]}",
                "mend it in data/sql, naming tables without a database before them; or leave it out",
            )
        return found

    def columns(self, name: str) -> dict[str, str]:
        """Column → type of a table or view."""
        described = self.run(f"describe {quoted_name(name)}").fetchall()
        return {column[0]: column[1] for column in described}

    def source(self, name: str) -> str:
        """What to select from to read a table or view.

        A view of the user's may read files by itself: its columns are looked at by their names too.
        """
        if name not in self._anew:
            return quoted_name(name)
        return f"(select {shown_columns(self.columns(name))} from {quoted_name(name)})"  # noqa: S608 - names, quoted

    def choose(self, selection: Selection) -> int:
        """Fill the temporary table `chosen` with the activities asked for; how many. UsageError for unknown ids."""
        given = {one.name: getattr(selection, one.name) for one in fields(selection)}
        given["sports"] = [one.lower() for one in selection.sports] if selection.sports is not None else None
        self.run(sql("export/chosen"), given)
        if selection.ids is not None:
            asked = (
                "select list(id) from unnest($ids::bigint[]) as asked(id) where id not in (select id from activities)"
            )
            ((missing,),) = self.run(asked, {"ids": list(selection.ids)}).fetchall()
            if missing:
                raise UsageError(
                    f"There is no activity {', '.join(map(str, missing[:SHOWN_IDS]))}"
                    + (" …" if len(missing) > SHOWN_IDS else ""),
                    'look for it with `strava-stats sql "select id, start_date, name from activities"`',
                )
        ((count,),) = self.run("select count(*) from chosen").fetchall()
        return int(count)
