"""Carry out a plan of details: answers → bronze → warehouse, published batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from strava_stats.clock import Clock
from strava_stats.errors import ScopeMissing, StravaUnreachable
from strava_stats.lake.bronze import Journal, compress
from strava_stats.lake.floor import floor_of
from strava_stats.lake.layout import ATHLETES, DETAILS, GEAR, Layout
from strava_stats.lake.summaries import NO_SMALL_ID, read_body
from strava_stats.narration import Narrator
from strava_stats.strava.budget_file import BudgetExhausted
from strava_stats.strava.client import Answer, Client
from strava_stats.sync.compact import known_bodies
from strava_stats.sync.details import Unusable, land_detail
from strava_stats.sync.plan import Candidate, Choice, EnrichOptions, choose_details, count_by_why
from strava_stats.sync.state import State
from strava_stats.warehouse.query import Warehouse

BATCH = timedelta(seconds=60)
BATCH_BYTES = 12 << 20
SYNC_EVERY = 50
PROFILE_EVERY = timedelta(days=7)
GEAR_AGAIN = timedelta(days=30)
PROBED_STREAK, LONGEST_STREAK = 3, 10  # activities in a row that Strava answered with an error
TASK = "Fetching details"
OK, ABSENT = 200, 404

CANDIDATES = """
select
    a.id,
    a.start_date,
    cast(coalesce(a.start_date_local, a.start_date at time zone 'UTC') as date),
    d.activity_id is not null,
    d.summary_fingerprint is distinct from a.fingerprint,
    d.fetched_at
