"""What a look through a journal tells: whole lines, numbers, hashes, and what notes refer to."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_stats.lake.bronze import Journal, body_hash, compress
from strava_stats.lake.checks import Chain, Reading, read_journal
from strava_stats.lake.layout import ACTIVITIES, DETAILS, Layout

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODY = b'{"id":5,"name":"x"}'
HASH = body_hash(BODY)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(Layout(tmp_path), ACTIVITIES, "20260101T000000000000Z-7", 7)


def packed(journal: Journal, tmp_path: Path) -> Path:
    path = journal.finish()
    assert path is not None
    return compress(path, tmp_path / "scratch")


def read(path: Path, chain: Chain | None = None, kind: str = ACTIVITIES) -> Reading:
    return read_journal(kind, path, chain or Chain())


def rewritten(path: Path, old: bytes, new: bytes) -> Path:
    content = gzip.decompress(path.read_bytes())
    assert old in content
    path.write_bytes(gzip.compress(content.replace(old, new)))
    return path


def add_all_kinds(journal: Journal) -> None:
    journal.add_body(NOW, 5, HASH, BODY)
    journal.add_same(NOW, 5, HASH)
    journal.add_garbage(NOW, 6, b'{"id":6,\xff', 200, "broken")
    journal.add_absent(NOW, 7)
    journal.add_listing(NOW, after=None, before=None, complete=True, ids=[5, 6])


def test_what_the_journal_writes_is_whole(journal: Journal, tmp_path: Path) -> None:
    """Lines of all kinds read back without a defect, plain and packed."""
    add_all_kinds(journal)
    path = packed(journal, tmp_path)
    chain = Chain()
    for one in (journal.path, path):
        reading = read(one, chain)
        assert (reading.lines, reading.is_whole, reading.has_news) == (5, True, True)
    assert chain.loose == {}


def test_blanks_around_a_body_belong_to_it(journal: Journal, tmp_path: Path) -> None:
    """The hash is that of the bytes in the line, with the blanks that Strava sent around them."""
    body = b"  " + BODY + b" "
    journal.add_body(NOW, 5, body_hash(body), body)
    assert read(packed(journal, tmp_path)).is_whole


@pytest.mark.parametrize(
    ("old", "new", "defect"),
    [
        (b'"name":"x"', b'"name":"y"', "line 1 holds another body than its hash says"),
        (b'"seq":2', b'"seq":3', "line 2 has the number 3 where 2 was to come"),
        (b'"kind":"absent"', b'"kind":"absurd"', "line 4 is of an unknown kind"),
        (b'{"seq":4,', b"{", "line 4 is no journal line"),
        (b'"base64":"', b'"base64":"?', "line 3 holds another body than its hash says"),
        (b',"hash":"%b"}\n' % HASH.encode(), b"}\n", "line 2 refers to no body"),
    ],
)
def test_defects_are_named_with_their_line(
    journal: Journal, tmp_path: Path, old: bytes, new: bytes, defect: str
) -> None:
    """The first defective line of a journal is told by its number."""
    add_all_kinds(journal)
    reading = read(rewritten(packed(journal, tmp_path), old, new))
    assert (reading.is_whole, reading.defect) == (False, defect)


def test_a_gap_is_one_defect(journal: Journal, tmp_path: Path) -> None:
    """After a lost line the numbers go on from the next one."""
    add_all_kinds(journal)
    path = packed(journal, tmp_path)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:1] + lines[2:])))
    reading = read(path)
    assert (reading.defective, reading.defect) == (1, "line 2 has the number 3 where 2 was to come")


@pytest.mark.parametrize("end", [b"", b'{"seq":6', b'{"seq":6,"ki\n', b"\x00\x00\x00\n\x00"])
def test_the_end_of_an_open_journal_may_be_torn(journal: Journal, end: bytes) -> None:
    """What `recover` would cut off is torn, not a defect; whole lines before it count."""
    add_all_kinds(journal)
    path = journal.finish()
    assert path is not None
    with path.open("ab") as file:
        file.write(end)
    reading = read(path)
    assert (reading.lines, reading.is_torn, reading.defective) == (5, bool(end), 0)


def test_an_open_journal_without_a_line_is_torn(journal: Journal) -> None:
    """A file that was made, and got nothing, is left by a kill."""
    journal.path.parent.mkdir(parents=True)
    journal.path.touch()
    assert read(journal.path).is_torn


def test_a_packed_journal_may_not_end_in_a_line(journal: Journal, tmp_path: Path) -> None:
    """What was packed whole has whole lines only."""
    add_all_kinds(journal)
    path = packed(journal, tmp_path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-3]))
    reading = read(path)
    assert (reading.is_torn, reading.defect) == (False, "line 5 is no journal line")


@pytest.mark.parametrize(("size", "error"), [(0, "EOFError"), (40, "EOFError"), (7, "EOFError")])
def test_a_packed_journal_that_is_cut_short(journal: Journal, tmp_path: Path, size: int, error: str) -> None:
    """A cut archive does not read back, wherever it ends."""
    add_all_kinds(journal)
    path = packed(journal, tmp_path)
    os.truncate(path, size)
    assert read(path).unreadable == error


def test_every_flipped_bit_of_the_content_is_seen(journal: Journal, tmp_path: Path) -> None:
    """Behind the header, which ends with the file's name, no byte of an archive can change unnoticed."""
    add_all_kinds(journal)
    path = packed(journal, tmp_path)
    content = path.read_bytes()
    for place in range(content.index(b"\0", 10) + 1, len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not read(path).is_whole, place


def test_a_note_refers_to_the_body_before_it(journal: Journal, tmp_path: Path) -> None:
    """An equal body has to be the last one, clean or broken; a later body makes good what was loose."""
    path = tmp_path / "x"
    chain = Chain()
    broken = b'{"id":5,\xff'
    steps: list[tuple[Callable[[], None], bool]] = [
        (lambda: journal.add_same(NOW, 5, HASH), True),
        (lambda: journal.add_body(NOW, 5, HASH, BODY), False),
        (lambda: journal.add_garbage(NOW, 5, broken, 200, ""), False),
        (lambda: journal.add_same(NOW, 5, HASH), False),
        (lambda: journal.add_same(NOW, 5, body_hash(broken)), False),
        (lambda: journal.add_same(NOW, 5, "0" * 16), True),
        (lambda: journal.add_absent(NOW, 5), False),
        (lambda: journal.add_same(NOW, None, "0" * 16), False),
    ]
    for step, loose in steps:
        step()
        path = journal.finish() or path
        chain = Chain()
        read(path, chain)
        assert (5 in chain.loose) == loose


@pytest.mark.parametrize(
    ("kind", "line", "news"),
    [
        (ACTIVITIES, "body", True),
        (ACTIVITIES, "same", False),
        (ACTIVITIES, "garbage", False),
        (ACTIVITIES, "absent", True),
        (ACTIVITIES, "listing", False),
        (DETAILS, "body", True),
        (DETAILS, "same", True),
        (DETAILS, "absent", False),
    ],
)
def test_what_is_news_to_the_warehouse(journal: Journal, kind: str, line: str, news: bool) -> None:
    """Bodies are, and 404s of summaries; what was sent again says only of details that they are up to date."""
    match line:
        case "body":
            journal.add_body(NOW, 5, HASH, BODY)
        case "same":
            journal.add_same(NOW, 5, HASH)
        case "garbage":
            journal.add_garbage(NOW, 5, b"{", 200, "")
        case "absent":
            journal.add_absent(NOW, 5)
        case _:
            journal.add_listing(NOW, after=1, before=2, complete=False, ids=[])
    path = journal.finish()
    assert path is not None
    assert read(path, kind=kind).has_news is news
