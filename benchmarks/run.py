"""How fast the product is, as ratios to the bare minimum on this machine. Prints, asserts nothing.

python benchmarks/run.py [--quick] [--only NAME …] [--markdown] [--folder DIR]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cases import CASES, START_UP, Row, Session
from benchmarks.far_end import Bench

COLUMNS = ("what", "ours s", "bare s", "ratio", "ratio w/o start-up", "peak MB", "bare MB")


def cells(row: Row) -> list[str]:
    """A row of the table as text."""
    bare = row.bare
    return [
        row.what,
        f"{row.ours.seconds:.2f}",
        f"{bare.seconds:.2f}" if bare else "",
        f"{row.ratio:.2f}" if row.ratio else "",
        f"{row.ratio_of_work:.2f}" if row.ratio_of_work else "",
        f"{row.ours.peak_mb:.0f}",
        f"{bare.peak_mb:.0f}" if bare else "",
    ]


def show_machine(rounds: int) -> None:
    """Where and how it was measured."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores, {model} · {platform.platform()} · "
        f"Python {platform.python_version()} · DuckDB {version('duckdb')} · medians of {rounds}, ours and bare in turn"
    )


def show_row(row: list[str], *, markdown: bool) -> None:
    """One line of the table."""
    if markdown:
        print(f"| {' | '.join(row)} |", flush=True)
    else:
        widths = [max(9, len(name) + 2) for name in COLUMNS[1:]]
        print(
            f"{row[0]:<58}" + "".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True)),
            flush=True,
        )


def main() -> None:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(description="Ratios to the bare minimum on this machine.")
    parser.add_argument("--quick", action="store_true", help="10,000 activities at most, each once")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--folder", type=Path, help="keep the recorded history here, and use it again")
    given = parser.parse_args()
    rounds = 1 if given.quick else 3
    with tempfile.TemporaryDirectory(prefix="strava-stats-bench-") as temporary:
        folder: Path = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sizes = (10_000,) if given.quick else (10_000, 100_000)
        archive_files = 300 if given.quick else 5_000
        session = Session(Bench(folder.resolve()), rounds, sizes, 2_000, 1_000, archive_files)
        show_machine(rounds)
        show_row(list(COLUMNS), markdown=given.markdown)
        if given.markdown:
            print("|---|" + "---:|" * (len(COLUMNS) - 1))
        for name in given.only:
            for row in CASES[name](session):
                show_row(cells(row), markdown=given.markdown)
    print(
        f"\nStart-up left out: ours {session.start_up:.2f} s a command (`--version` plus the imports of duckdb and "
        f"requests, {START_UP} s at most), bare: its interpreter with its imports."
    )


if __name__ == "__main__":
    main()
