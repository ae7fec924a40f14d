"""Archives of what a simulated Strava has now, and flows and imports of a world as the commands do them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.sync_checks import ALWAYS, content
from tests.support.sync_world import World

from strava_stats.export.archive import open_archive
from strava_stats.flow import ImportOptions, PullOptions, Run, Steps
from strava_stats.sync.plan import EnrichOptions

NOT_THE_SAME_TIME = "run_id|fetched_at|observed_at|samples_run_id|.*_seen_at"


def row(world: World, one: int, **other: Any) -> dict[str, Any]:
    """An activity as an archive made now would have it."""
    summary = world.summary(one)
    start = datetime.fromisoformat(summary["start_date"])
    told = {"id": one, "start": start, "name": summary["name"], "seconds": summary["elapsed_time"]}
    return told | {"moving": summary["moving_time"], "distance": summary["distance"]} | other


def bring(world: World, path: Path, *, prune: bool = False) -> Run:
    """Import an archive, as the command does."""
    run = try_to_bring(world, path, prune=prune)
    assert run is not None
    assert run.error is None, run.error
    return run


def try_to_bring(world: World, path: Path, *, prune: bool = False, **interference: Any) -> Run | None:
    """The same, disturbed; None when it was killed."""
    with open_archive(path) as opened:
        return world.run(Steps(archive=ImportOptions(opened, world.athlete.id, prune), compact=True), **interference)


def flow(world: World) -> Run:
    """A sweep with details."""
    options = PullOptions(mode="all", per_page=world.per_page, allow_mass_delete=True)
    run = world.run(Steps(pull=options, compact=True, enrich=EnrichOptions(since_days=ALWAYS, only_changed=True)))
    assert run is not None
    assert run.error is None, run.error
    return run


def same_when_rebuilt(world: World) -> None:
    """Bronze alone gives the same tables."""
    before = content(world)
    run = world.run(Steps(compact=True, rebuild=True))
    assert run is not None
    assert run.error is None, run.error
    assert content(world) == before


def rows_of(world: World, names: Iterable[str]) -> Mapping[str, list[tuple[Any, ...]]]:
    """What the tables say, but for times and names of runs."""
    found = {}
    for name in names:
        query = f"select columns(lambda c: not regexp_full_match(c, '{NOT_THE_SAME_TIME}')) from {name} order by all"  # noqa: S608
        found[name] = world.rows(query)
    return found
