"""Land an answer about one activity in the run's journal of details."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from strava_stats.lake.bronze import Journal
from strava_stats.lake.summaries import Body, read_body
from strava_stats.strava.client import Answer

LARGEST_BODY = 3 << 20  # bytes; the longest line that the SQL reader is set to take is 4 MiB


class Unusable(ValueError):
    """The answer is kept in bronze, but cannot become a row; the text says why."""


def land_detail(
    journal: Journal, activity_id: int, answer: Answer, now: datetime, hashes: Mapping[int, str]
) -> int | None:
    """Note the body of a 200 in the journal; returns its bytes, None when it equals the one stored last.

    Raises Unusable when it is no detail of this activity; its bytes are kept all the same.
    """
    body = read_body(answer.body)
    error = _why_unusable(body, activity_id)
    if error is not None:
        journal.add_garbage(now, activity_id, answer.body, answer.status, error)
        raise Unusable(error)
    if hashes.get(activity_id) == body.hash:
        journal.add_same(now, activity_id, body.hash)
        return None
    journal.add_body(now, activity_id, body.hash, body.content)
    return len(body.content)


def _why_unusable(body: Body, activity_id: int) -> str | None:
    if body.error is not None:
        return body.error
    if body.id != activity_id:
        return "the answer is about another activity"
    if len(body.content) > LARGEST_BODY:
        return f"the answer is larger than {LARGEST_BODY >> 20} MiB"
    return None
