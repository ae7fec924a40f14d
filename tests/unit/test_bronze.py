"""Journals: what is noted is there, byte for byte, and a torn end is cut off without taking a whole line along."""

from __future__ import annotations

import base64
import gzip
import json
import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from strava_stats.errors import ConfigurationError, CorruptData, DiskFull
from strava_stats.lake import bronze
from strava_stats.lake.bronze import (
    Journal,
    Lines,
    body_hash,
    body_portions,
    compress,
    cut_torn_line,
    last_seq,
    noted_ids,
    one_line,
    recover,
    summary_heads,
)
from strava_stats.lake.layout import ACTIVITIES, DETAILS, Layout

NOW = datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC)
RUN = "20261123T120000000005Z-7"
BODY = b'{"id":5,"name":"\xc3\xa9\\u2028 \\"x\\"","n":0.0}'


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def journal(layout: Layout, kind: str = ACTIVITIES, run: str = RUN) -> Journal:
    return Journal(layout, kind, run, 7)


def filled(layout: Layout, bodies: int = 5, kind: str = ACTIVITIES, run: str = RUN) -> Path:
    """A finished journal with so many bodies."""
    found = journal(layout, kind, run)
    for number in range(1, bodies + 1):
        body = b'{"id":%d,"name":"%s"}' % (number, b"x" * 40)
        found.add_body(NOW, number, body_hash(body), body)
    path = found.finish()
    assert path is not None
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_each_kind_of_line(layout: Layout) -> None:
    """Every line has its number, kind, athlete, time in UTC and id, and the body stands there as it was sent."""
    found = journal(layout)
    found.add_body(NOW.astimezone(timezone(timedelta(hours=9))), 5, "aa", BODY)
    found.add_same(NOW, 5, "aa")
    found.add_absent(NOW, 6)
    found.add_listing(NOW, after=0, before=None, complete=True, ids=[5, 6])
    found.add_garbage(NOW, "b1", b'{"\xff', 200, 'not "clean"\nJSON')
    path = found.finish()
    assert path is not None
    raw = path.read_bytes().splitlines()
    assert raw[0].endswith(b'"body":' + BODY + b"}")
    common = {"athlete_id": 7, "fetched_at": "2026-11-23T12:00:00.000005Z"}
    listing = {"after": 0, "before": None, "complete": True, "ids": [5, 6]}
    assert lines(path) == [
        {"seq": 1, "kind": "body", **common, "id": 5, "hash": "aa", "body": json.loads(BODY)},
        {"seq": 2, "kind": "same", **common, "id": 5, "hash": "aa"},
        {"seq": 3, "kind": "absent", **common, "id": 6, "status": 404},
        {"seq": 4, "kind": "listing", **common, "id": None, **listing},
        {"seq": 5, "kind": "body", **common, "id": "b1", "status": 200, "error": 'not "clean"\nJSON'}
        | {"base64": base64.b64encode(b'{"\xff').decode()},
    ]
    assert found.bodies == 2


def test_no_line_no_file(layout: Layout) -> None:
    """A run that notes nothing leaves no file behind."""
    found = journal(layout)
    found.sync()
    assert found.finish() is None
    assert not layout.bronze(ACTIVITIES).exists()


def test_write_makes_lines_visible(layout: Layout) -> None:
    """What was written is in the file while the journal is still open, what was only noted is not."""
    found = journal(layout)
    found.add_absent(NOW, 1)
    found.write()
    found.add_absent(NOW, 2)
    assert [line["id"] for line in lines(found.path)] == [1]
    found.abandon()
    assert [line["id"] for line in lines(found.path)] == [1]


