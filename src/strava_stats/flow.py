"""pull → compact → enrich under one lock, with one run record an athlete."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import filelock

from strava_stats.clock import Clock
from strava_stats.errors import Locked, NotAuthorised, RateLimited, ScopeMissing, StravaStatsError, interrupted
from strava_stats.export.archive import Archive
from strava_stats.files import disk_errors, make_folder
from strava_stats.lake.bronze import noted_ids, recover
from strava_stats.lake.layout import DETAILS, STREAMS, Layout, next_run_id
from strava_stats.narration import Narrator, Silent
from strava_stats.strava.budget_file import BudgetExhausted, BudgetKeeper
from strava_stats.strava.client import Client
from strava_stats.strava.token_store import Token
from strava_stats.sync.compact import Calendar, Compacted, close_left_open, compact, known_bodies
from strava_stats.sync.enrich import Enrich, Enriched
from strava_stats.sync.fetching import Desk
from strava_stats.sync.importing import land, let_go, missing, remarks, some
from strava_stats.sync.plan import EnrichOptions, Mode
from strava_stats.sync.pull import Pull, Pulled
from strava_stats.sync.state import State
from strava_stats.warehouse.published import discard_private_copy, discard_stray_log

MOST_NAMED = 20
ACTIVITY_SCOPES = frozenset({"activity:read", "activity:read_all"})


@dataclass(frozen=True)
class Services:
    """What every command needs; built by the entry point."""

    layout: Layout
    state: State
    clock: Clock
    narrator: Narrator
    calendar: Calendar
    client_for: Callable[[Token, BudgetKeeper], Client]
    keeper_for: Callable[..., BudgetKeeper]
    source: str = "api"


@dataclass(frozen=True)
class PullOptions:
    """What `pull` was asked for."""

    mode: Mode = "default"
    days: int = 21
    full_sweep_days: int = 7
    per_page: int = 200
    allow_mass_delete: bool = False


@dataclass(frozen=True)
class ImportOptions:
    """What `import` was asked for."""

    archive: Archive
    athlete_id: int
    prune: bool = False


@dataclass(frozen=True)
class Limits:
    """Calls left unused in each window, and calls to make at most."""

    cushion_15min: int = 0
    cushion_daily: int = 0
    max_calls: int | None = None


@dataclass(frozen=True)
class Steps:
    """Which stages a command has."""

    pull: PullOptions | None = None
    compact: bool = False
    rebuild: bool = False
    enrich: EnrichOptions | None = None
    limits: Limits = Limits()
    archive: ImportOptions | None = None

    def less(self, calls: int) -> Steps:
        """The same for the next athlete, with so many calls already made."""
        left = self.limits.max_calls
        if left is None:
            return self
        return replace(self, limits=replace(self.limits, max_calls=max(0, left - calls)))


@dataclass
class Run:
    """What happened for one athlete."""

    run_id: str
    athlete_id: int | None
    command: str
    started_at: datetime
    stages: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    partial: bool = False
    error: StravaStatsError | None = None
    finished_at: datetime | None = None

    @property
    def status(self) -> str:
        """ok, partial or failed."""
        return "failed" if self.error else "partial" if self.partial else "ok"

    @property
    def calls(self) -> int:
        """Calls to the API, each attempt counted."""
        return sum(stage.get("calls", 0) for stage in self.stages)

    def record(self, now: datetime) -> dict[str, Any]:
        """The row of the table `runs`."""
        finished = self.finished_at or now
        return {
            "run_id": self.run_id,
            "athlete_id": self.athlete_id,
            "command": self.command,
            "started_at": self.started_at.isoformat(),
            "finished_at": finished.isoformat(),
            "status": self.status,
            "calls": self.calls,
            "rows": sum(stage.get("rows", 0) for stage in self._counted()),
            "seconds": round((finished - self.started_at).total_seconds(), 3),
            "stages": self.stages,
            "error": str(self.error) if self.error else None,
        }

    def _counted(self) -> list[dict[str, Any]]:
        """Loading is no news of its own, unless nothing else was done."""
        return [stage for stage in self.stages if stage["name"] != "compact"] or self.stages


@contextmanager
def writer_lock(layout: Layout, command: str, clock: Clock) -> Iterator[None]:
    """The one-writer lock; raises Locked saying who holds it since when. A kill releases it."""
    make_folder(layout.state)
    lock = filelock.FileLock(layout.lock, timeout=0)
    holder = layout.lock.with_suffix(".json")
    try:
        with disk_errors(layout.lock):
            lock.acquire()
    except filelock.Timeout as error:
        raise _held(holder) from error
    try:
        with disk_errors(holder):
            holder.write_text(
                json.dumps({"pid": os.getpid(), "command": command, "since": clock.now().isoformat(timespec="seconds")})
            )
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _held(holder: Path) -> Locked:
    try:
        known = json.loads(holder.read_text())
        who = f"`{known['command']}` (process {known['pid']}) has been writing since {known['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another run is writing"
    return Locked(f"The data folder is in use: {who}", "wait for it to end and run the same command again")


@contextmanager
def writing(services: Services, command: str) -> Iterator[Mapping[str, frozenset[int]]]:
    """Lock and mend; yields the activities whose details and streams (by kind) a killed run had fetched."""
    with writer_lock(services.layout, command, services.clock):
        for mend in recover(services.layout):
            services.narrator.warn(f"A killed run left {mend}")
        discard_private_copy(services.layout.warehouse)
        done = {kind: _noted_in_open_journals(services.layout, kind) for kind in (DETAILS, STREAMS)}
        close_left_open(services.layout)
        try:
            yield done
        finally:
            shutil.rmtree(services.layout.scratch, ignore_errors=True)


def _noted_in_open_journals(layout: Layout, kind: str) -> frozenset[int]:
    journals = layout.journals(kind).values()
    return frozenset(one for path in journals if path.suffix == ".jsonl" for one in noted_ids(path))


def run_steps(
    services: Services,
    command: str,
    token: Token | None,
    steps: Steps,
    done_before: Mapping[str, frozenset[int]] = MappingProxyType({}),
) -> Run:
    """The stages of `steps` for one athlete (None: only what needs no API). The error is in the result."""
    now = services.clock.now()
    athlete_id = token.athlete_id if token else steps.archive.athlete_id if steps.archive else None
    run_id = next_run_id(services.layout, now, athlete_id or 0)
    run = Run(run_id, athlete_id, command, now)
    services.narrator.begin(run.run_id, run.athlete_id)
    try:
        _Stages(services, run, token, steps).go(done_before)
    except StravaStatsError as error:
        run.error = error
    except KeyboardInterrupt:
        run.error = run.error or interrupted()
        _close(services, run)
        raise
    _close(services, run)
    return run


def _close(services: Services, run: Run) -> None:
    run.finished_at = services.clock.now()
    try:
        services.state.add_run(run.record(run.finished_at))
    except StravaStatsError as error:  # a full disk is no reason to hide what came before it
        run.error = run.error or error
    services.narrator.event("run", **_as_event(run))


def _as_event(run: Run) -> dict[str, Any]:
    """What the log tells of a run that has ended; its stages have told of themselves."""
    record = run.record(run.finished_at or run.started_at)
    told = ("status", "started_at", "finished_at", "calls", "rows", "seconds", "error")
    return {name: record[name] for name in told} | {"error_kind": run.error.kind if run.error else None}


class _Stages:
    """One run's way through its stages."""

    def __init__(self, services: Services, run: Run, token: Token | None, steps: Steps) -> None:
        self.services = services
        self.run = run
        self.token = token
        self.steps = steps
        self.calls = 0
        self._enriching: Enrich | None = None
        self._confirmed: frozenset[int] = frozenset()

    def go(self, done_before: Mapping[str, frozenset[int]]) -> None:
        """Import, pull, compact, enrich; what a failed pull has landed is compacted before its error is raised."""
        if self.steps.archive is not None:
            self._stage("import", self._import)
        failure = self._try_pull() if self.steps.pull is not None else None
        self.run.error = failure  # before anything is published: the record in the file has to tell
        if self.steps.compact:
            last = self.steps.enrich is None or failure is not None
            try:
                self._stage("compact", lambda stage: self._compact(stage, final=last))
            except StravaStatsError:
                if failure is None:
                    raise
        if failure is not None:
            raise failure
        if self.steps.archive is not None:
            self._settle_missing(self.steps.archive)
        if self.steps.enrich is not None:
            details = done_before.get(DETAILS, frozenset()) | self._confirmed
            self._try_enrich({**done_before, DETAILS: details})
        close_left_open(self.services.layout)

    def _try_pull(self) -> StravaStatsError | None:
        try:
            self._stage("pull", self._pull)
        except StravaStatsError as error:
            return error
        return None

    def _try_enrich(self, done_before: Mapping[str, frozenset[int]]) -> None:
        if not self.steps.compact:
            self._compact({}, final=False)
        try:
            self._stage("enrich", lambda stage: self._enrich(stage, done_before))
        except BudgetExhausted as stop:
            if self.steps.pull is None:
                raise
            self._partial(str(stop))

    def _stage(self, name: str, work: Callable[[dict[str, Any]], None]) -> None:
        stage: dict[str, Any] = {"name": name, "seconds": 0.0, "calls": 0, "rows": 0, "bytes": 0}
        self.run.stages.append(stage)
        started = time.monotonic()
        discard_stray_log(self.services.layout.warehouse)
        error: StravaStatsError | None = None
        try:
            work(stage)
        except StravaStatsError as failure:
            error = failure
            raise
        finally:
            stage["seconds"] = round(time.monotonic() - started, 3)
            self.services.narrator.pause()
            left_15min, left_day = self.services.keeper_for().remaining()
            told = {"stage" if name == "name" else name: value for name, value in stage.items()}
            self.services.narrator.event(
                "stage",
                **told,
                budget_left_15min=left_15min,
                budget_left_day=left_day,
                error=str(error) if error else None,
            )

    def _keeper(self, on_wait: Callable[[], None] | None = None, *, cushions: bool) -> BudgetKeeper:
        limits = self.steps.limits
        left = None if limits.max_calls is None else limits.max_calls - self.calls

        def announce(seconds: float, until: datetime) -> None:
            self.services.narrator.pause()
            if on_wait is not None:
                on_wait()
            minutes = max(1, round(seconds / 60))
            self.services.narrator.say(
                f"Quarter-hour limit of the API reached: waiting {minutes} min, until {until:%H:%M} UTC"
            )

        return self.services.keeper_for(
            cushion_15min=limits.cushion_15min if cushions else 0,
            cushion_daily=limits.cushion_daily if cushions else 0,
            max_calls=left,
            on_wait=announce,
        )

    def _authorised(self) -> Token:
        if self.token is None:
            raise NotAuthorised("No athlete has given access yet", "run `strava-stats auth`")
        check_scopes(self.token, self.services.narrator)
        return self.token

    def _import(self, stage: dict[str, Any]) -> None:
        options = self.steps.archive
        assert options is not None
        services = self.services
        landed = land(
            services.layout,
            services.clock,
            options.archive,
            athlete_id=options.athlete_id,
            run_id=self.run.run_id,
        )
        stage.update(
            rows=0 if landed.known else landed.report.rows - landed.below,
            activities=landed.report.rows - landed.below,
            known=landed.known,
        )
        for line in remarks(options.archive, landed):
            self._note(line)

    def _settle_missing(self, options: ImportOptions) -> None:
        """Activities that the newest archive lacks are reported, or let go when that was asked for."""
        services = self.services
        stage = self.run.stages[0]
        gone = missing(services.layout, options.athlete_id)
        stage.update(missing=len(gone), pruned=len(gone) if options.prune else 0)
        if gone and options.prune:
            let_go(services.layout, services.clock, gone, athlete_id=options.athlete_id, run_id=self.run.run_id)
            self._compact({}, final=True)
        elif gone:
            self._note(
                f"{len(gone):,} activities of an earlier archive are not in the newest: {some(gone)}. "
                "They are kept; the same import with --prune lets them go"
            )

    def _pull(self, stage: dict[str, Any]) -> None:
        options = self.steps.pull
        assert options is not None
        token = self._authorised()
        services = self.services
        keeper = self._keeper(cushions=False)
        client = services.client_for(token, keeper)
        pull = Pull(
            services.layout,
            services.state,
            client,
            services.clock,
            services.narrator,
            athlete_id=token.athlete_id,
            run_id=self.run.run_id,
            per_page=options.per_page,
            source=services.source,
            sees_all=None if token.scopes is None else "activity:read_all" in token.scopes,
            allow_mass_delete=options.allow_mass_delete,
        )
        try:
            with known_bodies(services.layout) as known:
                pull.run(mode=options.mode, days=options.days, full_sweep_days=options.full_sweep_days, known=known)
        finally:
            self.calls += keeper.calls
            self._confirmed = frozenset(pull.result.reconciled.there)
            stage["bytes"] = client.received
            self._report_pull(stage, pull.result, keeper.calls)

    def _report_pull(self, stage: dict[str, Any], pulled: Pulled, calls: int) -> None:
        stage.update(
            calls=calls,
            rows=pulled.rows,
            listed=pulled.listed,
            new=pulled.new,
            changed=pulled.changed,
            deleted=len(pulled.reconciled.deleted),
            full=pulled.full,
            complete=pulled.complete,
        )
        self._name_misfits([("activities", *misfit) for misfit in pulled.misfits])
        self._partial(pulled.stopped)
        self._partial(pulled.reconciled.refused)
        for line in pulled.quarantined:
            self._partial(f"Left out {line}")
        for line in pulled.reconciled.unsure:
            self._partial(line)

    def _compact(self, stage: dict[str, Any], *, final: bool, narrator: Narrator | None = None) -> None:
        services = self.services
        record = replace_finished(self.run, services.clock.now()) if final else None
        compacted = compact(
            services.layout,
            services.state,
            narrator or services.narrator,
            services.calendar,
            rebuild=self.steps.rebuild,
            run_record=record,
        )
        self._report_compact(stage, compacted)

    def _report_compact(self, stage: dict[str, Any], compacted: Compacted) -> None:
        stage["rows"] = stage.get("rows", 0) + compacted.rows
        stage["published"] = stage.get("published", False) or compacted.published
        stage["bytes"] = self.services.layout.warehouse.stat().st_size if compacted.published else 0
        self._name_misfits(compacted.misfits)
        unpacked = compacted.unpacked
        stage["files"] = stage.get("files", 0) + unpacked.files
        for line in unpacked.failed[:MOST_NAMED]:
            self._partial(f"A device file could not be read: {line}")
        if len(unpacked.failed) > MOST_NAMED:
            self._partial(
                f"… and {len(unpacked.failed) - MOST_NAMED:,} more device files; the table quarantine has them all"
            )
        for line in compacted.failed_views:
            self._note(f"A view in data/sql was left out: {line}")

    def _enrich(self, stage: dict[str, Any], done_before: Mapping[str, frozenset[int]]) -> None:
        options = self.steps.enrich
        assert options is not None
        token = self._authorised()
        services = self.services
        keeper = self._keeper(self._before_wait, cushions=True)
        client = services.client_for(token, keeper)
        desk = Desk(
            services.layout,
            services.state,
            client,
            services.clock,
            services.narrator,
            token.athlete_id,
            self.run.run_id,
            services.source,
        )
        self._enriching = enrich = Enrich(desk, publish=lambda: self._compact({}, final=False, narrator=Silent()))
        for what, done in (("details", done_before.get(DETAILS)), ("streams", done_before.get(STREAMS))):
            if done:
                services.narrator.say(f"{len(done):,} {what} that a killed run had fetched are not fetched again")
        try:
            enrich.run(options, done_before)
        except BudgetExhausted as stop:
            self.run.error = None if self.steps.pull is not None else stop
            raise
        except StravaStatsError as error:
            self.run.error = error
            raise
        except KeyboardInterrupt:
            self.run.error = interrupted()  # before the file is published that tells of it
            raise
        finally:
            self.calls += keeper.calls
            stage["bytes"] = client.received
            self._report_enrich(stage, enrich.result, keeper.calls)
            services.narrator.pause()
            loaded: dict[str, Any] = {}
            self._compact(loaded, final=True)
            stage["published"] = loaded["published"]

    def _before_wait(self) -> None:
        if self._enriching is not None:
            self._enriching.before_wait()

    def _report_enrich(self, stage: dict[str, Any], enriched: Enriched, calls: int) -> None:
        stage.update(calls=calls, rows=enriched.rows, fetched=enriched.details.bodies, planned=enriched.planned)
        if "streams" in enriched.by_why:
            stage.update(streams=enriched.streams.bodies, streams_absent=enriched.streams.absent)
        stage["by_kind"] = dict(enriched.by_why)
        self._partial(enriched.stopped)
        for line in enriched.quarantined:
            self._partial(f"Left out {line}")

    def _name_misfits(self, misfits: list[tuple[str, int, str]]) -> None:
        for table, one_id, key in misfits[:MOST_NAMED]:
            self._note(f"{table} {one_id}: the value of {key} does not fit its column and is in extra")
        if len(misfits) > MOST_NAMED:
            self._note(f"… and {len(misfits) - MOST_NAMED} more values that do not fit their columns")

    def _partial(self, why: str | None) -> None:
        if why:
            self.run.partial = True
            self._note(why)

    def _note(self, line: str) -> None:
        self.run.notes.append(line)
        self.services.narrator.warn(line)


def replace_finished(run: Run, now: datetime) -> dict[str, Any]:
    """The record of a run as it stands when it publishes."""
    return replace(run, stages=[dict(stage) for stage in run.stages]).record(now)


def check_scopes(token: Token, narrator: Narrator) -> None:
    """Refuse a token that cannot list; warn of one that cannot see everything."""
    if token.scopes is None:
        return
    granted = set(token.scopes)
    if not granted & ACTIVITY_SCOPES:
        raise ScopeMissing(
            f"Athlete {token.athlete_id} did not grant access to activities",
            "run `strava-stats auth` again and leave all boxes ticked",
        )
    if "activity:read_all" not in granted:
        narrator.warn(
            f"Athlete {token.athlete_id} granted activity:read only: 'Only You' activities and privacy zones are "
            "invisible. Run `strava-stats auth` again and tick all boxes to have them"
        )


def worst(runs: list[Run]) -> StravaStatsError | None:
    """The error that decides the exit code when there are several athletes: the one with the highest code."""
    errors = [run.error for run in runs if run.error is not None]
    return max(errors, key=lambda error: (not isinstance(error, RateLimited), error.exit_code), default=None)
