"""Any listing page is taken apart without changing a byte; what is damaged is one element alone."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from strava_stats.lake.bronze import LARGEST_ID, body_hash
from strava_stats.lake.summaries import NotAPage, read_body, split_page

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(TEXT.filter(lambda key: key != "id"), VALUES, max_size=6)
SPACE = st.sampled_from(["", " ", "\n", "\t\r\n "])
DAMAGE = st.sampled_from(
    [
        b'{"id":5,"name":"\xff\xfe"}',
        b'{"id":5,"name":"\xed\xa0\x80"}',
        b'{"id":5,"name":"raw\nline, ] }"}',
        b'{"id":5,"name":"\\ud800"}',
        b'{"id":5,"n":01}',
        b'{"id":5,"n":NaN}',
        b'{"id":5,"n":tru}',
        b'{"id":5,"name":"\\x"}',
    ]
)


def encode(value: Any, ascii_only: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only).encode()


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(OBJECTS, max_size=8), ascii_only=st.booleans(), space=SPACE)
def test_a_page_comes_apart_byte_for_byte(bodies: list[dict[str, Any]], ascii_only: bool, space: str) -> None:
    """Each element keeps its bytes, its number and its order, whatever is in it and whatever lies between them."""
    contents = [encode({"id": number, **body}, ascii_only) for number, body in enumerate(bodies)]
    page = (b"[" + (b"," + space.encode()).join(contents) + b"]").replace(b"[", b"[" + space.encode(), 1)
    found = split_page(page)
    assert [body.content for body in found] == contents
    assert [body.id for body in found] == list(range(len(bodies)))
    assert [body.hash for body in found] == [body_hash(content) for content in contents]
    assert all(body.error is None for body in found)


@settings(max_examples=100, deadline=None)
@given(body=OBJECTS, indent=st.integers(0, 3))
def test_a_spread_out_body_becomes_one_line(body: dict[str, Any], indent: int) -> None:
    """A body over several lines is one line afterwards, equal in every value."""
    content = json.dumps({"id": 3, **body}, indent=indent).encode()
    (found,) = split_page(b"[" + content + b"]")
    assert b"\n" not in found.content
    assert json.loads(found.content) == json.loads(content)


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(OBJECTS, min_size=1, max_size=8), damage=DAMAGE, at=st.integers(0, 8))
def test_a_damaged_element_is_alone(bodies: list[dict[str, Any]], damage: bytes, at: int) -> None:
    """One element that is no clean JSON is named, with its bytes; all others are as they would be without it."""
    contents = [encode({"id": number + 100, **body}, ascii_only=False) for number, body in enumerate(bodies)]
    contents.insert(min(at, len(contents)), damage)
    found = split_page(b"[" + b",".join(contents) + b"]")
    assert [body.content for body in found if body.error is None] == [one for one in contents if one is not damage]
    (wrong,) = [body for body in found if body.error is not None]
    assert wrong.content == damage
    assert wrong.id in {5, None}


@settings(max_examples=200, deadline=None)
@given(page=st.binary(max_size=60) | st.text('[]{},"\\ :0123456789tru', max_size=40).map(str.encode))
def test_any_bytes_are_a_page_or_no_page(page: bytes) -> None:
    """Whatever comes, it is taken apart or refused as no page; nothing else is raised."""
    try:
        found = split_page(page)
    except NotAPage:
        return
    assert all(body.content in page or body.error is None for body in found)


@settings(max_examples=100, deadline=None)
@given(found=st.integers(-(2**80), 2**80) | st.floats(allow_nan=False) | TEXT | st.none() | st.booleans())
def test_only_a_64_bit_integer_is_an_id(found: Any) -> None:
    """An id is a whole number from 0 to 2^63 - 1; anything else is an error that shows what was there."""
    if isinstance(found, float) and found in {float("inf"), float("-inf")}:
        return
    body = read_body(json.dumps({"id": found}).encode())
    usable = type(found) is int and 0 <= found <= LARGEST_ID
    assert (body.id == found) if usable else (body.id is None and body.error is not None)
