"""Tables and views as Parquet, CSV or JSON Lines: DuckDB writes, so that tens of millions of rows need no memory."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from strava_stats.errors import UsageError
from strava_stats.files import finished_file
from strava_stats.tracks.columns import quoted_name, quoted_text
from strava_stats.tracks.outgoing import SAMPLES, Outgoing, Selection

FORMATS = {
    "parquet": "format parquet, compression zstd, use_tmp_file false",
    "csv": "format csv, header true, new_line '\\r\\n', use_tmp_file false",
    "jsonl": "format json, use_tmp_file false",
}
TEXTS = {"TIMESTAMP WITH TIME ZONE": "utc_text", "TIMESTAMP": "local_text"}
AS_WRITTEN = "join_order,build_side_probe_side"
NESTED = ("[]", "STRUCT", "MAP", "UNION")


@dataclass(frozen=True)
class Rows:
    """A query of what is to be written."""

    query: str
    are_samples: bool = False


def query_of(outgoing: Outgoing, name: str, form: str, selection: Selection, *, no_formulas: bool = False) -> Rows:
    """The query whose rows `name` is exported as in `form`; UsageError where the selection cannot be applied.

    With a selection by activity, `Outgoing.choose` has to come first.
    """
    columns = outgoing.columns(name)
    shown = ", ".join(
        f"{_as_written(quoted_name(column), kind, form, no_formulas=no_formulas)} as {quoted_name(column)}"
        for column, kind in columns.items()
    )
    conditions = " and ".join(_conditions(name, columns, selection)) or "true"
    query = f"select {shown} from {outgoing.source(name)} where {conditions}"  # noqa: S608 - names, quoted
    return Rows(query, name == SAMPLES)


def _as_written(column: str, kind: str, form: str, *, no_formulas: bool) -> str:
    """Parquet has types for all; texts have ISO 8601 instants, CSV has JSON for lists, JSON has no NaN."""
    if form == "parquet":
        return column
    if kind in TEXTS:
        return f"{TEXTS[kind]}({column})"
    if form == "jsonl":
        return f"case when isfinite({column}) then {column} end" if kind in {"DOUBLE", "FLOAT"} else column
    if kind.startswith(NESTED) or kind.endswith(NESTED):
        return f"cast(to_json({column}) as varchar)"
    return f"no_formula({column})" if no_formulas and kind == "VARCHAR" else column


def _conditions(name: str, columns: dict[str, str], selection: Selection) -> list[str]:
    conditions = []
    if selection.is_by_activity:
        key = "id" if name == "activities" else "activity_id"
        if key not in columns:
            raise UsageError(
                f"{name} has no column activity_id, so activities cannot be chosen in it",
                "leave out --ids, --from, --to and --sport, or use `strava-stats sql --format csv`",
            )
        conditions.append(f"{key} in (from chosen select id)")
    if selection.athlete is not None:
        owner = "id" if name == "athletes" else "athlete_id"
        if owner not in columns:
            raise UsageError(f"{name} has no column athlete_id, so one athlete cannot be chosen", "leave out --athlete")
        conditions.append(f"{owner} = {selection.athlete:d}")
    return conditions


def write_table(outgoing: Outgoing, rows: Rows, form: str, target: Path) -> int:
    """Write `rows` to `target`, whole or not at all; how many."""
    with finished_file(target) as temporary:
        return _copy(outgoing, rows, form, temporary)


def stream_table(outgoing: Outgoing, rows: Rows, form: str, stream: IO[bytes]) -> int:
    """Write `rows` to an open stream, through a pipe that DuckDB opens by name; how many."""
    reader, writer = os.pipe()

    def fill() -> int:
        try:
            return _copy(outgoing, rows, form, Path(f"/dev/fd/{writer}"))
        finally:
            os.close(writer)

    with ThreadPoolExecutor(1) as pool:
        count = pool.submit(fill)
        # A stream that breaks closes the pipe, and that ends the other thread.
        with os.fdopen(reader, "rb") as incoming:
            shutil.copyfileobj(incoming, stream)
        stream.flush()
    return count.result()


def _copy(outgoing: Outgoing, rows: Rows, form: str, target: Path) -> int:
    # Samples come as they lie in the files, an activity after the other, without a sort of all there are: as long as
    # the optimiser does not turn the join of the view round, which it does where there are few.
    outgoing.run(f"set disabled_optimizers = '{AS_WRITTEN if rows.are_samples else ''}'")
    ((count,),) = outgoing.run(f"copy ({rows.query}) to {quoted_text(str(target))} ({FORMATS[form]})").fetchall()
    return int(count)