from activities as a
left join activity_details as d on d.activity_id = a.id
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
    fetched: int = 0
    same: int = 0
    stopped: str | None = None
    quarantined: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Details that were new or had changed."""
        return self.fetched - self.same


def candidates_of(layout: Layout, athlete_id: int) -> list[Candidate]:
    """All live activities of an athlete, as the choice of details sees them."""
    if not layout.warehouse.exists():
        return []
    with Warehouse(layout.warehouse) as warehouse:
        warehouse.require_current()
        return [Candidate(*row) for row in warehouse.rows(CANDIDATES, [athlete_id])]


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
    """Details for one athlete."""

    def __init__(
        self,
        layout: Layout,
        state: State,
        client: Client,
        clock: Clock,
        narrator: Narrator,
        *,
        athlete_id: int,
        run_id: str,
        source: str,
        publish: Callable[[], None],
    ) -> None:
        self.layout = layout
        self.state = state
        self.client = client
        self.clock = clock
        self.narrator = narrator
        self.athlete_id = athlete_id
        self._source = source
        self.journal = self._journal(DETAILS, run_id)
        self.result = Enriched(run_id)
        self._publish = publish
        self._unpublished = 0  # bytes
        self._unpublished_since = clock.now()
        self._publishing: _Publishing | None = None
        self._quarantined = {shown for kind, shown in state.quarantine() if kind == DETAILS}
        self._poison: list[int] = []
        self._known: frozenset[int] = frozenset()
        self._is_retry = False
        self._floor = floor_of(layout, athlete_id)

    def run(self, options: EnrichOptions, done_before: frozenset[int]) -> Enriched:
        """Fetch what is missing or recent; an outage is raised after what was landed is safe.

        `done_before` holds what a killed run had fetched: it is in bronze, and is not paid for again.
        """
        now = self.clock.now()
        candidates = candidates_of(self.layout, self.athlete_id)
        self._is_retry = bool(options.ids) or options.retry_quarantined
        skip = done_before | (frozenset() if self._is_retry else self.state.held_back(now))
        late = self.state.late(self.athlete_id)
        choices = choose_details(candidates, options, now, skip=skip, late=late)
        choices = [one for one in choices if one.id not in done_before]
        self.result.planned = len(choices)
        self._known = frozenset(one.id for one in candidates)
        self.state.save_late(self.athlete_id, {one.id for one in candidates if one.id in late and not one.has_details})
        self.result.by_why = count_by_why(choices)
        try:
            self._fetch_all(choices, options)
            # What is published reads the journals of athlete and gear too: these two do not go side by side.
            self._finish_publishing()
            self._try_profile()
        except BudgetExhausted as stop:
            self.result.stopped = str(stop)
            if not self.result.fetched:
                raise
        finally:
            try:
                self._finish_publishing()
            finally:
                self._close(self.journal)
        return self.result

    def _journal(self, kind: str, run_id: str) -> Journal:
        return Journal(self.layout, kind, run_id, self.athlete_id, self._source)

    def before_wait(self) -> None:
        """The budget makes us wait: let the user have what is there."""
        self._finish_publishing()
        if self._unpublished:
            self._start_publishing()
            self._finish_publishing()

    def _start_publishing(self) -> None:
        """Load and publish what is in the journal so far, while the next details are fetched."""
        self.journal.sync()  # what is published must not be more than what a power cut leaves in bronze
        self._unpublished = 0
        self._publishing = _Publishing(self._publish)
        self._publishing.start()

    def _finish_publishing(self) -> None:
        publishing, self._publishing = self._publishing, None
        if publishing is not None:
            publishing.finish()

    def _publish_when_due(self) -> None:
        if not self._unpublished or (self._publishing is not None and self._publishing.is_alive()):
            return
        if self._unpublished >= BATCH_BYTES or self.clock.now() - self._unpublished_since >= BATCH:
            self._finish_publishing()
            self._start_publishing()

    def _fetch_all(self, choices: Sequence[Choice], options: EnrichOptions) -> None:
        with known_bodies(self.layout) as known:
            hashes = known.hashes_of_details([choice.id for choice in choices])
        for done, choice in enumerate(choices):
            self.narrator.progress(TASK, done, len(choices))
            answer = self.client.activity(choice.id, options.include_efforts)
            self._land(choice.id, answer, hashes)
            if self.result.fetched % SYNC_EVERY == 0:
                self.journal.sync()
            else:
                self.journal.write()
            self._publish_when_due()
        self.narrator.progress(TASK, self.result.fetched, self.result.fetched)

    def _land(self, activity_id: int, answer: Answer, hashes: Mapping[int, str]) -> None:
        now = self.clock.now()
        if answer.status != OK:
            self._refuse(activity_id, answer, now)
            return
        self._poison.clear()
        if self._is_purged(activity_id, answer):
            self.result.quarantined.append(f"activity {activity_id}: it started before {self._floor:%Y-%m-%d}: purged")
            return
        try:
            landed = land_detail(self.journal, activity_id, answer, now, hashes)
        except Unusable as error:
            self._quarantine(activity_id, str(error), now)
            return
        self.result.fetched += 1
        if str(activity_id) in self._quarantined:
            self.state.clear_failure(DETAILS, str(activity_id))
        if landed is None:
            self.result.same += 1
        else:
            self._unpublished_since = self._unpublished_since if self._unpublished else now
            self._unpublished += landed

    def _is_purged(self, activity_id: int, answer: Answer) -> bool:
        """Whether one that was asked for by name, and is not here, started below the floor."""
        if self._floor is None or activity_id in self._known:
            return False
        start = read_body(answer.body).start
        return start is not None and start < self._floor

    def _refuse(self, activity_id: int, answer: Answer, now: datetime) -> None:
        """A 404 or 500 of one activity is that activity's trouble, unless it happens to all of them."""
        if answer.status == ABSENT:
            self.journal.add_absent(now, activity_id)
            self._poison.clear()
        else:
            self._poison.append(activity_id)
        self._quarantine(activity_id, f"status {answer.status}", now)
        if len(self._poison) in {PROBED_STREAK, LONGEST_STREAK}:
            self._tell_poison_from_outage()

    def _tell_poison_from_outage(self) -> None:
        """Some broken ones in a row may be just that, when Strava still lists; ten are an outage of the details.

        What an outage broke is not set aside.
        """
        if len(self._poison) >= LONGEST_STREAK:
            self._release(self._poison)
            raise StravaUnreachable(
                f"Strava answered no detail {len(self._poison)} times in a row",
                "that is an outage rather than bad activities: run the same command again later",
            )
        try:
            self.client.list_activities(None, None, 1, 1)
        except StravaUnreachable:
            self._release(self._poison)
            raise

    def _quarantine(self, activity_id: int, error: str, now: datetime) -> None:
        if activity_id not in self._known:
            # Asked for by name, and nothing of this athlete's: nothing to try again for.
            self.result.quarantined.append(f"activity {activity_id}: {error}, and no listing has it")
            return
        is_new = self.state.note_failure(DETAILS, str(activity_id), athlete_id=self.athlete_id, error=error, now=now)
        if is_new or self._is_retry:  # who asks for it by hand wants to know
            self.result.quarantined.append(f"details of activity {activity_id}: {error}")

    def _release(self, activity_ids: Sequence[int]) -> None:
        for activity_id in activity_ids:
            self.state.clear_failure(DETAILS, str(activity_id))
        shown = {f"details of activity {activity_id}" for activity_id in activity_ids}
        self.result.quarantined = [line for line in self.result.quarantined if line.split(":")[0] not in shown]

    def _try_profile(self) -> None:
        try:
            self._fetch_profile()
        except (StravaUnreachable, ScopeMissing) as error:
            self.narrator.warn(f"Athlete and gear are left as they are: {error}")

    def _fetch_profile(self) -> None:
        now = self.clock.now()
        if athlete_is_due(self.state, self.athlete_id, now):
            journal = self._journal(ATHLETES, self.journal.run_id)
            self._keep(journal, self.athlete_id, self.client.athlete())
            self._close(journal)
            self.state.save_listing(self.athlete_id, athlete_at=now)
        journal = self._journal(GEAR, self.journal.run_id)
        try:
            for gear in due_gear(self.layout, self.state, self.athlete_id, now):
                self._keep(journal, gear, self.client.gear(gear))
                journal.write()
                self.state.save_gear_tried(gear, now)
        finally:
            self._close(journal)

    def _keep(self, journal: Journal, entity: int | str, answer: Answer) -> None:
        now = self.clock.now()
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
            compress(path, self.layout.scratch)
            path.unlink()


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
