"""Fetch one kind of answer about activities into the run's journal; what Strava cannot deliver goes to quarantine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from strava_stats.clock import Clock
from strava_stats.errors import StravaUnreachable
from strava_stats.lake.bronze import Journal
from strava_stats.lake.floor import floor_of
from strava_stats.lake.layout import DETAILS, STREAMS, Layout
from strava_stats.lake.summaries import read_body
from strava_stats.narration import Narrator
from strava_stats.strava.client import Answer, Client
from strava_stats.sync.details import Unusable, land_detail
from strava_stats.sync.state import State
from strava_stats.sync.streams import land_streams

SYNC_EVERY = 50
PROBED_STREAK, LONGEST_STREAK = 3, 10  # activities in a row that Strava answered with an error
OK, ABSENT = 200, 404


@dataclass(frozen=True)
class Desk:
    """What every fetching of a run shares."""

    layout: Layout
    state: State
    client: Client
    clock: Clock
    narrator: Narrator
    athlete_id: int
    run_id: str
    source: str

    def journal(self, kind: str) -> Journal:
        """The run's journal of one kind."""
        return Journal(self.layout, kind, self.run_id, self.athlete_id, self.source)


@dataclass
class Fetched:
    """What came: answers with a body, those that were equal to the stored ones, 404s; and what was set aside."""

    bodies: int = 0
    same: int = 0
    absent: int = 0
    quarantined: list[str] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """Answers that need not be asked for again."""
        return self.bodies + self.absent

    @property
    def new(self) -> int:
        """Bodies that were new or had changed."""
        return self.bodies - self.same


class Fetching(ABC):
    """Answers of one kind, one activity after the other; `known` are the activities that some listing has."""

    kind: str
    noun: str
    task: str

    def __init__(self, desk: Desk, *, known: frozenset[int], is_retry: bool) -> None:
        self.desk = desk
        self.journal = desk.journal(self.kind)
        self.result = Fetched()
        self._known = known
        self._is_retry = is_retry
        self._quarantined = {shown for kind, shown in desk.state.quarantine() if kind == self.kind}
        self._poison: list[int] = []

    def fetch(self, ids: Sequence[int], hashes: Mapping[int, str], landed: Callable[[int, datetime], None]) -> None:
        """Ask for all of `ids`; `hashes` are of the bodies stored already.

        After each, `landed` is told the bytes that are new in the journal.
        """
        narrator = self.desk.narrator
        for done, activity_id in enumerate(ids):
            narrator.progress(self.task, done, len(ids))
            answer = self.ask(activity_id)
            now = self.desk.clock.now()
            size = self._land(activity_id, answer, hashes, now)
            if self.result.bodies % SYNC_EVERY == 0:
                self.journal.sync()
            else:
                self.journal.write()
            landed(size, now)
        narrator.progress(self.task, self.result.bodies, self.result.bodies)

    @abstractmethod
    def ask(self, activity_id: int) -> Answer:
        """One call."""

    @abstractmethod
    def note(self, activity_id: int, answer: Answer, now: datetime, hashes: Mapping[int, str]) -> int | None:
        """Write a 200 into the journal; its bytes, None when it equals the stored one; raises Unusable."""

    def refusal(self, activity_id: int, answer: Answer) -> str | None:
        """Why a 200 is not wanted; None when it is."""
        del activity_id, answer
        return None

    def none_there(self, activity_id: int, now: datetime) -> None:
        """A 404 was noted."""
        self._quarantine(activity_id, f"status {ABSENT}", now)

    def _land(self, activity_id: int, answer: Answer, hashes: Mapping[int, str], now: datetime) -> int:
        if answer.status != OK:
            self._refuse(activity_id, answer, now)
            return 0
        self._poison.clear()
        if refusal := self.refusal(activity_id, answer):
            self.result.quarantined.append(refusal)
            return 0
        try:
            size = self.note(activity_id, answer, now, hashes)
        except Unusable as error:
            self._quarantine(activity_id, str(error), now)
            return 0
        self.result.bodies += 1
        self.result.same += size is None
        self._release_one(activity_id)
        return size or 0

    def _release_one(self, activity_id: int) -> None:
        if str(activity_id) in self._quarantined:
            self.desk.state.clear_failure(self.kind, str(activity_id))

    def _refuse(self, activity_id: int, answer: Answer, now: datetime) -> None:
        """A 404 or 500 of one activity is that activity's trouble, unless it happens to all of them."""
        if answer.status == ABSENT:
            self.journal.add_absent(now, activity_id)
            self._poison.clear()
            self.none_there(activity_id, now)
            return
        self._poison.append(activity_id)
        self._quarantine(activity_id, f"status {answer.status}", now)
        if len(self._poison) in {PROBED_STREAK, LONGEST_STREAK}:
            self._tell_poison_from_outage()

    def _tell_poison_from_outage(self) -> None:
        """Some broken ones in a row may be just that, when Strava still lists; ten are an outage of their endpoint.

        What an outage broke is not set aside.
        """
        if len(self._poison) >= LONGEST_STREAK:
            self._release(self._poison)
            raise StravaUnreachable(
                f"Strava answered no {self.noun} {len(self._poison)} times in a row",
                "that is an outage rather than bad activities: run the same command again later",
            )
        try:
            self.desk.client.list_activities(None, None, 1, 1)
        except StravaUnreachable:
            self._release(self._poison)
            raise

    def _quarantine(self, activity_id: int, error: str, now: datetime) -> None:
        if activity_id not in self._known:
            # Asked for by name, and nothing of this athlete's: nothing to try again for.
            self.result.quarantined.append(f"activity {activity_id}: {error}, and no listing has it")
            return
        is_new = self.desk.state.note_failure(
            self.kind, str(activity_id), athlete_id=self.desk.athlete_id, error=error, now=now
        )
        if is_new or self._is_retry:  # who asks for it by hand wants to know
            self.result.quarantined.append(f"{self._shown(activity_id)}: {error}")

    def _release(self, activity_ids: Sequence[int]) -> None:
        for activity_id in activity_ids:
            self.desk.state.clear_failure(self.kind, str(activity_id))
        shown = {self._shown(activity_id) for activity_id in activity_ids}
        self.result.quarantined = [line for line in self.result.quarantined if line.split(":")[0] not in shown]

    def _shown(self, activity_id: int) -> str:
        return f"{self.noun}{'' if self.noun.endswith('s') else 's'} of activity {activity_id}"


