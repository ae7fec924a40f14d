"""Both ends of a measurement: the simulator in a process of its own, and the product in folders of its own."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.measure import Command

BARE = Path(__file__).with_name("bare.py")
LIMITS = "10000000,100000000"
HISTORY_YEARS = 40  # 100,000 activities: seven a day, 140 in the look-back window
DAYS_AGO = 5  # kudos of fresh synthetic activities grow; nothing here may change


@dataclass(frozen=True)
class Bench:
    """The folder that everything is made in."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of both sides: no setting of the user's, and compiled modules are kept."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("STRAVA_")
            and name not in {"PYTHONDONTWRITEBYTECODE", "DATA_DIR", "PER_PAGE", "DAYS"}
        }
        return {**kept, "STRAVA_STATS_HOME": str(self.folder), "PYTHONPYCACHEPREFIX": str(self.folder / "pycache")}

    def bare(self, *arguments: str | Path | int) -> Command:
        """A bare minimum, see bare.py."""
        return Command([sys.executable, str(BARE), *map(str, arguments)], self.environ)

    def python(self, code: str) -> Command:
        """An interpreter that runs `code`."""
        return Command([sys.executable, "-c", code], self.environ)

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path


@dataclass(frozen=True)
class Product:
    """The product as its user runs it, with a data folder of its own."""

    bench: Bench
    data: Path
    settings: Mapping[str, str]

    def command(self, *arguments: str) -> Command:
        """`strava-stats …`; code 3 is `status` finding something, 0 done."""
        folders = {"DATA_DIR": "data", "SECRETS_DIR": "secrets", "LOGS_DIR": "logs"}
        environ = self.bench.environ | {name: str(self.data / sub) for name, sub in folders.items()}
        return Command(
            [sys.executable, "-m", "strava_stats", *arguments], environ | dict(self.settings), frozenset({0, 3})
        )

    def copy(self, name: str, *, without: str = "") -> Product:
        """The same in another folder, so that each run finds the same state."""
        target = self.bench.folder / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.data, target)
        if without:
            shutil.rmtree(target / "data" / without)
        return replace(self, data=target)

    def authorise(self) -> Product:
        """What a browser does: follow the authorise link, and hand back the address it ends at."""
        base = urlsplit(self.settings["STRAVA_OAUTH_BASE_URL"])
        query = {
            "client_id": self.settings["STRAVA_CLIENT_ID"],
            "redirect_uri": "http://localhost/exchange_token",
            "response_type": "code",
            "scope": "read,activity:read_all,profile:read_all",
        }
        connection = http.client.HTTPConnection(base.netloc, timeout=60)
        connection.request("GET", f"{base.path}/authorize?{urlencode(query)}")
        address = connection.getresponse().getheader("Location")
        connection.close()
        self.command("auth", "--code", str(address)).run()
        return self

    @property
    def access(self) -> tuple[str, str]:
        """Base URL and access token, for the bare fetch."""
        text = (self.data / "secrets" / "strava_token.json").read_text(encoding="utf-8")
        found = re.search(r'"access_token":\s*"([^"]+)"', text)
        assert found is not None
        return self.settings["STRAVA_API_BASE_URL"], found[1]


@contextmanager
def served(bench: Bench, name: str, *options: str | Path | int) -> Iterator[Product]:
    """A simulator for as long as the block lasts; yields an authorised product without data."""
    arguments = ["simulate", "--port", "0", "--limit-overall", LIMITS, "--limit-read", LIMITS, *map(str, options)]
    process = subprocess.Popen(
        [sys.executable, "-m", "strava_stats", "--quiet", *arguments],
        env=bench.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [line.strip() for line in islice(process.stdout, 4)]
        if len(lines) < 4:
            raise SystemExit("the simulator did not start")
        settings = dict(line.split("=", 1) for line in lines)
        yield Product(bench, bench.fresh(name), settings).authorise()
    finally:
        process.terminate()
        process.wait()


def record_history(bench: Bench, activities: int, details: int) -> tuple[Path, Path]:
    """Listing and newest details of a synthetic athlete as files, one body a line, newest first.

    Served from files (`simulate --listing --details`) every body is ready to send, whoever asks first.
    """
    listing, detailed = bench.folder / f"listing-{activities}.jsonl", bench.folder / f"details-{details}.jsonl"
    if listing.exists() and detailed.exists():
        return listing, detailed
    until = datetime.now(UTC) - timedelta(days=DAYS_AGO)
    years = HISTORY_YEARS * activities / 100_000
    options = ["--activities", str(activities), "--years", str(years), "--until", f"{until:%Y-%m-%d}"]
    with served(bench, "record", *options) as product:
        bench.bare("pages", *product.access, activities // 200 + 2, listing).run()
        if details:
            bench.bare("details", *product.access, listing, details, detailed).run()
    return listing, detailed


def newest(listing: Path, count: int) -> Path:
    """A listing of the `count` newest activities of another one: the same days, a shorter history."""
    shorter = listing.with_name(f"newest-{count}.jsonl")
    with listing.open("rb") as file, shorter.open("wb") as target:
        target.writelines(islice(file, count))
    return shorter


def changed(listing: Path, *, gone: int, edited: int) -> Path:
    """A listing some weeks later: some activities are gone, others have another name."""
    later = listing.with_name(f"changed-{listing.name}")
    lines = listing.read_bytes().splitlines(keepends=True)
    step = len(lines) // (gone + edited + 1)
    kept: list[bytes] = []
    for number, line in enumerate(lines):
        turn, is_marked = number // step, number % step == step // 2
        if is_marked and turn < gone:
            continue
        if is_marked and turn < gone + edited:
            line = re.sub(rb'"name":"', b'"name":"Edited ', line, count=1)  # noqa: PLW2901 - the line as it is now
        kept.append(line)
    later.write_bytes(b"".join(kept))
    return later
