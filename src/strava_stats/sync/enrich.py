"""Carry out a plan of details and streams: answers → bronze → warehouse, published batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from strava_stats.errors import ScopeMissing, StravaUnreachable
from strava_stats.lake.bronze import Journal, compress
from strava_stats.lake.layout import ATHLETES, DETAILS, GEAR, STREAMS, Layout
from strava_stats.lake.summaries import NO_SMALL_ID, read_body
from strava_stats.strava.budget_file import BudgetExhausted
from strava_stats.strava.client import Answer
from strava_stats.sync.compact import known_bodies
from strava_stats.sync.fetching import ABSENT, OK, Desk, DetailFetching, Fetched, Fetching, StreamFetching
from strava_stats.sync.plan import (
    Candidate,
    EnrichOptions,
    StreamCandidate,
    choose_details,
    choose_streams,
    count_by_why,
)
from strava_stats.sync.state import State
from strava_stats.warehouse.query import Warehouse

BATCH = timedelta(seconds=60)
BATCH_BYTES = 12 << 20
PROFILE_EVERY = timedelta(days=7)
GEAR_AGAIN = timedelta(days=30)

CANDIDATES = """
select
    a.id,
    a.start_date,
    cast(coalesce(a.start_date_local, a.start_date at time zone 'UTC') as date),
    d.body_hash is not null,
    d.summary_fingerprint is distinct from a.fingerprint,
    d.fetched_at
from activities as a
left join activity_details as d on d.activity_id = a.id
where a.athlete_id = ?
"""
STREAM_CANDIDATES = """
select
    a.id,
    a.start_date,
    cast(coalesce(a.start_date_local, a.start_date at time zone 'UTC') as date),
    coalesce(a.manual, false),
    a.id in (select activity_id from meta.sample_sets where source = 'export'),
    s.activity_id is not null,
    s.summary_fingerprint is distinct from a.fingerprint
from activities as a
left join meta.stream_answers as s on s.activity_id = a.id
where a.athlete_id = ?
"""
UNKNOWN_GEAR = """
select distinct gear_id
from activities
where
    athlete_id = ?
    and gear_id is not null
    and gear_id not in (select id from gear where brand_name is not null or model_name is not null)
