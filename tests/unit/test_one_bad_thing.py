"""One bad activity stays one bad activity: the others land in this run and in every later one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import VirtualClock
from tests.support.flow_bench import MANY, FlowBench, content

from strava_stats.errors import StravaUnreachable
from strava_stats.flow import PullOptions, Steps
from strava_stats.simulator import build_simulator
from strava_stats.strava.token_store import Token
from strava_stats.sync.plan import EnrichOptions

DAY = 86_400
DEEP = b"[" * 3_000 + b"]" * 3_000
SWEEP = PullOptions(mode="all")
Spoil = Callable[[dict[str, Any]], bytes]


def with_key(**changes: Any) -> Spoil:
    return lambda body: json.dumps(body | changes).encode()


def with_end(end: bytes) -> Spoil:
    return lambda body: json.dumps(body).encode()[:-1] + end


BAD_SUMMARIES: dict[str, Spoil] = {
    "endless date": with_key(start_date="infinity", start_date_local="-infinity"),
    "date beyond the calendar": with_key(start_date="99999-01-01T00:00:00Z"),
    "text for a map": with_key(map="gone"),
    "list for a map": with_key(map=[]),
    "number for an athlete": with_key(athlete=5),
    "a key twice": with_end(b',"name":"again"}'),
    "deeply nested": with_end(b',"deep":' + DEEP + b"}"),
}
UNREADABLE: dict[str, Spoil] = {
    "broken UTF-8": with_end(b',"x":"\xff"}'),
    "a lone surrogate": with_end(b',"x":"\\ud800"}'),
    "a raw newline": with_end(b',"x":"a\nb"}'),
    "an id beyond 64 bits": with_key(id=2**63),
    "no id": with_key(id=None),
    "a number that is none": with_end(b',"x":NaN}'),
    "no object": lambda _body: b'"gone"',
}
"""Summaries that no row can be made of: they are quarantined, each for itself."""
BAD_DETAILS: dict[str, Spoil] = {
    "broken UTF-8": with_end(b',"x":"\xff"}'),
    "another activity": with_key(id=1),
    "no object": lambda _body: b"[]",
    "odd children": with_key(laps="x", gear=5, map=[], athlete=5, segment_efforts=[5], best_efforts={"a": 1}),
    "keys twice": with_end(b',"name":"again","laps":[],"map":null}'),
}


class Bench(FlowBench):
    def __init__(self, folder: Path) -> None:
        clock = VirtualClock()
        simulator = build_simulator(
            activities=25, years=1, now=lambda: clock.now().timestamp(), overall=MANY, read=MANY
        )
        simulator.modes.kudos_growth = False
        super().__init__(folder, clock, simulator)
        self.token: Token = self.authorise()

    def sent(self, activity_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Summary and details of an activity as they are sent now."""
        summary, detail = self.raw(activity_id)
        return json.loads(summary), json.loads(detail)

    def raw(self, activity_id: int) -> tuple[bytes, bytes]:
        """Their bytes."""
        athlete, now = self.simulator.world.owner(activity_id), self.simulator.now()
        return athlete.summary(activity_id, now), athlete.detail(activity_id, now)

    def ids(self, table: str = "activities", column: str = "id") -> set[int]:
        return {row[0] for row in self.rows(f"select {column} from {table}")}  # noqa: S608


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("name", BAD_SUMMARIES)
def test_a_bad_summary(bench: Bench, name: str) -> None:
    """All others are there after this run and after a rebuild, and the bad one is there too or in quarantine."""
    bad = bench.simulator.ids()[10]
    others = set(bench.simulator.ids()) - {bad}
    bench.simulator.set_raw(bad, summary=BAD_SUMMARIES[name](bench.sent(bad)[0]))
    run = bench.run(bench.token, Steps(pull=SWEEP, compact=True, enrich=EnrichOptions(since_days=0)))
    assert run.error is None
    assert bench.ids() >= others
    assert bad in bench.ids() or run.status == "partial"
    held = bench.ids()
    bench.rebuild()
    assert bench.ids() == held


def test_unreadable_summaries(bench: Bench) -> None:
    """Bad ones are named and keep no other out; a second sweep names none again; healed they are there like all."""
    bad = dict(zip(bench.simulator.ids()[8:], UNREADABLE.items(), strict=False))
    for one, (_, spoil) in bad.items():
        bench.simulator.set_raw(one, summary=spoil(bench.sent(one)[0]))
    everything = set(bench.simulator.ids())
    first = bench.run(bench.token, Steps(pull=SWEEP, compact=True))
    assert (first.error, first.status) == (None, "partial")
    assert bench.ids() == everything - bad.keys()
    bench.clock.advance(8 * DAY)
    second = bench.run(bench.token, Steps(pull=SWEEP, compact=True))
    assert second.error is None
    assert second.notes == []
    bench.rebuild()
    assert bench.ids() == everything - bad.keys()
    for one in bad:
        bench.simulator.set_raw(one)
    assert bench.run(bench.token, Steps(pull=SWEEP, compact=True)).error is None
    assert bench.ids() == everything


