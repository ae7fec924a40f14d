"""Take a listing page apart into its activities without changing a byte of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from strava_stats.lake.bronze import LARGEST_ID, body_hash, one_line

NOT_CLEAN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NO_SMALL_ID = "the id is no 64-bit integer"
RAW_PAGE = msgspec.json.Decoder(list[msgspec.Raw])
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
ID_VALUE = re.compile(rb"\s*:\s*(\d{1,40})")
STEP = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


class Body(msgspec.Struct, frozen=True, gc=False):
    """One entity as sent: `content` is a single line, `value` what it says; `error` why it is no clean object."""

    id: int | None
    shown_id: str
    content: bytes
    hash: str
    start: datetime | None = None
    error: str | None = None
    value: Any = None


class NotAPage(ValueError):
    """The body is no JSON array, not even a damaged one."""


def split_page(page: bytes) -> list[Body]:
    """The elements of a listing page; raises NotAPage.

    msgspec checks UTF-8, numbers, escapes and control characters as strictly as the SQL reader that comes later.
    A page with one bad element is cut up element by element, so that the other 199 are landed.
    """
    try:
        decoded = msgspec.json.decode(page)
        raws = [bytes(raw) for raw in RAW_PAGE.decode(page)] if isinstance(decoded, list) else None
    except NOT_CLEAN:
        return [read_body(element) for element in _elements(page)]
    if raws is None:
        raise NotAPage("not an array")
    return [_clean(raw, value) for raw, value in zip(raws, decoded, strict=True)]


def read_body(content: bytes) -> Body:
    """One entity as sent, checked."""
    try:
        return _clean(content, msgspec.json.decode(content))
    except NOT_CLEAN as error:
        found = _find_id(content)
        return Body(_small(found), _shown(found), content, body_hash(content), error=f"not clean JSON: {error}")


def _clean(raw: bytes, value: Any) -> Body:
    content = one_line(raw)
    if not isinstance(value, dict):
        return Body(None, "?", content, body_hash(content), error="not a JSON object")
    found = value.get("id")
    small = _small(found)
    error = None if small is not None else NO_SMALL_ID
    return Body(small, _shown(found), content, body_hash(content), parse_start(value.get("start_date")), error, value)


def _small(found: Any) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= LARGEST_ID else None


def _shown(found: Any) -> str:
    return str(found)[:40] if isinstance(found, int | str) else "?"


def parse_start(text: Any) -> datetime | None:
    """The start of an activity as an aware instant; None when it is none."""
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return instant if instant.tzinfo else None


def _find_id(content: bytes) -> int | None:
    """The id of a damaged object: the member `id` at its top level, as far as that can be told."""
    depth = 0
    for match in TOKEN.finditer(content):
        depth += STEP.get(match[0], 0)
        if depth == 1 and match[0] == b'"id"' and (number := ID_VALUE.match(content, match.end())):
            return int(number[1])
    return None


def _elements(page: bytes) -> Iterator[bytes]:
    """Cut a damaged array at its top-level commas: only strings, commas and brackets matter."""
    depth = start = 0
    if not page.lstrip().startswith(b"["):
        raise NotAPage("no array")
    for match in TOKEN.finditer(page):
        depth += STEP.get(match[0], 0)
        if match[0] == b"[" and depth == 1:
            start = match.end()
        elif depth == 0 or (depth == 1 and match[0] == b","):
            if element := page[start : match.start()].strip():
                yield element
            start = match.end()
            if depth == 0:
                return
    raise NotAPage("an array that does not end")
