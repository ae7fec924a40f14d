"""Compare a JSON object with a warehouse row: every key has to be in its column or in `extra`, to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.support.recorded_files import exact

ABSENT = object()
INSTANTS = frozenset({"start_date", "created_at", "updated_at"})
LOCAL_TIMES = frozenset({"start_date_local"})
FOLDED = {
    ("athlete", "id"): "athlete_id",
    ("athlete", "resource_state"): "athlete_resource_state",
    ("map", "id"): "map_id",
    ("map", "summary_polyline"): "summary_polyline",
    ("map", "resource_state"): "map_resource_state",
    ("map", "polyline"): "polyline",
}


def flat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Column → value as sent, for all keys of a SummaryActivity; coordinates and nested keys under their columns."""
    values: dict[str, Any] = {}
    for key, value in body.items():
        if key in {"athlete", "map"} and isinstance(value, dict):
            values.update({FOLDED[key, inner]: one for inner, one in value.items()})
        elif key in {"start_latlng", "end_latlng"}:
            end = key.removesuffix("_latlng")
            values[f"{end}_lat"], values[f"{end}_lng"] = value or (None, None)
        else:
            values[key] = value
    return values


def as_sent(column: str, value: Any) -> Any:
    """A value of the file as its column has to hold it."""
    if value is None:
        return None
    if column in INSTANTS:
        return datetime.fromisoformat(value).astimezone(UTC)
    if column in LOCAL_TIMES:
        assert value.endswith("Z")
        return datetime.fromisoformat(value[:-1])
    return value


def stored(value: Any) -> Any:
    """A value of a column as a JSON text shows it: doubles by their shortest text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return Decimal(repr(value))


def differences(row: Mapping[str, Any], sent: Mapping[str, Any], known: frozenset[str]) -> dict[str, tuple[Any, Any]]:
    """Column → (held, sent) where they differ; `known` columns that were not sent have to be null."""
    held_extra = exact(row["extra"]) if row.get("extra") else {}
    found = {}
    for column, value in sent.items():
        held = stored(row[column]) if column in known else held_extra.get(column, ABSENT)
        if isinstance(value, list | dict) and isinstance(held, str):
            held = exact(held)
        wanted = as_sent(column, value)
        if held != wanted or isinstance(held, bool) is not isinstance(wanted, bool):
            found[column] = (held, wanted)
    for column in known - sent.keys():
        if row[column] is not None:
            found[column] = (row[column], ABSENT)
    return found
