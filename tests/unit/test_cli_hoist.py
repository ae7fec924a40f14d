"""Global options work before and behind the command."""

from __future__ import annotations

import pytest

from strava_stats.cli.main import hoist_global_options


@pytest.mark.parametrize(
    ("given", "hoisted"),
    [
        ([], []),
        (["flow"], ["flow"]),
        (["flow", "--json"], ["--json", "flow"]),
        (["--json", "flow"], ["--json", "flow"]),
        (["flow", "--days", "3", "-v", "-q", "--json"], ["-v", "-q", "--json", "flow", "--days", "3"]),
        (["pull", "--athlete", "7", "--all"], ["--athlete", "7", "pull", "--all"]),
        (["pull", "--athlete=7", "--all"], ["--athlete=7", "pull", "--all"]),
        (
            ["status", "--data-dir", "a b", "--secrets-dir=s", "--logs-dir", "--json"],
            ["--data-dir", "a b", "--secrets-dir=s", "--logs-dir", "--json", "status"],
        ),
        (["sql", "select '--json'"], ["sql", "select '--json'"]),
        (["sql", "-- a comment\nselect 1"], ["sql", "-- a comment\nselect 1"]),
        (["sql", "--", "--json"], ["sql", "--", "--json"]),
        (["sql", "--json", "--", "-v", "--athlete"], ["--json", "sql", "--", "-v", "--athlete"]),
        (["pull", "--athlete"], ["pull", "--athlete"]),
        (
            ["auth", "--code", "http://localhost/?code=x&athlete=5"],
            ["auth", "--code", "http://localhost/?code=x&athlete=5"],
        ),
        (["flow", "--jsonx", "--athletes", "5"], ["flow", "--jsonx", "--athletes", "5"]),
    ],
)
def test_global_options_move_to_the_front(given: list[str], hoisted: list[str]) -> None:
    """Global options and their values move to the front in their order; all else, and what follows --, stays."""
    arguments = list(given)
    assert hoist_global_options(arguments) == hoisted
    assert arguments == given


@pytest.mark.parametrize("joined", ["-qv", "-vq"])
def test_short_flags_can_be_joined(joined: str) -> None:
    """Joined short flags move to the front like single ones."""
    assert hoist_global_options(["flow", joined]) == [joined, "flow"]


def test_a_second_pass_changes_nothing() -> None:
    """What is in front already stays as it is."""
    once = hoist_global_options(["pull", "--athlete", "7", "--json", "--", "-v"])
    assert hoist_global_options(once) == once
