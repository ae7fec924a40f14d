"""Parsing, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import typer

from strava_stats.cli.app import app, report
from strava_stats.cli.context import INTERRUPTED
from strava_stats.errors import StravaStatsError, UsageError, interrupted
from strava_stats.settings import load_settings

GLOBAL_FLAGS = frozenset({"--json", "-v", "--verbose", "-q", "--quiet"})
JOINED_FLAGS = re.compile(r"-[vq]+")
GLOBAL_VALUES = frozenset({"--athlete", "--data-dir", "--secrets-dir", "--logs-dir"})
# typer carries a click of its own in newer releases: its exceptions are found through the names it exports
MISTYPED: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def hoist_global_options(arguments: Sequence[str]) -> list[str]:
    """Move global options to the front, so that `flow --json` works like `--json flow`."""
    front: list[str] = []
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        argument = pending.pop(0)
        if argument == "--":
            rest += [argument, *pending]
            break
        if (
            argument in GLOBAL_FLAGS
            or JOINED_FLAGS.fullmatch(argument)
            or (argument.split("=")[0] in GLOBAL_VALUES and "=" in argument)
        ):
            front.append(argument)
        elif argument in GLOBAL_VALUES and pending:
            front += [argument, pending.pop(0)]
        else:
            rest.append(argument)
    return front + rest


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command; exits with its code."""
    _open_missing_streams()
    given = hoist_global_options(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    verbose = any(one == "--verbose" or (JOINED_FLAGS.fullmatch(one) and "v" in one) for one in given)
    started = datetime.now(UTC)
    from strava_stats.cli import (  # noqa: PLC0415 - they register their commands
        auth,  # noqa: F401
        bulk,  # noqa: F401
        care,  # noqa: F401
        export,  # noqa: F401
        inspect,  # noqa: F401
        local,  # noqa: F401
        schedule,  # noqa: F401
        sync,  # noqa: F401
    )

    known = {info.name or info.callback.__name__ for info in app.registered_commands if info.callback}
    command = next((one for one in given if one in known), "")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = typer.main.get_command(app).main(given, prog_name="strava-stats", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into its exit code, without a word
            raise KeyboardInterrupt  # noqa: TRY301 - it is reported right below
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the CLI's last line
        code = _report(error, command, started, as_json=as_json, verbose=verbose)
    sys.exit(code if isinstance(code, int) else 0)


def _open_missing_streams() -> None:
    """A shell may have closed one (`2>&-`): what goes there is lost, and goes nowhere else."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until we end


def _interrupt(*_: Any) -> NoReturn:
    """SIGTERM ends a command as Ctrl-C does: what has been fetched is kept and published."""
    raise KeyboardInterrupt


def _report(error: BaseException, command: str, started: datetime, *, as_json: bool, verbose: bool) -> int:
    """Say what happened and what to do, in one line; the exit code."""
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    explained = explain(error)
    if verbose and not isinstance(error, MISTYPED):
        import traceback  # noqa: PLC0415

        traceback.print_exception(error, file=sys.stderr)
    print(f"strava-stats: {explained}", file=sys.stderr)
    if as_json and not getattr(error, "reported", False):
        from strava_stats.cli.output import print_json  # noqa: PLC0415

        print_json(report(command, "failed", started, error=explained))
    return INTERRUPTED if isinstance(error, KeyboardInterrupt | typer.Abort) else explained.exit_code


def explain(error: BaseException) -> StravaStatsError:
    """Any exception as an error with a cure."""
    from strava_stats.files import explain_os_error  # noqa: PLC0415

    if isinstance(error, StravaStatsError):
        return error
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return interrupted()
    if isinstance(error, MISTYPED):
        # Make hands settings on as options (DAYS as --since-days): then the setting is what has to be mended.
        try:
            load_settings()
        except StravaStatsError as wrong_setting:
            return wrong_setting
        return UsageError(said(error), "see `strava-stats --help`")
    if isinstance(error, OSError) and error.filename:
        known = explain_os_error(error, Path(str(error.filename)))
        if known is not None:
            return known
    return StravaStatsError(
        f"This is a bug: {type(error).__name__}: {' '.join(str(error).split())[:200]}",
        "run it again with -v and report what it prints",
    )


def said(error: Any) -> str:
    """What an error of the command line's parser says."""
    return str(error.format_message()).rstrip(".")
