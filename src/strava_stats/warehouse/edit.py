"""Edit the warehouse on a private copy and publish it by rename.

Readers never see a half-made file and never block an edit; a crash leaves the published file as it was. The file
is mode 0444, because a read-write client that is killed leaves a write-ahead log that the next file would replay.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from strava_stats.errors import CorruptData
from strava_stats.files import disk_errors, make_folder, move_into_place
from strava_stats.warehouse.engine import (
    LONGEST_LINE,
    connect,
    glob_of,
    quoted,
    sql,
    sql_folder,
    tables_fingerprint,
    thread_count,
    views_fingerprint,
)
from strava_stats.warehouse.failures import duckdb_errors
from strava_stats.warehouse.published import discard_private_copy, discard_stray_log, note_published, private_copy
from strava_stats.warehouse.sample_files import DATA_VARIABLE, SampleView

if TYPE_CHECKING:
    import duckdb

NO_SAMPLES = SampleView()
USER_VIEW = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?view\s+(?:if\s+not\s+exists\s+)?(?:main\.)?(\"[^\"]+\"|\w+)", re.IGNORECASE
)
PUBLISHED_MODE = 0o444
CATALOG = "strava"

RUN_COLUMNS = (
    "run_id",
    "athlete_id",
    "command",
    "started_at",
    "finished_at",
    "status",
    "calls",
    "rows",
    "seconds",
    "stages",
    "error",
)
SHOWN_LOADS = (
    "load/activity_details",
    "load/activity_splits_metric",
    "load/activity_splits_standard",
    "load/activity_laps",
    "load/activity_best_efforts",
    "load/activity_segment_efforts",
)
DETAIL_LOADS = (
    "load/detail_observations",
    "load/segments",
    *SHOWN_LOADS,
    "load/gear_of_details",
    "load/gear",
    "load/same_details",
)
SHARD_ROWS = "from read_parquet(getvariable('shards'), union_by_name = true, filename = true)"
NO_SHARD_ROWS = """
select *, null::bigint as seq, null::varchar[] as misfits, null::varchar as filename from activities where false
"""


class WarehouseEdit:
    """A private copy of the warehouse that becomes the published file at `publish`, or vanishes."""

    def __init__(self, published: Path, scratch: Path, *, anew: bool, note: Path) -> None:
        self.published = published
        self.note = note
        self.private = private_copy(published)
        self.scratch = scratch
        self.anew = anew or not published.exists()
        self._has_journals = False
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _open(self) -> None:
        make_folder(self.published.parent)
        make_folder(self.scratch)
        discard_private_copy(self.published)
        with disk_errors(self.private):
            if not self.anew:
                shutil.copyfile(self.published, self.private)
            self._connection = connect(scratch=self.scratch)
        self.run(f"attach {quoted(str(self.private))} as {CATALOG} (storage_version 'v1.4.0')")
        self.run(f"use {CATALOG}")
        self.run(sql("macros"))
        self.run(sql("load/working_tables"))
        # The private copy lies beside the published file, which is data/warehouse/strava.duckdb.
        self.set(longest_line=LONGEST_LINE, **{DATA_VARIABLE: glob_of(str(self.published.absolute().parents[1]))})
        # One transaction: a commit a statement would be an fsync for each of some 300 COMMENTs.
        self.run("begin")
        if self.anew:
            for table in sql_folder("tables"):
                self.run(table.read_text(encoding="utf-8"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        discard_private_copy(self.published)

    def run(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        """Execute SQL on the private copy; a full disk becomes DiskFull."""
        assert self._connection is not None
        with duckdb_errors(self.private):
            return self._connection.execute(statement, parameters)

    def load_activities(self, shards: Sequence[Path], journals: Sequence[Path]) -> int:
        """Apply the bodies in `shards` and the absences in `journals`, in order; returns how many activities changed.

        Both have to be of the same runs, or of none: the versions are made of what they hold together.
        """
        self.set(shards=[str(path) for path in shards], journals=[str(path) for path in journals])
        self._has_journals = bool(journals)
        self.run(f"create or replace temp view shard_rows as {SHARD_ROWS if shards else NO_SHARD_ROWS}")
        empty = self.run("select count(*) = 0 from activities").fetchone()[0]
        if journals:
            self.run(sql("load/absences"))
        self.run(sql("load/events"))
        self.run(sql("load/edits"))
        if journals:
            self.run(sql("load/dead_summaries"))
        self.run(sql("load/gone"))
        self.run(sql("load/activities_first" if empty else "load/activities"))
        return int(self.run("select count(*) from events where is_last").fetchone()[0])

    def load_details(self, portion: Sequence[Path], *, again: bool = False) -> int:
        """Replace details, splits, laps and efforts of the activities in these files; returns how many bodies.

        `again` says that they were loaded before and are brought back: what is not theirs alone is left as it is.
        """
        self.set(portion=[str(path) for path in portion])
        # A portion is a vector or two: a second thread would only cost memory and time.
        self.run("set threads = 1")
        # Through Parquet with small row groups, so that what follows sees some hundred bodies at a time, not 2,048.
        self.run(sql("load/new_details"), {"target": str(self.scratch / "new_details.parquet")})
        self.set(new_details=str(self.scratch / "new_details.parquet"))
        self.run("create or replace temp view new_details as from read_parquet(getvariable('new_details'))")
        for name in SHOWN_LOADS if again else DETAIL_LOADS:
            self.run(sql(name))
        count = int(self.run("select count(*) from new_details").fetchone()[0])
        # A portion a transaction: replaced temporary tables keep their memory until the end of theirs.
        self.run("commit")
        self.run("begin")
        self.run(f"set threads = {thread_count()}")
        return count

    def waking_details(self) -> dict[str, frozenset[int]]:
        """Run → activities that are live again and whose details lie in that run's journal."""
        rows = self.run(
            "select run_id, list(activity_id) from meta.dormant "
            "where activity_id in (select id from activities) group by run_id"
        ).fetchall()
        return {run_id: frozenset(ids) for run_id, ids in rows}

    def wake_details(self) -> None:
        """After the details of `waking_details` were loaded again."""
        self.run(sql("load/wake_details"))

    def load_athletes(self, portion: Sequence[Path]) -> None:
        """Athletes and the gear that their profiles list."""
        self.set(portion=[str(path) for path in portion])
        for name in ("load/new_bodies", "load/athletes", "load/gear_of_athletes", "load/gear"):
            self.run(sql(name))

    def load_gear(self, portion: Sequence[Path]) -> None:
        """Gear with brand and model."""
        self.set(portion=[str(path) for path in portion])
        for name in ("load/new_bodies", "load/gear"):
            self.run(sql(name))

    def remember_before(self, shards: Sequence[Path]) -> None:
        """Keep what summaries and details said, before they are replaced, for what is related at the end."""
        self.run(
            "insert into details_before select activity_id, kudos_count_at_fetch, comment_count from activity_details"
        )
        self.run("insert into fingerprints select id, run_id, fingerprint from activities")
        self.run("insert into fingerprints select id, run_id, fingerprint from meta.dead_summaries")
        if shards:
            self.set(shards=[str(path) for path in shards])
            self.run(sql("load/fingerprints"))

    def relate(self) -> None:
        """What depends on activities and details together: which summary the details belong to, kudos, history."""
        notes = ("listing_notes",) if self._has_journals else ()
        for name in ("summary_fingerprints", "kudos", "observations", *notes, "activity_versions", "bury_details"):
            self.run(sql(f"load/{name}"))

    def note_journals(self, entries: Iterable[tuple[str, str, int | None, bool]]) -> None:
        """Write (kind, run_id, last_seq, closed) into the ledger; a closed journal needs no last_seq."""
        for entry in entries:
            self.run("delete from meta.ledger where kind = ? and run_id = ?", entry[:2])
            self.run("insert into meta.ledger values (?, ?, ?, ?)", entry)

    def note_runs(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Insert or replace run records by run_id."""
        for given in records:
            record = {name: given.get(name) for name in RUN_COLUMNS}
            self.run("delete from runs where run_id = ?", [record["run_id"]])
            self.run(
                "insert into runs by name select $run_id as run_id, $athlete_id as athlete_id, $command as command, "
                "$started_at::timestamptz as started_at, $finished_at::timestamptz as finished_at, "
                '$status as status, $calls as calls, $rows as "rows", $seconds as seconds, '
                "$stages::json as stages, $error as error",
                {**record, "stages": json.dumps(record["stages"])},
            )

    def replace_quarantine(self, records: Iterable[Mapping[str, Any]]) -> None:
        """The quarantine table is a copy of data/state/quarantine.json."""
        self.run("delete from quarantine")
        for record in records:
            self.run(
                "insert into quarantine select $kind, $id, $athlete_id, $attempts, $last_error, "
                "$first_seen_at::timestamptz, $last_tried_at::timestamptz, $next_try_at::timestamptz",
                dict(record),
            )

    def misfits(self) -> list[tuple[str, int, str]]:
        """(table, id, key) of every value that did not fit its column and went to extra."""
        return list(self.run("select table_name, id, key from misfits order by all").fetchall())

    def has_other_zone(self, timezone: str) -> bool:
        """True when the local times that nobody told were worked out with another setting."""
        before = self.run("select value from meta.settings where name = 'timezone'").fetchone()
        return before is not None and before != (timezone,)

    def refresh_views(
        self, user_views: Mapping[str, str], *, week_start: str, timezone: str, samples: SampleView = NO_SAMPLES
    ) -> list[str]:
        """Create all views anew, the user's last; returns a line for each user view that failed."""
        values = {
            "tables": tables_fingerprint(),
            "views": views_fingerprint(*user_views, *user_views.values(), week_start, timezone, samples.as_sql()),
            "week_start": week_start,
            "timezone": timezone,
        }
        self.run("delete from meta.settings")
        for name, value in values.items():
            self.run("insert into meta.settings values (?, ?)", [name, value])
        known = self.run("select view_name from duckdb_views() where database_name = ?", [CATALOG]).fetchall()
        for (view_name,) in known:
            self.run(f'drop view if exists "{view_name.replace(chr(34), chr(34) * 2)}"')
        for view in sql_folder("views"):
            self.run(view.read_text(encoding="utf-8").replace("{samples}", samples.as_sql()))
        self.run("commit")
        return [failure for name, text in user_views.items() if (failure := self._apply_user_view(name, text))]

    def _apply_user_view(self, name: str, text: str) -> str | None:
        import duckdb  # noqa: PLC0415

        assert self._connection is not None
        try:
            statements = self._connection.extract_statements(text)
            if refused := next(filter(None, (_refusal(statement.query) for statement in statements)), None):
                return f"{name}: {refused}"
            self._connection.execute("begin")
            self._connection.execute(text)
            self._connection.execute("commit")
        except duckdb.Error as error:
            with suppress(duckdb.Error):
                self._connection.execute("rollback")
            return f"{name}: {str(error).splitlines()[0]}"
        return None

    def publish(self) -> None:
        """Check, write out, and rename into place; on any error the published file stays as it was."""
        for check in sql_folder("checks"):
            broken = self.run(check.read_text(encoding="utf-8")).fetchall()
            if broken:
                raise CorruptData(
                    f"The warehouse was not published: check {check.name} found {broken[0][1]} rows in {broken[0][0]}",
                    "run `strava-stats compact --rebuild`; if that fails too, please report it",
                )
        self.run("use memory")
        self.run(f"checkpoint {CATALOG}")
        self.run(f"detach {CATALOG}")
        assert self._connection is not None
        self._connection.close()
        self._connection = None
        with disk_errors(self.private):
            self.private.chmod(PUBLISHED_MODE)
            note_published(self.private, self.published, self.note)
            # Before the rename as well: a kill between the two must not leave the log beside the new file.
            discard_stray_log(self.published)
            move_into_place(self.private, self.published)
            discard_stray_log(self.published)

    def set(self, **variables: Any) -> None:
        """Set variables that SQL files read."""
        for name, value in variables.items():
            self.run(f"set variable {name} = $value", {"value": value})


def _refusal(statement: str) -> str | None:
    """Why a statement of the user's is not carried out; None for a view of a name of its own."""
    plain = re.sub(r"--[^\n]*|/\*.*?\*/", " ", statement, flags=re.DOTALL)
    found = USER_VIEW.match(plain)
    if found is None:
        return "only CREATE OR REPLACE VIEW is carried out"
    name = found[1].strip('"').lower()
    ours = {entry.name.removesuffix(".sql") for folder in ("tables", "views") for entry in sql_folder(folder)}
    return f"the name {name} is taken" if name in ours else None