class DetailFetching(Fetching):
    """Details."""

    kind, noun, task = DETAILS, "detail", "Fetching details"

    def __init__(self, desk: Desk, *, known: frozenset[int], is_retry: bool, include_efforts: bool) -> None:
        super().__init__(desk, known=known, is_retry=is_retry)
        self._include_efforts = include_efforts
        self._floor = floor_of(desk.layout, desk.athlete_id)

    def ask(self, activity_id: int) -> Answer:
        """GET /activities/{id}."""
        return self.desk.client.activity(activity_id, self._include_efforts)

    def note(self, activity_id: int, answer: Answer, now: datetime, hashes: Mapping[int, str]) -> int | None:
        """As `land_detail`."""
        return land_detail(self.journal, activity_id, answer, now, hashes)

    def refusal(self, activity_id: int, answer: Answer) -> str | None:
        """One that was asked for by name, and is not here, may have started below the floor."""
        if self._floor is None or activity_id in self._known:
            return None
        start = read_body(answer.body).start
        if start is None or start >= self._floor:
            return None
        return f"activity {activity_id}: it started before {self._floor:%Y-%m-%d}: purged"


class StreamFetching(Fetching):
    """Streams; that an activity has none is an answer like any other."""

    kind, noun, task = STREAMS, "streams", "Fetching streams"

    def ask(self, activity_id: int) -> Answer:
        """GET /activities/{id}/streams."""
        return self.desk.client.streams(activity_id)

    def note(self, activity_id: int, answer: Answer, now: datetime, hashes: Mapping[int, str]) -> int | None:
        """As `land_streams`."""
        return land_streams(self.journal, activity_id, answer, now, hashes)

    def none_there(self, activity_id: int, now: datetime) -> None:
        """The journal remembers it; the activity is not doubted."""
        del now
        self.result.absent += 1
        self._release_one(activity_id)
