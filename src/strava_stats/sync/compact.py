"""Journals and shards → warehouse. The warehouse is a pure function of bronze; this only decides what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strava_stats.errors import StravaStatsError
from strava_stats.files import disk_errors
from strava_stats.lake.bronze import (
    Lines,
    body_portions,
    check_archive,
    compress,
    has_absences,
    has_bodies,
    last_seq,
    summary_heads,
)
from strava_stats.lake.floor import read_floors
from strava_stats.lake.layout import ACTIVITIES, ATHLETES, DETAILS, GEAR, IMPORTS, KINDS, MERGED, STREAMS, Layout
from strava_stats.lake.shards import new_shard
from strava_stats.narration import Narrator
from strava_stats.sync.archives import Unpacked, load_archives
from strava_stats.sync.known import KnownBodies
from strava_stats.sync.state import State
from strava_stats.sync.stream_files import LoadedStreams, drop_superseded, load_streams, view_of
from strava_stats.warehouse.derive import derive, find_duplicates
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.engine import sql, views_fingerprint
from strava_stats.warehouse.exports import Exports
from strava_stats.warehouse.merge import holds_all_of, merge_shards
from strava_stats.warehouse.published import is_as_published
from strava_stats.warehouse.query import Warehouse, is_current
from strava_stats.warehouse.shape import is_usable, shape_activities

PORTION_BYTES = 5 << 20  # of details a statement; bounds the memory
GROUP_BYTES = 192 << 20  # of journals a shard, when all are shaped anew
GZIP_FACTOR = 3
MOST_SHARDS = 50
MOST_WAITING = 50  # journals that tell nothing new, and are read by every run until a file is published that has them
DISPUTED = """
select activity_id
from activity_versions
inner join activities on activities.id = activity_versions.activity_id
group by activity_id
having
    arg_max(activity_versions.kudos_count, observed_at) <> any_value(activities.kudos_count)
    or arg_max(activity_versions.comment_count, observed_at) <> any_value(activities.comment_count)
