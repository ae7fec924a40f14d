"""Remove what started before a day: from bronze, and with it from shards, samples and warehouse.

The order makes a kill harmless. The floor is durable first, with the activities that are to go, so that no listing
and no import brings anything back and the same command goes on. Then the warehouse is unknown and the shards, samples
and what device files said are gone, so that whoever compacts next makes all from what bronze holds by then. Then the
archives, each in three steps (`sync/cutting.py`), then the journals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from strava_stats.errors import UsageError
from strava_stats.files import disk_errors, fsync_folder
from strava_stats.lake.floor import Floor, read_floors, write_floors
from strava_stats.lake.imports import counting, read_imports
from strava_stats.lake.layout import ACTIVITIES, ATHLETES, GEAR, IMPORTS, KINDS, RUN, Layout
from strava_stats.lake.rewrite import Cut, NotedLine, cut_journal, noted_lines
from strava_stats.narration import Narrator
from strava_stats.sync.compact import Calendar, compact
from strava_stats.sync.cutting import Contents, drop_unnamed, keep_the_rest, look_into, replace_archive, strangers
from strava_stats.sync.state import State, parse_instant

OF_ACTIVITIES = tuple(kind for kind in KINDS if kind not in {ACTIVITIES, ATHLETES, GEAR, IMPORTS})
"""Kinds whose lines belong to an activity, beside the summaries."""
FORMS = "give days (400d), years (2y) or a day (2024-01-31)"
TASK = "Rewriting journals"
TASK_OF_ARCHIVES = "Rewriting archives"
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Purged:
    """What a purge did."""

    activities: int = 0
    lines: int = 0
    journals: int = 0
    archives: int = 0
    archives_left: int = 0
    freed_bytes: int = 0
    floors: dict[int, Floor] = field(default_factory=dict)


@dataclass(frozen=True)
class Doomed:
    """What of one athlete is to go: activities, and of each archive those rows.

    `unnamed` says that there are bodies without an id to cut, too.
    """

    activities: frozenset[int]
    unnamed: bool
    rows: list[tuple[Contents, frozenset[int]]]

    def __bool__(self) -> bool:
        return bool(self.activities or self.unnamed or self.rows)


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

    A floor never sinks. Raises CorruptData before anything is changed when a journal or an archive does not read.
    """
    drop_unnamed(layout)
    before = read_floors(layout)
    floors = {athlete: Floor(max(before.get(athlete, Floor(day)).day, day)) for athlete in athletes}
    result = Purged(floors={**before, **floors})
    purging = {}
    rows = []
    for athlete, floor in floors.items():
        left = before[athlete].purging if athlete in before else None
        doomed = _find_doomed(layout, athlete, floor.start, left or frozenset())
        if doomed or left is not None:
            purging[athlete] = Floor(floor.day, doomed.activities)
            rows += doomed.rows
            result.activities += len(doomed.activities.union(*(ids for _, ids in doomed.rows)))
    if purging:
        write_floors(layout, {**result.floors, **purging})
        _disown_what_is_derived(layout)
        _cut_archives(layout, narrator, result, rows)
        for athlete, floor in purging.items():
            _cut_journals(layout, narrator, result, athlete, floor)
            _forget_in_state(state, athlete, floor.purging or frozenset())
        compact(layout, state, narrator, calendar, rebuild=True)
    if purging or result.floors != before:
        write_floors(layout, result.floors)
    result.archives_left = len(strangers(layout))
    return result


def journals_of(layout: Layout, kind: str, athlete: int) -> list[Path]:
    """An athlete's journals of one kind, oldest first: a run's name says whose it is."""
    named = [(RUN.fullmatch(run), path) for run, path in layout.journals(kind).items()]
    return [path for name, path in named if name and int(name["athlete"]) == athlete]


def _find_doomed(layout: Layout, athlete: int, floor: datetime, left: frozenset[int]) -> Doomed:
    """What began before `floor`, and what is `left` of an earlier purge.

    Strava's word on an activity stands. Without one it goes when each archive that has it says that it began before.
    A row of an archive that says so goes in any case, as it would not be shown and not be imported.
    """
    told, dated, unnamed = _survey(layout, athlete, floor)
    archives = [look_into(layout, one) for one in counting(read_imports(layout)) if one.athlete_id == athlete]
    below = frozenset[int]().union(*(one.below(floor) for one in archives))
    above = frozenset[int]().union(*(one.ids - one.below(floor) for one in archives))
    activities = told | left | (below - above - dated)
    rows = [(one, one.ids & (one.below(floor) | activities)) for one in archives]
    return Doomed(activities, unnamed, [(one, ids) for one, ids in rows if ids])


def _survey(layout: Layout, athlete: int, floor: datetime) -> tuple[frozenset[int], frozenset[int], bool]:
    """What journals tell: activities that began before `floor`, those with a start, and whether bodies have no id.

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
    return frozenset(doomed), frozenset({*words, *(one for _, one in starts)}), has_nameless


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
    """From here on every compaction makes all of it anew, also after a kill."""
    with disk_errors(layout.data_dir):
        layout.published.unlink(missing_ok=True)
        fsync_folder(layout.state)
        for folder in (layout.shards, layout.streams, layout.device_files):
            for path in folder.glob("*.parquet"):
                path.unlink()
            if folder.is_dir():
                fsync_folder(folder)


def _cut_archives(
    layout: Layout, narrator: Narrator, result: Purged, rows: Sequence[tuple[Contents, frozenset[int]]]
) -> None:
    for done, (contents, gone) in enumerate(rows):
        narrator.progress(TASK_OF_ARCHIVES, done, len(rows))
        old = contents.one.sha256
        size = layout.archive(old).stat().st_size
        new, damaged = keep_the_rest(layout, contents, gone)
        if damaged:
            narrator.warn(f"{len(damaged):,} damaged files of an imported archive were not kept")
        replace_archive(layout, old, new)
        result.archives += 1
        result.freed_bytes += size - layout.archive(new).stat().st_size
    if rows:
        narrator.progress(TASK_OF_ARCHIVES, len(rows), len(rows))


def _cut_journals(layout: Layout, narrator: Narrator, result: Purged, athlete: int, floor: Floor) -> None:
    doomed = floor.purging or frozenset()
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