order by gear_id
"""


@dataclass
class Enriched:
    """What an enrich did; `stopped` says why it ended early."""

    run_id: str
    planned: int = 0
    by_why: Mapping[str, int] = field(default_factory=dict)
    details: Fetched = field(default_factory=Fetched)
    streams: Fetched = field(default_factory=Fetched)
    stopped: str | None = None

    @property
    def rows(self) -> int:
        """Details and streams that were new or had changed."""
        return self.details.new + self.streams.new

    @property
    def quarantined(self) -> list[str]:
        """What was set aside, a line each."""
        return [*self.details.quarantined, *self.streams.quarantined]


def candidates_of(layout: Layout, athlete_id: int) -> list[Candidate]:
    """All live activities of an athlete, as the choice of details sees them."""
    if not layout.warehouse.exists():
        return []
    with Warehouse(layout.warehouse) as warehouse:
        warehouse.require_current()
        return [Candidate(*row) for row in warehouse.rows(CANDIDATES, [athlete_id])]


def stream_candidates_of(layout: Layout, athlete_id: int) -> list[StreamCandidate]:
    """All live activities of an athlete, as the choice of streams sees them."""
    if not layout.warehouse.exists():
        return []
    with Warehouse(layout.warehouse) as warehouse:
        warehouse.require_current()
        return [StreamCandidate(*row) for row in warehouse.rows(STREAM_CANDIDATES, [athlete_id])]


def athlete_is_due(state: State, athlete_id: int, now: datetime) -> bool:
    """The profile is asked for once a week; when a clock that was ahead noted it, now."""
    asked = state.listing(athlete_id).athlete_at
    return asked is None or abs(now - asked) >= PROFILE_EVERY


def due_gear(layout: Layout, state: State, athlete_id: int, now: datetime) -> list[str]:
    """Gear whose brand and model are asked for: once, and what has none again after a month."""
    if not layout.warehouse.exists():
        return []
    with Warehouse(layout.warehouse) as warehouse:
        unknown = [row[0] for row in warehouse.rows(UNKNOWN_GEAR, [athlete_id])]
    tried = state.gear_tried()
    return [gear for gear in unknown if abs(now - (tried.get(gear) or now - GEAR_AGAIN)) >= GEAR_AGAIN]


def profile_calls(layout: Layout, state: State, athlete_id: int, now: datetime) -> int:
    """Calls for athlete and gear that the next enrich makes."""
    return athlete_is_due(state, athlete_id, now) + len(due_gear(layout, state, athlete_id, now))


class Enrich:
    """Details, profile and streams for one athlete, in this order."""

    def __init__(self, desk: Desk, *, publish: Callable[[], None]) -> None:
        self.desk = desk
        self.result = Enriched(desk.run_id)
        self._open: list[Journal] = []
        self._publish = publish
        self._unpublished = 0  # bytes
        self._unpublished_since = desk.clock.now()
        self._publishing: _Publishing | None = None
        self._known: frozenset[int] = frozenset()
        self._late: frozenset[int] = frozenset()

    def run(self, options: EnrichOptions, done_before: Mapping[str, frozenset[int]]) -> Enriched:
        """Fetch what is missing or recent; an outage is raised after what was landed is safe.

        `done_before` holds by kind what a killed run had fetched: it is in bronze, and is not paid for again.
        """
        try:
            self._fetch_details(options, done_before.get(DETAILS, frozenset()))
            # What is published reads the journals of athlete and gear too: these two do not go side by side.
            self._finish_publishing()
            self._try_profile()
            if options.streams:
                self._fetch_streams(options, done_before.get(STREAMS, frozenset()))
        except BudgetExhausted as stop:
            self.result.stopped = str(stop)
            if not (self.result.details.bodies or self.result.streams.answers):
                raise
        finally:
            try:
                self._finish_publishing()
            finally:
                for journal in self._open:
                    self._close(journal)
        return self.result

    def _fetch_details(self, options: EnrichOptions, done: frozenset[int]) -> None:
        desk, now = self.desk, self.desk.clock.now()
        candidates = candidates_of(desk.layout, desk.athlete_id)
        late = desk.state.late(desk.athlete_id)
        skip = done | self._held_back(options, DETAILS, now)
        choices = choose_details(candidates, options, now, skip=skip, late=late)
        choices = [one for one in choices if one.id not in done]
        self._late = late  # streams of this run are chosen alike
        desk.state.save_late(desk.athlete_id, {one.id for one in candidates if one.id in late and not one.has_details})
        self.result.planned = len(choices)
        self.result.by_why = count_by_why(choices)
        self._known = frozenset(one.id for one in candidates)
        fetching = DetailFetching(
            desk, known=self._known, is_retry=_is_retry(options), include_efforts=options.include_efforts
        )
        self.result.details = fetching.result
        ids = [choice.id for choice in choices]
        with known_bodies(desk.layout) as known:
            hashes = known.hashes_of_details(ids)
        self._fetch(fetching, ids, hashes)

    def _fetch_streams(self, options: EnrichOptions, done: frozenset[int]) -> None:
        desk, now = self.desk, self.desk.clock.now()
        candidates = stream_candidates_of(desk.layout, desk.athlete_id)
        skip = done | self._held_back(options, STREAMS, now)
        ids = choose_streams(candidates, options, now, skip=skip, late=self._late)
        self.result.planned += len(ids)
        self.result.by_why = {**self.result.by_why, "streams": len(ids)}
        fetching = StreamFetching(desk, known=self._known, is_retry=_is_retry(options))
        self.result.streams = fetching.result
        with known_bodies(desk.layout) as known:
            hashes = known.hashes_of_streams(ids)
        self._fetch(fetching, ids, hashes)

    def _held_back(self, options: EnrichOptions, kind: str, now: datetime) -> frozenset[int]:
        return frozenset() if _is_retry(options) else self.desk.state.held_back(now, kind=kind)

    def _fetch(self, fetching: Fetching, ids: list[int], hashes: Mapping[int, str]) -> None:
        self._open.append(fetching.journal)
        fetching.fetch(ids, hashes, self._landed)

    def _landed(self, size: int, now: datetime) -> None:
        """One more answer is in a journal: publish when a batch is full."""
        if size:
            self._unpublished_since = self._unpublished_since if self._unpublished else now
            self._unpublished += size
        if not self._unpublished or (self._publishing is not None and self._publishing.is_alive()):
            return
        if self._unpublished >= BATCH_BYTES or self.desk.clock.now() - self._unpublished_since >= BATCH:
            self._finish_publishing()
            self._start_publishing()

    def before_wait(self) -> None:
        """The budget makes us wait: let the user have what is there."""
        self._finish_publishing()
        if self._unpublished:
            self._start_publishing()
            self._finish_publishing()

    def _start_publishing(self) -> None:
        """Load and publish what is in the journals so far, while the next answers are fetched."""
        for journal in self._open:
            journal.sync()  # what is published must not be more than what a power cut leaves in bronze
        self._unpublished = 0
        self._publishing = _Publishing(self._publish)
        self._publishing.start()

    def _finish_publishing(self) -> None:
        publishing, self._publishing = self._publishing, None
        if publishing is not None:
            publishing.finish()

    def _try_profile(self) -> None:
        try:
            self._fetch_profile()
        except (StravaUnreachable, ScopeMissing) as error:
            self.desk.narrator.warn(f"Athlete and gear are left as they are: {error}")

    def _fetch_profile(self) -> None:
        desk, now = self.desk, self.desk.clock.now()
        if athlete_is_due(desk.state, desk.athlete_id, now):
            journal = desk.journal(ATHLETES)
            self._keep(journal, desk.athlete_id, desk.client.athlete())
            self._close(journal)
            desk.state.save_listing(desk.athlete_id, athlete_at=now)
        journal = desk.journal(GEAR)
        try:
            for gear in due_gear(desk.layout, desk.state, desk.athlete_id, now):
                self._keep(journal, gear, desk.client.gear(gear))
                journal.write()
                desk.state.save_gear_tried(gear, now)
        finally:
            self._close(journal)

    def _keep(self, journal: Journal, entity: int | str, answer: Answer) -> None:
        now = self.desk.clock.now()
        if answer.status == OK:
            body = read_body(answer.body)
            if body.error is not None and body.error != NO_SMALL_ID:
                journal.add_garbage(now, entity, answer.body, answer.status, body.error)
            else:
                journal.add_body(now, entity, body.hash, body.content)
        elif answer.status == ABSENT:
            journal.add_absent(now, entity)

    def _close(self, journal: Journal) -> None:
        path = journal.finish()
        if path is not None:
            compress(path, self.desk.layout.scratch)
            path.unlink()


def _is_retry(options: EnrichOptions) -> bool:
    """Whoever names activities, or says so, does not wait for the quarantine."""
    return bool(options.ids) or options.retry_quarantined


class _Publishing(threading.Thread):
    """One publish in the background; what goes wrong in it is raised by `finish`."""

    def __init__(self, publish: Callable[[], None]) -> None:
        super().__init__(name="publish", daemon=True)
        self._publish = publish
        self._error: BaseException | None = None

    def run(self) -> None:
        """Publish."""
        try:
            self._publish()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            self._error = error

    def finish(self) -> None:
        """Wait for the end, and raise what went wrong."""
        self.join()
        if self._error is not None:
            raise self._error
