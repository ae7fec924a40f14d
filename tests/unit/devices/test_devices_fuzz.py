"""The parsers against bytes made by a coverage-guided fuzzer: three minutes, shared by three tests."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.device_files import DEVICES, gpx, gpx_point, ride, tcx, tcx_lap
from tests.support.fuzzing import fuzz, mutate

from strava_stats.export.devices import parse
from strava_stats.export.devices.content import Content
from strava_stats.export.devices.recording import Unreadable

LARGEST_SEED = 12_000
SECONDS = 60.0
"""A third of three minutes: the parsers run beside each other."""
OWN = {
    "fit": ride(5).whole() + ride(3, ">").whole(),
    "gpx": gpx(f"<trkseg>{''.join(gpx_point(t, '<n:hr>120</n:hr>') for t in range(5))}</trkseg>"),
    "tcx": tcx(tcx_lap(0, 3) + tcx_lap(3, 2)),
}
WORDS = {
    "fit": [b".FIT", b"\x40\x00\x00\x14\x00\x01\xfd\x04\x86", b"\x60", b"\x00\x00\x01\x14", b"\x8d"],
    "gpx": [b"<trkpt lat='1' lon='2'>", b"</trkpt>", b"<time>2024-05-01T10:00:00Z</time>", b"<!--", b"&#0;", b"1e999"],
    "tcx": [b"<Trackpoint>", b"</Trackpoint>", b"<Lap StartTime='2024'>", b"<Value/>", b"]]>", b"-", b"9" * 400],
}


def seeds_of(kind: str) -> list[bytes]:
    """Our own file of the format, and the device samples, the larger ones cut."""
    files = sorted(DEVICES.glob(f"*.{kind}")) if DEVICES.is_dir() else []
    return [OWN[kind], *(path.read_bytes()[:LARGEST_SEED] for path in files)]


def target(kind: str) -> Callable[[bytes], object]:
    """From the bytes of a member to its samples and row of facts."""
    job = parse.Job(1, 2, Path(), "1")

    def run(data: bytes) -> object:
        return parse.parse_content(parse.blank_facts(job) | {"format": kind}, Content(data, len(data), 0))

    return run


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(OWN))
def test_a_minute_of_fuzzing_finds_data_or_a_reason(kind: str) -> None:
    """Whatever the bytes, a parser returns data or raises its own error."""
    folder = Path(parse.__file__).parent
    tries = fuzz(
        target(kind),
        seeds_of(kind),
        seconds=SECONDS,
        folder=folder,
        allowed=Unreadable,
        words=WORDS[kind],
        seed=secrets.randbits(32),
    )
    assert tries > len(seeds_of(kind))


@pytest.mark.parametrize("kind", list(OWN))
def test_some_hundred_changed_files_are_data_or_a_reason(kind: str) -> None:
    """The same few hundred changes of a small file each time: data, or the parsers' own error."""
    chance = random.Random(5)  # noqa: S311 - the same each time
    for _ in range(300):
        data = mutate(chance, [OWN[kind]], WORDS[kind])
        try:
            target(kind)(data)
        except Unreadable:
            continue


def test_the_fuzzer_finds_what_it_is_for() -> None:
    """A fault behind a check of two bytes, found line by line, fails with the bytes in base64."""
    with pytest.raises(pytest.fail.Exception, match="ZeroDivisionError"):
        fuzz(
            behind_two_bytes,
            [b"??????"],
            seconds=60.0,
            folder=Path(__file__),
            allowed=Unreadable,
            words=[b"?"],
            seed=1,
        )


def behind_two_bytes(data: bytes) -> float:
    if data[:1] == b"\x7f":
        if data[1:2] == b"\xfe":
            return 1 / 0
        return 1
    return 2
