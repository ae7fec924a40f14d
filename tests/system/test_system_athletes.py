"""Several athletes of one application: all in turn, each with its own trouble."""

from __future__ import annotations

import json

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava, settled_simulator
from tests.system.conftest import Serve, connect
from tests.system.test_system_rebuild import assert_same, contents


@pytest.fixture
def two(cli: Cli, serve: Serve) -> tuple[Cli, Strava, int, int]:
    """Two athletes with thirty activities each, both connected."""
    strava = serve(settled_simulator(activities=30, athletes=2))
    cli.env.update(strava.env)
    first, second = sorted(strava.simulator.world.athletes)
    for athlete in (first, second):
        connect(cli, strava, athlete)
    return cli, strava, first, second


def counts(cli: Cli) -> dict[int, int]:
    return dict(cli.rows("select athlete_id, count(*) from activities group by all"))


def kill_token(cli: Cli, strava: Strava, athlete: int) -> None:
    strava.simulator.oauth.forget(athlete)
    content = json.loads(cli.token_file.read_text())
    content["athletes"][str(athlete)]["expires_at"] = 1
    cli.token_file.write_text(json.dumps(content))


@pytest.mark.slow
def test_all_in_turn(two: tuple[Cli, Strava, int, int]) -> None:
    """Without --athlete every athlete is done; each row says whose it is."""
    cli, strava, first, second = two
    outcome = cli("flow", "--backfill", "--json").done()
    assert counts(cli) == {first: 30, second: 30}
    assert len(strava.details()) == len(set(strava.details())) == 60
    assert [(stage["athlete_id"], stage["name"]) for stage in outcome.json["stages"]] == [
        (athlete, stage) for athlete in (first, second) for stage in ("pull", "compact", "enrich")
    ]
    assert len(cli("status", "--json").done().json["athletes"]) == 2
    before = contents(cli)
    cli("compact", "--rebuild").done()
    assert_same(before, contents(cli))


def test_one_by_name(two: tuple[Cli, Strava, int, int]) -> None:
    """--athlete does one and leaves the other alone."""
    cli, _, _, second = two
    cli("--athlete", second, "flow").done()
    assert counts(cli) == {second: 30}


@pytest.mark.parametrize("which", [0, 1])
def test_one_with_a_dead_token(two: tuple[Cli, Strava, int, int], which: int) -> None:
    """The other is done nevertheless; the exit code is that of the worst."""
    cli, strava, *athletes = two
    kill_token(cli, strava, athletes[which])
    outcome = cli("flow", "--backfill", "--json").failed(77, "strava-stats auth")
    assert outcome.json["status"] == "failed"
    assert counts(cli) == {athletes[1 - which]: 30}
    assert str(athletes[which]) in outcome.failure + str(outcome.json["error"])


def test_a_budget_that_ends_with_the_first(two: tuple[Cli, Strava, int, int]) -> None:
    """When the day is used up by the first athlete the second made no progress: 75, the first's data are there."""
    cli, strava, first, _ = two
    strava.simulator.limits.set_limits((1_000, 34), (1_000, 34))
    cli("flow", "--backfill", "--json").failed(75)
    assert counts(cli).get(first) == 30
    assert {call["status"] for call in strava.simulator.calls} <= {200, 429}
    assert [call["status"] for call in strava.simulator.calls].count(429) == 0


def test_max_calls_bound_the_whole_command(two: tuple[Cli, Strava, int, int]) -> None:
    """--max-calls is for the command, not for each athlete."""
    cli, strava, *_ = two
    cli("flow", "--backfill", "--max-calls", "10")
    assert len(strava.simulator.calls) == 10


@pytest.mark.slow
def test_a_killed_run_of_one_is_not_the_others(two: tuple[Cli, Strava, int, int]) -> None:
    """Revoking one leaves the other connected."""
    cli, strava, first, second = two
    cli("--athlete", first, "auth", "--revoke").done()
    assert list(json.loads(cli.token_file.read_text())["athletes"]) == [str(second)]
    cli("flow").done()
    assert counts(cli) == {second: 30}
    assert strava.simulator.calls
