"""What a complete listing lacks: ask for it by name, and believe only its own 404."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from strava_stats.clock import Clock
from strava_stats.lake.bronze import Journal
from strava_stats.lake.layout import DETAILS
from strava_stats.narration import Narrator
from strava_stats.strava.client import Client
from strava_stats.sync.details import Unusable, land_detail
from strava_stats.sync.known import KnownBodies
from strava_stats.sync.plan import DAY, ListingRequest, looks_like_mass_deletion, missing_from, newest_first
from strava_stats.sync.state import State

TASK = "Asking for activities that the listing lacks"
ACCEPT = "`strava-stats pull --all --allow-mass-delete`"


@dataclass
class Reconciled:
    """What became of the activities that a listing lacked; `refused` says why none was asked for."""

    missing: int = 0
    deleted: list[int] = field(default_factory=list)
    there: list[int] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    refused: str | None = None


class Reconciliation:
    """One athlete's live activities against one complete listing."""

    def __init__(
        self,
        state: State,
        client: Client,
        clock: Clock,
        narrator: Narrator,
        *,
        athlete_id: int,
        sees_all: bool | None,
        allow_mass_delete: bool,
        activities: Journal,
        details: Journal,
    ) -> None:
        self.state = state
        self.client = client
        self.clock = clock
        self.narrator = narrator
        self.athlete_id = athlete_id
        self.sees_all = sees_all
        self.allow_mass_delete = allow_mass_delete
        self.activities = activities
        self.details = details
        self.result = Reconciled()

    def run(self, request: ListingRequest, listed: set[int], known: KnownBodies) -> None:
        """Confirm what `listed`, the complete answer to `request`, lacks.

        Each answer is in bronze before the next call; what a stop leaves unasked is asked by the next pull.
        """
        now = self.clock.now()
        # With activity:read alone the API hides what an archive shows: its silence on that says nothing.
        sees_all = bool(self.sees_all)
        in_bounds = known.live(self.athlete_id, None if request.full else request.after + DAY, with_export=sees_all)
        remembered = self.state.missing(self.athlete_id)
        live = known.live(self.athlete_id, with_export=sees_all) if remembered and not request.full else in_bounds
        absent = {one: at for one, at in remembered.items() if one in live and one not in listed}
        answered = {one: at for one, at in absent.items() if at is not None}
        waiting = {one for one, at in absent.items() if at is None}
        wanted = newest_first({*missing_from(request, in_bounds, listed, answered, now), *waiting}, live)
        self.result.missing = len(wanted)
        self.result.refused = self._refusal(wanted, len(in_bounds.keys() | waiting), known)
        # The first failure may have been Strava's; what fails again is asked with back-off.
        resting = self.state.held_back(now, attempts=2)
        wanted = [one for one in wanted if one not in resting]
        if self.result.refused is None and (wanted or absent != remembered):
            self._ask(wanted, answered, waiting & resting, known.hashes_of_details(wanted))

    def _ask(
        self, wanted: list[int], answered: dict[int, datetime], resting: AbstractSet[int], details: Mapping[int, str]
    ) -> None:
        waiting = dict.fromkeys([*wanted, *sorted(resting)])
        self.state.save_missing(self.athlete_id, {**answered, **waiting})
        try:
            for done, activity_id in enumerate(wanted):
                self.narrator.progress(TASK, done, len(wanted))
                if (asked_at := self._confirm(activity_id, details)) is not None:
                    answered[activity_id] = asked_at
                    del waiting[activity_id]
            if wanted:
                self.narrator.progress(TASK, len(wanted), len(wanted))
        finally:
            gone = set(self.result.deleted)
            left = {one: at for one, at in {**waiting, **answered}.items() if one not in gone}
            self.state.save_missing(self.athlete_id, left)

    def _confirm(self, activity_id: int, details: Mapping[int, str]) -> datetime | None:
        """When it was answered for sure; None when it has to be asked again."""
        answer = self.client.activity(activity_id, include_all_efforts=True)
        now = self.clock.now()
        if answer.status == HTTPStatus.NOT_FOUND:
            self.activities.add_absent(now, activity_id)
            self.activities.write()
            self.result.deleted.append(activity_id)
            self.state.clear_failure(DETAILS, str(activity_id))
            return now
        if answer.status != HTTPStatus.OK:
            self._proves_nothing(activity_id, f"status {answer.status} when asked for", now)
            return None
        try:
            land_detail(self.details, activity_id, answer, now, details)
        except Unusable as error:
            self._proves_nothing(activity_id, str(error), now)
            return None
        finally:
            self.details.write()
        self.state.clear_failure(DETAILS, str(activity_id))
        self.result.there.append(activity_id)
        return now

    def _proves_nothing(self, activity_id: int, error: str, now: datetime) -> None:
        self.result.unsure.append(f"activity {activity_id} is in no listing: {error}")
        self.state.note_failure(
            DETAILS, str(activity_id), athlete_id=self.athlete_id, error=f"in no listing: {error}", now=now
        )

    def _refusal(self, wanted: list[int], in_bounds: int, known: KnownBodies) -> str | None:
        if not wanted or self.allow_mass_delete:
            return None
        saw_all = self.state.listing(self.athlete_id).saw_all_at is not None
        if self.sees_all is False and (saw_all or known.private_among(wanted)):
            return (
                f"{len(wanted)} activities are not in the listing, but activity:read_all is no longer granted: nothing "
                f"was deleted. Run `strava-stats auth` again and tick all boxes, or {ACCEPT} if they are to go"
            )
        if looks_like_mass_deletion(in_bounds, len(wanted)):
            return (
                f"{len(wanted)} of {in_bounds} activities are not in the listing any more: nothing was deleted. Run "
                f"{ACCEPT} if that is right"
            )
        return None
