"""What bronze already holds, so that an equal body is not stored again: the warehouse and the journals not in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from strava_stats.errors import ConfigurationError, CorruptData
from strava_stats.lake.bronze import body_heads
from strava_stats.warehouse.query import Warehouse, is_current

HASHES = {
    "activities": "select id, body_hash from activities where id in (select unnest($ids))",
    "activity_details": (
        "select activity_id, body_hash from activity_details where activity_id in (select unnest($ids))"
    ),
}


class KnownBodies:
    """Hash of the body stored last, by id."""

    def __init__(self, warehouse: Path, table: str, pending: Sequence[Path]) -> None:
        self._path = warehouse
        self._query = HASHES[table]
        self._pending = pending
        self._unloaded: dict[int, str] = {}
        self._warehouse: Warehouse | None = None

    def __enter__(self) -> Self:
        for journal in self._pending:
            self._unloaded.update(body_heads(journal))
        with suppress(CorruptData, ConfigurationError):  # damaged or missing: all journals are among the pending ones
            warehouse = Warehouse(self._path).__enter__()
            if is_current(warehouse):
                self._warehouse = warehouse
            else:
                warehouse.__exit__(None, None, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._warehouse is not None:
            self._warehouse.__exit__(kind, error, traceback)
            self._warehouse = None

    def hashes(self, ids: Sequence[int]) -> dict[int, str]:
        """Id → hash, for those that are stored."""
        if not ids:
            return {}
        stored = dict(self._warehouse.rows(self._query, {"ids": list(ids)})) if self._warehouse else {}
        stored.update((one, self._unloaded[one]) for one in ids if one in self._unloaded)
        return stored

    def count(self, athlete_id: int) -> int:
        """Live activities of an athlete, 0 when unknown."""
        if self._warehouse is None:
            return len(self._unloaded)
        return int(self._warehouse.rows("select count(*) from activities where athlete_id = ?", [athlete_id])[0][0])
