"""Absence is confirmed: what a listing lacks is gone only when its own request says so, and comes back whole."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
from tests.support.sync_checks import ALWAYS, check_all, table
from tests.support.sync_world import DAY, FULL, HOUR, NARROW, World, interposed, new_world

from strava_stats.errors import StravaStatsError
from strava_stats.flow import Limits, PullOptions, Run, Steps
from strava_stats.lake.bronze import body_hash
from strava_stats.sync.plan import EnrichOptions, Mode
from strava_stats.sync.state import State

ROW = "select columns(lambda c: c <> 'fetched_at') from activity_details where activity_id = $one"
OPS = "select op from activity_versions where activity_id = $one order by observed_at"


def athlete(folder: Path, activities: int = 6, **options: Any) -> World:
    """An athlete with an activity a day, all of them listed and detailed."""
    starts = [(number + 1) * DAY for number in range(activities)]
    world = new_world(folder, starts, **{"per_page": 4, "sport_type": "Run", "distance": 1_500.0, **options})
    assert flow(world).error is None
    return world


def flow(world: World, mode: Mode = "all", *, allow_mass_delete: bool = False, max_calls: int | None = None) -> Run:
    """A whole run, whose tables have to tell what bronze tells."""
    run = world.run(
        Steps(
            pull=PullOptions(mode=mode, days=3, per_page=world.per_page, allow_mass_delete=allow_mass_delete),
            compact=True,
            enrich=EnrichOptions(since_days=ALWAYS, only_changed=True),
            limits=Limits(max_calls=max_calls),
        )
    )
    assert run is not None
    check_all(world)
    return run


def asked(world: World, stage: str = "") -> list[int]:
    """Whose own request was sent in the last run, in order."""
    return [
        one.activity_id
        for one in world.far.seen
        if one.run == world.far.run and one.kind == "detail" and stage in one.stage
    ]


def ops(world: World, one: int) -> list[str]:
    return [row[0] for row in world.rows(OPS, {"one": one})]


def newest(world: World) -> list[int]:
    return world.strava.simulator.ids()[::-1]


def test_a_deleted_activity(tmp_path: Path) -> None:
    """It costs one call, leaves all tables, and its last state stays in its versions."""
    world = athlete(tmp_path)
    gone = newest(world)[2]
    world.strava.simulator.edit(gone, name="The last name")
    flow(world)
    world.strava.simulator.delete(gone)
    run = flow(world)
    assert (run.status, asked(world)) == ("ok", [gone])
    assert set(table(world)) == set(newest(world))
    assert ops(world, gone) == ["created", "edited", "deleted"]
    query = "select before->>'name' from activity_versions where activity_id = $one and op = 'deleted'"
    assert world.rows(query, {"one": gone}) == [("The last name",)]
    flow(world)
    assert asked(world) == []


@pytest.mark.parametrize("waits", [HOUR, 40 * DAY])
def test_a_restored_activity(tmp_path: Path, waits: float) -> None:
    """It is back with its details as they were, without a call for them."""
    world = athlete(tmp_path)
    one = newest(world)[1]
    before = world.rows(ROW, {"one": one})
    laps = world.rows("select * from activity_laps where activity_id = $one", {"one": one})
    world.strava.simulator.delete(one)
    flow(world)
    world.advance(waits)
    world.strava.simulator.restore(one)
    flow(world)
    assert asked(world) == []
    assert world.rows(ROW, {"one": one}) == before
    assert world.rows("select * from activity_laps where activity_id = $one", {"one": one}) == laps
    assert ops(world, one) == ["created", "deleted", "restored"]


@pytest.mark.slow
def test_edited_while_it_was_gone(tmp_path: Path) -> None:
    """What comes back with another name shows it, has its old details at once, and is asked for anew."""
    world = athlete(tmp_path)
    one = newest(world)[1]
    world.strava.simulator.delete(one)
    flow(world)
    world.strava.simulator.restore(one)
    world.strava.simulator.edit(one, name="Back", description="again")
    world.run(Steps(pull=PullOptions(mode="all", per_page=4), compact=True))
    check_all(world)
    assert world.rows("select name from activities where id = $one", {"one": one}) == [("Back",)]
    flow(world)
    assert asked(world, "enrich") == [one]
    query = "select description from activity_details where activity_id = $one"
    assert world.rows(query, {"one": one}) == [("again",)]


@pytest.mark.slow
def test_made_private_under_a_narrow_scope(tmp_path: Path) -> None:
    """Who never saw private activities sees one vanish that is made private, and come back without a call."""
    starts = [(number + 1) * DAY for number in range(5)]
    world = new_world(tmp_path, starts, sport_type="Yoga", distance=0.0)
    world.grant(NARROW)
    flow(world)
    one = newest(world)[2]
    world.strava.simulator.make_private(one)
    flow(world)
    assert (asked(world), one in table(world)) == ([one], False)
    world.strava.simulator.make_public(one)
    flow(world)
    assert (asked(world), one in table(world)) == ([], True)


def test_a_scope_that_shrank(tmp_path: Path) -> None:
    """Private activities that are out of sight since are not asked for, and not gone; the note says what to do."""
    world = athlete(tmp_path)
    hidden = newest(world)[:2]
    for one in hidden:
        world.strava.simulator.make_private(one)
    flow(world)
    world.grant(NARROW)
    run = flow(world)
    assert (asked(world), set(table(world))) == ([], set(newest(world)))
    assert any("activity:read_all" in note for note in run.notes)
    world.grant(FULL)
    assert flow(world).notes == []
    assert set(table(world)) == set(newest(world))


@pytest.mark.slow
def test_a_scope_that_shrank_after_state_was_lost(tmp_path: Path) -> None:
    """That private activities were listed is known from the warehouse too."""
    world = athlete(tmp_path)
    world.strava.simulator.make_private(newest(world)[0])
    flow(world)
    world.lose("state")
    world.grant(NARROW)
    flow(world)
    assert (asked(world), set(table(world))) == ([], set(newest(world)))


@pytest.mark.slow
def test_a_scope_that_shrank_before_a_remembered_one_was_asked_for(tmp_path: Path) -> None:
    """What a stop left unasked is not believed to be gone either, when private activities are out of sight since."""
    world = athlete(tmp_path, per_page=100)
    one = newest(world)[1]
    world.strava.simulator.make_private(one)
    flow(world)
    world.far.hidden.add(one)
    assert flow(world, max_calls=2).status == "partial"
    world.grant(NARROW)
    flow(world)
    assert one in table(world)


def test_a_scope_that_shrank_at_once(tmp_path: Path) -> None:
    """What was public when it was listed last may be private since: under a scope that shrank nobody can tell."""
    world = athlete(tmp_path)
    world.strava.simulator.make_private(newest(world)[0])
    world.grant(NARROW)
    flow(world)
    assert (asked(world), set(table(world))) == ([], set(newest(world)))


@pytest.mark.slow
@pytest.mark.parametrize("fault", [{"status": 403}, {"action": "drop"}])
def test_a_listing_that_breaks_off(tmp_path: Path, fault: dict[str, Any]) -> None:
    """What the pages that never came would have held is not asked for."""
    world = athlete(tmp_path, 9)
    gone = newest(world)[-1]
    world.strava.simulator.delete(gone)
    world.strava.simulator.add_fault(**{"action": "status", **fault}, path="/athlete/activities", skip=1, times=None)
    run = flow(world)
    assert isinstance(run.error, StravaStatsError)
    assert (asked(world), gone in table(world)) == ([], True)
    world.strava.simulator.faults.clear()
    flow(world)
    assert (asked(world), gone in table(world)) == ([gone], False)


def test_a_listing_that_repeats_itself(tmp_path: Path) -> None:
    """A listing that was given up, because the same page came again and again, says nothing about the others."""
    world = athlete(tmp_path, 9)
    gone = newest(world)[-1]
    world.strava.simulator.delete(gone)
    page = json.dumps([world.summary(one) for one in newest(world)[:4]])
    world.strava.simulator.add_fault("body", body=page, path="/athlete/activities", times=None)
    run = flow(world)
    assert (run.status, asked(world), gone in table(world)) == ("partial", [], True)


def test_an_empty_listing(tmp_path: Path) -> None:
    """A listing that is suddenly empty deletes nothing."""
    world = athlete(tmp_path, 12)
    world.strava.simulator.add_fault("body", body="[]", path="/athlete/activities", times=None)
    run = flow(world)
    assert (asked(world), len(table(world))) == ([], 12)
    assert any("--allow-mass-delete" in note for note in run.notes)


@pytest.mark.slow
@pytest.mark.parametrize(("activities", "deleted"), [(12, 6), (9, 9), (10, 5)])
def test_no_mass_of_deletions(tmp_path: Path, activities: int, deleted: int) -> None:
    """Up to half of them, or all of fewer than ten, may go without a word."""
    world = athlete(tmp_path, activities)
    for one in newest(world)[:deleted]:
        world.strava.simulator.delete(one)
    run = flow(world)
    assert (len(asked(world)), run.notes) == (deleted, [])
    assert set(table(world)) == set(newest(world))


@pytest.mark.parametrize("activities", [10])
def test_a_mass_of_deletions(tmp_path: Path, activities: int) -> None:
    """When more than half of ten or more are gone none is asked for until that is allowed."""
    world = athlete(tmp_path, activities)
    for one in newest(world)[: activities // 2 + 1]:
        world.strava.simulator.delete(one)
    run = flow(world)
    assert (asked(world), len(table(world))) == ([], activities)
    assert any("--allow-mass-delete" in note for note in run.notes)
    run = flow(world, allow_mass_delete=True)
    assert (len(asked(world)), run.notes) == (activities // 2 + 1, [])
    assert set(table(world)) == set(newest(world))


def test_absent_and_there(tmp_path: Path) -> None:
    """What no listing shows but its own request does is live; it is asked for once a week, and paid bodies are kept."""
    world = athlete(tmp_path)
    one = newest(world)[3]
    world.far.hidden.add(one)
    world.strava.simulator.edit(one, description="seen in passing")
    flow(world)
    assert (asked(world), one in table(world)) == ([one], True)
    query = "select description from activity_details where activity_id = $one"
    assert world.rows(query, {"one": one}) == [("seen in passing",)]
    world.advance(6 * DAY)
    flow(world)
    assert (asked(world), one in table(world)) == ([], True)
    world.advance(2 * DAY)
    flow(world)
    assert (asked(world), one in table(world)) == ([one], True)
    assert ops(world, one) == ["created"]


def test_absent_and_there_and_then_gone(tmp_path: Path) -> None:
    """What was hidden and is deleted later is found out within a week."""
    world = athlete(tmp_path)
    one = newest(world)[3]
    world.far.hidden.add(one)
    flow(world)
    world.strava.simulator.delete(one)
    world.advance(8 * DAY)
    flow(world)
    assert (asked(world), one in table(world)) == ([one], False)


def test_a_404_of_one_that_is_listed(tmp_path: Path) -> None:
    """When Strava lists an activity and denies its details, it stays, and waits in quarantine."""
    world = athlete(tmp_path)
    one = newest(world)[0]
    world.strava.simulator.edit(one, name="Edited")
    world.strava.simulator.add_fault("status", status=404, path=f"/activities/{one}")
    flow(world)
    assert (asked(world, "enrich"), one in table(world)) == ([one], True)
    assert set(State(world.layout.state).quarantine()) == {("activity_details", str(one))}
    assert ops(world, one) == ["created", "edited"]


def test_a_404_of_one_that_did_not_change(tmp_path: Path) -> None:
    """The same when the listing brought nothing new of it: no later word of the listing has to outdo the 404."""
    world = athlete(tmp_path)
    one = newest(world)[0]
    world.strava.simulator.add_fault("status", status=404, path=f"/activities/{one}")
    world.run(Steps(enrich=EnrichOptions(since_days=ALWAYS)))
    check_all(world)
    world.run(Steps(compact=True, rebuild=True))
    assert (asked(world), one in table(world), ops(world, one)) == ([], True, ["created"])


@pytest.mark.parametrize("fault", [{"status": 404, "kind": "html"}, {"status": 500}, {"action": "hang"}])
def test_an_answer_that_proves_nothing(tmp_path: Path, fault: dict[str, Any]) -> None:
    """A web page's 404, an error or silence deletes nothing; the next pull asks again, also one that looks at less."""
    world = athlete(tmp_path)
    one = newest(world)[-1]
    world.strava.simulator.delete(one)
    world.strava.simulator.add_fault(**{"action": "status", **fault}, path="/activities/*", times=None)
    flow(world)
    assert one in table(world)
    world.strava.simulator.faults.clear()
    flow(world, "lite")
    assert (asked(world), one in table(world)) == ([one], False)


