"""Where an athlete's activities come from: the protocol, a recorded listing, and the way an edit meets a body."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from strava_stats.simulator.messages import Json, encode_json
from strava_stats.simulator.summary_detail import detail_of


class Source(Protocol):
    """The activities of one athlete before anybody touched them. Bodies are JSON bytes, ready to send."""

    athlete_id: int

    def entries(self) -> Iterable[tuple[int, int, bool]]:
        """(start as epoch seconds, activity id, only_me) of every activity, in any order."""
        ...

    def summary(self, activity_id: int, now: float) -> bytes:
        """SummaryActivity."""
        ...

    def detail(self, activity_id: int, now: float) -> bytes:
        """DetailedActivity."""
        ...

    def streams(self, activity_id: int) -> dict[str, Json]:
        """Samples by type; empty when there are none."""
        ...

    def gear(self) -> Mapping[str, dict[str, Json]]:
        """DetailedGear by id (`b…` bikes, `g…` shoes)."""
        ...

    def profile(self) -> dict[str, Json]:
        """Keys of the athlete that differ from the defaults (names, place, weight …)."""
        ...


def epoch_of(text: str) -> int:
    """`2025-10-19T20:00:00Z` as epoch seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class RecordedSource:
    """A recorded listing, one SummaryActivity a line, served byte for byte; details from a second file or derived."""

    def __init__(self, listing: Path, details: Path | None = None) -> None:
        self._rows: dict[int, bytes] = {}
        self._entries: list[tuple[int, int, bool]] = []
        self._gear_metres: dict[str, float] = {}
        self.athlete_id = 0
        for line in _lines(listing):
            self._add(line)
        self._details = {json.loads(line)["id"]: line for line in _lines(details)} if details else {}

    def _add(self, line: bytes) -> None:
        row = json.loads(line)
        self.athlete_id = self.athlete_id or row["athlete"]["id"]
        only_me = row.get("visibility") == "only_me"
        self._rows[row["id"]] = line
        self._entries.append((epoch_of(row["start_date"]), row["id"], only_me))
        if gear_id := row.get("gear_id"):
            self._gear_metres[gear_id] = self._gear_metres.get(gear_id, 0.0) + row["distance"]

    def entries(self) -> Iterable[tuple[int, int, bool]]:
        """See `Source`."""
        return self._entries

    def summary(self, activity_id: int, now: float) -> bytes:  # noqa: ARG002 - recorded kudos do not grow
        """The line of the file."""
        return self._rows[activity_id]

    def detail(self, activity_id: int, now: float) -> bytes:  # noqa: ARG002 - the same
        """The line of the details file, else a detail derived from the summary."""
        if activity_id in self._details:
            return self._details[activity_id]
        row = json.loads(self._rows[activity_id])
        return encode_json(detail_of(row, self.gear().get(row.get("gear_id") or "")))

    def streams(self, activity_id: int) -> dict[str, Json]:  # noqa: ARG002 - there are none
        """A recorded listing has no samples."""
        return {}

    def gear(self) -> Mapping[str, dict[str, Json]]:
        """One bike or pair of shoes per gear id met, with the distance of its rows."""
        return {
            gear_id: gear_body(gear_id, f"Recorded {gear_id[-4:]}", metres)
            for gear_id, metres in self._gear_metres.items()
        }

    def profile(self) -> dict[str, Json]:
        """Nothing is known of a recorded athlete but the id."""
        return {}


def gear_body(
    gear_id: str, name: str, metres: float, *, retired: bool = False, primary: bool = False
) -> dict[str, Json]:
    """DetailedGear in the recorded key order (gear_bike.json, gear_shoe.json); `distance` is an int, in metres."""
    brand, _, model = name.partition(" ")
    body: dict[str, Json] = {
        "id": gear_id,
        "primary": primary,
        "name": name,
        "nickname": "",
        "resource_state": 3,
        "retired": retired,
        "distance": int(metres),
        "converted_distance": round(metres / 1000, 1),
        "brand_name": brand,
        "model_name": model,
    }
    if gear_id.startswith("b"):
        return body | {"frame_type": 3, "description": "", "weight": 9.0}
    return body | {"description": "", "notification_distance": 0}


def _lines(path: Path) -> Iterable[bytes]:
    return (line for line in path.read_bytes().split(b"\n") if line.strip())
