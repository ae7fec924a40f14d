"""The token file: all athletes' tokens, 0600, replaced as a whole under a lock that a killed process lets go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from strava_stats.clock import Clock
from strava_stats.errors import ConfigurationError, CorruptData, DiskFull, Locked
from strava_stats.files import disk_errors, make_folder, write_atomic

FILE_NAME = "strava_token.json"
LOCK_NAME = "strava_token.lock"
FILE_MODE = 0o600
FOLDER_MODE = 0o700
LOCK_SECONDS = 60.0
VERSION = 1
SECRET = re.compile(r"[\x21-\x7e]{1,4096}")
"""What may stand in a header: a stray line break would be quoted in an HTTP library's error."""


@dataclass(frozen=True, slots=True)
class Token:
    """One athlete's tokens. `expires_at` and `obtained_at` are epoch seconds; `scopes` None means not known."""

    athlete_id: int
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: int
    scopes: tuple[str, ...] | None
    client_id: str
    obtained_at: int
    name: str | None = None


class TokenStore:
    """`strava_token.json` in the secrets folder; every method may raise CorruptData, ConfigurationError, DiskFull."""

    def __init__(self, secrets_dir: Path, clock: Clock) -> None:
        self.path = secrets_dir / FILE_NAME
        self._clock = clock
        self._lock = FileLock(secrets_dir / LOCK_NAME, mode=FILE_MODE)

    def __repr__(self) -> str:
        return f"TokenStore({str(self.path)!r})"

    def load(self) -> dict[int, Token]:
        """All tokens by athlete id; {} when there is no file. A mode wider than 0600 is tightened."""
        try:
            with disk_errors(self.path):
                content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        self._tighten()
        try:
            return _decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, ValueError, KeyError) as error:
            raise CorruptData(
                f"{self.path} is not a token file of this version ({type(error).__name__})",
                "restore it from a backup, or run `strava-stats auth`, which keeps a copy and writes it anew",
            ) from None

    def save(self, token: Token, *, replace_corrupt: bool = False) -> None:
        """Store `token`, durable when this returns. `replace_corrupt` (auth only): a broken file is set aside first.

        Raises Locked when another process holds the lock for a minute.
        """
        with self.locked():
            try:
                tokens = self.load()
            except CorruptData:
                if not replace_corrupt:
                    raise
                self._set_aside()
                tokens = {}
            known = tokens.get(token.athlete_id)
            tokens[token.athlete_id] = token
            try:
                self._write(tokens)
            except (DiskFull, ConfigurationError):
                # A rotated token: what is stored may be dead, and over it there is room also on a full disk.
                if known is None or known.refresh_token == token.refresh_token:
                    raise
                self._overwrite(tokens)

    def remove(self, athlete_id: int) -> None:
        """Forget the token of `athlete_id`, if there is one."""
        with self.locked():
            tokens = self.load()
            if tokens.pop(athlete_id, None) is not None:
                self._write(tokens)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file against other processes and threads; may be nested. Raises Locked after a minute."""
        make_folder(self.path.parent, FOLDER_MODE)
        try:
            with disk_errors(self.path.with_name(LOCK_NAME)):
                self._lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise Locked(
                "Another process has held the token file for a minute", "run the same command again when it is done"
            ) from None
        try:
            yield
        finally:
            self._lock.release()

    def _write(self, tokens: dict[int, Token]) -> None:
        for leftover in self.path.parent.glob(f".{FILE_NAME}.*.tmp"):  # of a killed process: we hold the lock
            with suppress(OSError):
                leftover.unlink()
        write_atomic(self.path, _encode(tokens), mode=FILE_MODE)

    def _overwrite(self, tokens: dict[int, Token]) -> None:
        with disk_errors(self.path), self.path.open("r+b") as file:
            file.write(_encode(tokens))
            file.truncate()
            os.fsync(file.fileno())

    def _tighten(self) -> None:
        # Some mounts have no modes and foreign files cannot be changed: `doctor` reports those.
        with suppress(OSError):
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(FILE_MODE)

    def _set_aside(self) -> None:
        copy = self.path.with_name(f"{FILE_NAME}.corrupt-{self._clock.now():%Y%m%dT%H%M%SZ}")
        with disk_errors(copy):
            self.path.rename(copy)


def is_secret(value: Any) -> bool:
    """Whether `value` can be a token: printable ASCII without blanks."""
    return isinstance(value, str) and SECRET.fullmatch(value) is not None


def _encode(tokens: dict[int, Token]) -> bytes:
    entries = {
        str(token.athlete_id): {k: v for k, v in _fields(token) if v is not None or k == "scopes"}
        for token in tokens.values()
    }
    return msgspec.json.format(msgspec.json.encode({"version": VERSION, "athletes": entries}), indent=2) + b"\n"


def _fields(token: Token) -> list[tuple[str, Any]]:
    return [(name, getattr(token, name)) for name in Token.__slots__]


def _decode(content: bytes) -> dict[int, Token]:
    value = msgspec.json.decode(content)
    if value["version"] != VERSION:
        raise ValueError("version")
    entries = msgspec.convert(value["athletes"], dict[str, Token])
    tokens = {int(key): token for key, token in entries.items()}
    for athlete_id, token in tokens.items():
        if token.athlete_id != athlete_id or not is_secret(token.access_token) or not is_secret(token.refresh_token):
            raise ValueError("entry")
    return tokens