def test_too_few_calls(tmp_path: Path) -> None:
    """What a stop leaves unasked is asked by the next pull, also by one that looks at less."""
    world = athlete(tmp_path, 8, per_page=100)
    gone = newest(world)[4:]
    for one in gone:
        world.strava.simulator.delete(one)
    run = flow(world, max_calls=2 + 2)  # the page, the empty one, and two to ask
    assert (run.status, asked(world)) == ("partial", gone[:2])
    flow(world, "lite")
    assert asked(world, "pull") == gone[2:]
    assert set(table(world)) == set(newest(world))


def test_killed_while_it_asks(tmp_path: Path) -> None:
    """What was to be asked is remembered before the first call: the next pull asks, also one that looks at less."""
    world = athlete(tmp_path, 8, per_page=100)
    gone = newest(world)[4:]
    for one in gone:
        world.strava.simulator.delete(one)
    pull = PullOptions(mode="all", per_page=100)
    assert world.run(Steps(pull=pull), kill_at_call=2 + 2) is None  # the page, the empty one, and two to ask
    flow(world, "lite")
    assert asked(world, "pull") == gone[1:]
    assert set(table(world)) == set(newest(world))


def test_killed_while_recent_details_come_again(tmp_path: Path) -> None:
    """What was answered before the kill is in bronze and not asked for again, although the details are not new."""
    world = athlete(tmp_path)
    steps = Steps(enrich=EnrichOptions(since_days=ALWAYS))
    assert world.run(steps, kill_at_call=4) is None
    world.run(steps)
    assert asked(world) == newest(world)[3:]


