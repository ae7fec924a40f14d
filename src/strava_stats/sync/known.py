"""What bronze already holds, so that an equal body is not stored again: the warehouse and the journals not in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from strava_stats.lake.bronze import SummaryHead, summary_heads
from strava_stats.lake.summaries import parse_start
from strava_stats.warehouse.query import Warehouse

# As text: DuckDB looks at each element of a Python list with great care, which takes longer than the query.
IDS = "(select unnest(cast(string_split($ids, ',') as bigint[])))"
SUMMARIES = f"select id, body_hash from activities where body_hash is not null and id in {IDS}"  # noqa: S608 - our own text
DETAILS = f"""
select activity_id, body_hash
from activity_details
where body_hash is not null and activity_id in {IDS}
"""  # noqa: S608 - the same
STREAMS = f"select activity_id, body_hash from meta.stream_answers where activity_id in {IDS} and not absent"  # noqa: S608 - the same
ALL_SUMMARIES = "select id, body_hash from activities where body_hash is not null and athlete_id = $athlete_id"
LIVE = """
select id, cast(epoch(start_date) as bigint)
from activities
where
    athlete_id = $athlete_id
    and ($since is null or epoch(start_date) >= $since)
    and ($with_export or source <> 'export')
"""
PRIVATE = f"""
select count(*)
from activities
where id in {IDS} and (private or visibility = 'only_me')
"""  # noqa: S608 - our own text


@dataclass(frozen=True)
class _Unloaded:
    """A body in a journal that is not in the warehouse."""

    athlete_id: int
    hash: str
    start: int | None
    is_private: bool


class KnownBodies:
    """What is stored, by id; `pending` are the activities journals that the warehouse does not hold.

    `warehouse` is None when there is no usable one; then all journals are among the pending ones.
    `knows_details` is False when it does not hold all journals of details: then none counts as stored; likewise
    `knows_streams`.
    """

    def __init__(
        self,
        warehouse: Path | None,
        pending: Sequence[Path] = (),
        *,
        knows_details: bool = True,
        knows_streams: bool = True,
    ) -> None:
        self._path = warehouse
        self._knows_details = knows_details
        self._knows_streams = knows_streams
        self._pending = pending
        self._unloaded: dict[int, _Unloaded] = {}
        self._gone: set[int] = set()
        self._all: dict[int, str] | None = None
        self._warehouse: Warehouse | None = None

    def __enter__(self) -> Self:
        for journal in self._pending:
            for head in summary_heads(journal):
                self._follow(head)
        if self._path is not None:
            self._warehouse = Warehouse(self._path).__enter__()
        return self

    def _follow(self, head: SummaryHead) -> None:
        if head.id is None:
            return
        if head.kind == "absent":
            self._unloaded.pop(head.id, None)
            self._gone.add(head.id)
        elif head.kind == "body" and head.hash is not None:
            start = parse_start(head.body.start_date if head.body else None)
            epoch = int(start.timestamp()) if start else None
            is_private = head.body is not None and (head.body.private is True or head.body.visibility == "only_me")
            self._unloaded[head.id] = _Unloaded(head.athlete_id, head.hash, epoch, is_private)
            self._gone.discard(head.id)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._warehouse is not None:
            self._warehouse.__exit__(kind, error, traceback)
            self._warehouse = None

    def hashes(self, ids: Sequence[int]) -> dict[int, str]:
        """Id → hash of the summary, for live activities: what comes back after a deletion is stored again."""
        if not ids:
            return {}
        if self._all is None:
            stored = self._stored(SUMMARIES, ids)
        else:
            stored = {one: self._all[one] for one in ids if one in self._all}
        stored.update((one, self._unloaded[one].hash) for one in ids if one in self._unloaded)
        return {one: digest for one, digest in stored.items() if one not in self._gone}

    def expect_all_of(self, athlete_id: int) -> None:
        """Everything of this athlete will be asked for: one query instead of one a page."""
        if self._warehouse is not None:
            self._all = dict(self._warehouse.rows(ALL_SUMMARIES, {"athlete_id": athlete_id}))

    def hashes_of_details(self, ids: Sequence[int]) -> dict[int, str]:
        """Id → hash of the details that the warehouse shows."""
        return self._stored(DETAILS, ids) if ids and self._knows_details else {}

    def hashes_of_streams(self, ids: Sequence[int]) -> dict[int, str]:
        """Id → hash of the streams that were answered last."""
        return self._stored(STREAMS, ids) if ids and self._knows_streams else {}

    def _stored(self, query: str, ids: Sequence[int]) -> dict[int, str]:
        return dict(self._warehouse.rows(query, {"ids": _text(ids)})) if self._warehouse else {}

    def live(self, athlete_id: int, since: int | None = None, *, with_export: bool) -> dict[int, int | None]:
        """Id → start (epoch seconds) of an athlete's live activities that start at `since` or later (None: all).

        `with_export` has those too that only a bulk export knows: it holds what the API may not show.
        """
        found: dict[int, int | None] = {}
        if self._warehouse is not None:
            asked = {"athlete_id": athlete_id, "since": since, "with_export": with_export}
            found = dict(self._warehouse.rows(LIVE, asked))
        for one, body in self._unloaded.items():
            if body.athlete_id == athlete_id:
                found.pop(one, None)
                if since is None or (body.start is not None and body.start >= since):
                    found[one] = body.start
        return {one: start for one, start in found.items() if one not in self._gone}

    def count(self, athlete_id: int) -> int:
        """Live activities of an athlete, roughly: what no warehouse holds is counted only where there is none."""
        if self._warehouse is None:
            return len(self._unloaded)
        return int(self._warehouse.rows("select count(*) from activities where athlete_id = ?", [athlete_id])[0][0])

    def private_among(self, ids: Sequence[int]) -> int:
        """How many of these were last seen as visible to the athlete only."""
        unloaded = [self._unloaded[one].is_private for one in ids if one in self._unloaded]
        loaded = [one for one in ids if one not in self._unloaded]
        stored = self._warehouse.rows(PRIVATE, {"ids": _text(loaded)})[0][0] if self._warehouse and loaded else 0
        return sum(unloaded) + int(stored)


def _text(ids: Sequence[int]) -> str:
    return ",".join(map(str, ids))
