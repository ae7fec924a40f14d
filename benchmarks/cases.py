"""What is measured: the product's commands, each against the bare minimum for the same bytes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.device_archive import make_archive
from benchmarks.far_end import Bench, Product, changed, newest, record_history, served
from benchmarks.measure import Command, Sample, alternate, median

START_UP = 0.3
"""Seconds of start-up that are left out at most."""


@dataclass(frozen=True)
class Row:
    """One line of the table; `start_up` and `bare_start_up` are what the last ratio leaves out."""

    what: str
    ours: Sample
    bare: Sample | None = None
    start_up: float = 0.0
    bare_start_up: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Ours by bare."""
        return self.ours.seconds / self.bare.seconds if self.bare else None

    @property
    def ratio_of_work(self) -> float | None:
        """The same with the start-up left out on both sides."""
        if self.bare is None or not self.start_up:
            return None
        return (self.ours.seconds - self.start_up) / (self.bare.seconds - self.bare_start_up)


@dataclass
class Session:
    """The sizes of this run, and what its cases share."""

    bench: Bench
    rounds: int
    sizes: tuple[int, ...]
    details: int
    short_history: int
    archive_files: int

    @cached_property
    def history(self) -> tuple[Path, Path]:
        """Listing and details of the longest history."""
        return record_history(self.bench, max(self.sizes), self.details)

    def listing(self, size: int) -> Path:
        """The newest `size` activities."""
        return self.history[0] if size == max(self.sizes) else newest(self.history[0], size)

    def start_up_of(self, code: str) -> float:
        """Seconds of an interpreter that only does `code`."""
        return self._median(self.bench.python(code)).seconds

    @cached_property
    def start_up(self) -> float:
        """Ours: the command line until it knows what to do, and the imports of a command that does anything."""
        product = Product(self.bench, self.bench.folder, {})
        shell = self._median(product.command("--version")).seconds
        imports = self.start_up_of("import duckdb, requests") - self.start_up_of("pass")
        return min(START_UP, shell + imports)

    def _median(self, command: Command) -> Sample:
        command.run()
        return median([command.run() for _ in range(max(3, self.rounds))])


def pull(session: Session) -> Iterator[Row]:
    """Everything, into an empty data folder."""
    bench = session.bench
    bare_start_up = session.start_up_of("import duckdb, msgspec, requests")
    for size in session.sizes:
        with served(bench, "pull", "--listing", session.listing(size)) as product:
            first = product.copy("pull-ours").command("pull", "--all", "--json").run()
            calls = json.loads(first.stdout)["stages"][0]["calls"]
            ours, bare = alternate(
                session.rounds,
                lambda product=product: product.copy("pull-ours").command("pull", "--all").run(),  # type: ignore[misc]
                lambda product=product, calls=calls: bench.bare(  # type: ignore[misc]
                    "pull", *product.access, calls, bench.fresh("pull-bare")
                ).run(),
            )
            yield Row(f"pull {size:,} activities ({calls} calls)", ours, bare, session.start_up, bare_start_up)


def compact(session: Session) -> Iterator[Row]:
    """The first compaction of a whole history."""
    bench = session.bench
    bare_start_up = session.start_up_of("import duckdb")
    for size in session.sizes:
        with served(bench, "compact", "--listing", session.listing(size)) as product:
            product.command("pull", "--all").run()
        shards = product.data / "data" / "activities"

        def ours(product: Product = product) -> Sample:
            return product.copy("compact-ours").command("compact").run()

        def bare(shards: Path = shards) -> Sample:
            return bench.bare("table", shards, bench.fresh("compact-bare") / "bare.duckdb").run()

        yield Row(
            f"compact {size:,} activities",
            *alternate(session.rounds, ours, bare),
            session.start_up,
            bare_start_up,
        )


def enrich(session: Session) -> Iterator[Row]:
    """Details of every activity of a history that has none yet."""
    bench, count = session.bench, session.details
    options = ("--listing", session.listing(count), "--details", session.history[1])
    with served(bench, "enrich", *options) as product:
        product.command("pull", "--all").run()
        product.command("compact").run()
        bodies = session.listing(count)

        def ours() -> Sample:
            return product.copy("enrich-ours").command("enrich", "--all").run()

        def bare() -> Sample:
            return bench.bare("details", *product.access, bodies, count, bench.fresh("enrich-bare") / "bodies").run()

        bare_start_up = session.start_up_of("import msgspec, requests")
        yield Row(f"enrich {count:,} details", *alternate(session.rounds, ours, bare), session.start_up, bare_start_up)


def night(session: Session) -> Iterator[Row]:
    """Pull and compact when nothing has changed: a long history against a short one, the same last days."""
    bench, sizes = session.bench, (max(session.sizes), session.short_history)
    with (
        served(bench, "night-long", "--listing", session.listing(sizes[0])) as long,
        served(bench, "night-short", "--listing", session.listing(sizes[1])) as short,
    ):
        for product in (long, short):
            product.command("pull", "--all").run()
            product.command("compact").run()

        def no_change(product: Product) -> Callable[[], Sample]:
            def run() -> Sample:
                copy = product.copy("night")
                return copy.command("pull").run() + copy.command("compact").run()

            return run

        long_night, short_night = alternate(session.rounds, no_change(long), no_change(short))
        what = f"no-change night at {sizes[0]:,} against {sizes[1]:,}"
        yield Row(what, long_night, short_night, 2 * session.start_up, 2 * session.start_up)