def test_restored_before_the_warehouse_knew(tmp_path: Path) -> None:
    """What was found to be gone, and is listed again before anything was loaded, is live, with its whole history."""
    world = athlete(tmp_path)
    one = newest(world)[0]
    world.strava.simulator.delete(one)
    pull = PullOptions(mode="all", per_page=4)
    assert world.run(Steps(pull=pull)) is not None
    world.strava.simulator.restore(one)
    flow(world)
    assert (asked(world), one in table(world)) == ([], True)
    assert ops(world, one) == ["created", "deleted", "restored"]


def test_killed_between_a_404_and_the_warehouse(tmp_path: Path) -> None:
    """The absence is in bronze: nothing is asked again, and the activity is gone."""
    world = athlete(tmp_path)
    one = newest(world)[0]
    world.strava.simulator.delete(one)
    pull = PullOptions(mode="all", per_page=4)
    assert world.run(Steps(pull=pull)) is not None
    world.run(Steps(compact=True), kill_at_operation=4)
    flow(world)
    assert (asked(world), one in table(world)) == ([], False)


@pytest.mark.parametrize("what", ["state", "warehouse", "activities"])
def test_what_is_derived_was_lost(tmp_path: Path, what: str) -> None:
    """A deleted activity does not come back, and a restored one does with its details."""
    world = athlete(tmp_path)
    gone, back = newest(world)[:2]
    for one in (gone, back):
        world.strava.simulator.delete(one)
    flow(world)
    world.lose(what)
    world.strava.simulator.restore(back)
    flow(world)
    assert asked(world) == []
    assert set(table(world)) == set(newest(world))
    assert (ops(world, gone), ops(world, back)) == (["created", "deleted"], ["created", "deleted", "restored"])


