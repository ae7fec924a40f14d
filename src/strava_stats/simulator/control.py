"""The control API: `/_control/…` speaks JSON both ways, is neither logged nor counted.

Answers 400 or 404 with `{"error": text}` when an order cannot be carried out. The routes are the table at the end.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from strava_stats.simulator import operations
from strava_stats.simulator.faults import Fault
from strava_stats.simulator.messages import Json, Request, Response, json_response

if TYPE_CHECKING:
    from strava_stats.simulator.core import Simulator


@dataclass(frozen=True, slots=True)
class Order:
    """A control call: the simulator it is for, its JSON object, and the id in its path ("" without one)."""

    simulator: Simulator
    values: dict[str, Json]
    key: str


Handler: TypeAlias = Callable[[Order], Json]


def handle_control(simulator: Simulator, request: Request) -> Response:
    """Answer one `/_control/…` call."""
    path = request.path.removeprefix("/_control").rstrip("/")
    try:
        values = dict(json.loads(request.body or b"{}"))
        for method, pattern, handler in _ROUTES:
            found = pattern.fullmatch(path)
            if method == request.method and found:
                return json_response(200, handler(Order(simulator, values, found[1] if pattern.groups else "")))
    except KeyError as error:
        return json_response(404, {"error": f"there is no {error}"})
    except (ValueError, TypeError) as error:
        return json_response(400, {"error": str(error)})
    return json_response(404, {"error": f"no control route {request.method} {request.path}"})


def _create(order: Order) -> Json:
    return {"id": operations.create(order.simulator, order.values)}


def _list(order: Order) -> Json:
    return {"ids": order.simulator.ids()}


def _edit(order: Order) -> Json:
    order.simulator.edit(int(order.key), **order.values)
    return {"id": int(order.key)}


def _delete(order: Order) -> Json:
    order.simulator.delete(int(order.key))
    return {"id": int(order.key)}


def _kudos(order: Order) -> Json:
    order.simulator.add_kudos(int(order.key), order.values.get("count", 1))
    return {"id": int(order.key)}


def _simple(action: str) -> Handler:
    def run(order: Order) -> Json:
        getattr(order.simulator, action)(int(order.key))
        return {"id": int(order.key)}

    return run


def _poison(order: Order) -> Json:
    order.simulator.poison(int(order.key), order.values.get("poisoned", True))
    return {"id": int(order.key)}


def _raw(order: Order) -> Json:
    order.simulator.set_raw(int(order.key), _bytes(order.values, "summary"), _bytes(order.values, "detail"))
    return {"id": int(order.key)}


def _bytes(values: dict[str, Json], name: str) -> bytes | None:
    if f"{name}_base64" in values:
        return base64.b64decode(values[f"{name}_base64"], validate=True)
    text: str | None = values.get(name)
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _log(order: Order) -> Json:
    return {"calls": list(order.simulator.calls)}


def _reset_log(order: Order) -> Json:
    order.simulator.calls.clear()
    return {"calls": []}


def _add_fault(order: Order) -> Json:
    return order.simulator.faults.add(Fault.from_json(order.values)).as_dict()


def _list_faults(order: Order) -> Json:
    return {"faults": [fault.as_dict() for fault in order.simulator.faults.rules]}


def _clear_faults(order: Order) -> Json:
    order.simulator.faults.clear(int(order.key) if order.key else None)
    return _list_faults(order)


def _get_clock(order: Order) -> Json:
    now = order.simulator.now()
    return {"now": now, "iso": datetime.fromtimestamp(now, UTC).isoformat()}


def _set_clock(order: Order) -> Json:
    if "set" in order.values:
        order.simulator.set_clock(float(order.values["set"]))
    order.simulator.advance(float(order.values.get("advance", 0)))
    return _get_clock(order)


def _get_modes(order: Order) -> Json:
    return order.simulator.modes.as_dict()


def _set_modes(order: Order) -> Json:
    order.simulator.modes.update(order.values)
    return order.simulator.modes.as_dict()


def _get_limits(order: Order) -> Json:
    return order.simulator.limits.snapshot(order.simulator.now())


def _set_limits(order: Order) -> Json:
    old = _get_limits(order)
    overall, read = (tuple(order.values.get(name, old[name]["limit"])) for name in ("overall", "read"))
    order.simulator.limits.set_limits((int(overall[0]), int(overall[1])), (int(read[0]), int(read[1])))
    return _get_limits(order)


def _consume(order: Order) -> Json:
    order.simulator.limits.count(
        order.simulator.now(), read=order.values.get("read", True), calls=int(order.values.get("calls", 1))
    )
    return _get_limits(order)


def _grant(order: Order) -> Json:
    scopes = order.values.get("scopes")
    athlete_id = order.values.get("athlete_id")
    return order.simulator.grant(tuple(scopes), athlete_id) if scopes else order.simulator.grant(athlete_id=athlete_id)


def _expire(order: Order) -> Json:
    order.simulator.oauth.expire()
    return {}


def _deauthorise(order: Order) -> Json:
    order.simulator.oauth.forget(order.values.get("athlete_id", order.simulator.world.default.id))
    return {}


def _state(order: Order) -> Json:
    athletes = {str(athlete.id): len(athlete.live_ids()) for athlete in order.simulator.world.athletes.values()}
    app = {"client_id": order.simulator.app.client_id, "client_secret": order.simulator.app.client_secret}
    state = {"athletes": athletes, "application": app, "calls": len(order.simulator.calls)}
    return state | {"limits": _get_limits(order)} | _get_clock(order)


_ONE = r"/activities/(\d+)"
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("GET", "/activities", _list),
        ("POST", "/activities", _create),
        ("PATCH", _ONE, _edit),
        ("DELETE", _ONE, _delete),
        ("POST", _ONE + "/kudos", _kudos),
        ("POST", _ONE + "/make_private", _simple("make_private")),
        ("POST", _ONE + "/make_public", _simple("make_public")),
        ("POST", _ONE + "/restore", _simple("restore")),
        ("POST", _ONE + "/poison", _poison),
        ("POST", _ONE + "/raw", _raw),
        ("GET", "/calls", _log),
        ("DELETE", "/calls", _reset_log),
        ("GET", "/faults", _list_faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("DELETE", r"/faults/(\d+)", _clear_faults),
        ("GET", "/clock", _get_clock),
        ("POST", "/clock", _set_clock),
        ("GET", "/modes", _get_modes),
        ("PATCH", "/modes", _set_modes),
        ("GET", "/limits", _get_limits),
        ("PATCH", "/limits", _set_limits),
        ("POST", "/consume", _consume),
        ("POST", "/grant", _grant),
        ("POST", "/expire_tokens", _expire),
        ("POST", "/deauthorize", _deauthorise),
        ("GET", "/state", _state),
    )
]
