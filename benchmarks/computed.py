"""How far what is computed from samples is from Strava's and the devices' own figures: `python -m benchmarks.computed`.

Prints the tables of docs/computed.md. Data: the recorded answers and device files beside the repository, or where the
first argument says.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from strava_stats.export.devices.parse import Job, parse_member
from strava_stats.simulator.athlete import SyntheticSource
from strava_stats.warehouse.derive import derive
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.samples import SAMPLE_COLUMNS

SHARED = Path(__file__).parents[2] / "shared" / "strava"
ACTIVITIES = 400
"""Of the simulator."""
RUN = "r1"
LONG = 300
"""s; a device file that is shorter is a sample of a format, not of an activity."""

HEAD = "| figure | values | not computed | activities | median | 95th percentile |\n|---|---|---|---|---|---|"

Body = dict[str, Any]


@dataclass
class Activity:
    """Samples by type, as a stream set has them, and the figures that somebody else made of them."""

    sport: str
    streams: Mapping[str, Sequence[Any]]
    detail: Body = field(default_factory=dict)


@dataclass
class Differences:
    """Differences of one figure, and of how many activities they are."""

    unit: str
    values: list[float] = field(default_factory=list)
    activities: set[int] = field(default_factory=set)
    missing: int = 0
    """Values that the other side has and we do not compute."""

    def line(self, name: str) -> str:
        """A row of the table; the median and 95th percentile of the sizes of the differences."""
        sizes = sorted(abs(value) for value in self.values)
        high = sizes[min(len(sizes) - 1, int(0.95 * len(sizes)))]
        middle = statistics.median(sizes)
        counts = f"{len(self.values)} | {self.missing} | {len(self.activities)}"
        return f"| {name} | {counts} | {middle:.4g} {self.unit} | {high:.4g} {self.unit} |"


Table = dict[str, Differences]


def main(arguments: Sequence[str]) -> int:
    """Print all tables."""
    shared = Path(arguments[0]) if arguments else SHARED
    sources = (
        ("Strava: one marathon of 2018", [marathon(shared)]),
        ("Device files against their own totals", list(device_files(shared))),
        ("Our own simulator", list(simulated())),
    )
    for title, activities in sources:
        print(f"\n**{title}**\n\n{HEAD}")
        for name, differences in compare(activities).items():
            print(differences.line(name))
    return 0


def marathon(shared: Path) -> Activity:
    """The one recorded distance stream of an activity whose details are recorded too.

    Its time stream is not: the second of a sample is read off the ends of the splits, whose distances name a sample.
    So the times of splits are no evidence, but their distances are, and the best efforts.
    """
    detail = json.loads((shared / "details.jsonl").read_bytes().splitlines()[0])
    answer = json.loads((shared / "responses" / "activity_streams_keyed_default.json").read_bytes())
    metres = answer["body"]["distance"]["data"]
    ends, covered, seconds = [(0, 0)], 0.0, 0
    for split in detail["splits_metric"]:
        covered, seconds = covered + split["distance"], seconds + split["elapsed_time"]
        ends.append((min(range(len(metres)), key=lambda n, at=covered: abs(metres[n] - at)), seconds))  # type: ignore[misc]
    indices = [index for index, _ in ends]
    times: list[int] = []
    for index in range(len(metres)):
        before = min(bisect_right(indices, index), len(ends) - 1)
        (left, since), (right, until) = ends[before - 1], ends[before]
        times.append(round(since + (until - since) * (index - left) / max(right - left, 1)))
    detail = {key: detail[key] for key in ("distance", "best_efforts")} | {
        name: [{"split": split["split"], "distance": split["distance"]} for split in detail[name]]
        for name in ("splits_metric", "splits_standard")
    }
    return Activity("Run", {"t": times, "distance": metres}, detail)


def device_files(shared: Path) -> Iterator[Activity]:
    """Device files of some length with the totals that the device wrote."""
    for path in sorted((shared / "devices").iterdir()):
        parsed = parse_member(Job(1, 1, path.parent, path.name))
        totals = {
            "distance": parsed.facts.get("distance"),
            "elapsed_time": parsed.facts.get("elapsed_time"),
            "moving_time": parsed.facts.get("moving_time"),
            "total_elevation_gain": parsed.facts.get("total_ascent") or None,
        }
        if parsed.samples is None or totals["moving_time"] is None or (totals["elapsed_time"] or 0) < LONG:
            continue
        yield Activity("Ride", dict(_unscaled(parsed.samples)), totals)


def _unscaled(columns: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for name, values in columns.items():
        digits = int(SAMPLE_COLUMNS[name].split(",")[1][0]) if "DECIMAL" in SAMPLE_COLUMNS[name] else 0
        yield (
            name,
            [
                None if value == -(2**31) else bool(value) if name == "moving" else int(value) / 10**digits
                for value in values
            ],
        )


def simulated() -> Iterator[Activity]:
    """Activities of the simulator, which makes streams and details of one timeline, its pauses included."""
    athlete = SyntheticSource(7, ACTIVITIES, 4.0, datetime(2026, 1, 1, tzinfo=UTC))
    for _, activity_id, _ in athlete.entries():
        streams: Body = athlete.streams(activity_id)
        if streams:
            detail = json.loads(athlete.detail(activity_id, 0.0))
            yield Activity(detail["sport_type"], {**streams, "t": streams["time"]}, detail)


def compare(activities: Sequence[Activity]) -> Table:
    """Figure → differences, computed less given."""
    table: Table = {}

    with worked_up(activities) as edit:
        for number, activity in enumerate(activities):
            for name, unit, computed, given in _pairs(edit, number, activity):
                found = table.setdefault(name, Differences(unit))
                if computed is None:
                    found.missing += 1
                    continue
                found.values.append(100 * (computed / given - 1) if unit == "%" else computed - given)
                found.activities.add(number)
    return table


def _pairs(edit: WarehouseEdit, number: int, activity: Activity) -> Iterator[tuple[str, str, Any, Any]]:
    detail = activity.detail
    units = {
        "distance": "m",
        "elapsed_time": "s",
        "moving_time": "%",
        "total_elevation_gain": "%",
        "average_speed": "%",
    }
    ((*figures,),) = edit.run(
        f"select {', '.join(units)} from activity_figures where activity_id = {number}"
    ).fetchall()
    for (name, unit), computed in zip(units.items(), figures, strict=True):
        if detail.get(name):
            yield f"activity: {name}", unit, computed, detail[name]
    splits = {"distance": "m", "elapsed_time": "s", "moving_time": "s", "elevation_difference": "m"}
    for table, key in (("splits_metric", "split"), ("splits_standard", "split"), ("best_efforts", "name")):
        given = {row[key]: row for row in detail.get(table) or ()}
        columns = splits if key == "split" else {"elapsed_time": "s"}
        found = {
            row[0]: dict(zip(columns, row[1:], strict=True))
            for row in edit.run(
                f"select {key}, {', '.join(columns)} from activity_{table} where activity_id = {number}"
            ).fetchall()
        }
        for (one, row), (name, unit) in itertools.product(given.items(), columns.items()):
            if row.get(name) is not None:
                yield f"{table}: {name}", unit, found.get(one, {}).get(name), row[name]


@contextmanager
def worked_up(activities: Iterable[Activity]) -> Iterator[WarehouseEdit]:
    """An edit in which the activities, numbered from 0, were derived."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with WarehouseEdit(home / "w" / "strava.duckdb", home / "tmp", anew=True, note=home / "note.json") as edit:
            lines = home / "samples.jsonl"
            with lines.open("w", encoding="utf-8") as file:
                for number, activity in enumerate(activities):
                    edit.run("insert into activities (id, sport_type) values (?, ?)", [number, activity.sport])
                    for sample in _samples(activity.streams):
                        file.write(json.dumps({"activity_id": number, "run_id": RUN} | sample) + "\n")
            with duckdb.connect() as connection:
                connection.execute(
                    f"copy (from read_ndjson($lines, columns = $columns)) to '{home}/{RUN}.parquet'",
                    {"lines": str(lines), "columns": dict(SAMPLE_COLUMNS)},
                )
            edit.run(
                f"insert into meta.sample_sets by name select id as activity_id, '{RUN}' as run_id from activities"
            )
            edit.run(
                f"create temp table to_derive as select id as activity_id, 1::bigint as athlete_id, '{RUN}' as run_id, "
                "timestamptz '2026-01-01 00:00:00Z' as start_date, timestamp '2026-01-01' as start_date_local, "
                "sport_type, now() as fetched_at from activities"
            )
            derive(edit, [home / f"{RUN}.parquet"])
            yield edit


def _samples(streams: Mapping[str, Sequence[Any]]) -> Iterator[Body]:
    names = [name for name in SAMPLE_COLUMNS if name in streams]
    rows = (dict(zip(names, values, strict=True)) for values in zip(*(streams[name] for name in names), strict=True))
    return iter({row["t"]: row for row in rows}.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