@pytest.mark.slow
@pytest.mark.parametrize("position", [0, 4, 8])
def test_a_deletion_between_two_pages(tmp_path: Path, position: int) -> None:
    """All others are listed, none of them is asked for, and what went is gone after the next sweep at the latest."""
    world = athlete(tmp_path, 12)
    victim = newest(world)[position]
    with interposed(world, page=2, act=lambda: world.strava.simulator.delete(victim)):
        flow(world)
    assert set(asked(world)) <= {victim}
    assert set(newest(world)) <= set(table(world))
    flow(world)
    assert set(table(world)) == set(newest(world))


@pytest.mark.slow
@pytest.mark.parametrize("age", [0.0, 5.5 * DAY])
def test_an_upload_between_two_pages(tmp_path: Path, age: float) -> None:
    """All others are listed, and it is in after the next sweep at the latest."""
    world = athlete(tmp_path, 12)
    with interposed(world, page=2, act=lambda: world.create(age)):
        flow(world)
    assert set(asked(world, "pull")) == set()
    flow(world)
    assert set(table(world)) == set(newest(world))


def test_a_late_upload(tmp_path: Path) -> None:
    """An upload from before the look-back is found by the weekly sweep, and gets its details like a recent one."""
    world = athlete(tmp_path)
    late = world.create(90 * DAY)
    flow(world, "default")
    assert late not in table(world)
    world.advance(8 * DAY)
    world.run(Steps(pull=PullOptions(per_page=4), compact=True, enrich=EnrichOptions(since_days=3, only_changed=True)))
    check_all(world)
    assert late in table(world)
    assert world.rows("select count(*) from activity_details where activity_id = $one", {"one": late}) == [(1,)]


