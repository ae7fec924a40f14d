"""One call that makes a whole simulated Strava: a synthetic athlete, or a recorded listing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from strava_stats.simulator.athlete import SyntheticSource
from strava_stats.simulator.core import Simulator
from strava_stats.simulator.modes import Modes
from strava_stats.simulator.oauth import Application
from strava_stats.simulator.source import RecordedSource, Source

DEFAULT_ATHLETE_ID = 4_242_424_242


def build_simulator(
    *,
    seed: int = 1,
    activities: int = 400,
    years: float = 3.0,
    until: datetime | None = None,
    listing: Path | None = None,
    details: Path | None = None,
    athletes: int = 1,
    overall: tuple[int, int] = (200, 2000),
    read: tuple[int, int] = (100, 1000),
    app: Application | None = None,
    modes: Modes | None = None,
    now: Callable[[], float] = time.time,
) -> Simulator:
    """A simulator ready to `handle` or to be served.

    With `listing` (JSON Lines of SummaryActivity) the rows are served verbatim, their details from `details` where
    that file has them; without, `activities` of a synthetic athlete, spread over `years` up to `until` (default:
    `now`). `athletes` > 1 adds further synthetic ones with ids above the first's. `overall` and `read` are
    (15 min, day) limits.
    """
    end = until or datetime.fromtimestamp(now(), UTC)
    sources: list[Source] = []
    if listing is not None:
        sources.append(RecordedSource(listing, details))
    else:
        sources.append(SyntheticSource(seed, activities, years, end, DEFAULT_ATHLETE_ID))
    first = sources[0].athlete_id
    sources.extend(
        SyntheticSource(seed + number, activities, years, end, first + number) for number in range(1, athletes)
    )
    return Simulator(now, sources, app=app, overall=overall, read=read, modes=modes, seed=seed)
