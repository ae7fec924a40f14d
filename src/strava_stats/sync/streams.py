"""Land an answer about the samples of an activity in the run's journal of streams."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from strava_stats.lake.bronze import Journal
from strava_stats.lake.summaries import NO_SMALL_ID, read_body
from strava_stats.strava.client import Answer
from strava_stats.sync.details import Unusable

LARGEST_BODY = 48 << 20  # bytes; a week of samples, one a second


def land_streams(
    journal: Journal, activity_id: int, answer: Answer, now: datetime, hashes: Mapping[int, str]
) -> int | None:
    """Note the body of a 200 in the journal; returns its bytes, None when it equals the one stored last.

    Raises Unusable when no samples can be made of it; its bytes are kept all the same.
    """
    body = read_body(answer.body)
    error = body.error if body.error not in {None, NO_SMALL_ID} else _why_unusable(body.value, len(body.content))
    if error is not None:
        journal.add_garbage(now, activity_id, answer.body, answer.status, error)
        raise Unusable(error)
    if hashes.get(activity_id) == body.hash:
        journal.add_same(now, activity_id, body.hash)
        return None
    journal.add_body(now, activity_id, body.hash, body.content)
    return len(body.content)


def _why_unusable(streams: Any, size: int) -> str | None:
    """Without `time` nothing says when a sample was taken; an object without any stream is as good as a 404."""
    if size > LARGEST_BODY:
        return f"the answer is larger than {LARGEST_BODY >> 20} MiB"
    if not streams:
        return None
    time = streams.get("time")
    if not isinstance(time, dict) or not isinstance(time.get("data"), list):
        return "the answer has no time stream"
    return None