def test_outside_the_look_back(tmp_path: Path) -> None:
    """A pull that looks at some days asks for none that starts before them, nor within a day of its bound."""
    world = athlete(tmp_path, 8)
    ids = newest(world)
    for one in (ids[1], ids[3], ids[6]):  # the look-back of three days begins at the start of ids[3]
        world.strava.simulator.delete(one)
    flow(world, "default")
    assert asked(world) == [ids[1]]
    flow(world)
    assert asked(world) == [ids[3], ids[6]]


@pytest.mark.slow
@pytest.mark.parametrize("operation", [5, 9, 15])
def test_a_rebuild_that_was_killed(tmp_path: Path, operation: int) -> None:
    """However far it came, what it left brings no deleted activity back and repeats no history."""
    world = athlete(tmp_path)
    world.strava.simulator.delete(newest(world)[0])
    flow(world)
    world.strava.simulator.edit(newest(world)[1], name="Not loaded yet")
    world.run(Steps(pull=PullOptions(mode="all", per_page=4)))
    world.run(Steps(compact=True, rebuild=True), kill_at_operation=operation)
    world.run(Steps(compact=True))
    check_all(world)


def test_kudos_go_down_to_what_the_listing_said_before(tmp_path: Path) -> None:
    """Details that were fresher are history too: the summary that is sent again ends it with what Strava shows now."""
    world = athlete(tmp_path, 3)
    one = newest(world)[0]
    world.strava.simulator.add_kudos(one, 2)
    world.run(Steps(enrich=EnrichOptions(since_days=ALWAYS)))
    world.strava.simulator.add_kudos(one, -2)
    flow(world)
    query = "select kudos_count from activity_kudos_history where activity_id = $one order by observed_at"
    assert world.rows(query, {"one": one}) == [(0,), (2,), (0,)]