"""


@dataclass(frozen=True)
class Calendar:
    """Settings that the views depend on."""

    week_start: str
    timezone: str
    shown_data_dir: str | None = None  # the data folder as those know it who open the published file; None: as here


@dataclass
class Compacted:
    """What a compaction did."""

    published: bool = False
    rebuilt: bool = False
    activities: int = 0
    details: int = 0
    streams: int = 0
    misfits: list[tuple[str, int, str]] = field(default_factory=list)
    failed_views: list[str] = field(default_factory=list)
    unpacked: Unpacked = field(default_factory=Unpacked)

    @property
    def rows(self) -> int:
        """Activities, details and answers about streams that were loaded."""
        return self.activities + self.details + self.streams


@dataclass(frozen=True)
class Pending:
    """A journal that the warehouse does not hold whole: lines behind `loaded_seq` are to load.

    Up to `until_seq` when it is open (its writer may go on meanwhile), all when that is None.
    """

    kind: str
    run_id: str
    path: Path
    loaded_seq: int
    until_seq: int | None

    @property
    def has_more(self) -> bool:
        """False when it is only not known to be whole."""
        return self.until_seq is None or self.until_seq > self.loaded_seq


def ledger_of(layout: Layout) -> dict[tuple[str, str], tuple[int, bool]]:
    """(kind, run) → (last line, journal was closed) of what the published file holds; {} when it has to be remade."""
    if not layout.warehouse.exists() or not is_as_published(layout.warehouse, layout.published):
        return {}
    try:
        with Warehouse(layout.warehouse) as warehouse:
            if not is_current(warehouse):
                return {}
            rows = warehouse.rows("select kind, run_id, last_seq, closed from meta.ledger")
    except StravaStatsError:  # a damaged file is remade from bronze
        return {}
    return {(kind, run_id): (seq or 0, closed) for kind, run_id, seq, closed in rows}


def pending_journals(layout: Layout, ledger: Mapping[tuple[str, str], tuple[int, bool]]) -> list[Pending]:
    """Journals to load, by kind and run. An open one of summaries has to wait: its shard is made when it is closed."""
    found = []
    for kind in KINDS:
        for run_id, path in layout.journals(kind).items():
            seq, closed = ledger.get((kind, run_id), (0, False))
            if not closed and not (kind == ACTIVITIES and path.suffix == ".jsonl"):
                found.append(Pending(kind, run_id, path, seq, None if path.suffix == ".gz" else last_seq(path)))
    return found


def waits_for_compact(layout: Layout) -> bool:
    """True when bronze tells of activities what the warehouse does not show yet; changes nothing."""

    def has_news(one: Pending) -> bool:
        if one.kind == ACTIVITIES:
            return layout.shard(one.run_id).exists() or has_absences(one.path)
        if one.kind == IMPORTS:
            return True
        if one.kind == STREAMS:
            return one.has_more and (has_bodies(one.path) or has_absences(one.path))
        return one.kind == DETAILS and one.has_more and has_bodies(one.path)

    return any(map(has_news, pending_journals(layout, ledger_of(layout))))


def known_bodies(layout: Layout) -> KnownBodies:
    """What bronze holds, to be asked by those who fetch. A file that is not as published, or damaged, is not asked."""
    ledger = ledger_of(layout)
    pending = pending_journals(layout, ledger)
    return KnownBodies(
        layout.warehouse if ledger else None,
        [one.path for one in pending if one.kind == ACTIVITIES],
        knows_details=not any(one.kind == DETAILS and one.has_more for one in pending),
        knows_streams=not any(one.kind == STREAMS and one.has_more for one in pending),
    )


def compact(
    layout: Layout,
    state: State,
    narrator: Narrator,
    calendar: Calendar,
    *,
    rebuild: bool = False,
    run_record: Mapping[str, Any] | None = None,
) -> Compacted:
    """Bring the warehouse up to date and publish it; nothing new → no copy, no write.

    `run_record` is the running run's own record, so that the file that it publishes tells of it.
    """
    ledger = {} if rebuild else ledger_of(layout)
    if _has_late(pending_journals(layout, ledger), ledger):
        narrator.say("A journal older than what is loaded has turned up")
        ledger = {}
    # An existing file without a usable ledger was built by other SQL: all of it is made anew, shards too.
    anew = rebuild or not ledger
    pending = pending_journals(layout, ledger)
    result = Compacted(rebuilt=anew and layout.warehouse.exists())
    if result.rebuilt and not rebuild:
        narrator.say("The warehouse was damaged, changed, or built by another version: making it anew from bronze")
    user_views = read_user_views(layout)
    shards = _shards_of(layout, pending, result, reuse=not rebuild)
    by_kind = {kind: [one for one in pending if one.kind == kind] for kind in KINDS}
    if not (anew and pending) and not shards and not _has_news(by_kind, layout):
        if ledger and _views_are_current(layout, user_views, calendar):
            _merge_shards(layout)
            return result
        if not ledger and not layout.warehouse.exists() and not rebuild:
            return result
    records = [*state.pending_runs(), *([run_record] if run_record else [])]
    if anew:
        records = [*_runs_so_far(layout), *records]
    runs = {record["run_id"]: record for record in records}
    with WarehouseEdit(layout.warehouse, layout.scratch, anew=anew, note=layout.published) as edit:
        exports = Exports(edit, layout.scratch)
        exports.take_out()
        streams = _load(
            edit,
            exports,
            layout,
            by_kind,
            result,
            shards=shards,
            calendar=calendar,
            reuse=not rebuild,
            narrator=narrator,
        )
        edit.note_journals(_ledger_entry(one) for one in pending)
        edit.note_runs(runs.values())
        edit.replace_quarantine(_without_hash(record) for record in state.quarantine().values())
        exports.put_in_the_rest()
        result.failed_views = edit.refresh_views(
            user_views,
            week_start=calendar.week_start,
            timezone=calendar.timezone,
            samples=view_of(layout, calendar.shown_data_dir, streams.only),
        )
        result.misfits += edit.misfits()
        edit.publish()
    result.published = True
    drop_superseded(layout, streams.only)
    if anew:
        _drop_old_shards(layout, shards)
    _merge_shards(layout)
    if state.pending_runs():
        state.forget_runs({run_id for run_id in runs if run_record is None or run_id != run_record["run_id"]})
    return result


def _has_late(pending: Iterable[Pending], ledger: Mapping[tuple[str, str], tuple[int, bool]]) -> bool:
    """True when a journal is older than one that is loaded: bodies are applied in order, so all has to be done anew."""
    newest = max((run_id for _, run_id in ledger), default="")
    return any(one.run_id < newest and (one.kind, one.run_id) not in ledger for one in pending)


def _runs_so_far(layout: Layout) -> list[dict[str, Any]]:
    """The run records of the file that is about to be made anew: bronze does not hold them. [] when unreadable."""
    try:
        with Warehouse(layout.warehouse) as warehouse:
            return warehouse.run_records()
    except StravaStatsError:
        return []


def _load(
    edit: WarehouseEdit,
    exports: Exports,
    layout: Layout,
    by_kind: Mapping[str, list[Pending]],
    result: Compacted,
    *,
    shards: list[Path],
    calendar: Calendar,
    reuse: bool,
    narrator: Narrator,
) -> LoadedStreams:
    if by_kind[DETAILS] or by_kind[STREAMS]:
        edit.remember_before(shards)
    # The only journal there is cannot tell of anything that was there before it: it is not read for absences.
    can_tell = len(by_kind[ACTIVITIES]) > 1 or by_kind[IMPORTS] or not edit.anew
    journals = [one.path for one in by_kind[ACTIVITIES]] if can_tell else []
    result.activities = edit.load_activities(shards, journals)
    if by_kind[IMPORTS]:
        result.unpacked = load_archives(exports, layout, narrator, reuse=reuse)
        result.activities += result.unpacked.activities
    floors = {athlete_id: floor.start for athlete_id, floor in read_floors(layout).items()}
    exports.put_in_activities(floors, calendar.timezone)
    _wake_details(edit, layout)
    for portion in _portions(by_kind[DETAILS], layout):
        result.details += edit.load_details(portion)
        narrator.progress("Loading details", result.details, None)
    for portion in _portions(by_kind[ATHLETES], layout):
        edit.load_athletes(portion)
    for portion in _portions(by_kind[GEAR], layout):
        edit.load_gear(portion)
    if result.details:
        narrator.progress("Loading details", result.details, result.details)
    edit.relate()
    streams = load_streams(edit, layout, by_kind[STREAMS], narrator, reuse=reuse, group=_groups)
    result.streams = streams.answers
    exports.put_in_laps()
    files = [layout.streams / name for name in view_of(layout, None, streams.only).names]
    edit.run(sql("load/to_derive"))
    derive(edit, files)
    exports.put_in_figures()
    # Whose times are hidden, and so how alike two have to be, is seen by the local time.
    if edit.anew or result.activities or result.streams or edit.has_other_zone(calendar.timezone):
        find_duplicates(edit, files)
    return streams


def _wake_details(edit: WarehouseEdit, layout: Layout) -> None:
    """The details of restored activities come from the journals that hold them; a journal that is gone costs calls."""
    journals = layout.journals(DETAILS)
    waking = [Lines(journals[run], ids=ids) for run, ids in edit.waking_details().items() if run in journals]
    for portion in body_portions(waking, layout.scratch, PORTION_BYTES):
        edit.load_details(portion, again=True)
    if waking:
        edit.wake_details()


def _ledger_entry(one: Pending) -> tuple[str, str, int | None, bool]:
    """A closed journal is in whole; an open one up to the line that was its last when this began."""
    return one.kind, one.run_id, one.until_seq, one.until_seq is None


def _portions(pending: list[Pending], layout: Layout) -> Any:
    pieces = [Lines(one.path, one.loaded_seq, one.until_seq) for one in pending]
    return body_portions(pieces, layout.scratch, PORTION_BYTES)


def _has_news(by_kind: Mapping[str, list[Pending]], layout: Layout) -> bool:
    """True when journals without a shard change the warehouse."""
    listings = [one.path for one in by_kind[ACTIVITIES]]
    return (
        bool(by_kind[IMPORTS])
        or sum(map(len, by_kind.values())) > MOST_WAITING
        or any(map(has_absences, listings))
        or any(has_absences(one.path) for one in by_kind[STREAMS])
        or any(_has_bodies(by_kind[kind], layout) for kind in KINDS if kind != ACTIVITIES)
        or _settles_a_dispute(layout, listings)
    )


def _settles_a_dispute(layout: Layout, journals: list[Path]) -> bool:
    """True when a summary came again unchanged whose kudos the details have contradicted since."""
    if not journals or not layout.warehouse.exists():
        return False
    with Warehouse(layout.warehouse) as warehouse:
        disputed = {row[0] for row in warehouse.rows(DISPUTED)}
    return bool(disputed) and any(head.id in disputed for path in journals for head in summary_heads(path))


def _has_bodies(pending: list[Pending], layout: Layout) -> bool:
    return next(iter(_portions(pending, layout)), None) is not None


def _shards_of(layout: Layout, pending: list[Pending], result: Compacted, *, reuse: bool) -> list[Path]:
    """The shards of pending journals; those that no pull made, or another version's SQL, are made now.

    Many journals go into few shards, each named as merged up to its last run: no later compaction may take one for the
    shard of that run alone.
    """
    mine = [one for one in pending if one.kind == ACTIVITIES]
    usable = [one for one in mine if reuse and is_usable(layout.shard(one.run_id))]
    shards = [layout.shard(one.run_id) for one in usable]
    made = {one.run_id for one in usable}
    for group in _groups([one for one in mine if one.run_id not in made]):
        for one in group:
            check_archive(one.path)
        last = group[-1].run_id
        final = layout.shard(last) if len(group) == 1 else layout.merged_shard(last)
        with new_shard(final, layout.scratch) as target:
            rows, misfits = shape_activities([one.path for one in group], target, layout.scratch)
        result.misfits += [("activities", *misfit) for misfit in misfits]
        if rows:
            shards.append(final)
    return shards


def _groups(pending: list[Pending]) -> list[list[Pending]]:
    groups: list[list[Pending]] = []
    size = 0
    for one in pending:
        weight = one.path.stat().st_size * (GZIP_FACTOR if one.path.suffix == ".gz" else 1)
        if not groups or size + weight > GROUP_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += weight
    return groups


def _drop_old_shards(layout: Layout, shards: list[Path]) -> None:
    """After everything was made anew: what the old shards hold is in the new ones. A kill before this loses nothing."""
    names = {shard.name for shard in shards}
    _drop(layout, [old for old in layout.shards.glob("*.parquet") if old.name not in names])


def _merge_shards(layout: Layout) -> None:
    """Many shards become one, named after the last run in it; it is in place before the others go."""
    shards = sorted(layout.shards.glob("*.parquet"))
    merged = [path for path in shards if path.stem.endswith(MERGED)]
    if merged:
        covered = [path for path in shards if path.stem < merged[-1].stem and holds_all_of(merged[-1], path)]
        _drop(layout, covered)
        shards = [path for path in shards if path not in covered]
    if len(shards) > MOST_SHARDS and all(map(is_usable, shards)):
        final = layout.merged_shard(shards[-1].stem.removesuffix(MERGED))
        with new_shard(final, layout.scratch) as target:
            merge_shards(shards, target, layout.scratch)
        _drop(layout, [path for path in shards if path != final])


def _drop(layout: Layout, shards: Iterable[Path]) -> None:
    with disk_errors(layout.shards):
        for shard in shards:
            shard.unlink()


def _views_are_current(layout: Layout, user_views: Mapping[str, str], calendar: Calendar) -> bool:
    samples = view_of(layout, calendar.shown_data_dir)
    settings = (calendar.week_start, calendar.timezone, samples.as_sql())
    wanted = views_fingerprint(*user_views, *user_views.values(), *settings)
    with Warehouse(layout.warehouse) as warehouse:
        return warehouse.rows("select value from meta.settings where name = 'views'") == [(wanted,)]


def read_user_views(layout: Layout) -> dict[str, str]:
    """File name → SQL of the user's own views, in the order of their names."""
    views = {}
    for path in sorted(layout.user_sql.glob("*.sql")) if layout.user_sql.is_dir() else []:
        text = path.read_text(encoding="utf-8", errors="replace")
        if re.sub(r"--[^\n]*", "", text).strip():
            views[path.name] = text
    return views


def _without_hash(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "hash"}


def close_left_open(layout: Layout) -> None:
    """Close journals that a killed run left open; their shards are made by `compact`."""
    for kind in KINDS:
        for path in layout.journals(kind).values():
            if path.suffix == ".jsonl":
                compress(path, layout.scratch)
                path.unlink()
