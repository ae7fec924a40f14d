"""Codes, tokens, rotation, revocation."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from strava_stats.simulator import DroppedConnection, Request, Response, Simulator

from .conftest import Standing, control, post_form

APP = {"client_id": "12345", "client_secret": "simulated-secret"}


def authorize(simulator: Simulator, **changes: str) -> Response:
    """A visit of the authorise page."""
    query = {"client_id": "12345", "redirect_uri": "http://localhost/exchange_token", "response_type": "code"}
    query |= {"scope": "read,activity:read_all", "state": "s1"} | changes
    return simulator.handle(Request("GET", "/oauth/authorize", list(query.items())))


def redirect_query(response: Response) -> dict[str, str]:
    """The query of the redirect."""
    location = urlsplit(response.header("Location") or "")
    return {name: values[0] for name, values in parse_qs(location.query, keep_blank_values=True).items()}


def exchange(simulator: Simulator) -> Any:
    """A whole authorisation; the token answer."""
    code = redirect_query(authorize(simulator))["code"]
    return post_form(simulator, "/oauth/token", None, grant_type="authorization_code", code=code, **APP).json()


def refresh(simulator: Simulator, token: str) -> Response:
    """A refresh."""
    return post_form(simulator, "/oauth/token", None, grant_type="refresh_token", refresh_token=token, **APP)


def error_of(response: Response) -> tuple[int, str, str, str]:
    """Status and first error."""
    first = response.json()["errors"][0]
    return response.status, first["resource"], first["field"], first["code"]


def test_authorize_redirects_with_state_code_and_scope(simulator: Simulator) -> None:
    """The redirect carries what the user granted."""
    response = authorize(simulator)
    assert response.status == 302
    query = redirect_query(response)
    assert (query["state"], query["scope"]) == ("s1", "read,activity:read_all")


def test_the_user_can_untick_or_deny(simulator: Simulator) -> None:
    """Unticked scopes are missing; a denial has no code."""
    control(simulator, "PATCH", "/modes", unticked_scopes=["activity:read_all"])
    assert redirect_query(authorize(simulator))["scope"] == "read"
    control(simulator, "PATCH", "/modes", deny=True)
    query = redirect_query(authorize(simulator))
    assert query["error"] == "access_denied"
    assert "code" not in query


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scope": "read,everything"}, ("Authorize", "scope")),
        ({"client_id": "9"}, ("Application", "client_id")),
        ({"redirect_uri": "http://example.com/"}, ("Application", "redirect_uri")),
    ],
)
def test_authorize_refuses_bad_requests(simulator: Simulator, change: dict[str, str], error: tuple[str, str]) -> None:
    """A wrong parameter is a 400 that names it."""
    assert error_of(authorize(simulator, **change)) == (400, *error, "invalid")


def test_a_code_works_once(simulator: Simulator) -> None:
    """The second exchange of a code is refused."""
    code = redirect_query(authorize(simulator))["code"]
    fields = {"grant_type": "authorization_code", "code": code} | APP
    assert post_form(simulator, "/oauth/token", None, **fields).json()["athlete"]["id"] == 4_242_424_242
    again = post_form(simulator, "/oauth/token", None, **fields)
    assert error_of(again) == (400, "AuthorizationCode", "code", "invalid")


def test_a_fresh_code_can_be_rejected_first(simulator: Simulator, clock: Standing) -> None:
    """In the reported mode a code is accepted only two seconds later."""
    control(simulator, "PATCH", "/modes", fresh_code_seconds=2.0)
    code = redirect_query(authorize(simulator))["code"]
    fields = {"grant_type": "authorization_code", "code": code} | APP
    assert post_form(simulator, "/oauth/token", None, **fields).status == 400
    clock.time += 2
    assert post_form(simulator, "/oauth/token", None, **fields).status == 200


def test_wrong_clients_are_told_apart(simulator: Simulator) -> None:
    """Unknown client: 400; wrong secret: 401."""
    unknown = post_form(simulator, "/oauth/token", None, client_id="1", client_secret="x", grant_type="refresh_token")
    wrong = post_form(simulator, "/oauth/token", None, client_id="12345", client_secret="x", grant_type="refresh_token")
    assert error_of(unknown) == (400, "Application", "client_id", "invalid")
    assert error_of(wrong) == (401, "Application", "", "invalid")


def test_a_refresh_with_an_hour_left_returns_the_same_access_token(simulator: Simulator, clock: Standing) -> None:
    """More than 3600 s left: the token that exists; less: a new one, and the old one works until it expires."""
    first = exchange(simulator)
    clock.time += 21_600 - 3_601
    same = refresh(simulator, first["refresh_token"]).json()
    assert (same["access_token"], same["expires_in"]) == (first["access_token"], 3_601)
    clock.time += 1
    new = refresh(simulator, same["refresh_token"]).json()
    assert new["access_token"] != first["access_token"]
    assert new["refresh_token"] != first["refresh_token"]
    for token in (first["access_token"], new["access_token"]):
        headers = {"Authorization": f"Bearer {token}"}
        assert simulator.handle(Request("GET", "/athlete", (), headers)).status == 200
    assert error_of(refresh(simulator, first["refresh_token"])) == (
        400,
        "RefreshToken",
        "refresh_token",
        "invalid",
    )


@pytest.mark.parametrize(("mode", "changes"), [("always", True), ("never", False), ("when_new", False)])
def test_rotation_modes(simulator: Simulator, mode: str, changes: bool) -> None:
    """With hours left, only `always` replaces the refresh token."""
    first = exchange(simulator)
    control(simulator, "PATCH", "/modes", rotation=mode)
    second = refresh(simulator, first["refresh_token"]).json()
    assert (second["refresh_token"] != first["refresh_token"]) is changes
    assert refresh(simulator, first["refresh_token"]).status == (400 if changes else 200)


def test_a_lost_answer_still_rotates(simulator: Simulator) -> None:
    """When the connection drops after processing, the old refresh token is dead although nobody saw the new one."""
    first = exchange(simulator)
    control(simulator, "PATCH", "/modes", rotation="always")
    control(simulator, "POST", "/faults", action="drop", path="/oauth/token", processed=True)
    with pytest.raises(DroppedConnection):
        refresh(simulator, first["refresh_token"])
    assert refresh(simulator, first["refresh_token"]).status == 400


def test_a_lost_request_rotates_nothing(simulator: Simulator) -> None:
    """When the connection drops before processing, the old refresh token lives."""
    first = exchange(simulator)
    control(simulator, "POST", "/faults", action="drop", path="/oauth/token")
    with pytest.raises(DroppedConnection):
        refresh(simulator, first["refresh_token"])
    assert refresh(simulator, first["refresh_token"]).status == 200


def test_the_scope_key_is_optional(simulator: Simulator) -> None:
    """Since 2026 the answer names the scopes, blank-separated; the mode takes them away."""
    assert exchange(simulator)["scope"] == "read activity:read_all"
    control(simulator, "PATCH", "/modes", scope_in_token=False)
    assert "scope" not in exchange(simulator)


def test_revoke_ends_the_grant(simulator: Simulator) -> None:
    """HTTP Basic and a form token: 200, empty body, also for unknown tokens; 400 and 401 as documented."""
    token = exchange(simulator)
    basic = {"Authorization": "Basic " + base64.b64encode(b"12345:simulated-secret").decode()}
    assert post_form(simulator, "/oauth/revoke", {"Authorization": "Basic eDp5"}, token="t").status == 401
    assert post_form(simulator, "/oauth/revoke", basic).status == 400
    assert post_form(simulator, "/oauth/revoke", basic, token="unknown").status == 200
    done = post_form(simulator, "/oauth/revoke", basic, token=token["refresh_token"])
    assert (done.status, done.body) == (200, b"")
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert simulator.handle(Request("GET", "/athlete", (), headers)).status == 401
    assert refresh(simulator, token["refresh_token"]).status == 400


def test_deauthorize_is_retired(simulator: Simulator) -> None:
    """The old form is gone."""
    assert post_form(simulator, "/oauth/deauthorize").status == 404


def test_an_inactive_application_still_refreshes(simulator: Simulator) -> None:
    """Without the owner's subscription every API call is 403, but tokens go on."""
    token = exchange(simulator)
    control(simulator, "PATCH", "/modes", app_active=False)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    refused = simulator.handle(Request("GET", "/athlete", (), headers))
    assert error_of(refused) == (403, "Application", "Status", "Inactive")
    assert refresh(simulator, token["refresh_token"]).status == 200
