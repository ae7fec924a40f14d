"""A small coverage-guided fuzzer: bytes that reach a new line of the code under test are kept and changed further.

Lines are seen by sys.monitoring (Python 3.12 and newer; each line reports once and is then free) or sys.settrace.
"""

from __future__ import annotations

import base64
import faulthandler
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

TOOL = 4
"""A tool id of sys.monitoring that debuggers, profilers and coverage leave free."""
INTERESTING = (0, 1, 2, 4, 7, 12, 14, 16, 31, 32, 63, 64, 127, 128, 192, 253, 254, 255)


@dataclass
class Coverage:
    """The lines of the files below `folder` that were ever run."""

    folder: str
    lines: set[tuple[str, int]] = field(default_factory=set)

    def monitored(self) -> Any:
        """A context in which lines are counted."""
        return self._by_monitoring() if sys.version_info >= (3, 12) else self._by_tracing()

    @contextmanager
    def _by_monitoring(self) -> Any:
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]

        def line(code: CodeType, number: int) -> Any:
            if code.co_filename.startswith(self.folder):
                self.lines.add((code.co_filename, number))
            return monitoring.DISABLE

        monitoring.use_tool_id(TOOL, "fuzzing")
        monitoring.register_callback(TOOL, monitoring.events.LINE, line)
        monitoring.set_events(TOOL, monitoring.events.LINE)
        try:
            yield
        finally:
            monitoring.set_events(TOOL, 0)
            monitoring.free_tool_id(TOOL)

    @contextmanager
    def _by_tracing(self) -> Any:
        seen = self.lines

        def line(frame: FrameType, event: str, _: Any) -> Any:
            if event == "line":
                seen.add((frame.f_code.co_filename, frame.f_lineno))
            return line

        def call(frame: FrameType, event: str, _: Any) -> Any:
            return line if frame.f_code.co_filename.startswith(self.folder) else None

        before = sys.gettrace()
        sys.settrace(call)
        try:
            yield
        finally:
            sys.settrace(before)


def mutate(chance: random.Random, corpus: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """One of the corpus, changed in a few places."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        # half of the changes lie where definitions and headers are
        at = min(at, chance.randrange(300)) if chance.random() < 0.5 else at
        piece = slice(at, at + chance.choice((1, 2, 4, 16, 100)))
        match chance.randrange(8):
            case 0:
                data[at : at + 1] = bytes([chance.choice(INTERESTING)])
            case 1:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 2:
                del data[piece]
            case 3:
                data[at:at] = data[piece]
            case 4:
                other = chance.choice(corpus)
                place = chance.randrange(len(other) + 1)
                data[at:at] = other[place : place + 200]
            case 5:
                data[at:at] = chance.choice(words)
            case 6:
                data[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
            case _:
                del data[at:]
    return bytes(data)


def fuzz(
    target: Callable[[bytes], object],
    seeds: Sequence[bytes],
    *,
    seconds: float,
    folder: Path,
    allowed: type[Exception],
    words: Sequence[bytes],
    seed: int,
) -> int:
    """Attack `target` for so many seconds; the number of tries.

    It may return or raise `allowed`; anything else fails the test with the bytes in base64. A crash of the
    interpreter leaves the bytes in a file whose name is printed first.
    """
    chance, coverage, corpus, tries = random.Random(seed), Coverage(str(folder)), list(seeds), 0  # noqa: S311
    faulthandler.enable()
    end = time.monotonic() + seconds
    with tempfile.NamedTemporaryFile(prefix="fuzzed-", delete=False) as last:
        print(f"seed {seed}; the bytes of the try under way are in {last.name}")  # noqa: T201 - shown on a failure
        while tries < len(seeds) or time.monotonic() < end:
            data = seeds[tries] if tries < len(seeds) else mutate(chance, corpus, words)
            last.seek(0)
            last.truncate()
            last.write(data)
            last.flush()
            known = len(coverage.lines)
            try:
                with coverage.monitored():
                    target(data)
            except allowed:
                pass
            except BaseException as error:  # noqa: BLE001 - any other error is the find
                text = base64.b64encode(data).decode()
                pytest.fail(f"seed {seed}, try {tries}: {type(error).__name__}: {error}\n{text}")
            if len(coverage.lines) > known and len(data) < 100_000:
                corpus.append(data)
            tries += 1
    Path(last.name).unlink()
    print(f"{tries} tries, {len(coverage.lines)} lines, {len(corpus)} kept")  # noqa: T201 - shown with -s
    return tries
