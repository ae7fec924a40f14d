"""kill -9 in one process: at the n-th call or file operation the disk is set aside as it is, and nothing goes on."""

from __future__ import annotations

import gc
import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

from strava_stats.lake.bronze import Packing

OPERATIONS = ("fsync", "replace", "rename", "unlink", "ftruncate", "pwrite", "mkdir")
"""Calls of the operating system at which a run can be killed."""


class Killed(BaseException):
    """The process ends here; no `except Exception` may see it."""


class Killer:
    """Kills the run inside `armed` and lets `bury` put the disk back to what it was at that moment.

    `finally` blocks do run in a process that lives on: they are cut short at their next call or file operation, and
    what they did to the disk until then is undone by `bury`.
    """

    def __init__(self, home: Path, aside: Path) -> None:
        self.home = home
        self.aside = aside
        self.dead = False
        self.operations = 0
        self._deadline: int | None = None
        self._held = threading.RLock()

    @contextmanager
    def armed(self, at_operation: int | None = None) -> Iterator[None]:
        """Count file operations, and kill before the one with this number."""
        self.dead, self.operations, self._deadline = False, 0, at_operation
        with ExitStack() as patched:
            for name in OPERATIONS:
                patched.enter_context(mock.patch.object(os, name, self._tapped(getattr(os, name))))
            yield

    def kill(self, torn_bytes: int = 0) -> NoReturn:
        """Set the disk aside as it is, less the last bytes of an open journal of summaries, and raise Killed."""
        with self._held:
            if not self.dead:
                deadline, self._deadline = self._deadline, None
                shutil.rmtree(self.aside, ignore_errors=True)
                shutil.copytree(self.home, self.aside, copy_function=_copy, dirs_exist_ok=True)
                self._deadline = deadline
                self.dead = True
                if torn_bytes:
                    tear(self.aside, torn_bytes)
        raise Killed

    def check(self) -> None:
        """Raise Killed in a process that is dead."""
        if self.dead:
            raise Killed

    def bury(self) -> None:
        """Put the disk back to the moment of the kill and let go of what the dead run holds."""
        for thread in threading.enumerate():
            if isinstance(thread, Packing):
                thread._blocks.put(None)
                thread.join()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # files that a dead process had open
            gc.collect()
        shutil.rmtree(self.home)
        shutil.move(self.aside, self.home)
        self.dead = False

    def _tapped(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def tapped(*args: Any, **kwargs: Any) -> Any:
            with self._held:
                self.check()
                self.operations += 1
                if self._deadline is not None and self.operations >= self._deadline:
                    self._deadline = None
                    self.kill()
            return operation(*args, **kwargs)

        return tapped


def tear(home: Path, count: int) -> None:
    """Cut up to `count` bytes off the last line of the open journal of summaries, as a power cut does."""
    for path in (home / "data" / "bronze" / "activities").glob("*.jsonl"):
        content = path.read_bytes()
        last_line = len(content) - (content[:-1].rfind(b"\n") + 1)
        path.write_bytes(content[: len(content) - min(count, last_line)])


def _copy(source: str, target: str) -> None:
    """A file may be renamed away by another thread meanwhile."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)
