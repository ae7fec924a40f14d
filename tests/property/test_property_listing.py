"""However a history changes between two requests, an activity that was there throughout is listed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from strava_stats.sync.plan import FAR_FUTURE, ListingRequest, next_request

START = 1_700_000_000
MOST_REQUESTS = 2_000


@dataclass
class Listing:
    """A far end: activities by start, newest first, cut into pages after the bounds were applied."""

    activities: dict[int, int]
    inclusive: bool
    hidden: frozenset[int] = frozenset()
    ascending: bool = False
    requests: list[ListingRequest] = field(default_factory=list)

    def page(self, request: ListingRequest, per_page: int) -> list[tuple[int, int]]:
        self.requests.append(request)
        edge = 1 if self.inclusive else 0
        inside = [
            (start, one)
            for one, start in self.activities.items()
            if request.after - edge < start < request.before + edge
        ]
        inside.sort(reverse=not self.ascending)
        first = (request.page - 1) * per_page
        return [pair for pair in inside[first : first + per_page] if pair[1] not in self.hidden]


def walk(listing: Listing, per_page: int, change: random.Random | None = None, changes: int = 0) -> set[int]:
    """Follow next_request to the end; between requests activities come and go as `change` has it."""
    seen: set[int] = set()
    request: ListingRequest | None = ListingRequest(after=0, before=FAR_FUTURE)
    while request is not None:
        assert len(listing.requests) < MOST_REQUESTS, "the listing never ends"
        page = listing.page(request, per_page)
        ids = {one for _, one in page}
        request = next_request(request, [start for start, _ in page], len(ids - seen), per_page)
        seen |= ids
        if change is not None:
            for _ in range(changes):
                meddle(listing, change)
    return seen


def meddle(listing: Listing, change: random.Random) -> None:
    if change.random() < 0.5:
        newest = max(listing.activities.values(), default=START)
        start = change.choice([newest + change.randrange(1, 5_000), START + change.randrange(400_000)])
        listing.activities[10_000_000 + len(listing.activities) + change.randrange(10**6)] = start
    elif listing.activities:
        del listing.activities[change.choice(sorted(listing.activities))]


def history(gaps: list[int]) -> dict[int, int]:
    """Activities by id, `gaps` seconds apart."""
    start, found = START, {}
    for number, gap in enumerate(gaps):
        start += gap
        found[number + 1] = start
    return found


GAPS = st.lists(st.one_of(st.integers(1, 30), st.integers(3_600, 200_000)), max_size=120)


# Starts a second apart that fill a page are followed by number when bounds are inclusive (decision 004): a delete at
# that moment can hide one until the next sweep, so here they are two seconds apart or more.
@settings(max_examples=150, deadline=None)
@given(
    gaps=st.lists(st.one_of(st.integers(2, 30), st.integers(3_600, 200_000)), max_size=120),
    per_page=st.integers(2, 30),
    inclusive=st.booleans(),
    seed=st.integers(0, 2**32),
    changes=st.integers(0, 6),
)
def test_nothing_is_lost_while_things_come_and_go(
    gaps: list[int], per_page: int, inclusive: bool, seed: int, changes: int
) -> None:
    """Inserts and deletes between any two requests of a descending listing lose no activity that stayed."""
    listing = Listing(history(gaps), inclusive)
    before = set(listing.activities)
    seen = walk(listing, per_page, random.Random(seed), changes)  # noqa: S311
    assert before & set(listing.activities) <= seen


@settings(max_examples=100, deadline=None)
@given(
    gaps=st.lists(st.one_of(st.just(0), st.integers(0, 3), st.integers(3_600, 200_000)), max_size=80),
    per_page=st.integers(1, 30),
    inclusive=st.booleans(),
    ascending=st.booleans(),
    hidden=st.frozensets(st.integers(1, 80), max_size=40),
)
@example(gaps=[0] * 50, per_page=7, inclusive=True, ascending=False, hidden=frozenset())
@example(gaps=[0] * 50, per_page=1, inclusive=False, ascending=False, hidden=frozenset())
def test_a_still_history_is_listed_whole(
    gaps: list[int], per_page: int, inclusive: bool, ascending: bool, hidden: frozenset[int]
) -> None:
    """Without changes every visible activity is listed: same seconds, either order, either bounds, short pages.

    A page whose every entry is hidden looks like the end and is one; that alone is left out.
    """
    listing = Listing(history(gaps), inclusive, hidden, ascending)
    visible = set(listing.activities) - hidden
    in_order = sorted(listing.activities.items(), key=lambda one: (one[1], one[0]), reverse=not ascending)
    run = longest = 0
    for one, _ in in_order:
        run = run + 1 if one in hidden else 0
        longest = max(longest, run)
    seen = walk(listing, per_page)
    if longest < per_page:
        assert seen == visible
    else:
        assert seen <= visible


@settings(max_examples=100, deadline=None)
@given(
    gaps=st.lists(st.integers(3_600, 200_000), min_size=30, max_size=120),
    per_page=st.integers(10, 30),
    every=st.integers(3, 9),
    seed=st.integers(0, 2**32),
    changes=st.integers(0, 3),
)
def test_nothing_is_lost_on_short_pages(gaps: list[int], per_page: int, every: int, seed: int, changes: int) -> None:
    """Pages that are short because some entries were filtered out are no end, whatever comes and goes."""
    activities = history(gaps)
    listing = Listing(activities, inclusive=False, hidden=frozenset(range(every, len(activities) + 1, every)))
    before = set(listing.activities) - listing.hidden
    seen = walk(listing, per_page, random.Random(seed), changes)  # noqa: S311
    assert before & set(listing.activities) <= seen


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 700), per_page=st.integers(20, 200), gap=st.integers(1, 100_000))
def test_a_listing_costs_its_pages(count: int, per_page: int, gap: int) -> None:
    """The overlap costs at most one page in twenty: no dense history takes more than that many calls."""
    listing = Listing(history([gap] * count), inclusive=False)
    walk(listing, per_page)
    assert len(listing.requests) <= count / (per_page * 0.95 - 2) + 2
