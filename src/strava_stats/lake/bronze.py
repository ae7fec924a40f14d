"""Bronze journals: append-only JSON lines, one folder a kind, one file a run.

A line is {"seq","kind","athlete_id","fetched_at","id",…}, with "source" where it is not api; kind is
  body     "hash" and "body", exactly the bytes Strava sent (newlines between tokens blanked, so that it is one
           line); bytes that are no clean UTF-8 JSON object go in as "base64" with their "status" and "error"
  same     equal to the body stored last for this id: its "hash" alone
  listing  what was asked of a listing ("after", "before"), whether it came "complete", and the "ids" it held
  absent   a 404; of source export: an archive lacked it, and the user let it go
  archive  an import: the "sha256" of the archive, and when it was "made"
Order is (run, seq), never a clock. A journal belongs to its writer until it is closed; a torn last line (power
cut, full disk, kill) is cut off by `recover` before anything else reads the folder.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import queue
import re
import shutil
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from strava_stats.errors import CorruptData
from strava_stats.files import disk_errors, fsync_folder, make_folder, move_into_place
from strava_stats.lake.layout import KINDS, Layout

LARGEST_ID = 2**63 - 1
GZIP_LEVEL = 1  # level 6 costs three times the CPU for 8 % of the size
BLOCK = 1 << 20
QUEUED_BLOCKS = 32


class Start(msgspec.Struct):
    """The part of a summary that says when it began and who may see it."""

    start_date: Any = None
    private: Any = None
    visibility: Any = None


class Head(msgspec.Struct):
    """A line of a journal without its body."""

    kind: str
    athlete_id: int
    id: int | None = None
    hash: str | None = None


class SummaryHead(Head):
    """A line of an activities journal, with the start of the summary."""

    body: Start | None = None


OneLine = TypeVar("OneLine")
HEAD = msgspec.json.Decoder(Head)
SUMMARY_HEAD = msgspec.json.Decoder(SummaryHead)

KEPT = re.compile(rb'\{"seq":\d+,"kind":"(?:body|same)"')
ABSENT = re.compile(rb'\{"seq":\d+,"kind":"absent"')
ANSWERED = re.compile(rb'\{"seq":\d+,"kind":"(?:body|same|absent)"')
ENTITY = re.compile(rb'\{"seq":\d+,"kind":"\w+","athlete_id":\d+,"fetched_at":"[^"]*","id":(\d+),')


def body_hash(body: bytes) -> str:
    """Hash of a body as it stands in bronze: 16 hex digits; it only ever tells two bodies of one id apart."""
    return hashlib.blake2b(body, digest_size=8).hexdigest()


def one_line(body: bytes) -> bytes:
    """Blank the newlines between tokens; inside strings raw ones are not allowed in JSON, so none are touched."""
    if b"\n" in body or b"\r" in body:
        return body.translate(bytes.maketrans(b"\n\r", b"  ")).strip()
    return body


class Journal:
    """The open journal of one run and kind; the file is made at the first line."""

    def __init__(self, layout: Layout, kind: str, run_id: str, athlete_id: int, source: str = "api") -> None:
        self.path = layout.bronze(kind) / f"{run_id}.jsonl"
        self.run_id = run_id
        self.athlete_id = athlete_id
        # What `pull` found out by asking for an activity is followed by what `enrich` of the same run fetches.
        self.seq = last_seq(self.path) if self.path.exists() else 0
        self.bodies = 0
        self._source = b"" if source == "api" else b'"source":%s,' % json.dumps(source).encode()
        self.packing: Packing | None = None
        self._file: IO[bytes] | None = None
        self._lines: list[bytes] = []
        self._stamped: datetime | None = None
        self._stamp = b""

    def add_body(self, fetched_at: datetime, entity_id: int | str | None, digest: str, body: bytes) -> None:
        """Note one body; `body` has to be one line of clean JSON. An id beyond 64 bits is given as None."""
        self.bodies += 1
        self._add(b"body", fetched_at, entity_id, b'"hash":"%s","body":%s' % (digest.encode(), body))

    def add_same(self, fetched_at: datetime, entity_id: int | str | None, digest: str) -> None:
        """Note that the body stored last was sent again."""
        self._add(b"same", fetched_at, entity_id, b'"hash":"%s"' % digest.encode())

    def add_garbage(
        self, fetched_at: datetime, entity_id: int | str | None, content: bytes, status: int, error: str
    ) -> None:
        """Keep bytes that are no clean JSON, so that nothing that was paid for is lost."""
        self.bodies += 1
        encoded = base64.b64encode(content)
        rest = b'"status":%d,"error":%s,"base64":"%s"' % (status, json.dumps(error).encode(), encoded)
        self._add(b"body", fetched_at, entity_id, rest)

    def add_listing(
        self, fetched_at: datetime, *, after: int | None, before: int | None, complete: bool, ids: Iterable[int]
    ) -> None:
        """Note what a listing was asked for and what it held."""
        listing = {"after": after, "before": before, "complete": complete, "ids": list(ids)}
        self._add(b"listing", fetched_at, None, json.dumps(listing, separators=(",", ":")).encode()[1:-1])

    def add_absent(self, fetched_at: datetime, entity_id: int | str) -> None:
        """Note a 404."""
        self._add(b"absent", fetched_at, entity_id, b'"status":404')

    def add_pruned(self, fetched_at: datetime, entity_id: int) -> None:
        """Note that an archive lacks an activity, and that the user lets it go for that."""
        self._add(b"absent", fetched_at, entity_id, b'"status":null')

    def add_archive(self, fetched_at: datetime, sha256: str, made: datetime | None) -> None:
        """Note the import of an archive."""
        facts = {"sha256": sha256, "made": made}
        self._add(b"archive", fetched_at, None, msgspec.json.encode(facts)[1:-1])

    def _add(self, kind: bytes, fetched_at: datetime, entity_id: int | str | None, rest: bytes) -> None:
        self.seq += 1
        if fetched_at is not self._stamped:  # a page has one time; writing it out costs more than the rest of a line
            self._stamped = fetched_at
            self._stamp = fetched_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
        shown = b"%d" % entity_id if isinstance(entity_id, int) else json.dumps(entity_id).encode()
        self._lines.append(
            b'{"seq":%d,"kind":"%s","athlete_id":%d,"fetched_at":"%s","id":%s,%s%s}\n'
            % (self.seq, kind, self.athlete_id, self._stamp, shown, self._source, rest)
        )

    def write(self) -> None:
        """Hand all noted lines to the operating system: a kill after this loses nothing."""
        if not self._lines:
            return
        with disk_errors(self.path):
            if self._file is None:
                make_folder(self.path.parent)
                self._file = self.path.open("ab", buffering=0)
                fsync_folder(self.path.parent)
            content = b"".join(self._lines)
            block = memoryview(content)
            self._lines.clear()
            whole = self._file.tell()
            try:
                while block:
                    block = block[self._file.write(block) :]
            except OSError:
                # What went in of these lines ends in the middle of one, and more lines must not follow it.
                with suppress(OSError):
                    self._file.truncate(whole)
                raise
        if self.packing is not None:
            self.packing.add(content)

    def sync(self) -> None:
        """Write, and make it last over a power cut."""
        self.write()
        if self._file is not None:
            with disk_errors(self.path):
                os.fsync(self._file.fileno())

    def finish(self) -> Path | None:
        """Sync and let go of the file; the plain journal stays until `compress`. None when nothing was noted."""
        self.sync()
        if self._file is not None:
            self._file.close()
            self._file = None
        return self.path if self.path.exists() else None

    def abandon(self) -> None:
        """Let go of the file after an error; `recover` of the next run mends what is torn."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Packing(threading.Thread):
    """Packs a journal beside its writer, so that closing it later costs next to nothing.

    The .gz grows outside the folder; `finish` reads it back, compares, and renames it in. The plain journal is left
    to the caller.
    """

    def __init__(self, journal: Path, scratch: Path) -> None:
        super().__init__(name="pack-journal", daemon=True)
        self._final = journal.with_name(f"{journal.name}.gz")
        self._temporary = scratch / self._final.name
        self._blocks: queue.Queue[bytes | None] = queue.Queue(maxsize=QUEUED_BLOCKS)
        self._error: Exception | None = None
        self._checksum = self._size = 0
        make_folder(scratch)

    def add(self, block: bytes) -> None:
        """Hand over bytes as they were written to the journal."""
        self._blocks.put(block)

    def run(self) -> None:
        """Pack until the end is announced; after an error only take blocks, so that nobody waits for ever."""
        packed: gzip.GzipFile | None = None
        while (block := self._blocks.get()) is not None:
            try:
                if self._error is None:
                    packed = packed or self._open()
                    self._checksum, self._size = zlib.crc32(block, self._checksum), self._size + len(block)
                    packed.write(block)
            except OSError as error:
                self._error = error
        try:
            (packed or self._open()).close()
        except OSError as error:
            self._error = self._error or error

    def _open(self) -> gzip.GzipFile:
        return gzip.GzipFile(self._temporary, "wb", compresslevel=GZIP_LEVEL, mtime=0)

    def finish(self) -> Path:
        """The packed journal, in its place and durable."""
        self._blocks.put(None)
        self.join()
        with disk_errors(self._final):
            if self._error is not None:
                raise self._error
            if _read_back(self._temporary) != (self._checksum, self._size):
                raise CorruptData(
                    f"{self._temporary} did not read back as it was written",
                    "check the disk; the plain journal is untouched",
                )
            move_into_place(self._temporary, self._final)
        return self._final


