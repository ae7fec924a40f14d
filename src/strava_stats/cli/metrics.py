"""`status` in Prometheus' text format, for the node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from strava_stats.sync.standing import Standing

Value = float | datetime | None

STALE = "1 when the data is older than it may be."
GAUGES: Sequence[tuple[str, str, Callable[[Standing], Value]]] = (
    ("last_success_timestamp_seconds", "End of the last pull or flow that did not fail.", lambda one: one.last_success),
    ("last_sweep_timestamp_seconds", "Last listing of everything.", lambda one: one.last_sweep),
    ("newest_activity_timestamp_seconds", "Start of the newest activity.", lambda one: one.newest_activity),
    ("newest_details_timestamp_seconds", "When details were fetched last.", lambda one: one.newest_details),
    ("next_run_timestamp_seconds", "When the scheduler runs the next flow.", lambda one: one.next_run),
    ("activities", "Live activities.", lambda one: one.activities),
    ("details_missing", "Activities without details.", lambda one: one.details_missing),
    ("quarantined", "What could not be fetched or parsed.", lambda one: one.quarantined),
    ("calls_left_15min", "API calls left in this quarter hour.", lambda one: one.calls_left_15min),
    ("calls_left_today", "API calls left today.", lambda one: one.calls_left_today),
    ("stale", STALE, lambda one: bool(one.stale)),
)


def prometheus(found: Sequence[Standing], heartbeat_at: datetime | None) -> str:
    """One gauge a figure, labelled with the athlete; what is not known has no sample."""
    if not found:  # an alarm on this gauge has to fire when nobody is known, too
        return "".join(line + "\n" for line in [*_head("stale", STALE), "strava_stats_stale 1"])
    lines = []
    for name, text, value_of in GAUGES:
        samples = [(one.athlete_id, value) for one in found if (value := value_of(one)) is not None]
        lines += _head(name, text)
        lines += [f'strava_stats_{name}{{athlete_id="{athlete}"}} {_number(value)}' for athlete, value in samples]
    if heartbeat_at is not None:
        name = "scheduler_heartbeat_timestamp_seconds"
        lines += [*_head(name, "When the scheduler was last alive."), f"strava_stats_{name} {_number(heartbeat_at)}"]
    return "".join(line + "\n" for line in lines)


def _head(name: str, text: str) -> list[str]:
    return [f"# HELP strava_stats_{name} {text}", f"# TYPE strava_stats_{name} gauge"]


def _number(value: float | datetime) -> str:
    return f"{value.timestamp():.3f}" if isinstance(value, datetime) else str(int(value))
