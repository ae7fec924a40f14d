"""What is remembered between runs below data/state: losing it costs calls, never activity data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strava_stats.files import disk_errors, make_folder, write_atomic
from strava_stats.lake.layout import DETAILS
from strava_stats.sync.plan import CLOCKS_APART

FIRST_RETRY = timedelta(hours=6)
LONGEST_RETRY = timedelta(days=30)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from `path`; {} when there is none or it is garbage (state may be lost)."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
    return {}


def parse_instant(text: Any) -> datetime | None:
    """An aware UTC instant from its ISO form; None for anything else."""
    with suppress(TypeError, ValueError):
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    return None


@dataclass(frozen=True)
class ListingState:
    """What the last complete listings of one athlete reached."""

    watermark: datetime | None = None
    swept_at: datetime | None = None
    athlete_at: datetime | None = None
    saw_all_at: datetime | None = None


LISTING_FIELDS = ("watermark", "swept_at", "athlete_at", "saw_all_at")


class State:
    """The state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def listing(self, athlete_id: int) -> ListingState:
        """What is known of an athlete's listings."""
        found = read_json(self.folder / "listings.json").get(str(athlete_id))
        known = found if isinstance(found, dict) else {}
        return ListingState(*(parse_instant(known.get(name)) for name in LISTING_FIELDS))

    def save_listing(self, athlete_id: int, **changes: datetime | None) -> None:
        """Remember `watermark`, `swept_at`, `athlete_at` or `saw_all_at` (with activity:read_all) of an athlete."""
        known = read_json(self.folder / "listings.json")
        mine = known.get(str(athlete_id))
        shown = {name: value.isoformat() for name, value in changes.items() if value is not None}
        known[str(athlete_id)] = {**(mine if isinstance(mine, dict) else {}), **shown}
        self._save("listings.json", known)

    def missing(self, athlete_id: int) -> dict[int, datetime | None]:
        """Live activities that a complete listing lacked → when they were found to be there, None: not asked yet."""
        found = read_json(self.folder / "missing.json").get(str(athlete_id))
        known = found.items() if isinstance(found, dict) else ()
        return {int(shown): parse_instant(at) for shown, at in known if shown.isdecimal()}

    def save_missing(self, athlete_id: int, missing: Mapping[int, datetime | None]) -> None:
        """Replace what `missing` tells."""
        shown = {str(one): at.isoformat() if at else None for one, at in missing.items()}
        self._save("missing.json", {**read_json(self.folder / "missing.json"), str(athlete_id): shown})

    def late(self, athlete_id: int) -> frozenset[int]:
        """Activities that turned up after a complete listing and may still lack their details."""
        found = read_json(self.folder / "late.json").get(str(athlete_id))
        return frozenset(one for one in found if type(one) is int) if isinstance(found, list) else frozenset()

    def save_late(self, athlete_id: int, ids: Iterable[int]) -> None:
        """Replace what `late` tells."""
        wanted = sorted(ids)
        if set(wanted) != self.late(athlete_id):
            self._save("late.json", {**read_json(self.folder / "late.json"), str(athlete_id): wanted})

    def gear_tried(self) -> dict[str, datetime | None]:
        """Gear id → when /gear/{id} was asked last."""
        return {gear: parse_instant(when) for gear, when in read_json(self.folder / "gear.json").items()}

    def save_gear_tried(self, gear_id: str, now: datetime) -> None:
        """Remember that /gear/{id} was asked."""
        self._save("gear.json", {**read_json(self.folder / "gear.json"), gear_id: now.isoformat()})

    def quarantine(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(kind, id) → record of what could not be fetched or parsed."""
        records = read_json(self.folder / "quarantine.json").get("records")
        usable = [record for record in records if _is_record(record)] if isinstance(records, list) else []
        return {(record["kind"], record["id"]): record for record in usable}

    def held_back(self, now: datetime, *, kind: str = DETAILS, attempts: int = 1) -> frozenset[int]:
        """Activities whose details (or another kind) failed so often or more, and are not tried again yet."""
        return frozenset(
            int(shown)
            for (its_kind, shown), record in self.quarantine().items()
            if its_kind == kind and shown.isdecimal() and record["attempts"] >= attempts and _is_waiting(record, now)
        )

    def note_failure(
        self, kind: str, shown_id: str, *, athlete_id: int, error: str, now: datetime, digest: str = ""
    ) -> bool:
        """Put something into quarantine, or count one more attempt; True when it was not there before."""
        records = self.quarantine()
        known = records.get((kind, shown_id))
        attempts = (known["attempts"] if known else 0) + 1
        wait = min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LONGEST_RETRY)
        records[kind, shown_id] = {
            "kind": kind,
            "id": shown_id,
            "athlete_id": athlete_id,
            "attempts": attempts,
            "last_error": error,
            "first_seen_at": known["first_seen_at"] if known else now.isoformat(),
            "last_tried_at": now.isoformat(),
            "next_try_at": (now + wait).isoformat(),
            "hash": digest,
        }
        self._save("quarantine.json", {"records": list(records.values())})
        return known is None

    def clear_failure(self, kind: str, shown_id: str) -> None:
        """It worked: out of quarantine."""
        records = self.quarantine()
        if records.pop((kind, shown_id), None) is not None:
            self._save("quarantine.json", {"records": list(records.values())})

    def pending_runs(self) -> list[dict[str, Any]]:
        """Run records that no published warehouse holds yet, oldest first; the last one of a run counts."""
        records: dict[str, dict[str, Any]] = {}
        with suppress(OSError):
            for line in (self.folder / "runs.jsonl").read_bytes().splitlines():
                with suppress(ValueError, RecursionError):
                    record = json.loads(line)
                    if _is_run(record):
                        records[record["run_id"]] = record
        return list(records.values())

    def add_run(self, record: Mapping[str, Any]) -> None:
        """Append one run record."""
        make_folder(self.folder)
        path = self.folder / "runs.jsonl"
        with disk_errors(path), path.open("ab") as file:
            # The newline before it ends a line that a killed run may have torn.
            file.write(b"\n" + json.dumps(record).encode() + b"\n")

    def forget_runs(self, run_ids: set[str]) -> None:
        """The published warehouse holds these."""
        self.replace_runs(record for record in self.pending_runs() if record["run_id"] not in run_ids)

    def replace_runs(self, kept: Iterable[Mapping[str, Any]]) -> None:
        """What `pending_runs` tells from now on."""
        make_folder(self.folder)
        write_atomic(self.folder / "runs.jsonl", b"".join(json.dumps(record).encode() + b"\n" for record in kept))

    def forget_athlete(self, athlete_id: int) -> None:
        """Nothing that is remembered is about this athlete any more; gear does not tell whose it is."""
        for name in ("listings.json", "missing.json", "late.json"):
            known = read_json(self.folder / name)
            if known.pop(str(athlete_id), None) is not None:
                self._save(name, known)
        records = self.quarantine().values()
        if kept := [record for record in records if record.get("athlete_id") != athlete_id]:
            self._save("quarantine.json", {"records": kept})
        else:
            (self.folder / "quarantine.json").unlink(missing_ok=True)
        (self.folder / "gear.json").unlink(missing_ok=True)

    def _save(self, name: str, content: Mapping[str, Any]) -> None:
        make_folder(self.folder)
        write_atomic(self.folder / name, json.dumps(content, indent=1).encode() + b"\n")


def _is_waiting(record: Mapping[str, Any], now: datetime) -> bool:
    """What a clock that was ahead noted does not hold anything back."""
    tried_at, next_try_at = (parse_instant(record.get(name)) for name in ("last_tried_at", "next_try_at"))
    return tried_at is not None and next_try_at is not None and tried_at <= now + CLOCKS_APART and now < next_try_at


def _is_record(found: Any) -> bool:
    """State may be garbage: only a whole quarantine record counts."""
    return (
        isinstance(found, dict)
        and all(isinstance(found.get(name), str) for name in ("kind", "id", "last_error"))
        and all(parse_instant(found.get(name)) for name in ("first_seen_at", "last_tried_at", "next_try_at"))
        and type(found.get("attempts")) is int
    )


def _is_run(found: Any) -> bool:
    """Only a whole run record counts."""
    return (
        isinstance(found, dict)
        and all(isinstance(found.get(name), str) for name in ("run_id", "command", "status"))
        and all(parse_instant(found.get(name)) for name in ("started_at", "finished_at"))
        and all(type(found.get(name)) is int for name in ("calls", "rows"))
        and type(found.get("athlete_id")) in {int, type(None)}
        and isinstance(found.get("seconds"), int | float)
        and isinstance(found.get("stages"), list)
    )
