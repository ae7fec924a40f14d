"""A published warehouse with activities and samples that a test makes up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from strava_stats.files import make_folder
from strava_stats.lake.layout import Layout
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.sample_files import SampleView
from strava_stats.warehouse.samples import SAMPLE_COLUMNS

ATHLETE = 7
RUN = f"20261123T060000000000Z-{ATHLETE}"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(repr=False)
class Tracked:
    """What the warehouse is to hold; `publish` makes the file."""

    data: Path
    user_views: dict[str, str] = field(default_factory=dict)
    inserts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    samples: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout(self.data)

    def insert(self, table: str, **values: Any) -> None:
        self.inserts.append((table, values))

    def activity(self, number: int, places: Sequence[dict[str, Any]] = (), **values: Any) -> None:
        """An activity `number` days (up to 19) after NOON; its samples are a second apart unless they have a `t`."""
        start = NOON + timedelta(days=number % 20)
        given = {
            "id": number,
            "athlete_id": ATHLETE,
            "name": f"Activity {number}",
            "sport_type": "Run",
            "start_date": start,
            "start_date_local": (start + timedelta(hours=1)).replace(tzinfo=None),
            "source": "api",
        }
        self.insert("activities", **(given | values))
        if places:
            self.insert(
                "meta.sample_sets",
                activity_id=number, athlete_id=ATHLETE, source="api", run_id=RUN, samples=len(places), fetched_at=NOON,
            )  # fmt: skip
        whose = {"activity_id": number, "run_id": RUN, "athlete_id": ATHLETE, "source": "api"}
        for second, place in enumerate(places):
            row = {"t": second} | whose | place
            self.samples.append(tuple(row.get(name) for name in SAMPLE_COLUMNS))

    def publish(self) -> Path:
        """The path of the published file."""
        if self.samples:
            write_samples(self.layout.stream_file(RUN), self.samples)
        files = (self.layout.stream_file(RUN).name,) if self.samples else ()
        with WarehouseEdit(self.layout.warehouse, self.layout.scratch, anew=True, note=self.layout.published) as edit:
            for table, values in self.inserts:
                names = ", ".join(values)
                marks = ", ".join("?" * len(values))
                edit.run(f"insert into {table} ({names}) values ({marks})", list(values.values()))  # noqa: S608 - ours
            failed = edit.refresh_views(
                self.user_views, week_start="monday", timezone="UTC", samples=SampleView(str(self.data), files)
            )
            assert failed == []
            edit.publish()
        return self.layout.warehouse


def write_samples(path: Path, rows: Iterable[tuple[Any, ...]]) -> None:
    """A sample file, as import and enrich leave one."""
    make_folder(path.parent)
    columns = ", ".join(f"{name} {kind}" for name, kind in SAMPLE_COLUMNS.items())
    with duckdb.connect() as connection:
        connection.execute(f"create table samples ({columns})")
        marks = ", ".join("?" * len(SAMPLE_COLUMNS))
        rows = list(rows)
        if rows:
            connection.executemany(f"insert into samples values ({marks})", rows)  # noqa: S608 - ours
        connection.execute(f"copy samples to '{path}' (format parquet, parquet_version v2, compression zstd)")


def line(count: int, *, lat: float = 51.0, lng: float = 0.0, north: float = 1e-4, **more: Any) -> list[dict[str, Any]]:
    """Samples on a straight line to the north, 11 m apart by default."""
    return [{"lat": round(lat + step * north, 6), "lng": lng} | more for step in range(count)]