def test_bad_details(bench: Bench) -> None:
    """Bad details of some activities keep no others out, and the healed ones come when their time is up."""
    bad = dict(zip(bench.simulator.ids()[-12:], BAD_DETAILS.items(), strict=False))
    for one, (_, spoil) in bad.items():
        bench.simulator.set_raw(one, detail=spoil(bench.sent(one)[1]))
    options = EnrichOptions(since_days=400)
    run = bench.run(bench.token, Steps(pull=SWEEP, compact=True, enrich=options))
    assert (run.error, run.status) == (None, "partial")
    everything = set(bench.simulator.ids())
    assert bench.ids("activity_details", "activity_id") >= everything - bad.keys()
    before = content(bench)
    bench.rebuild()
    assert content(bench) == before
    for one in bad:
        bench.simulator.set_raw(one)
    bench.clock.advance(DAY)
    assert bench.run(bench.token, Steps(pull=SWEEP, compact=True, enrich=options)).error is None
    assert bench.ids("activity_details", "activity_id") == everything
    assert bench.rows("select * from quarantine") == []


def test_an_outage_of_all_details_sets_nothing_aside(bench: Bench) -> None:
    """When no details at all come, although Strava lists, none is bad: the run fails and the next one has them all."""
    steps = Steps(pull=SWEEP, compact=True, enrich=EnrichOptions(since_days=400))
    bench.simulator.add_fault("status", status=500, path="/activities/*", times=None)
    run = bench.run(bench.token, steps)
    assert isinstance(run.error, StravaUnreachable)
    assert bench.state.quarantine() == {}
    bench.simulator.faults.clear()
    assert bench.run(bench.token, steps).status == "ok"
    assert bench.ids("activity_details", "activity_id") == set(bench.simulator.ids())


def test_deeply_nested_details(bench: Bench) -> None:
    """Details of a depth that no parser goes down to are that activity's own trouble."""
    bad = bench.simulator.ids()[-2]
    bench.simulator.set_raw(bad, detail=with_end(b',"deep":' + DEEP + b"}")(bench.sent(bad)[1]))
    run = bench.run(bench.token, Steps(pull=SWEEP, compact=True, enrich=EnrichOptions(since_days=400)))
    assert run.error is None
    assert bench.ids("activity_details", "activity_id") >= set(bench.simulator.ids()) - {bad}


def test_details_that_did_not_follow_an_edit_are_asked_for_once(bench: Bench) -> None:
    """Where the details come back unchanged after an edit, only-changed does not ask for them night after night."""
    options = EnrichOptions(since_days=400, only_changed=True)
    bench.flow(bench.token, SWEEP, options)
    one = bench.simulator.ids()[-1]
    summary, detail = bench.raw(one)
    renamed = json.loads(summary) | {"name": "renamed"}
    bench.simulator.set_raw(one, summary=json.dumps(renamed).encode(), detail=detail)
    asked = []
    for _ in range(3):
        bench.clock.advance(3_600)
        bench.calls()
        bench.flow(bench.token, SWEEP, options)
        asked.append(len([call for call in bench.calls() if f"/activities/{one}" in call]))
    assert asked[0] == 1
    assert asked[2] == 0
    before = content(bench)
    bench.rebuild()
    assert content(bench) == before


def test_only_changed_with_nothing_changed_makes_no_detail_call(bench: Bench) -> None:
    """A night without any change costs list calls alone, writes no shard and leaves the file alone."""
    options = EnrichOptions(since_days=400, only_changed=True)
    bench.flow(bench.token, SWEEP, options)
    inode = bench.layout.warehouse.stat().st_ino
    shards = len(list(bench.layout.shards.iterdir()))
    bench.clock.advance(3_600)
    bench.calls()
    bench.flow(bench.token, PullOptions(), options)
    calls = bench.calls()
    assert len(calls) == 2
    assert all("/athlete/activities" in call for call in calls)
    assert bench.layout.warehouse.stat().st_ino == inode
    assert len(list(bench.layout.shards.iterdir())) == shards


def test_per_page_of_one(bench: Bench) -> None:
    """The smallest page size lists everything too."""
    bench.flow(bench.token, PullOptions(mode="all", per_page=1))
    assert bench.ids() == set(bench.simulator.ids())


@pytest.mark.parametrize("bounds", ["exclusive", "inclusive"])
@pytest.mark.parametrize("short_pages", [0, 3])
def test_listing_modes(bench: Bench, bounds: Any, short_pages: int) -> None:
    """Either kind of bounds, and pages that are short before the end, give every activity that is shown at all."""
    bench.simulator.modes.bounds = bounds
    bench.simulator.modes.short_pages = short_pages
    run = bench.run(bench.token, Steps(pull=PullOptions(mode="all", per_page=7), compact=True))
    assert run.error is None
    assert run.stages[0]["complete"] is True
    if not short_pages:
        assert bench.ids() == set(bench.simulator.ids())
    else:
        assert len(bench.ids()) >= len(bench.simulator.ids()) * 2 // 3
