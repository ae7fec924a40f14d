"""SQL cases: journal lines in, rows of the warehouse out. One folder a case, with input.jsonl and expected.json.

A line of input.jsonl is one of
  {"run":1,"to":"activities","body":{…}}    a body as Strava would send it; "at" sets when, "id" the id asked for
  {"run":1,"to":"activities","same":5}      noted as equal to the body stored before; likewise "absent", "garbage"
  {"step":"compact"}                        compact what is there; at the end that is done in any case
expected.json holds "queries" (each {"sql","rows"}), and may hold "misfits" ([table, id, key], of the first load),
"settings" (week_start, timezone) and "why". Each case has to give the same rows again after a rebuild from bronze.
Numbers are compared by value, to the last digit; text of a JSON column may be written as an object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from strava_stats.lake.bronze import Journal, compress
from strava_stats.lake.layout import Layout
from strava_stats.lake.summaries import read_body
from strava_stats.narration import Silent
from strava_stats.sync.compact import Calendar, Compacted, compact
from strava_stats.sync.state import State

ATHLETE = 7
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
RAW_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
MONDAY = Calendar("monday", "Europe/London")


def run_name(number: int, athlete_id: int = ATHLETE) -> str:
    """The name of the run with this number."""
    return f"{NEW_YEAR + timedelta(seconds=number):%Y%m%dT%H%M%S%fZ}-{athlete_id}"


@dataclass
class Lake:
    """A data folder that a test fills line by line and compacts when it likes."""

    folder: Path
    calendar: Calendar = MONDAY
    journals: dict[tuple[str, str], Journal] = field(default_factory=dict)
    misfits: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout(self.folder)

    def journal(self, kind: str, run: int, athlete_id: int = ATHLETE) -> Journal:
        name = run_name(run, athlete_id)
        if (kind, name) not in self.journals:
            self.journals[kind, name] = Journal(self.layout, kind, name, athlete_id)
        return self.journals[kind, name]

    def body(
        self, kind: str, run: int, body: bytes | Mapping[str, Any], *, entity: int | str | None = None, at: str = ""
    ) -> None:
        """Note a body as pull and enrich do."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        read = read_body(content)
        when = datetime.fromisoformat(at) if at else NEW_YEAR + timedelta(seconds=run)
        shown = entity if entity is not None else read.id
        if shown is None and kind in {"gear", "athletes"}:
            shown = read.shown_id
        self.journal(kind, run).add_body(when, shown, read.hash, read.content)

    def close(self) -> None:
        """Finish and pack all open journals."""
        for journal in self.journals.values():
            path = journal.finish()
            if path is not None:
                compress(path, self.layout.scratch)
                path.unlink()
        self.journals.clear()

    def compact(self, *, rebuild: bool = False) -> Compacted:
        self.close()
        result = compact(self.layout, State(self.layout.state), Silent(), self.calendar, rebuild=rebuild)
        if not rebuild:
            self.misfits += result.misfits
        return result

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(str(self.layout.warehouse), read_only=True)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(query, list(parameters)).fetchall()

    def play(self, line: bytes) -> None:
        """Carry out one line of an input.jsonl."""
        parts = RAW_LINE.decode(line)
        if "step" in parts:
            self.compact()
            return
        plain = {name: json.loads(bytes(raw)) for name, raw in parts.items() if name != "body"}
        run, kind = plain["run"], plain["to"]
        if "body" in parts:
            self.body(kind, run, bytes(parts["body"]), entity=plain.get("id"), at=plain.get("at", ""))
            return
        when = NEW_YEAR + timedelta(seconds=run)
        journal = self.journal(kind, run)
        if "same" in plain:
            journal.add_same(when, plain["same"], "0123456789abcdef")
        elif "absent" in plain:
            journal.add_absent(when, plain["absent"])
        elif "garbage" in plain:
            journal.add_garbage(when, plain["garbage"], b'{"id":5,"name":"\xff"}', 200, "not clean JSON")
        else:
            journal.add_listing(when, after=0, before=1, complete=True, ids=plain["listing"])


def shown(value: Any) -> Any:
    """A value of a row as expected.json writes it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return list(map(shown, value)) if isinstance(value, list | tuple) else value
    return Decimal(repr(value))


def agrees(held: Any, wanted: Any) -> bool:
    """Whether a shown value is the wanted one."""
    if isinstance(wanted, dict) and isinstance(held, str):
        return bool(json.loads(held, parse_float=Decimal, parse_int=Decimal) == wanted)
    if isinstance(wanted, list) and isinstance(held, list):
        return len(held) == len(wanted) and all(map(agrees, held, wanted))
    return bool(held == wanted) and isinstance(held, bool) is isinstance(wanted, bool)