def compress(journal: Path, scratch: Path) -> Path:
    """Pack a finished journal; the plain one is left to the caller."""
    packing = Packing(journal, scratch)
    packing.start()
    with disk_errors(journal), journal.open("rb") as plain:
        while block := plain.read(BLOCK):
            packing.add(block)
    return packing.finish()


def check_archive(journal: Path) -> None:
    """Read a packed journal through: DuckDB does not notice a wrong checksum. Raises CorruptData."""
    if journal.suffix == ".gz":
        try:
            _refuse_empty(journal)
            _read_back(journal)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(journal, error) from error


def _refuse_empty(archive: Path) -> None:
    """An archive of no bytes unpacks to nothing without complaint; none was ever written like that."""
    if archive.stat().st_size == 0:
        raise EOFError


def _read_back(path: Path) -> tuple[int, int]:
    checksum = size = 0
    with gzip.open(path, "rb") as packed:
        while block := packed.read(BLOCK):
            checksum, size = zlib.crc32(block, checksum), size + len(block)
    return checksum, size


def recover(layout: Layout) -> list[str]:
    """Mend what a killed run left: cut torn last lines, drop half-made files. Returns a line for each mend.

    Only under the writer's lock: an open journal of another process would be cut.
    """
    mends = []
    shutil.rmtree(layout.scratch, ignore_errors=True)
    for half_made in (*layout.state.glob(".*.tmp"), *layout.warehouse.parent.glob(".*.tmp")):
        half_made.unlink()
    for kind in KINDS:
        for run_id, path in layout.journals(kind).items():
            if path.suffix != ".jsonl":
                continue
            if cut := cut_torn_line(path):
                mends.append(f"{kind}/{run_id}: cut {cut} bytes of a torn last line")
            if path.stat().st_size == 0:
                path.unlink()
    return mends


