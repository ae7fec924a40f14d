"""Every failure a user can meet, with its exit code and its cure.

    StravaStatsError            1  (a bug when it is raised as such)
    ├── UsageError              2
    ├── CorruptData            65
    ├── StravaUnreachable      69
    ├── TryAgainLater          75
    │   ├── RateLimited
    │   ├── Locked
    │   └── DiskFull
    ├── NotAuthorised          77
    │   ├── ScopeMissing
    │   └── ApplicationInactive
    └── ConfigurationError     78

`message` says what happened, `hint` what to do; together they are one line. Neither may hold a secret or a
coordinate: answers of the API are never quoted in them.
"""

from __future__ import annotations

from typing import ClassVar


class StravaStatsError(Exception):
    """Base of all expected failures; `str()` of it is the one line shown to the user."""

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "bug"

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}"


class UsageError(StravaStatsError):
    """The command line asks for something that makes no sense."""

    exit_code = 2
    kind = "usage"


class CorruptData(StravaStatsError):
    """Bytes on disk are not what was written there."""

    exit_code = 65
    kind = "corrupt_data"


class StravaUnreachable(StravaStatsError):
    """Strava (or the way to it) did not answer after all tries, or answered with what is no API answer."""

    exit_code = 69
    kind = "unreachable"


class TryAgainLater(StravaStatsError):
    """Nothing is wrong for good; the same command will work later."""

    exit_code = 75
    kind = "try_again_later"


class RateLimited(TryAgainLater):
    """The API budget of this window or day is used up."""

    kind = "rate_limited"


class Locked(TryAgainLater):
    """Another run is writing."""

    kind = "locked"


class DiskFull(TryAgainLater):
    """No room left where the data lies."""

    kind = "disk_full"


class NotAuthorised(StravaStatsError):
    """No token, a dead token, or wrong application credentials."""

    exit_code = 77
    kind = "not_authorised"


class ScopeMissing(NotAuthorised):
    """The athlete did not grant a scope that the call needs."""

    kind = "scope_missing"


class ApplicationInactive(NotAuthorised):
    """403 Application/Status/Inactive: since 2026-06-30 the owner of the application needs a subscription."""

    kind = "application_inactive"


class ConfigurationError(StravaStatsError):
    """A setting, a file mode or a folder has to be changed by the user."""

    exit_code = 78
    kind = "configuration"


def interrupted() -> StravaStatsError:
    """What a command that was told to end says, and its run is recorded with."""
    return StravaStatsError("Interrupted", "run the same command again: it goes on where it was")
