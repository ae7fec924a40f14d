"""The warehouse against bronze: it opens, it was made of what is there, and making it anew gives the same rows."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from strava_stats.errors import CorruptData
from strava_stats.files import make_folder
from strava_stats.lake.checks import Reading
from strava_stats.lake.layout import Layout
from strava_stats.sync.compact import compact
from strava_stats.sync.state import State
from strava_stats.sync.verify.findings import FETCH_ANEW, REBUILD, Look, Survey, counted, reading
from strava_stats.sync.verify.shards import shards_of
from strava_stats.warehouse.content import content_hashes
from strava_stats.warehouse.engine import connect, sql
from strava_stats.warehouse.query import Warehouse, is_current

LEDGER = "select kind, run_id, closed from meta.ledger"
SAMPLES = """
select count(*), coalesce(sum(hash(samples)::hugeint), 0)
from (select * exclude (fetched_at) from activity_streams) as samples
"""
LOST_CURE = f"bring it back from a backup, or accept the loss: {FETCH_ANEW}"
WAL_CURE = "run `strava-stats compact`: it deletes what a program with write access left there"


def open_warehouse(survey: Survey, stack: ExitStack) -> Look:
    """Open the published file for all checks, so that they see one and the same.

    Shards and journals are listed later, so that what a run adds meanwhile is never in this file alone.
    """
    look = Look("warehouse", verdict="made of what is in bronze")
    path = survey.layout.warehouse
    if not path.exists():
        look.skipped = "there is none yet: `strava-stats compact` makes it"
        return look
    try:
        warehouse = stack.enter_context(Warehouse(path))
    except CorruptData as error:
        look.find(survey.shown(path), error.message.removeprefix(f"{path} "), REBUILD)
        return look
    if not is_current(warehouse):
        look.skipped = "another version built it: `strava-stats compact` makes it anew"
        return look
    # By itself it would spill beside the published file.
    warehouse.rows("set temp_directory = $folder", {"folder": str(survey.scratch / "spilled")})
    survey.warehouse = warehouse
    with reading(path):
        survey.ledger = {(kind, run): closed for kind, run, closed in warehouse.rows(LEDGER)}
    return look


def check_warehouse(survey: Survey, look: Look) -> Look:
    """After the journals were read: none that the file was made of is lost, and no log lies beside it."""
    if _wal(survey).exists():
        look.find(survey.shown(_wal(survey)), "would be replayed into the warehouse", WAL_CURE)
    for kind, run in survey.lost:
        look.find(f"bronze/{kind}/{run}", "bronze lost this journal, the warehouse was made of it", LOST_CURE)
    if survey.warehouse is not None:
        held = len(survey.ledger) - len(survey.lost)
        look.looked_at = f"{counted(held, 'journal')} loaded, {counted(len(survey.waiting), 'journal')} waiting"
        if survey.waiting:
            look.notes.append("what waits is loaded by `strava-stats compact`")
    return look


def _wal(survey: Survey) -> Path:
    warehouse = survey.layout.warehouse
    return warehouse.with_name(f"{warehouse.name}.wal")


def check_rebuild(survey: Survey) -> Look:
    """Make shards and warehouse anew, in a folder of our own, from the journals that the warehouse names; compare.

    What waits to be loaded, or what a run adds meanwhile, is left out on both sides.
    """
    look = Look("rebuild", verdict="the same rows when made anew from bronze", skipped=_why_not(survey))
    if look.skipped:
        return look
    assert survey.warehouse is not None
    anew = Layout(survey.scratch / "anew")
    _link_journals(survey, anew)
    survey.narrator.say("Making the warehouse anew from bronze, to compare")
    try:
        compact(anew, State(anew.state), survey.narrator, survey.calendar, rebuild=True)
    except CorruptData as error:
        look.find("bronze", f"no warehouse can be made of it: {error.message}", error.hint)
        return look
    with reading(survey.layout.warehouse):
        held = _content(survey.warehouse)
    with Warehouse(anew.warehouse) as other:
        compare_tables(survey, look, held, _content(other))
    _compare_shards(survey, look, anew)
    return look


def _content(warehouse: Warehouse) -> dict[str, str]:
    """Tables, and the samples, which are none."""
    count, total = warehouse.rows(SAMPLES)[0]
    return {**content_hashes(warehouse), "activity_streams": f"{count} rows, {total:x}"}


def _why_not(survey: Survey) -> str:
    """Why a comparison would say nothing; "" when it does."""
    if survey.warehouse is None:
        return "there is no warehouse of this version to compare"
    if survey.lost or not all(_is_settled(survey.readings[key]) for key in survey.ledger):
        return "the journals have to be mended first"
    if _wal(survey).exists():
        return "the log beside the warehouse has to go first"
    if in_part := sum(not closed for closed in survey.ledger.values()):
        return f"{counted(in_part, 'journal')} loaded while it was written: run `strava-stats compact`"
    return ""


def _is_settled(journal: Reading) -> bool:
    return journal.is_whole and journal.path.suffix == ".gz"


def _link_journals(survey: Survey, anew: Layout) -> None:
    for kind, run in survey.ledger:
        path = survey.readings[kind, run].path
        make_folder(anew.bronze(kind))
        (anew.bronze(kind) / path.name).symlink_to(path.resolve())
    for path in (survey.layout.archives, survey.layout.floor):
        if path.exists():
            (anew.data_dir / "bronze" / path.name).symlink_to(path.resolve())


def compare_tables(survey: Survey, look: Look, ours: dict[str, str], anew: dict[str, str]) -> None:
    """A finding for each table whose content hashes differ."""
    look.looked_at = counted(len(anew), "table")
    for table in sorted(ours.keys() | anew.keys()):
        here, there = ours.get(table, "no table"), anew.get(table, "no table")
        if here != there:
            rows, rows_anew = (text.partition(",")[0] for text in (here, there))
            message = f"table {table} has {rows}, and {'other' if rows == rows_anew else rows_anew} when made anew"
            look.find(survey.shown(survey.layout.warehouse), message, REBUILD)


def _compare_shards(survey: Survey, look: Look, anew: Layout) -> None:
    """Where keys and hashes agree, a value may still differ; shards of another version's SQL differ by right."""
    shards = shards_of(survey)
    if survey.stale_shards or not shards:
        return
    ours, theirs = (_shard_contents(survey, paths) for paths in (shards, sorted(anew.shards.glob("*.parquet"))))
    look.looked_at += f", {counted(len(theirs), 'run')} in shards"
    for run in sorted(run for run, found in theirs.items() if ours.get(run, found) != found):
        look.find(
            survey.shown(survey.layout.shards), f"the rows of run {run} are others when made anew", REBUILD,
            passing=True,
        )  # fmt: skip


def _shard_contents(survey: Survey, shards: list[Path]) -> dict[str, tuple[int, int]]:
    connection = connect(scratch=survey.scratch)
    try:
        found = connection.execute(sql("verify/shard_contents"), {"paths": [str(path) for path in shards]}).fetchall()
    finally:
        connection.close()
    return {run: (rows, total) for run, rows, total in found}
