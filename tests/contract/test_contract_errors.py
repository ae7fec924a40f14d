"""Every error of error_catalog.json, as the simulator makes it or as recorded, through the real client and OAuth."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.in_process import Connection, connection

from strava_stats.errors import (
    ApplicationInactive,
    ConfigurationError,
    NotAuthorised,
    ScopeMissing,
    StravaStatsError,
    StravaUnreachable,
)
from strava_stats.strava.auth import DeadRefreshToken

UNUSED = {
    "invalid requested scope on authorize",  # shown to the browser, never to us
    "webhook subscribe, callback not 200",  # no webhooks
}
CATALOGUE = (
    Path(os.environ.get("STRAVA_SHARED", Path(__file__).parents[2].parent / "shared" / "strava")) / "error_catalog.json"
)

Act = Callable[[Connection], Any]


def first_page(strava: Connection) -> Any:
    return strava.client().list_activities(None, None, 1, 30)


def newest_detail(strava: Connection) -> Any:
    return strava.client().activity(strava.simulator.ids()[-1])


def unknown_client(strava: Connection) -> None:
    strava.oauth(client_id="999").refresh("whatever")


def wrong_secret(strava: Connection) -> None:
    strava.oauth(client_secret="wrong").refresh("whatever")


def used_code(strava: Connection) -> None:
    code = strava.simulator.oauth.issue_code(strava.simulator.world.default.id, ("read",), strava.simulator.now())
    strava.oauth().exchange(code)
    strava.oauth().exchange(code)


def bad_basic(strava: Connection) -> None:
    strava.oauth(client_secret="wrong").revoke("whatever")


def revoked(strava: Connection) -> None:
    strava.simulator.oauth.forget(strava.simulator.world.default.id)
    first_page(strava)


def no_scope(strava: Connection) -> None:
    strava.authorise(None, "read")
    strava.simulator.calls.clear()
    first_page(strava)


def inactive(strava: Connection) -> None:
    strava.simulator.modes.app_active = False
    first_page(strava)


def milliseconds(strava: Connection) -> None:
    strava.client().list_activities(int(strava.simulator.now() * 1000), None, 1, 30)


def outage(strava: Connection) -> None:
    strava.simulator.add_fault("status", status=597, kind="empty", times=None)
    first_page(strava)


RAISES: dict[str, tuple[Act, type[StravaStatsError], int, str]] = {
    "unknown client_id / missing secret / missing or unknown grant_type (with unknown client)": (
        unknown_client, NotAuthorised, 0, "STRAVA_CLIENT_ID",
    ),
    "known client_id, wrong client_secret": (wrong_secret, NotAuthorised, 0, "STRAVA_CLIENT_SECRET"),
    "bad/expired/reused authorization code": (used_code, NotAuthorised, 0, "strava-stats auth"),
    "bad/rotated/revoked refresh token": (
        lambda strava: strava.oauth().refresh("dead"), DeadRefreshToken, 0, "strava-stats auth",
    ),
    "revoke with bad Basic credentials": (bad_basic, NotAuthorised, 0, "STRAVA_CLIENT_SECRET"),
    "missing/expired/invalid bearer": (revoked, DeadRefreshToken, 1, "strava-stats auth"),
    "token lacks scope": (no_scope, ScopeMissing, 1, "tick"),
    "app owner has no subscription (since 2026-06-30)": (inactive, ApplicationInactive, 1, "settings/api"),
    "after in the future (e.g. milliseconds)": (milliseconds, ConfigurationError, 1, "clock"),
    "Strava outage": (outage, StravaUnreachable, 6, "status.strava.com"),
}  # fmt: skip
ANSWERS: dict[str, tuple[int, int]] = {
    "not found / no streams": (404, 1),
    "subscriber-only resource": (402, 1),
    "server error (can be permanent for one id)": (500, 2),
}


@pytest.fixture
def strava(tmp_path: Path) -> Connection:
    """An athlete who has authorised everything."""
    made = connection(tmp_path)
    made.authorise()
    made.simulator.calls.clear()
    return made


@pytest.mark.parametrize("case", RAISES)
def test_a_refusal(strava: Connection, case: str) -> None:
    """It is one class of error with its cure in one line, after the fewest calls, and quotes no secret."""
    act, kind, calls, cure = RAISES[case]
    with pytest.raises(kind) as caught:
        act(strava)
    assert type(caught.value) is kind
    assert cure in caught.value.hint
    assert "\n" not in str(caught.value)
    assert len(strava.statuses()) == calls
    secrets = [strava.simulator.app.client_secret, *(token.refresh_token for token in strava.store.load().values())]
    assert not any(secret in str(caught.value) for secret in secrets)


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer(strava: Connection, case: str) -> None:
    """It is handed out, so that one activity's trouble stays that activity's."""
    status, calls = ANSWERS[case]
    recorded = {
        404: b'{"message":"Resource Not Found","errors":[]}',
        402: b'{"message":"Payment Required","errors":[]}',
        500: b'{"message":"error"}',
    }
    strava.simulator.add_fault("status", path="/activities/*", status=status, body=recorded[status], times=None)
    answer = newest_detail(strava)
    assert (answer.status, answer.body) == (status, recorded[status])
    assert strava.statuses() == [status] * calls


def test_a_rate_limit(strava: Connection) -> None:
    """A 429 that another consumer brought about is waited out and asked again."""
    strava.simulator.limits.count(strava.simulator.now(), read=True, calls=100)
    assert first_page(strava).status == 200
    assert strava.statuses() == [429, 200]


def test_every_row_of_the_catalogue_is_here() -> None:
    """Nothing that was recorded is left out."""
    if not CATALOGUE.is_file():
        pytest.skip(f"there is no {CATALOGUE}")
    cases = {row["case"] for row in json.loads(CATALOGUE.read_text())}
    assert cases == RAISES.keys() | ANSWERS.keys() | UNUSED | {"rate limited"}


def catalogue_rows() -> list[dict[str, Any]]:
    return json.loads(CATALOGUE.read_text()) if CATALOGUE.is_file() else []


@pytest.mark.parametrize("row", catalogue_rows(), ids=lambda row: row["case"][:40])
@pytest.mark.parametrize(
    "spoilt", [None, b"", b"<html></html>", b'["error"]', b'{"errors":"none"}', b'{"message":null,"errors":[null,5]}']
)
def test_a_status_with_any_body(strava: Connection, row: dict[str, Any], spoilt: bytes | None) -> None:
    """Whatever the body of a recorded status, the caller gets an answer or an error with a cure, never a crash."""
    body = json.dumps(row["body"]).encode() if spoilt is None else spoilt
    strava.simulator.add_fault("status", status=row["status"], body=body, times=None)
    outcomes = []
    for call in (first_page, newest_detail, lambda one: one.oauth().refresh("dead")):
        try:
            answer = call(strava) if row["status"] != 429 else strava.client(max_calls=1).activity(5)
        except StravaStatsError as error:
            outcomes.append((error.exit_code in {69, 75, 77, 78}, bool(error.hint), "\n" not in str(error)))
        else:
            outcomes.append((answer.status in {402, 404, 500}, True, True))
    assert outcomes == [(True, True, True)] * 3
    assert len(strava.statuses()) <= 12
