"""One log a command: for people and as JSON Lines, both made of the same events.

`<logs>/flow/YYYY/MM/DD/flow_<stamp>.log` and `<logs>/flow/structured/YYYY/MM/DD/flow_<stamp>.jsonl`, days and stamps
in UTC; `<logs>/flow/latest.log` points at the newest. What the events hold is told in docs/logs.md. A log that cannot
be written is said once and stops nothing.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import threading
import time
from collections.abc import Callable, Collection, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import structlog

from strava_stats.clock import Clock
from strava_stats.narration import Narrator
from strava_stats.redaction import Redactor

KEEP_PLAIN = timedelta(days=14)
KEEP_STRUCTURED = timedelta(days=30)
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"flow_(\d{8}T\d{6}Z)(?:_\d+)?\.(log|jsonl)")
PROGRESS_EVERY = 60.0  # seconds between two lines about the same task

Event = MutableMapping[str, Any]


class RunLog:
    """The two files of one command; `warn` is told once when they cannot be written."""

    def __init__(
        self, folder: Path, clock: Clock, command: str, secrets: Collection[str] = (), *, warn: Callable[[str], None]
    ) -> None:
        self._folder = folder / "flow"
        self._clock = clock
        self._warn = warn
        self._redact = Redactor(secrets)
        self._lock = threading.Lock()
        self._files: list[TextIO] = []
        self._is_broken = False
        stamp = clock.now().astimezone(UTC).strftime(STAMP)
        self._logger = structlog.wrap_logger(
            _Lines(self._write),
            processors=[self._stamp, self._clean, _as_both],
            wrapper_class=structlog.BoundLogger,
        ).bind(run_id=stamp, athlete_id=None, command=command)

    def __enter__(self) -> Self:
        try:
            prune(self._folder, self._clock.now())
            self._open()
        except OSError as error:
            self._give_up(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for file in self._files:
            with suppress(OSError):
                file.close()
        self._files = []

    def bind(self, **fields: Any) -> None:
        """Every line from here on bears these."""
        self._logger = self._logger.bind(**fields)

    def event(self, name: str, level: str = "info", **fields: Any) -> None:
        """One line in both files."""
        self._logger.msg(name, level=level, **fields)

    def _open(self) -> None:
        now = self._clock.now().astimezone(UTC)
        day = f"{now:%Y/%m/%d}"
        plain = self._folder / day
        structured = self._folder / "structured" / day
        for folder in (plain, structured):
            folder.mkdir(parents=True, exist_ok=True)
        numbers = itertools.count(2)
        name = f"flow_{now.strftime(STAMP)}"
        while (plain / f"{name}.log").exists() or (structured / f"{name}.jsonl").exists():
            name = f"flow_{now.strftime(STAMP)}_{next(numbers)}"
        for path in (plain / f"{name}.log", structured / f"{name}.jsonl"):
            # Not strict: the name of a file may be no text.
            self._files.append(path.open("a", encoding="utf-8", errors="backslashreplace"))
        _point(self._folder / "latest.log", plain / f"{name}.log")

    def _stamp(self, _: Any, __: str, event: Event) -> Event:
        event["timestamp"] = self._clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
        return event

    def _clean(self, _: Any, __: str, event: Event) -> Event:
        cleaned: Event = self._redact(event)
        return cleaned

    def _write(self, texts: tuple[str, str]) -> None:
        with self._lock:
            try:
                for file, text in zip(self._files, texts, strict=False):
                    file.write(text + "\n")
                    file.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._files = []
        if not self._is_broken:
            self._is_broken = True
            self._warn(f"No log is written to {self._folder}: {error.strerror or error}; check LOGS_DIR and its disk")


class _Lines:
    """Where structlog's last processor hands its result."""

    def __init__(self, write: Callable[[tuple[str, str]], None]) -> None:
        self._write = write

    def msg(self, plain: str, structured: str) -> None:
        self._write((plain, structured))


def _as_both(_: Any, __: str, event: Event) -> tuple[tuple[str, str], dict[str, Any]]:
    return (_as_line(dict(event)), _as_json(event)), {}


FIRST_KEYS = ("timestamp", "level", "event", "run_id", "athlete_id", "command")


def _as_json(event: Event) -> str:
    ordered = {key: event[key] for key in FIRST_KEYS} | dict(event)
    return json.dumps(ordered, ensure_ascii=False)


def _as_line(event: dict[str, Any]) -> str:
    """`time LEVEL run text`; a newline in a text must not make a second line."""
    head = f"{event.pop('timestamp')} {event.pop('level').upper():<7} {event.pop('run_id')}"
    event.pop("athlete_id")
    event.pop("command")
    name = event.pop("event")
    text = (
        str(event.pop("text"))
        if name == "message"
        else " ".join([name, *(_pair(one) for one in event.items() if one[1] is not None)])
    )
    return f"{head} {text}".replace("\r", " ").replace("\n", " ⏎ ")


def _pair(item: tuple[str, Any]) -> str:
    key, value = item
    return f"{key}={value if isinstance(value, int | float | str) else json.dumps(value, ensure_ascii=False)}"


def _point(link: Path, target: Path) -> None:
    """`link` → `target`, in one step; where links cannot be made (some network drives), nothing points."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(target, link.parent))
        temporary.replace(link)


def prune(folder: Path, now: datetime) -> None:
    """Remove logs older than they are kept, by the stamp in their names; and folders that this leaves empty."""
    for path in sorted(folder.rglob("flow_*"), reverse=True):
        named = NAME.fullmatch(path.name)
        if named is None:
            continue
        # Each on its own: what cannot be removed, or bears no time after all, stops nothing.
        with suppress(OSError, ValueError):
            age = now - datetime.strptime(named[1], STAMP).replace(tzinfo=UTC)
            if age > (KEEP_PLAIN if named[2] == "log" else KEEP_STRUCTURED):
                path.unlink(missing_ok=True)
                for parent in list(path.parents)[:3]:  # day, month, year
                    parent.rmdir()


class LoggedNarrator:
    """Tells a narrator and the log the same."""

    def __init__(self, inner: Narrator, log: RunLog) -> None:
        self._inner = inner
        self._log = log
        self._told: dict[str, float] = {}

    def say(self, text: str) -> None:
        """One line worth reading."""
        self._inner.say(text)
        self._log.event("message", text=text)

    def warn(self, text: str) -> None:
        """One line that needs attention."""
        self._inner.warn(text)
        self._log.event("message", "warning", text=text)

    def progress(self, task: str, done: int, total: int | None) -> None:
        """Moves the bar; a line in the log once a minute, so that a long wait can be told from a hang."""
        self._inner.progress(task, done, total)
        now = time.monotonic()
        if now - self._told.setdefault(task, now) >= PROGRESS_EVERY:
            self._told[task] = now
            self._log.event("progress", task=task, done=done, total=total)

    def pause(self) -> None:
        """Takes the bars off the screen."""
        self._inner.pause()

    def begin(self, run_id: str, athlete_id: int | None) -> None:
        """What follows belongs to this run."""
        self._inner.begin(run_id, athlete_id)
        self._log.bind(run_id=run_id, athlete_id=athlete_id)

    def event(self, name: str, **fields: Any) -> None:
        """For the log alone."""
        self._inner.event(name, **fields)
        self._log.event(name, "error" if fields.get("error") else "info", **fields)
