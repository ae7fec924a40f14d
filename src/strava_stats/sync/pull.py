"""Carry out a listing: pages → bronze → Parquet shard."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from strava_stats.clock import Clock
from strava_stats.errors import ConfigurationError, DiskFull, StravaStatsError, StravaUnreachable
from strava_stats.lake.bronze import Journal, Packing
from strava_stats.lake.floor import floor_of
from strava_stats.lake.layout import ACTIVITIES, DETAILS, Layout
from strava_stats.lake.shards import new_shard
from strava_stats.lake.summaries import NO_SMALL_ID, Body, NotAPage, split_page
from strava_stats.narration import Narrator
from strava_stats.strava.budget_file import BudgetExhausted
from strava_stats.strava.client import Client
from strava_stats.sync.known import KnownBodies
from strava_stats.sync.plan import PAGE_CAP, ListingRequest, Mode, first_request, listing_calls, next_request
from strava_stats.sync.reconcile import Reconciled, Reconciliation
from strava_stats.sync.state import ListingState, State
from strava_stats.warehouse.shape import has_only_known_keys, shape_activities

SYNC_BYTES = 16 << 20  # fsync the journal at least this often; a kill loses nothing in between, a power cut this
SAME_PAGES = 1  # an overlap may bring the same page once more
IDLE_PAGES = 20  # many starts in one second may fill some pages that bring nothing new
TASK = "Listing activities"


@dataclass
class Pulled:
    """What a pull did; `stopped` says why it ended early, None when the listing came whole."""

    run_id: str
    pages: int = 0
    listed: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    full: bool = False
    complete: bool = False
    stopped: str | None = None
    quarantined: list[str] = field(default_factory=list)
    misfits: list[tuple[int, str]] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)
    fresh: set[int] = field(default_factory=set)
    reconciled: Reconciled = field(default_factory=Reconciled)

    @property
    def rows(self) -> int:
        """Activities that were new, had changed or are gone."""
        return self.new + self.changed + len(self.reconciled.deleted)


class Pull:
    """One listing of one athlete."""

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
        per_page: int,
        source: str,
        sees_all: bool | None = None,
        allow_mass_delete: bool = False,
    ) -> None:
        self.layout = layout
        self.state = state
        self.client = client
        self.clock = clock
        self.narrator = narrator
        self.athlete_id = athlete_id
        self.per_page = per_page
        self.sees_all = sees_all
        self.allow_mass_delete = allow_mass_delete
        self.journal = Journal(layout, ACTIVITIES, run_id, athlete_id, source)
        self.details = Journal(layout, DETAILS, run_id, athlete_id, source)
        self.result = Pulled(run_id)
        self._floor = floor_of(layout, athlete_id)
        self._purged: set[int] = set()
        self._newest: datetime | None = None
        self._hashes: dict[int, str] = {}
        self._unsynced = 0
        self._only_known_keys = True
        self._quarantined = {
            shown: record.get("hash") for (kind, shown), record in state.quarantine().items() if kind == "activity"
        }

    def run(self, *, mode: Mode, days: int, full_sweep_days: int, known: KnownBodies) -> Pulled:
        """List, land and shape. An outage is raised after what was landed is shaped and closed."""
        remembered = self.state.listing(self.athlete_id)
        now = self.clock.now()
        request = first_request(
            now,
            remembered.watermark,
            remembered.swept_at,
            mode=mode,
            days=days,
            full_sweep_days=full_sweep_days,
            floor=self._floor,
        )
        self.result.full = request.full
        if request.full and (count := known.count(self.athlete_id)):
            calls = listing_calls(count, self.per_page)
            self.narrator.say(f"Full sweep of about {count:,} activities: about {calls:,} calls")
            known.expect_all_of(self.athlete_id)
        failure: StravaStatsError | None = None
        try:
            self._list(request, known)
            self._note_listing(request)
            self._reconcile(request, known)
        except BudgetExhausted as stop:
            self.result.stopped = str(stop)
            failure = stop if not self.result.pages else None
        except StravaStatsError as error:
            failure = error
        if isinstance(failure, DiskFull | ConfigurationError):
            self.journal.abandon()
            self.details.abandon()
            raise failure
        if not self.result.complete:
            self._note_listing(request)
        self.details.finish()
        self._shape()
        if self.result.complete:
            self._remember(remembered, now)
        if failure is not None:
            raise failure
        return self.result

    def _reconcile(self, request: ListingRequest, known: KnownBodies) -> None:
        if not self.result.complete:
            return
        reconciliation = Reconciliation(
            self.state,
            self.client,
            self.clock,
            self.narrator,
            athlete_id=self.athlete_id,
            sees_all=self.sees_all,
            allow_mass_delete=self.allow_mass_delete,
            activities=self.journal,
            details=self.details,
        )
        self.result.reconciled = reconciliation.result
        reconciliation.run(request, self.result.ids, known)

    def _remember(self, before: ListingState, now: datetime) -> None:
        """What the next pull can count on, now that all of this one is in bronze."""
        newest = max(filter(None, (self._newest, before.watermark)), default=now)
        self.state.save_listing(
            self.athlete_id,
            watermark=newest,
            swept_at=now if self.result.full else None,
            saw_all_at=now if self.sees_all else None,
        )
        if before.watermark is not None and self.result.fresh:
            self.state.save_late(self.athlete_id, self.state.late(self.athlete_id) | self.result.fresh)

    def _list(self, first: ListingRequest, known: KnownBodies) -> None:
        """Page after page; each is in bronze before the next one is asked for, so that no kill pays for it twice."""
        self.journal.packing = Packing(self.journal.path, self.layout.scratch)
        self.journal.packing.start()
        idle_pages = same_pages = 0
        previous: list[int | None] = []
        total = known.count(self.athlete_id) if first.full else None
        request: ListingRequest | None = first
        while request is not None:
            bodies = self._page(request)
            listed_before = self.result.listed
            self._land(bodies, known)
            fresh = self.result.listed - listed_before
            left = total if total and total > self.result.listed else None
            self.narrator.progress(TASK, self.result.listed, left)
            idle_pages = 0 if fresh or not bodies else idle_pages + 1
            ids = [body.id for body in bodies]
            same_pages, previous = (same_pages + 1 if bodies and ids == previous else 0), ids
            if same_pages > SAME_PAGES or idle_pages > IDLE_PAGES or self.result.pages >= PAGE_CAP:
                self.result.stopped = "Strava repeated the same page; the listing was not taken as complete"
                return
            starts = [int(body.start.timestamp()) if body.start else None for body in bodies]
            request = next_request(request, starts, fresh, self.per_page)
        self.narrator.progress(TASK, self.result.listed, self.result.listed)
        self.result.complete = True

    def _page(self, request: ListingRequest) -> list[Body]:
        for last in (False, True):
            answer = self.client.list_activities(request.after, request.before, request.page, self.per_page)
            self.result.pages += 1
            try:
                if answer.status == HTTPStatus.OK:
                    return split_page(answer.body)
            except NotAPage:
                if last:
                    break
        raise StravaUnreachable(
            f"Strava's activity list is no JSON array (status {answer.status}, {len(answer.body)} bytes)",
            "try again later; if it stays so, check STRAVA_API_BASE_URL and proxies",
        )

    def _land(self, bodies: list[Body], known: KnownBodies) -> None:
        """Note a page in the journal."""
        now = self.clock.now()
        ids = [body.id for body in bodies if body.id is not None]
        before = known.hashes(ids)
        for body in bodies:
            if body.error is not None:
                self._quarantine(body, now)
            if body.id is None:
                continue
            self.result.listed += body.id not in self.result.ids
            self.result.ids.add(body.id)
            if self._is_purged(body, before):
                self._purged.add(body.id)
            elif body.error is None:
                self._note(body, now, before)
        self._unsynced += sum(len(body.content) for body in bodies)
        if self._unsynced > SYNC_BYTES:
            self.journal.sync()
            self._unsynced = 0
        else:
            self.journal.write()

    def _is_purged(self, body: Body, before: Mapping[int, str]) -> bool:
        """Whether it started below the floor and is not here: what is here is kept up to date until the next purge."""
        if self._floor is None or body.start is None or body.start >= self._floor:
            return False
        return body.id not in before and body.id not in self._hashes

    def _note(self, body: Body, now: datetime, before: Mapping[int, str]) -> None:
        assert body.id is not None
        if body.start is not None and (self._newest is None or body.start > self._newest) and body.start <= now:
            self._newest = body.start
        previous = self._hashes.get(body.id)
        if previous == body.hash:
            return
        self._hashes[body.id] = body.hash
        stored = previous or before.get(body.id)
        if stored == body.hash:
            self.journal.add_same(now, body.id, body.hash)
            self.result.same += 1
            return
        self.journal.add_body(now, body.id, body.hash, body.content)
        self._only_known_keys = self._only_known_keys and has_only_known_keys(body.value)
        if previous is None:
            self.result.new += stored is None
            if stored is None:
                self.result.fresh.add(body.id)
            self.result.changed += stored is not None
        if body.shown_id in self._quarantined:
            self.state.clear_failure("activity", body.shown_id)
            del self._quarantined[body.shown_id]

    def _quarantine(self, body: Body, now: datetime) -> None:
        shown = body.shown_id
        if self._quarantined.get(shown) == body.hash:
            self.journal.add_same(now, body.id, body.hash)
        elif body.id is None and body.error == NO_SMALL_ID:
            self.journal.add_body(now, None, body.hash, body.content)
        else:
            self.journal.add_garbage(now, body.id, body.content, 200, body.error or "")
        if self.state.note_failure(
            "activity", shown, athlete_id=self.athlete_id, error=body.error or "", now=now, digest=body.hash
        ):
            self.result.quarantined.append(f"activity {shown}: {body.error}")

    def _note_listing(self, request: ListingRequest) -> None:
        if self.result.pages:
            self.journal.add_listing(
                self.clock.now(),
                after=request.after,
                before=request.before,
                complete=self.result.complete,
                ids=sorted(self.result.ids - self._purged),
            )

    def _shape(self) -> None:
        """Journal → shard; the packed journal is checked meanwhile. The plain one goes only after both are done."""
        path = self.journal.finish()
        packing = self.journal.packing
        if path is None or packing is None:
            return
        with ThreadPoolExecutor(1) as closing:
            packed = closing.submit(packing.finish)
            if self.journal.bodies:
                with new_shard(self.layout.shard(self.journal.run_id), self.layout.scratch) as target:
                    _, self.result.misfits = shape_activities(
                        [path], target, self.layout.scratch, only_known_keys=self._only_known_keys
                    )
            packed.result()
        path.unlink()