def cut_torn_line(path: Path) -> int:
    """Cut bytes behind the last whole line off a journal; returns how many."""
    with disk_errors(path), path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end and not _is_whole_line(file, start := _line_start(file, end), end):
            end = start
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
    return size - end


def _line_start(file: IO[bytes], end: int) -> int:
    """Offset of the first byte of the line that ends at `end` (its newline included)."""
    position = end - 1
    while position > 0:
        block_start = max(0, position - BLOCK)
        file.seek(block_start)
        found = file.read(position - block_start).rfind(b"\n")
        if found >= 0:
            return block_start + found + 1
        position = block_start
    return 0


def _is_whole_line(file: IO[bytes], start: int, end: int) -> bool:
    file.seek(start)
    line = file.read(end - start)
    if not line.endswith(b"\n"):
        return False
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


@dataclass(frozen=True)
class Lines:
    """Lines of a journal: behind `after_seq`, up to `until_seq` (None: its end), of the entities `ids` (None: all).

    `kept` says of which kinds: body and same, or whatever was answered.
    """

    journal: Path
    after_seq: int = 0
    until_seq: int | None = None
    ids: frozenset[int] | None = None
    kept: re.Pattern[bytes] = KEPT

    def of_bodies(self) -> Iterator[bytes]:
        """Those lines."""
        for line in _lines(self.journal):
            if self.until_seq is not None and (not line.endswith(b"\n") or _seq(line) > self.until_seq):
                return
            if self.kept.match(line) and _seq(line) > self.after_seq and self._wants(line):
                yield line

    def _wants(self, line: bytes) -> bool:
        if self.ids is None:
            return True
        found = ENTITY.match(line)
        return found is not None and int(found[1]) in self.ids


