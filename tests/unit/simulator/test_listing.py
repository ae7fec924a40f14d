"""GET /athlete/activities: order, bounds, pages, scopes."""

from __future__ import annotations

from typing import Any

import pytest

from strava_stats.simulator import Simulator

from .conftest import Call, caller, control

LIST = "/api/v3/athlete/activities"


def starts(rows: list[dict[str, Any]]) -> list[str]:
    """Start dates."""
    return [row["start_date"] for row in rows]


def every_page(get: Call, **query: int) -> list[dict[str, Any]]:
    """All pages until the empty one."""
    rows: list[dict[str, Any]] = []
    page = 1
    while batch := get(LIST, page=page, **query).json():
        rows += batch
        page += 1
    return rows


def test_without_parameters_thirty_newest_come_first(get: Call) -> None:
    """The default page is 30 long, newest first."""
    rows = get(LIST).json()
    assert len(rows) == 30
    assert starts(rows) == sorted(starts(rows), reverse=True)


def test_after_alone_turns_the_order(simulator: Simulator, get: Call) -> None:
    """`after` alone: oldest first; together with `before`: newest first again."""
    now = int(simulator.now())
    rows = get(LIST, after=now - 90 * 86_400).json()
    assert starts(rows) == sorted(starts(rows))
    both = get(LIST, after=now - 90 * 86_400, before=now).json()
    assert starts(both) == sorted(starts(both), reverse=True)


def test_pages_cover_everything_once_and_end_empty(simulator: Simulator, get: Call) -> None:
    """Pages of 50 hold each activity exactly once; beyond the end is []."""
    ids = [row["id"] for row in every_page(get, per_page=50)]
    assert sorted(ids) == sorted(simulator.ids())
    assert get(LIST, page=99).body == b"[]"


@pytest.mark.parametrize(("bounds", "found"), [("exclusive", False), ("inclusive", True)])
def test_bounds(simulator: Simulator, get: Call, bounds: str, found: bool) -> None:
    """Whether an activity at the bound itself is listed is a mode."""
    control(simulator, "PATCH", "/modes", bounds=bounds)
    start = 1_790_000_000
    activity = simulator.create(start=start)
    for query in ({"after": start, "before": start + 9}, {"after": start - 9, "before": start}):
        assert (activity in [row["id"] for row in get(LIST, **query).json()]) is found


def test_per_page_is_capped_or_refused(simulator: Simulator, get: Call) -> None:
    """More than 200 is 200, or an error in the strict mode."""
    assert len(get(LIST, per_page=500).json()) == 200
    control(simulator, "PATCH", "/modes", per_page_over="error")
    assert get(LIST, per_page=201).status == 400


def test_after_in_the_future(simulator: Simulator, get: Call) -> None:
    """Milliseconds look like the far future."""
    refused = get(LIST, after=int(simulator.now() * 1000))
    assert refused.status == 400
    assert refused.json()["errors"] == [{"resource": "Application", "field": "after", "code": "future"}]


def test_short_pages_are_not_the_end(simulator: Simulator, get: Call) -> None:
    """Filtering after paging shortens pages, yet later pages follow."""
    control(simulator, "PATCH", "/modes", short_pages=3)
    first, second = get(LIST, per_page=50).json(), get(LIST, per_page=50, page=2).json()
    assert 0 < len(first) < 50
    assert second


def test_pages_shift_when_an_activity_is_uploaded_between_two_requests(simulator: Simulator, get: Call) -> None:
    """A new activity pushes the last one of page 1 onto page 2."""
    first = get(LIST, per_page=10).json()
    simulator.create()
    assert get(LIST, per_page=10, page=2).json()[0]["id"] == first[-1]["id"]


def test_scopes_decide_what_is_seen(simulator: Simulator, get: Call) -> None:
    """activity:read hides Only-You activities; without an activity scope the answer is the catalogue's 401."""
    hidden = simulator.ids()[-1]
    simulator.make_private(hidden)
    assert hidden in [row["id"] for row in get(LIST).json()]
    get_public = caller(simulator, "read", "activity:read")
    assert hidden not in [row["id"] for row in get_public(LIST).json()]
    assert get_public(f"/activities/{hidden}").status == 404
    refused = caller(simulator, "read")(LIST)
    assert refused.status == 401
    assert refused.json()["errors"][0]["field"] == "activity:read_permission"


def test_both_path_styles_work(get: Call) -> None:
    """With and without /api/v3 the answer is the same."""
    assert get("/athlete/activities").body == get(LIST).body
    assert get("/api/v3/nothing").status == get("/nothing").status == 404
