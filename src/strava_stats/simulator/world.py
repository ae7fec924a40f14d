"""The state of one simulated Strava beside tokens and limits: athletes, their activities, and what was done to them.

A body that nobody touched is the source's bytes; an edited one is parsed, changed and encoded again.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from strava_stats.simulator.messages import Json, encode_json
from strava_stats.simulator.source import Source, epoch_of
from strava_stats.simulator.summary_detail import detail_of, shift, short_gear

DETAIL_CACHE = 512
_LATEST = 2**63

LEGACY_TYPES = {"TrailRun": "Run", "GravelRide": "Ride", "MountainBikeRide": "Ride", "VirtualRun": "VirtualRun"}
"""`type` of a `sport_type` where the two differ."""


@dataclass(slots=True)
class Change:
    """What remote operations have done to one activity."""

    fields: dict[str, Json] = field(default_factory=dict)
    kudos: int = 0
    raw_summary: bytes | None = None
    raw_detail: bytes | None = None
    poisoned: bool = False

    def edits(self, *, detail: bool) -> bool:
        """Whether the summary, or the detail, differs from the source's."""
        return bool(self.kudos or (self.fields if detail else self.fields.keys() - DETAIL_ONLY))


class Athlete:
    """One athlete's activities in date order, with the changes made to them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.id = source.athlete_id
        self.profile_changes: dict[str, Json] = {}
        self._start: dict[int, int] = {}
        self._only_me: set[int] = set()
        self._deleted: set[int] = set()
        self._changes: dict[int, Change] = {}
        self._created: dict[int, dict[str, Json]] = {}
        self._details: OrderedDict[int, bytes] = OrderedDict()
        for start, activity_id, only_me in source.entries():
            self._start[activity_id] = start
            if only_me:
                self._only_me.add(activity_id)
        self._all = sorted((start, activity_id) for activity_id, start in self._start.items())
        self._public = [pair for pair in self._all if pair[1] not in self._only_me]

    def __contains__(self, activity_id: int) -> bool:
        return activity_id in self._start

    def sees(self, activity_id: int, *, private: bool) -> bool:
        """Whether the activity exists for a reader; only one with `private` sees `only_me` activities."""
        known = activity_id in self._start and activity_id not in self._deleted
        return known and (private or activity_id not in self._only_me)

    def live_ids(self) -> list[int]:
        """Ids of all activities that are not deleted, oldest first."""
        return [activity_id for _, activity_id in self._all]

    def window(self, after: int | None, before: int | None, *, inclusive: bool, private: bool) -> Span:
        """The activities between two epoch seconds, oldest first, as a span that can be sliced cheaply."""
        pairs = self._all if private else self._public
        low, high = (bisect_left, bisect_right) if inclusive else (bisect_right, bisect_left)
        first = 0 if after is None else low(pairs, (after, 0 if inclusive else _LATEST))
        last = len(pairs) if before is None else high(pairs, (before, _LATEST if inclusive else 0))
        return Span(pairs, first, max(first, last))

    def summary(self, activity_id: int, now: float) -> bytes:
        """SummaryActivity with all changes."""
        change = self._changes.get(activity_id)
        if change is not None and change.raw_summary is not None:
            return change.raw_summary
        if activity_id not in self._created and (change is None or not change.edits(detail=False)):
            return self.source.summary(activity_id, now)
        return encode_json(self._changed(self._summary_body(activity_id, now), change, detail=False))

    def detail(self, activity_id: int, now: float) -> bytes:
        """DetailedActivity with all changes."""
        change = self._changes.get(activity_id)
        if change is not None and change.raw_detail is not None:
            return change.raw_detail
        if activity_id not in self._created and (change is None or not change.edits(detail=True)):
            return self._cached_detail(activity_id, now)
        if activity_id in self._created:
            body = detail_of(self._created[activity_id], self.gear(self._created[activity_id].get("gear_id")))
        else:
            body = json.loads(self.source.detail(activity_id, now))
        return encode_json(self._changed(body, change, detail=True))

    def streams(self, activity_id: int) -> dict[str, Json]:
        """Samples by type; empty for manual and created activities."""
        return {} if activity_id in self._created else self.source.streams(activity_id)

    def gear(self, gear_id: str | None) -> dict[str, Json] | None:
        """DetailedGear, or None for an unknown id."""
        return self.source.gear().get(gear_id) if gear_id else None

    def is_poisoned(self, activity_id: int) -> bool:
        """Whether its detail answers 500 for ever."""
        change = self._changes.get(activity_id)
        return change is not None and change.poisoned

    def rows(self, now: float) -> Iterator[dict[str, Json]]:
        """Every live activity, parsed; slow for a large history."""
        return (json.loads(self.summary(activity_id, now)) for activity_id in self.live_ids())

    def change(self, activity_id: int) -> Change:
        """The change record of an existing activity, to be written to. KeyError when there is no such activity."""
        if activity_id not in self._start:
            raise KeyError(activity_id)
        return self._changes.setdefault(activity_id, Change())

    def edit(self, activity_id: int, fields: dict[str, Json]) -> None:
        """Set summary or detail keys; start_date, visibility and sport_type take what depends on them along."""
        change = self.change(activity_id)
        values = dict(fields)
        if "sport_type" in values and "type" not in values:
            values["type"] = LEGACY_TYPES.get(values["sport_type"], values["sport_type"])
        if "visibility" in values:
            values["private"] = values["visibility"] == "only_me"
        if "start_date" in values and "start_date_local" not in values:
            offset = (self._summary_body(activity_id, 0.0) | change.fields | values)["utc_offset"]
            values["start_date_local"] = shift(values["start_date"], offset)
        change.fields |= values
        self._index(activity_id, values)

    def create(self, body: dict[str, Json]) -> None:
        """Add an activity with a whole SummaryActivity as its body."""
        activity_id = body["id"]
        if activity_id in self._start:
            raise ValueError(f"activity {activity_id} exists")
        self._created[activity_id] = body
        self._start[activity_id] = epoch_of(body["start_date"])
        if body["visibility"] == "only_me":
            self._only_me.add(activity_id)
        self._enter(activity_id)

    def delete(self, activity_id: int) -> None:
        """Take an activity away; nothing happens when it is gone already."""
        if activity_id not in self._start:
            raise KeyError(activity_id)
        self._leave(activity_id)
        self._deleted.add(activity_id)

    def restore(self, activity_id: int) -> None:
        """Bring a deleted activity back as it was."""
        if activity_id in self._deleted:
            self._deleted.discard(activity_id)
            self._enter(activity_id)

    def _index(self, activity_id: int, values: dict[str, Json]) -> None:
        is_live = activity_id not in self._deleted
        if is_live:
            self._leave(activity_id)
        if "start_date" in values:
            self._start[activity_id] = epoch_of(values["start_date"])
        if "visibility" in values:
            (self._only_me.add if values["visibility"] == "only_me" else self._only_me.discard)(activity_id)
        if is_live:
            self._enter(activity_id)

    def _enter(self, activity_id: int) -> None:
        pair = (self._start[activity_id], activity_id)
        insort(self._all, pair)
        if activity_id not in self._only_me:
            insort(self._public, pair)

    def _leave(self, activity_id: int) -> None:
        pair = (self._start[activity_id], activity_id)
        for pairs in (self._all, self._public):
            place = bisect_left(pairs, pair)
            if place < len(pairs) and pairs[place] == pair:
                del pairs[place]

    def _summary_body(self, activity_id: int, now: float) -> dict[str, Json]:
        if activity_id in self._created:
            return dict(self._created[activity_id])
        body: dict[str, Json] = json.loads(self.source.summary(activity_id, now))
        return body

    def _changed(self, body: dict[str, Json], change: Change | None, *, detail: bool) -> dict[str, Json]:
        if change is None:
            return body
        unknown_to_summary = DETAIL_ONLY if not detail else frozenset()
        body |= {key: value for key, value in change.fields.items() if key not in unknown_to_summary}
        body["kudos_count"] += change.kudos
        if detail and "gear_id" in change.fields:
            gear = self.gear(change.fields["gear_id"])
            body["gear"] = short_gear(gear) if gear else None
        return body

    def _cached_detail(self, activity_id: int, now: float) -> bytes:
        # Kudos of fresh synthetic activities grow, hence the count in the summary decides whether a copy still holds.
        cached = self._details.pop(activity_id, None)
        if cached is None or _kudos(cached) != _kudos(self.source.summary(activity_id, now)):
            cached = self.source.detail(activity_id, now)
        self._details[activity_id] = cached
        if len(self._details) > DETAIL_CACHE:
            self._details.popitem(last=False)
        return cached


DETAIL_ONLY = frozenset(
    {"description", "calories", "perceived_exertion", "private_note", "hide_from_home", "gear", "photos", "laps"}
    | {"segment_efforts", "splits_metric", "splits_standard", "best_efforts", "similar_activities", "embed_token"}
)
"""Keys that a summary never has."""


def _kudos(body: bytes) -> bytes:
    start = body.find(b'"kudos_count":')
    return body[start : body.find(b",", start)]


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a date-ordered list of (start, id)."""

    pairs: list[tuple[int, int]]
    first: int
    last: int

    def page(self, number: int, size: int, *, newest_first: bool) -> list[int]:
        """Ids of one page, `number` from 1; empty beyond the end."""
        skipped = (number - 1) * size
        if newest_first:
            high = self.last - skipped
            low = max(self.first, high - size)
            return [activity_id for _, activity_id in reversed(self.pairs[low:high])] if high > self.first else []
        low = self.first + skipped
        return [activity_id for _, activity_id in self.pairs[low : min(self.last, low + size)]]


class World:
    """All athletes. The first is the one who logs in by default."""

    def __init__(self, sources: list[Source]) -> None:
        self.athletes = {source.athlete_id: Athlete(source) for source in sources}

    @property
    def default(self) -> Athlete:
        """The first athlete."""
        return next(iter(self.athletes.values()))

    def owner(self, activity_id: int) -> Athlete:
        """The athlete whose activity this is. KeyError when there is no such activity."""
        for athlete in self.athletes.values():
            if activity_id in athlete:
                return athlete
        raise KeyError(activity_id)

    def next_id(self, at_least: int) -> int:
        """An unused activity id."""
        candidate = at_least
        while any(candidate in athlete for athlete in self.athletes.values()):
            candidate += 1
        return candidate
