"""Journals against their checksums, line numbers, hashes and notes."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from strava_stats.errors import CorruptData
from strava_stats.lake.checks import Chain, Reading, read_journal
from strava_stats.lake.floor import read_floors
from strava_stats.lake.layout import ACTIVITIES, DETAILS, KINDS, RUN, STREAMS
from strava_stats.sync.verify.findings import COMPACT, FETCH_ANEW, REBUILD, Look, Survey, counted

TASK = "Reading journals"
DAMAGED = f"bring that file back from a backup, or move it away, {FETCH_ANEW}"
PULL_ANEW = f"{REBUILD}, then `strava-stats pull --all` and `strava-stats compact`"
SHOWN_IDS = 20


def check_journals(survey: Survey) -> Look:
    """Read every journal through; `survey.readings` tells the later checks what they can rely on."""
    look = Look("journals", verdict="all whole")
    wanted = [(kind, run, path) for kind in KINDS for run, path in survey.layout.journals(kind).items()]
    chains = {kind: Chain() for kind in KINDS}
    for done, (kind, run, path) in enumerate(wanted):
        survey.narrator.progress(TASK, done, len(wanted))
        reading = _read(kind, path, chains[kind])
        if reading is None:
            look.find(survey.shown(path), "vanished while it was looked at", "run `strava-stats verify` again")
            continue
        survey.readings[kind, run] = reading
        _judge(survey, look, run, reading)
    survey.narrator.progress(TASK, len(wanted), len(wanted))
    for kind, chain in chains.items():
        if chain.loose and _is_complete(survey, kind):
            _blame_loose(survey, look, kind, chain)
    _check_floor(survey, look)
    lines = sum(one.lines for one in survey.readings.values())
    look.looked_at = f"{counted(len(survey.readings), 'journal')}, {counted(lines, 'line')}"
    return look


def _read(kind: str, path: Path, chain: Chain) -> Reading | None:
    """None when the journal is gone."""
    for form in (path, path.with_name(f"{path.name.removesuffix('.gz')}.gz")):  # its run may pack it just now
        with suppress(FileNotFoundError):
            return read_journal(kind, form, chain)
    return None


def _judge(survey: Survey, look: Look, run: str, reading: Reading) -> None:
    path = reading.path
    shown = survey.shown(path)
    if not RUN.fullmatch(run):
        look.find(shown, "is not named after a run", f"move it out of data/bronze and {REBUILD}")
    if path.suffix != ".gz" and path.with_name(f"{path.name}.gz").exists():
        look.find(f"{shown}.gz", "is there packed and plain", COMPACT, passing=True)
    if reading.unreadable == PermissionError.__name__:
        look.find(shown, "must not be read by this user", f"chmod u+r {shlex.quote(str(path))}")
    elif reading.unreadable:
        look.find(shown, f"does not read back ({reading.unreadable})", DAMAGED)
    elif reading.defective:
        more = f" (and {reading.defective - 1:,} more)" if reading.defective > 1 else ""
        look.find(shown, f"{reading.defect}{more}", DAMAGED)
    if reading.is_torn:
        look.find(shown, "ends in the middle of a line", COMPACT, passing=True)


def _check_floor(survey: Survey, look: Look) -> None:
    """Whether what `purge` removed stays away, and whether it came to its end."""
    layout = survey.layout
    try:
        floors = read_floors(layout)
    except CorruptData as error:
        look.find(survey.shown(layout.floor), error.message.removeprefix(f"{layout.floor} "), error.hint)
        return
    for athlete, floor in floors.items():
        if floor.purging is not None:
            again = f"run `strava-stats purge --athlete {athlete} --older-than {floor.day}` again"
            look.find(f"athlete {athlete}", f"a purge of what began before {floor.day} was killed", again, passing=True)


def _is_complete(survey: Survey, kind: str) -> bool:
    """A note that refers to a journal that is damaged or lost is no finding of its own."""
    mine = [one for (its_kind, _), one in survey.readings.items() if its_kind == kind]
    return all(_is_readable(one) for one in mine) and not any(lost == kind for lost, _ in survey.lost)


def _is_readable(reading: Reading) -> bool:
    return not (reading.unreadable or reading.defective)


def _blame_loose(survey: Survey, look: Look, kind: str, chain: Chain) -> None:
    first = next(iter(chain.loose.values()))
    count = len(chain.loose)
    cure = PULL_ANEW
    if kind in {DETAILS, STREAMS}:
        shown = ",".join(str(one) for one in list(chain.loose)[:SHOWN_IDS])
        cure = f"{REBUILD}, then `strava-stats enrich {'--refresh-streams ' * (kind == STREAMS)}--ids {shown}`"
    elif kind != ACTIVITIES:
        cure = f"{REBUILD}; the next `strava-stats flow` asks again when it is due"
    look.find(
        survey.shown(first), f"refers to {count:,} bod{'y' if count == 1 else 'ies'} that bronze does not hold", cure
    )