def sweep(session: Session) -> Iterator[Row]:
    """Everything listed again, 20 deletions confirmed, 50 edits, and the new warehouse published."""
    bench, size = session.bench, max(session.sizes)
    with served(bench, "sweep-before", "--listing", session.listing(size)) as before:
        before.command("pull", "--all").run()
        before.command("compact").run()
    later = changed(session.listing(size), gone=20, edited=50)
    with served(bench, "sweep", "--listing", later) as product:
        shutil.copytree(before.data / "data", product.data / "data", dirs_exist_ok=True)
        first = product.copy("sweep-ours").command("pull", "--all", "--json").run()
        stage = json.loads(first.stdout)["stages"][0]

        def ours() -> Sample:
            copy = product.copy("sweep-ours")
            return copy.command("pull", "--all").run() + copy.command("compact").run()

        def bare() -> Sample:
            pages = stage["calls"] - stage["deleted"]
            return bench.bare("pull", *product.access, pages, bench.fresh("sweep-bare")).run()

        bare_start_up = session.start_up_of("import duckdb, msgspec, requests")
        what = f"sweep {size:,} activities ({stage['calls']} calls)"
        yield Row(what, *alternate(session.rounds, ours, bare), 2 * session.start_up, bare_start_up)


def start(session: Session) -> Iterator[Row]:
    """What a command costs before it does anything; beside it an interpreter with the same libraries."""
    bench, rounds = session.bench, max(3, session.rounds)
    with served(bench, "start", "--listing", session.listing(session.short_history)) as product:
        product.command("pull", "--all").run()
        product.command("compact").run()
        for arguments, code in (
            (("--help",), "pass"),
            (("status",), "import duckdb, requests"),
            (("sql", "select 1"), "import duckdb"),
        ):
            command, bare = product.command(*arguments), bench.python(code)
            command.run()
            bare.run()
            yield Row(
                f"`{' '.join(arguments)}` against `python -c '{code}'`", *alternate(rounds, command.run, bare.run)
            )


DEVICE_FILES, DEVICE_SAMPLE = 300, 30
PARSE_ARCHIVE = """
import sys, zipfile
from pathlib import Path
from strava_stats.export.devices.pool import Job, parse_all
archive = Path({archive!r})
members = [name for name in zipfile.ZipFile(archive).namelist() if name != 'activities.csv']
portions = parse_all(Job(number, 1, archive, name) for number, name in enumerate(members))
statuses = [row["status"] for portion in portions for row in portion.facts]
assert statuses == ["ok"] * len(members), statuses
"""


def devices(session: Session) -> Iterator[Row]:
    """Device files to samples: the pool against one process with the usual libraries, scaled up from every tenth."""
    bench = session.bench
    archive = bench.fresh("devices") / "export.zip"
    make_archive(archive, DEVICE_FILES)
    step = DEVICE_FILES // DEVICE_SAMPLE + 1  # no divisor of the samples' number, so that all kinds are in it
    scale = DEVICE_FILES / len(range(0, DEVICE_FILES, step))

    def bare() -> Sample:
        sample = bench.bare("devices", archive, step).run()
        return Sample(sample.seconds * scale, sample.peak_mb)

    ours = bench.python(PARSE_ARCHIVE.format(archive=str(archive))).run
    yield Row(f"{DEVICE_FILES} device files to samples", *alternate(session.rounds, ours, bare))


def bulk_import(session: Session) -> Iterator[Row]:
    """A whole archive into an empty data folder, computed tables and all; then the same archive again."""
    bench, count = session.bench, session.archive_files
    archive = bench.fresh("import") / "export.zip"
    make_archive(archive, count)
    step = count // DEVICE_SAMPLE + 1
    scale = count / len(range(0, count, step))

    def ours() -> Sample:
        return Product(bench, bench.fresh("import-ours"), {}).command("import", "--athlete", "1", str(archive)).run()

    def bare() -> Sample:
        sample = bench.bare("devices", archive, step).run()
        return Sample(sample.seconds * scale, sample.peak_mb)

    yield Row(f"import {count:,} device files", *alternate(session.rounds, ours, bare))
    again = Product(bench, bench.folder / "import-ours", {}).command("import", "--athlete", "1", str(archive))
    yield Row("the same archive again", median([again.run() for _ in range(session.rounds)]))


CASES: dict[str, Callable[[Session], Iterator[Row]]] = {
    "start": start,
    "pull": pull,
    "compact": compact,
    "enrich": enrich,
    "night": night,
    "sweep": sweep,
    "devices": devices,
    "import": bulk_import,
}