def test_sync_outlasts_a_power_cut(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was noted is fsynced as the last thing that `sync` and `finish` do, and the folder when the file is made."""
    synced: list[tuple[int, int]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        found = os.fstat(descriptor)
        synced.append((found.st_ino, found.st_size if stat.S_ISREG(found.st_mode) else 0))

    def now(path: Path) -> tuple[int, int]:
        return path.stat().st_ino, path.stat().st_size

    monkeypatch.setattr(os, "fsync", note)
    found = journal(layout)
    found.add_absent(NOW, 1)
    found.sync()
    assert (found.path.parent.stat().st_ino, 0) in synced
    assert synced[-1] == now(found.path)
    found.add_absent(NOW, 2)
    found.finish()
    assert synced[-1] == now(found.path)


def test_a_blocked_folder_is_a_configuration_error(layout: Layout) -> None:
    """A file where the folder belongs is named with its cure."""
    layout.data_dir.joinpath("bronze").write_bytes(b"")
    found = journal(layout)
    found.add_absent(NOW, 1)
    with pytest.raises(ConfigurationError):
        found.write()


def test_a_full_disk_is_named(layout: Layout) -> None:
    """A write that finds no room is DiskFull, and the lines written before stay whole."""
    found = journal(layout)
    found.add_absent(NOW, 1)
    found.write()
    assert found._file is not None
    found._file.close()
    with Path("/dev/full").open("ab", buffering=0) as full:
        found._file = full
        found.add_absent(NOW, 2)
        with pytest.raises(DiskFull):
            found.write()
    assert [line["id"] for line in lines(found.path)] == [1]


def test_newlines_between_tokens_are_blanked() -> None:
    """A body over several lines becomes one line; nothing else of it changes."""
    assert one_line(b'{\r\n "a": 1\n}\n') == b'{   "a": 1 }'
    assert one_line(b'{"a": 1}') == b'{"a": 1}'


def test_a_torn_tail_of_any_length_is_cut(layout: Layout) -> None:
    """However many bytes of the last line got to the disk, all whole lines stay and nothing else."""
    path = filled(layout, 3)
    whole = path.read_bytes()
    second_end = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for length in range(second_end, len(whole)):
        path.write_bytes(whole[:length])
        assert cut_torn_line(path) == length - second_end
        assert path.read_bytes() == whole[:second_end]
    path.write_bytes(whole)
    assert cut_torn_line(path) == 0
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0",
        b"\0" * 5000,
        b"\0" * 100 + b"\n",
        b"\0" * 4095 + b"\n" + b"\0" * 4096,
        b"\xff\xfe half a line",
        b"not json\nnor this\n",
        b'{"seq":4,"kind":"body"\n',
        b'{"seq":4,"kind":"same","id":"\xff"}\n',
        b"\n",
        b"\n\n\n",
    ],
)
def test_a_garbage_tail_is_cut(layout: Layout, garbage: bytes) -> None:
    """NULs and garbage that a power cut leaves behind the last line are cut off, with or without line ends."""
    path = filled(layout, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + garbage)
    assert cut_torn_line(path) == len(garbage)
    assert path.read_bytes() == whole


def test_a_file_of_nothing_but_garbage_is_emptied(layout: Layout) -> None:
    """When not one line is whole, nothing is left, and nothing is raised."""
    path = filled(layout, 1)
    for content in (b"\0" * 10_000, b"{", b"\n", b""):
        path.write_bytes(content)
        assert cut_torn_line(path) == len(content)
        assert path.read_bytes() == b""


def test_lines_longer_than_a_block_are_cut_at_their_start(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that spans several read blocks is found whole, and a torn one is cut whole."""
    monkeypatch.setattr(bronze, "BLOCK", 16)
    path = filled(layout, 3)
    whole = path.read_bytes()
    assert cut_torn_line(path) == 0
    assert last_seq(path) == 3
    path.write_bytes(whole[:-1])
    cut_torn_line(path)
    assert last_seq(path) == 2


def test_recover_names_its_mends_and_is_done_once(layout: Layout) -> None:
    """Recovery says what it cut, drops an empty journal and half-made files, and finds nothing the second time."""
    path = filled(layout, 2)
    path.write_bytes(path.read_bytes()[:-3])
    torn = filled(layout, 1, DETAILS)
    torn.write_bytes(torn.read_bytes()[:20])
    layout.scratch.mkdir(parents=True)
    (layout.scratch / "half.gz").write_bytes(b"x")
    (layout.state / ".listings.json.1.tmp").write_bytes(b"half")
    mends = recover(layout)
    assert len(mends) == 2
    assert f"activities/{RUN}" in mends[0]
    assert f"activity_details/{RUN}" in mends[1]
    assert not torn.exists()
    assert list(layout.state.iterdir()) == []
    assert last_seq(path) == 1
    assert recover(layout) == []


def test_recover_leaves_closed_journals_alone(layout: Layout) -> None:
    """A closed journal is not touched, however it looks inside."""
    path = filled(layout, 1)
    packed = compress(path, layout.scratch)
    path.unlink()
    before = packed.read_bytes()
    assert recover(layout) == []
    assert packed.read_bytes() == before


def test_compress_reads_back(layout: Layout) -> None:
    """The packed journal holds the very bytes; packing twice gives the same file; the plain one is left."""
    path = filled(layout, 50)
    packed = compress(path, layout.scratch)
    assert packed == path.with_name(path.name + ".gz")
    assert gzip.decompress(packed.read_bytes()) == path.read_bytes()
    first = packed.read_bytes()
    assert compress(path, layout.scratch).read_bytes() == first
    assert list(layout.scratch.iterdir()) == []


def test_compress_notices_a_bad_disk(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed file that does not read back as written is not put in place, and the plain one stays."""
    path = filled(layout, 50)

    class Lossy(gzip.GzipFile):
        def write(self, data: Any) -> int:
            return super().write(bytes(data).replace(b"x", b"y", 1))

    monkeypatch.setattr("strava_stats.lake.bronze.gzip.GzipFile", Lossy)
    with pytest.raises(CorruptData, match="read back"):
        compress(path, layout.scratch)
    assert path.exists()
    assert not path.with_name(path.name + ".gz").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_journal_tells(layout: Layout, packed: bool) -> None:
    """Heads of clean bodies and answered ids are read alike from both forms, the last line from the open one."""
    found = journal(layout)
    found.add_body(NOW, 5, "aa", BODY)
    found.add_garbage(NOW, 6, b"\xff", 200, "not clean")
    found.add_same(NOW, 7, "bb")
    found.add_absent(NOW, 8)
    found.add_body(NOW, None, "cc", b'{"id":99999999999999999999}')
    found.add_listing(NOW, after=0, before=1, complete=False, ids=[1, 2])
    path = found.finish()
    assert path is not None
    assert last_seq(path) == 6
    if packed:
        plain, path = path, compress(path, layout.scratch)
        plain.unlink()
    heads = [(head.kind, head.id, head.hash) for head in summary_heads(path)]
    assert heads[0] == ("body", 5, "aa")
    assert heads[2:5] == [("same", 7, "bb"), ("absent", 8, None), ("body", None, "cc")]
    assert list(noted_ids(path)) == [5, 6, 7, 8]


def test_an_empty_journal_has_no_last_line(layout: Layout) -> None:
    """An empty file holds nothing."""
    path = filled(layout, 1)
    path.write_bytes(b"")
    assert last_seq(path) == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "no gzip"])
def test_a_damaged_packed_journal_is_corrupt_data(layout: Layout, damage: str) -> None:
    """A packed journal that is cut, changed or no gzip at all is named as damaged, never taken as shorter."""
    packed = compress(filled(layout, 2000), layout.scratch)
    content = packed.read_bytes()
    middle = len(content) // 2
    packed.write_bytes(
        {
            "cut": content[:-20],
            "flipped": content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :],
            "no gzip": b"plainly no gzip",
        }[damage]
    )
    with pytest.raises(CorruptData, match=packed.name):
        list(summary_heads(packed))


def portion_bytes(portions: list[dict[str, bytes]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for portion in portions:
        for name, content in portion.items():
            found[name] = found.get(name, b"") + content
    return found


@pytest.mark.parametrize("most", [1, 150, 400, 1 << 20])
def test_portions_hold_every_body_once(layout: Layout, most: int) -> None:
    """Whatever the size of a portion, each body line is in exactly one, in order, under its run's name."""
    first = filled(layout, 7, DETAILS, RUN)
    second = filled(layout, 4, DETAILS, RUN.replace("2026", "2027"))
    packed = compress(second, layout.scratch)
    expected = {first.name: first.read_bytes(), second.name: second.read_bytes()}
    second.unlink()
    portions = [
        {path.name: path.read_bytes() for path in portion}
        for portion in body_portions([Lines(first), Lines(packed)], layout.scratch, most)
    ]
    assert portion_bytes(portions) == expected
    for portion in portions:
        size = sum(map(len, portion.values()))
        assert size <= most or len(b"".join(portion.values()).splitlines()) == 1
    if most == 1 << 20:
        assert len(portions) == 1


def test_portions_leave_out_what_is_loaded_and_what_shapes_no_row(layout: Layout) -> None:
    """Only bodies, and notes of equal ones, behind the last loaded line are copied."""
    found = journal(layout, DETAILS)
    for number in range(1, 4):
        found.add_body(NOW, number, "aa", b'{"id":%d}' % number)
        found.add_same(NOW, number, "aa")
        found.add_absent(NOW, number)
    found.add_listing(NOW, after=0, before=1, complete=True, ids=[1])
    path = found.finish()
    assert path is not None
    portions = [
        [line["seq"] for line in lines(one)] for (one,) in body_portions([Lines(path, 1)], layout.scratch, 1 << 20)
    ]
    assert portions == [[2, 4, 5, 7, 8]]
    assert list(body_portions([Lines(path, 9)], layout.scratch, 1 << 20)) == []
    assert list(body_portions([], layout.scratch, 1 << 20)) == []