def body_portions(pieces: Iterable[Lines], scratch: Path, max_bytes: int) -> Iterator[list[Path]]:
    """Copy body and same lines into files, `max_bytes` a portion.

    Details are tens of kilobytes; a vector of 2,048 of them would be a hundred megabytes, so SQL gets them in
    portions. A file keeps its journal's name, which is the run; a portion lives until the next one is asked for.
    """
    folder = scratch / "portion"
    make_folder(folder)
    portion: dict[str, list[bytes]] = {}
    size = 0
    for piece in pieces:
        name = piece.journal.name.removesuffix(".gz")
        for line in piece.of_bodies():
            if portion and size + len(line) > max_bytes:
                yield _write_portion(folder, portion)
                portion, size = {}, 0
            portion.setdefault(name, []).append(line)
            size += len(line)
    if portion:
        yield _write_portion(folder, portion)


def _write_portion(folder: Path, pieces: dict[str, list[bytes]]) -> list[Path]:
    for left_over in folder.iterdir():
        left_over.unlink()
    paths = []
    for name, lines in pieces.items():
        path = folder / name
        with disk_errors(path):
            path.write_bytes(b"".join(lines))
        paths.append(path)
    return paths


def summary_heads(journal: Path) -> Iterator[SummaryHead]:
    """The lines of an activities journal, in order, without what they carry."""
    return read_lines(journal, SUMMARY_HEAD)


def noted_ids(journal: Path) -> Iterator[int]:
    """Ids a journal has any answer for: body, same or absent."""
    for head in read_lines(journal, HEAD):
        if head.id is not None and head.kind != "listing":
            yield head.id


def has_absences(journal: Path) -> bool:
    """True when some activity was asked for and answered with 404."""
    return any(ABSENT.match(line) for line in _lines(journal))


def has_bodies(journal: Path) -> bool:
    """True when some body came, or came again unchanged."""
    return any(KEPT.match(line) for line in _lines(journal))


def read_lines(journal: Path, decoder: msgspec.json.Decoder[OneLine]) -> Iterator[OneLine]:
    """The lines of a journal, in order. Raises CorruptData for one that the decoder refuses."""
    for line in _lines(journal):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _damaged(journal, error) from error


def _damaged(journal: Path, error: Exception) -> CorruptData:
    return CorruptData(
        f"The journal {journal} is damaged ({type(error).__name__})",
        "bring that file back from a backup, or move it away and run `strava-stats compact --rebuild`",
    )


def last_seq(journal: Path) -> int:
    """Number of the last whole line of an open journal, 0 when it holds none; its writer may be adding to it."""
    with journal.open("rb") as file:
        end = _line_start(file, file.seek(0, os.SEEK_END) + 1)
        if end == 0:
            return 0
        file.seek(_line_start(file, end))
        return _seq(file.readline())


def _seq(line: bytes) -> int:
    return int(line[7 : line.index(b",", 7)])


def _lines(journal: Path) -> Iterator[bytes]:
    with disk_errors(journal), gzip.open(journal) if journal.suffix == ".gz" else journal.open("rb") as file:
        try:
            if journal.suffix == ".gz":
                _refuse_empty(journal)
            yield from file
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(journal, error) from error
