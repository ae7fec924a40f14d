"""Where everything lies below the data folder, and how runs are named. No I/O but listing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ACTIVITIES = "activities"
DETAILS = "activity_details"
STREAMS = "activity_streams"
ATHLETES = "athletes"
GEAR = "gear"
IMPORTS = "imports"
KINDS = (ACTIVITIES, DETAILS, STREAMS, ATHLETES, GEAR, IMPORTS)

NOBODY = 0
"""The athlete of an archive that does not say whose it is."""

MERGED = "-merged"
STAMP = "%Y%m%dT%H%M%S%fZ"
RUN = re.compile(r"(?P<stamp>\d{8}T\d{12}Z)-(?P<athlete>\d+)")


@dataclass(frozen=True)
class Layout:
    """Paths below one data folder."""

    data_dir: Path

    def bronze(self, kind: str) -> Path:
        """Folder of the journals of `kind`."""
        return self.data_dir / "bronze" / kind

    @property
    def floor(self) -> Path:
        """Before which day `purge` has removed what started, by athlete."""
        return self.data_dir / "bronze" / "floor.json"

    @property
    def shards(self) -> Path:
        """Folder of the typed SummaryActivity shards."""
        return self.data_dir / "activities"

    def shard(self, run_id: str) -> Path:
        """The shard made of the activities journal of one run."""
        return self.shards / f"{run_id}.parquet"

    def merged_shard(self, run_id: str) -> Path:
        """The shard that holds the rows of all runs up to this one."""
        return self.shards / f"{run_id}{MERGED}.parquet"

    @property
    def archives(self) -> Path:
        """Folder of the imported bulk exports, whole, each named after its content."""
        return self.data_dir / "bronze" / "export"

    def archive(self, sha256: str) -> Path:
        """One imported bulk export."""
        return self.archives / f"{sha256}.zip"

    @property
    def device_files(self) -> Path:
        """Folder of what the device files of the archives say besides samples, one Parquet file an import."""
        return self.data_dir / "device_files"

    def facts(self, run_id: str) -> Path:
        """What the device files that were parsed for one import say."""
        return self.device_files / f"{run_id}.parquet"

    @property
    def streams(self) -> Path:
        """Folder of the typed samples."""
        return self.data_dir / "streams"

    def stream_file(self, run_id: str) -> Path:
        """The samples that one run fetched or imported."""
        return self.streams / f"{run_id}.parquet"

    def merged_stream_file(self, run_id: str) -> Path:
        """The samples of several runs up to this one."""
        return self.streams / f"{run_id}{MERGED}.parquet"

    @property
    def warehouse(self) -> Path:
        """The published DuckDB file."""
        return self.data_dir / "warehouse" / "strava.duckdb"

    @property
    def published(self) -> Path:
        """What the published file is known by."""
        return self.state / "published.json"

    @property
    def user_sql(self) -> Path:
        """The user's own views."""
        return self.data_dir / "sql"

    @property
    def state(self) -> Path:
        """Budget, sweep, quarantine and run records; losing it costs calls, never activity data."""
        return self.data_dir / "state"

    @property
    def scratch(self) -> Path:
        """Half-made files; emptied at the start of every writing run."""
        return self.state / "tmp"

    @property
    def lock(self) -> Path:
        """The one-writer lock."""
        return self.state / "writer.lock"

    def journals(self, kind: str) -> dict[str, Path]:
        """Run → journal, oldest first; where both forms exist the plain one wins (the .gz may be half made)."""
        found: dict[str, Path] = {}
        folder = self.bronze(kind)
        if not folder.is_dir():
            return {}
        for path in folder.iterdir():
            name = path.name
            if name.endswith(".jsonl.gz"):
                found.setdefault(name.removesuffix(".jsonl.gz"), path)
            elif name.endswith(".jsonl"):
                found[name.removesuffix(".jsonl")] = path
        return dict(sorted(found.items()))


def next_run_id(layout: Layout, now: datetime, athlete_id: int) -> str:
    """A run name that sorts after every run in bronze, also when the clock was set back."""
    stamps = [RUN.match(run) for kind in KINDS for run in layout.journals(kind)]
    newest = max((match["stamp"] for match in stamps if match), default="")
    stamp = now.astimezone(UTC).strftime(STAMP)
    if stamp <= newest:
        after = datetime.strptime(newest, STAMP).replace(tzinfo=UTC) + timedelta(microseconds=1)
        stamp = after.strftime(STAMP)
    return f"{stamp}-{athlete_id}"
