"""Remove what started before a day: from bronze, and with it from shards and warehouse.

The order makes a kill harmless. The floor is durable first, with the activities that are to go, so that no listing
brings anything back and the same command goes on. Then the warehouse is unknown and the shards are gone, so that
whoever compacts next makes both from what bronze holds by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from strava_stats.errors import UsageError
from strava_stats.files import disk_errors, fsync_folder
from strava_stats.lake.floor import Floor, read_floors, write_floors
from strava_stats.lake.layout import ACTIVITIES, ATHLETES, GEAR, KINDS, RUN, Layout
from strava_stats.lake.rewrite import Cut, NotedLine, cut_journal, noted_lines
from strava_stats.narration import Narrator
from strava_stats.sync.compact import Calendar, compact
from strava_stats.sync.state import State, parse_instant

OF_ACTIVITIES = tuple(kind for kind in KINDS if kind not in {ACTIVITIES, ATHLETES, GEAR})
"""Kinds whose lines belong to an activity, beside the summaries."""
FORMS = "give days (400d), years (2y) or a day (2024-01-31)"
TASK = "Rewriting journals"
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Purged:
    """What a purge did."""

    activities: int = 0
    lines: int = 0
    journals: int = 0
    freed_bytes: int = 0
    floors: dict[int, Floor] = field(default_factory=dict)


def parse_age(text: str, today: date) -> date:
    """The day that `400d`, `2y` or `2024-01-31` means; UsageError for anything else and for days to come."""
    number, unit = text[:-1], text[-1:].lower()
    try:
        if number.isascii() and number.isdigit() and unit in {"d", "y"}:
            day = today - timedelta(days=int(number)) if unit == "d" else _years_before(today, int(number))
        else:
            day = date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(f"--older-than {text[:40]!r} is no age and no day", FORMS) from None
    if day > today:
        raise UsageError(f"--older-than {day} lies in the future", FORMS)
    return day


def _years_before(today: date, years: int) -> date:
    try:
        return today.replace(year=today.year - years)
    except ValueError:  # the 29th of February
        return today.replace(year=today.year - years, day=28)


def athletes_in_bronze(layout: Layout) -> set[int]:
    """Whose journals there are."""
    names = (RUN.fullmatch(run) for kind in KINDS for run in layout.journals(kind))
    return {int(name["athlete"]) for name in names if name}


def purge(
    layout: Layout,
    state: State,
    narrator: Narrator,
    calendar: Calendar,
    *,
    athletes: Iterable[int],
    day: date,
) -> Purged:
    """Under the writer's lock, with all journals closed: raise the floor of `athletes` to `day` and keep to it.

    A floor never sinks. Raises CorruptData before anything is changed when a journal does not read.
    """
    before = read_floors(layout)
    floors = {athlete: Floor(max(before.get(athlete, Floor(day)).day, day)) for athlete in athletes}
    result = Purged(floors={**before, **floors})
    purging = {}
    for athlete, floor in floors.items():
        doomed, has_nameless = _survey(layout, athlete, floor.start)
        left = before[athlete].purging if athlete in before else None
        if doomed or has_nameless or left is not None:
            purging[athlete] = Floor(floor.day, doomed | (left or frozenset()))
    if purging:
        write_floors(layout, {**result.floors, **purging})
        _disown_what_is_derived(layout)
        for athlete, floor in purging.items():
            _cut_journals(layout, narrator, result, athlete, floor)
            _forget_in_state(state, athlete, floor.purging or frozenset())
        compact(layout, state, narrator, calendar, rebuild=True)
    if purging or result.floors != before:
        write_floors(layout, result.floors)
    return result


def journals_of(layout: Layout, kind: str, athlete: int) -> list[Path]:
    """An athlete's journals of one kind, oldest first: a run's name says whose it is."""
    named = [(RUN.fullmatch(run), path) for run, path in layout.journals(kind).items()]
    return [path for name, path in named if name and int(name["athlete"]) == athlete]


def _survey(layout: Layout, athlete: int, floor: datetime) -> tuple[frozenset[int], bool]:
    """Activities that began before `floor`, and whether there are bodies without an id to cut, too.

    What counts is the last summary, and details that came after it: an activity that was moved below the floor is in
    no listing any more. Where neither says when, one that was not heard of after the floor began before it.
    """
    starts: dict[tuple[str, int], datetime] = {}
    words: dict[int, datetime] = {}
    heard: dict[int, datetime] = {}
    has_nameless = False
    for kind, path in _in_order(layout, athlete):
        for line, _ in noted_lines(path):
            has_nameless = has_nameless or _is_nameless(line, floor)
            if isinstance(line.id, int):
                heard[line.id] = max(heard.get(line.id, NEVER), _fetched(line))
                if line.start is not None:
                    starts[kind, line.id] = line.start
                if line.kind in {"body", "same"} and (kind, line.id) in starts:
                    words[line.id] = starts[kind, line.id]
    doomed = {one for one, last in heard.items() if min(words.get(one, last), _summary(starts, one)) < floor}
    return frozenset(doomed), has_nameless


def _summary(starts: Mapping[tuple[str, int], datetime], one: int) -> datetime:
    return starts.get((ACTIVITIES, one), datetime.max.replace(tzinfo=UTC))


def _in_order(layout: Layout, athlete: int) -> list[tuple[str, Path]]:
    """Journals of activities run by run; in a run the listing comes before the details."""
    found = [(path, kind) for kind in (ACTIVITIES, *OF_ACTIVITIES) for path in journals_of(layout, kind, athlete)]
    found.sort(key=lambda one: (one[0].name, one[1] != ACTIVITIES))
    return [(kind, path) for path, kind in found]


def _fetched(line: NotedLine) -> datetime:
    return parse_instant(line.fetched_at) or NEVER


def _is_nameless(line: NotedLine, floor: datetime) -> bool:
    """A body without a readable id belongs to nothing but its time."""
    return line.id is None and line.kind in {"body", "same"} and (line.start or _fetched(line)) < floor


def _disown_what_is_derived(layout: Layout) -> None:
    """From here on every compaction makes shards and warehouse anew, also after a kill."""
    with disk_errors(layout.data_dir):
        layout.published.unlink(missing_ok=True)
        fsync_folder(layout.state)
        for shard in layout.shards.glob("*.parquet"):
            shard.unlink()
        if layout.shards.is_dir():
            fsync_folder(layout.shards)


def _cut_journals(layout: Layout, narrator: Narrator, result: Purged, athlete: int, floor: Floor) -> None:
    doomed = floor.purging or frozenset()
    result.activities += len(doomed)
    cut = Cut(lambda line: not (line.id in doomed or _is_nameless(line, floor.start)), doomed)
    journals = [path for kind in (*OF_ACTIVITIES, ACTIVITIES) for path in journals_of(layout, kind, athlete)]
    for done, path in enumerate(journals):
        narrator.progress(TASK, done, len(journals))
        size = path.stat().st_size
        if lines := cut_journal(path, cut, layout.scratch):
            result.lines += lines
            result.journals += 1
            result.freed_bytes += size - path.stat().st_size
    narrator.progress(TASK, len(journals), len(journals))


def _forget_in_state(state: State, athlete: int, doomed: AbstractSet[int]) -> None:
    """What waits to be tried or asked for again."""
    for kind, shown in state.quarantine():
        if shown.isdecimal() and int(shown) in doomed:
            state.clear_failure(kind, shown)
    missing: Mapping[int, datetime | None] = state.missing(athlete)
    if doomed & missing.keys():
        state.save_missing(athlete, {one: at for one, at in missing.items() if one not in doomed})
    state.save_late(athlete, state.late(athlete) - doomed)
