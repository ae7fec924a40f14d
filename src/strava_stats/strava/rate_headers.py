"""What the headers of an answer say about the budget, pure.

`X-RateLimit-Limit`, `X-RateLimit-Usage`, `X-ReadRateLimit-Limit`, `X-ReadRateLimit-Usage`, each "15min,daily", in any
letter case; they can be missing or malformed (API.md §3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Pair = tuple[int, int]
"""Figures of the quarter hour and of the day."""
PAIR = re.compile(r"\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*")
YEARS = range(1970, 2201)


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The figures of one answer, None where there is nothing usable; `served_at` is its `Date`."""

    overall_limit: Pair | None
    overall_usage: Pair | None
    read_limit: Pair | None
    read_usage: Pair | None
    served_at: datetime | None


def read_rate_headers(headers: Mapping[str, str]) -> RateHeaders:
    """The rate figures and the date of an answer's headers; a limit of 0 is none."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return RateHeaders(
        _limit(lowered.get("x-ratelimit-limit")),
        _pair(lowered.get("x-ratelimit-usage")),
        _limit(lowered.get("x-readratelimit-limit")),
        _pair(lowered.get("x-readratelimit-usage")),
        _date(lowered.get("date")),
    )


def _limit(value: str | None) -> Pair | None:
    pair = _pair(value)
    return pair if pair is not None and min(pair) > 0 else None


def _pair(value: str | None) -> Pair | None:
    match = PAIR.fullmatch(value) if value else None
    return (int(match[1]), int(match[2])) if match else None


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value) if value else None
        if moment is None or moment.year not in YEARS:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
