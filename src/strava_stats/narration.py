"""What a long run tells the person in front of it; the CLI decides how it looks."""

from __future__ import annotations

from typing import Any, Protocol


class Narrator(Protocol):
    """Narration of a run; every method returns at once and never raises."""

    def say(self, text: str) -> None:
        """One line worth reading."""

    def warn(self, text: str) -> None:
        """One line about something that needs attention, but did not stop the run."""

    def progress(self, task: str, done: int, total: int | None) -> None:
        """`done` of `total` (None: unknown) of `task`; the task ends when done == total."""

    def pause(self) -> None:
        """Take a progress bar off the screen, e.g. before a long wait."""

    def begin(self, run_id: str, athlete_id: int | None) -> None:
        """What follows belongs to this run."""

    def event(self, name: str, **fields: Any) -> None:
        """Something for the log alone: the end of a stage (`stage`), of a run (`run`), or of a command (`failed`)."""


class Silent:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    def progress(self, task: str, done: int, total: int | None) -> None:
        """Nothing."""

    def pause(self) -> None:
        """Nothing."""

    def begin(self, run_id: str, athlete_id: int | None) -> None:
        """Nothing."""

    def event(self, name: str, **fields: Any) -> None:
        """Nothing."""
