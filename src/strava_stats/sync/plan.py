"""Pure rules: what to list, what to fetch, when to stop. No I/O, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

DAY = 86_400
BELOW_FLOOR = 2 * DAY  # a sweep begins so far below a floor: what is kept is inside its bounds by more than a day
FAR_FUTURE = 2_147_483_647  # 2038: an activity with a wrong clock is still inside the bounds
OVERLAP_SHARE = 20  # at most 1/20 of a page is asked for twice
PAGE_CAP = 5_000
CLOCKS_APART = timedelta(hours=1)
CONFIRMED_FOR = timedelta(days=7)  # an activity that no listing has, and that is there, is not asked for each night
FEW = 10

Mode = Literal["default", "lite", "all"]
Why = Literal["new", "edited", "refresh", "backlog"]


@dataclass(frozen=True)
class ListingRequest:
    """One page to ask for; `after` and `before` in epoch seconds.

    `resume` is where to go on by time when this page, which follows a short one, is not empty: then Strava filters
    after paging (`filtered`), and short pages are followed by time as well. Nothing from before `oldest` is wanted.
    """

    after: int
    before: int
    page: int = 1
    resume: int | None = None
    filtered: bool = False
    oldest: int = 0

    @property
    def full(self) -> bool:
        """True when nothing that is wanted is left out at the old end."""
        return self.after <= self.oldest


def first_request(
    now: datetime,
    watermark: datetime | None,
    swept_at: datetime | None,
    *,
    mode: Mode,
    days: int,
    full_sweep_days: int,
    floor: datetime | None = None,
) -> ListingRequest:
    """The bounds of a pull.

    Everything, when nothing was ever listed to its end, when asked to, or when the last sweep is older than
    `full_sweep_days` (0 = never); else from the watermark minus the look-back. A watermark in Strava's future (an
    activity with a wrong clock, or our own clock ahead) would be answered with 400, so an hour ago is taken then.
    What started before `floor` was purged and is not asked for again.
    """
    oldest = max(0, int(floor.timestamp()) - BELOW_FLOOR) if floor else 0
    # A sweep noted in the future was noted by a clock that was wrong: it counts for nothing.
    is_fresh = swept_at is not None and abs(now - swept_at) < timedelta(days=full_sweep_days)
    sweep_due = full_sweep_days > 0 and not is_fresh
    if watermark is None or mode == "all" or (mode == "default" and sweep_due):
        return ListingRequest(after=oldest, before=FAR_FUTURE, oldest=oldest)
    start = min(watermark, now - CLOCKS_APART) - timedelta(days=0 if mode == "lite" else days)
    return ListingRequest(after=max(oldest, int(start.timestamp()) - 1), before=FAR_FUTURE, oldest=oldest)


def next_request(
    request: ListingRequest, starts: Sequence[int | None], new_ids: int, per_page: int
) -> ListingRequest | None:
    """The page to ask for after one that held activities with these `starts` (epoch seconds), or None at the end.

    Full pages that descend are followed by time: `before` moves down to the oldest start seen plus an overlap, so
    that inserts and deletes between two requests shift nothing. The overlap is a day, but no more than 1/20 of
    the page, so that a dense history costs no more calls than pages. A short page may be the end or may be filtered:
    the page after it tells, and when it is not empty the listing goes on by time from the short one. A page whose
    seconds are all alike is followed by number, until one comes empty.
    """
    if not starts:
        return None
    if request.resume is not None and request.resume < request.before:
        return ListingRequest(request.after, request.resume, filtered=True, oldest=request.oldest)
    known = [start for start in starts if start is not None]
    descending = len(known) == len(starts) and all(a >= b for a, b in pairwise(known))
    before = _before_after(known) if descending else None
    is_short = len(starts) < per_page
    if before is not None and before < request.before:
        if request.filtered or (not is_short and known[0] > known[-1] and new_ids):
            return replace(request, before=before, page=1, resume=None)
        if is_short and request.page == 1 and known[0] > known[-1]:
            return replace(request, page=2, resume=before)
    return replace(request, page=request.page + 1, resume=None)


def _before_after(starts: Sequence[int]) -> int:
    """The bound for what follows a page that descends over these starts."""
    oldest = starts[-1]
    share = starts[-1 - min(len(starts) - 1, len(starts) // OVERLAP_SHARE)]
    return oldest + max(1, min(DAY, share - oldest))


def listing_calls(activities: int, per_page: int) -> int:
    """Calls that a listing of so many activities takes: its pages, which overlap a little, and the empty one."""
    step = max(1, per_page - per_page // OVERLAP_SHARE)
    pages = 1 if activities < per_page else math.ceil((activities - per_page) / step) + 1
    return min(activities, pages) + 1


def missing_from(
    request: ListingRequest,
    live: Mapping[int, int | None],
    listed: AbstractSet[int],
    answered: Mapping[int, datetime],
    now: datetime,
) -> list[int]:
    """Live activities (id → start, epoch seconds) that the complete answer to `request` should hold and does not.

    A day at either bound is left out: Strava's bounds and an activity's start may disagree by a zone. So is what
    was asked for lately and found to be there (`answered`: id → when).
    """
    return [
        one
        for one, start in live.items()
        if one not in listed
        and (start is None or request.after + DAY <= start <= request.before - DAY or (request.full and start < DAY))
        and (one not in answered or abs(now - answered[one]) >= CONFIRMED_FOR)
    ]


def newest_first(ids: Iterable[int], starts: Mapping[int, int | None]) -> list[int]:
    """`ids` in the order in which they are worth a call; those without a start last."""
    return sorted(ids, key=lambda one: (starts[one] is not None, starts[one] or 0, one), reverse=True)


def looks_like_mass_deletion(in_bounds: int, missing: int) -> bool:
    """True when more than half of ten or more activities are gone: rather a fault than a wish."""
    return in_bounds >= FEW and missing * 2 > in_bounds


def finish_time(now: datetime, calls: int, left: tuple[int, int], limits: tuple[int, int]) -> datetime:
    """When so many calls are made: (quarter hour, day) `left` now and `limits` afterwards; windows are UTC."""
    left_quarter, left_day = left
    per_quarter, per_day = limits
    moment = now
    if per_quarter <= 0 or per_day <= 0:
        return now
    while True:
        calls -= min(calls, left_quarter, left_day)
        if calls <= 0:
            return moment
        left_day -= min(left_quarter, left_day)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        quarter = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0) + timedelta(minutes=15)
        left_quarter = per_quarter
        if left_day <= 0 or quarter >= midnight:
            moment, left_day = midnight, per_day
        else:
            moment = quarter


@dataclass(frozen=True)
class Candidate:
    """An activity as the choice of details sees it."""

    id: int
    start: datetime | None
    local_day: date | None
    has_details: bool
    changed: bool
    fetched_at: datetime | None


@dataclass(frozen=True)
class EnrichOptions:
    """What `enrich` was asked for."""

    since_days: int
    all_missing: bool = False
    ids: tuple[int, ...] = ()
    from_day: date | None = None
    to_day: date | None = None
    only_changed: bool = False
    include_efforts: bool = True
    backlog: int = 0
    refresh_old: int = 0
    retry_quarantined: bool = False
    streams: bool = False
    refresh_streams: bool = False


@dataclass(frozen=True)
class Choice:
    """One detail to fetch and why: new, edited, refresh or backlog."""

    id: int
    why: Why


def choose_details(
    candidates: Iterable[Candidate],
    options: EnrichOptions,
    now: datetime,
    *,
    skip: AbstractSet[int] = frozenset(),
    late: AbstractSet[int] = frozenset(),
) -> list[Choice]:
    """Which details to fetch: the window newest first, then edited ones beside it, the backlog, the oldest again.

    `skip` holds what a killed run had already fetched and what waits in quarantine; ids asked for by name are
    fetched in any case but the former. `late` ones turned up in a listing although they start before the window: they
    are as good as recent.
    """
    by_start = sorted(candidates, key=lambda one: (one.start is not None, one.start, one.id), reverse=True)
    if options.ids:
        known = {one.id: one for one in by_start}
        return [Choice(wanted, _why(known.get(wanted))) for wanted in dict.fromkeys(options.ids)]
    usable = [one for one in by_start if one.id not in skip]
    missing = [one for one in usable if not one.has_details]
    by_day = options.from_day is not None or options.to_day is not None
    edited = {one.id for one in usable if one.has_details and one.changed and not by_day}
    if options.all_missing:
        return [
            Choice(one.id, "edited" if one.has_details else "backlog")
            for one in usable
            if one.id in edited or not one.has_details
        ]
    window = [one for one in usable if _in_window(one, options, now) or (one.id in late and not by_day)]
    chosen = {one.id: _why(one) for one in window if not (options.only_changed and one.has_details and not one.changed)}
    chosen.update((one.id, "edited") for one in usable if one.id in edited)
    backlog = [one for one in missing if one.id not in chosen][: options.backlog]
    chosen.update((one.id, "backlog") for one in backlog)
    stalest = sorted(
        (one for one in usable if one.has_details and one.id not in chosen and one.fetched_at),
        key=lambda one: one.fetched_at or now,
    )
    chosen.update((one.id, "refresh") for one in stalest[: options.refresh_old])
    return [Choice(one_id, why) for one_id, why in chosen.items()]


@dataclass(frozen=True)
class StreamCandidate:
    """An activity as the choice of streams sees it; `answered`: asked for before, `changed`: another summary since."""

    id: int
    start: datetime | None
    local_day: date | None
    manual: bool
    from_export: bool
    answered: bool
    changed: bool


def choose_streams(
    candidates: Iterable[StreamCandidate],
    options: EnrichOptions,
    now: datetime,
    *,
    skip: AbstractSet[int] = frozenset(),
    late: AbstractSet[int] = frozenset(),
) -> list[int]:
    """Activities whose streams to fetch, in the order of `choose_details`: the same ones, as far as they need any.

    Samples do not change by themselves: what was answered (a 404 is an answer) is asked again only when the summary
    has changed since, and what the archive of an import gave is not asked for, unless `refresh_streams` says so. An
    activity that was typed in has none. `skip` and `late` are as there; ids asked for by name need them alike.
    """
    by_start = sorted(candidates, key=lambda one: (one.start is not None, one.start, one.id), reverse=True)
    usable = [one for one in by_start if not one.manual and one.id not in skip]
    first = [one for one in usable if not one.answered and not one.from_export]
    edited = [one for one in usable if one.answered and one.changed]
    needed = {one.id for one in (usable if options.refresh_streams else (*first, *edited))}
    if options.ids:
        return [wanted for wanted in dict.fromkeys(options.ids) if wanted in needed]
    if options.all_missing:
        return [one.id for one in usable if one.id in needed]
    by_day = options.from_day is not None or options.to_day is not None
    window = [one.id for one in usable if _in_window(one, options, now) or (one.id in late and not by_day)]
    chosen = dict.fromkeys(one for one in window if one in needed)
    chosen.update(dict.fromkeys(one.id for one in edited if not by_day))
    backlog = [one.id for one in first if one.id not in chosen]
    chosen.update(dict.fromkeys(backlog[: options.backlog]))
    return list(chosen)


def _why(one: Candidate | None) -> Why:
    if one is None or not one.has_details:
        return "new"
    return "edited" if one.changed else "refresh"


def _in_window(one: Candidate | StreamCandidate, options: EnrichOptions, now: datetime) -> bool:
    if options.from_day or options.to_day:
        return one.local_day is not None and (
            (options.from_day is None or one.local_day >= options.from_day)
            and (options.to_day is None or one.local_day <= options.to_day)
        )
    return one.start is not None and one.start >= now - timedelta(days=options.since_days)


def count_by_why(choices: Iterable[Choice]) -> Mapping[str, int]:
    """Calls by kind."""
    counts = {"new": 0, "edited": 0, "refresh": 0, "backlog": 0}
    for choice in choices:
        counts[choice.why] += 1
    return counts
