"""The command line: parse → build → one call → exit code. The only place that prints or exits."""

from strava_stats.cli.main import main

__all__ = ["main"]