def test_kudos_go_down_to_what_the_details_said_before(tmp_path: Path) -> None:
    """The same the other way round: details that are sent again unchanged tell of kudos that were taken back."""
    world = athlete(tmp_path, 3)
    one = newest(world)[0]
    world.strava.simulator.add_kudos(one, 2)
    flow(world)
    world.strava.simulator.add_kudos(one, -2)
    world.run(Steps(enrich=EnrichOptions(since_days=ALWAYS)))
    query = "select kudos_count from activity_kudos_history where activity_id = $one order by observed_at"
    assert world.rows(query, {"one": one}) == [(0,), (2,), (0,)]


def test_what_is_published_is_durable(tmp_path: Path) -> None:
    """A power cut leaves no warehouse with details that bronze lost: their journal is synced before the rename."""
    world = athlete(tmp_path, 5)
    done: list[int | str] = []
    found: list[bool] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        fsync(descriptor)
        done.append(os.fstat(descriptor).st_ino)

    def note_rename(source: Path, target: Path) -> None:
        replace(source, target)
        done.append(Path(target).name)

    def look_at_the_published() -> None:
        for thread in threading.enumerate():
            if thread.name == "publish":
                thread.join()
        (journal,) = world.layout.bronze("activity_details").glob("*.jsonl")
        found.append(journal.stat().st_ino in done[: done.index(world.layout.warehouse.name)])

    for one in newest(world):
        world.strava.simulator.edit(one, description="new")
    with mock.patch.object(os, "fsync", note_sync), mock.patch.object(os, "replace", note_rename):
        world.run(
            Steps(enrich=EnrichOptions(since_days=ALWAYS)),
            at_calls={2: lambda: world.advance(61), 4: look_at_the_published},
        )
    assert found == [True]


@pytest.mark.slow
def test_what_never_proves_anything_is_asked_with_back_off(tmp_path: Path) -> None:
    """A missing activity whose own request fails each time is asked twice in a row, then ever more seldom."""
    world = athlete(tmp_path)
    one = newest(world)[-1]
    world.far.hidden.add(one)
    world.strava.simulator.add_fault(action="status", status=500, path=f"/activities/{one}", times=None)
    days = []
    for day in range(12):
        world.advance(DAY)
        run = flow(world, "lite" if day else "all")
        days += [day] if one in asked(world, "pull") else []
        assert (run.status == "partial") == (one in asked(world))
    assert days[:2] == [0, 1]
    assert len(days) < 7
    assert one in table(world)


def test_a_failed_retry_is_named(tmp_path: Path) -> None:
    """Who tries a quarantined activity again by hand is told that it failed again."""
    world = athlete(tmp_path)
    one = world.create(HOUR)
    world.strava.simulator.add_fault(action="status", status=500, path=f"/activities/{one}", times=None)
    assert flow(world, "default").status == "partial"
    retry = Steps(enrich=EnrichOptions(since_days=ALWAYS, retry_quarantined=True))
    for steps in (retry, Steps(enrich=EnrichOptions(since_days=ALWAYS, ids=(one,)))):
        run = world.run(steps)
        assert run is not None
        assert run.status == "partial"
        assert any(str(one) in note for note in run.notes)


def test_a_foreign_row_in_the_warehouse_hides_nothing(tmp_path: Path) -> None:
    """A changed file is not asked what is stored: no call for its rows, no body missed, no absence noted."""
    world = athlete(tmp_path)
    one = world.create(HOUR)
    body = json.dumps(world.summary(one), separators=(",", ":")).encode()
    warehouse = world.layout.warehouse
    warehouse.chmod(0o644)
    with duckdb.connect(str(warehouse)) as connection:
        for foreign, digest in ((one, body_hash(body)), (77, "0" * 16)):
            connection.execute(
                "insert into activities by name select * replace ($1 as id, $2 as body_hash) from activities limit 1",
                [foreign, digest],
            )
    flow(world)
    assert asked(world, "pull") == []
    assert set(table(world)) == set(newest(world))
    assert ops(world, one) == ["created"]
