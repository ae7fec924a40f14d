"""How narration looks: progress bars on a terminal, plain lines elsewhere. Everything goes to stderr."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_EVERY = 5.0  # seconds between two plain progress lines


class TerminalNarrator:
    """Narration on stderr; `quiet` leaves only warnings."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bars = sys.stderr.isatty() and not quiet
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._shown: dict[str, float] = {}

    def say(self, text: str) -> None:
        """One line worth reading."""
        if not self.quiet:
            self._line(text)

    def warn(self, text: str) -> None:
        """One line that needs attention."""
        self._line(f"warning: {text}")

    def progress(self, task: str, done: int, total: int | None) -> None:
        """Move a task's bar, or print a line now and then."""
        if self.quiet:
            return
        if self.bars:
            self._move_bar(task, done, total)
        else:
            self._plain(task, done, total)

    def pause(self) -> None:
        """Take the bars off the screen."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._tasks.clear()

    def begin(self, run_id: str, athlete_id: int | None) -> None:
        """Nothing: the summary line at the end tells."""

    def event(self, name: str, **fields: Any) -> None:
        """Nothing: it is for the log."""

    def _line(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            with suppress(OSError):  # nobody listens any more: no reason to stop the work
                print(text, file=sys.stderr, flush=True)

    def _move_bar(self, task: str, done: int, total: int | None) -> None:
        if self._progress is None:
            self._progress = _new_progress()
            self._progress.start()
        if task not in self._tasks:
            self._tasks[task] = self._progress.add_task(task, total=total)
        self._progress.update(self._tasks[task], completed=done, total=total)

    def _plain(self, task: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        started = self._started.setdefault(task, now)
        finished = total is not None and done >= total
        if not finished and now - self._shown.get(task, started) < PLAIN_EVERY:
            return
        self._shown[task] = now
        if finished:
            del self._started[task]
            if done:
                self._line(f"{task}: {done:,} done")
        else:
            self._line(f"{task}: {_counted(done, total, now - started)}")


def _counted(done: int, total: int | None, seconds: float) -> str:
    if total is None or not done:
        return f"{done:,}"
    left = seconds / done * (total - done)
    minutes = f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s"  # noqa: PLR2004
    return f"{done:,} of {total:,}, about {minutes} left"


def _new_progress() -> Progress:
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
