"""What is logged holds no secret and no place, whatever it is wrapped in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_stats.redaction import Redactor

WORDS = st.text(alphabet="abcdef ghij,;:\n{}[]()'\"=&?/é", max_size=20)
TOKEN = st.text(alphabet="0123456789abcdef", min_size=40, max_size=40)
PASSPHRASE = st.text(alphabet="ABCXYZabcxyz0189-._~+/%", min_size=8, max_size=60).filter(lambda one: one.strip("._-~"))
DEGREES = st.floats(-179, 179, allow_nan=False).map(lambda one: f"{one:.6f}")

SECRET_SHAPES = [
    "Authorization: Bearer {0}",
    "client_secret={0}&grant_type=refresh_token",
    "access_token={0}",
    '{{"access_token": "{0}", "expires_at": 1}}',
    "{{'refresh_token': '{0}'}}",
    "http://localhost/exchange_token?state=&code={0}&scope=read",
    "password: {0}",
]
PLACE_SHAPES = [
    "{0},{1}",
    "[{0}, {1}]",
    "({0} {1})",
    '"start_latlng":[{0},{1}]',
    "start_lat={0} start_lng={1}",
    "{{'lat': {0}, 'lon': {1}}}",
    "POINT({1} {0})",
    "latitude: {0}; longitude: {1}",
]


def logged(value: Any, *secrets: str) -> str:
    """As it would stand in a log."""
    return json.dumps(Redactor(secrets)(value), ensure_ascii=False)


def nested(text: str, layers: list[int]) -> Any:
    """The text inside lists and mappings."""
    value: Any = text
    for layer in layers:
        value = [value, 1] if layer == 0 else {"note": value} if layer == 1 else (None, {"deep": [value]})
    return value


@given(TOKEN, WORDS, WORDS, st.lists(st.integers(0, 2), max_size=5))
def test_a_token_of_strava(token: str, before: str, after: str, layers: list[int]) -> None:
    """Forty hexadecimal digits go wherever they stand."""
    assert token not in logged(nested(f"{before} {token} {after}", layers))


@given(PASSPHRASE, st.sampled_from(SECRET_SHAPES), WORDS, WORDS, st.lists(st.integers(0, 2), max_size=5))
def test_a_secret_of_any_form(secret: str, shape: str, before: str, after: str, layers: list[int]) -> None:
    """What a header, an address or an answer calls a secret goes, whatever it looks like."""
    assert secret not in logged(nested(f"{before} {shape.format(secret)} {after}", layers))


@given(PASSPHRASE, WORDS, WORDS)
def test_a_known_secret(secret: str, before: str, after: str) -> None:
    """A secret that the settings or the token file hold goes even with no sign of it around."""
    assert secret not in logged({"text": f"{before}{secret}{after}"}, secret)


@given(DEGREES, DEGREES, st.sampled_from(PLACE_SHAPES), WORDS, WORDS)
def test_a_place_in_a_text(lat: str, lng: str, shape: str, before: str, after: str) -> None:
    """Latitude and longitude go in every usual writing."""
    shown = logged([f"{before} {shape.format(lat, lng)} {after}"])
    assert lat not in shown
    assert lng not in shown


@given(st.floats(-90, 90, allow_nan=False), st.floats(-179, 179, allow_nan=False))
def test_a_place_as_numbers(lat: float, lng: float) -> None:
    """Fields named after places, and two decimal numbers alone in a list, lose their values."""
    value = {"start_latlng": [lat, lng], "start_lat": lat, "map": {"summary_polyline": "_p~iF~ps|U"}, "at": [lat, lng]}
    assert Redactor()(value) == {
        "start_latlng": "[redacted]",
        "start_lat": "[redacted]",
        "map": {"summary_polyline": "[redacted]"},
        "at": ["[redacted]"],
    }


@pytest.mark.parametrize(
    "harmless",
    [
        "pull: 200 listed, 3 new, 1 changed, 2 calls, 0.5 s",
        "Quarter-hour limit of the API reached: waiting 14 min, until 10:15 UTC",
        "Left out details of activity 16000001013: status 500",
        "Athlete 4242424242: the last successful pull was 36 hours ago: run `strava-stats flow`",
        "activities 12: the value of average_watts does not fit its column and is in extra",
        "The warehouse was damaged, changed, or built by another version: making it anew from bronze",
        "The token file secrets/strava_token.json is damaged",
    ],
)
def test_what_tells_nothing_stays(harmless: str) -> None:
    """What the product says of its work is logged as it is."""
    assert Redactor()(harmless) == harmless


def test_numbers_and_emptiness_stay() -> None:
    """Counts, times, truth and None are no secrets; a field that is named after one and empty shows that it is."""
    value = {
        "calls": 3,
        "seconds": 0.25,
        "ok": True,
        "error": None,
        "token": None,
        "by_kind": {"new": 2},
        "list": [1, 2],
    }
    assert Redactor()(value) == value


def test_a_loop_ends() -> None:
    """What is nested without end is cut off."""
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert "[redacted]" in logged(endless)
