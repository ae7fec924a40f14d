"""The switches of a simulated Strava: each names a behaviour that is unknown, dated or rare in the real one."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from strava_stats.simulator.limits import HeaderCase, HeaderStyle


@dataclass(slots=True)
class Modes:
    """Settings that a test or the control API may change while the simulator runs."""

    bounds: Literal["exclusive", "inclusive"] = "exclusive"
    """Whether an activity that starts exactly at `after` or `before` is listed (unknown in reality)."""
    per_page_over: Literal["cap", "error"] = "cap"
    """`per_page` outside 1…200: served as 200 (or the default 30), or refused with 400."""
    short_pages: int = 0
    """n > 0: every n-th item is filtered out after paging, so that pages are short before the end."""
    not_found: Literal["json", "empty"] = "json"
    """Body of a 404; both are recorded."""
    rate_headers: HeaderStyle = "normal"
    rate_header_case: HeaderCase = "wire"
    rate_limit_field: str | None = None
    """`errors[0].field` of a 429 (the text varies); None: by the limit that was exceeded."""
    rotation: Literal["always", "never", "when_new"] = "when_new"
    """When a refresh returns a new refresh token; `when_new` = together with a new access token."""
    scope_in_token: bool = True
    """Token answers carry the space-delimited `scope` reported since April 2026."""
    fresh_code_seconds: float = 0.0
    """A code younger than this is rejected, then accepted (reported: about 2 s)."""
    app_active: bool = True
    """False: 403 Application/Status/Inactive on every API call, while tokens still refresh."""
    other_calls: int = 0
    """Read calls that another consumer of the application makes after each of ours."""
    athlete_count_flicker: bool = False
    """`athlete_count` differs from listing to listing (second_pull_changes.json)."""
    kudos_growth: bool = True
    """Synthetic activities younger than three days still gather kudos as the clock goes on."""
    deny: bool = False
    """The user refuses at the authorise page."""
    unticked_scopes: list[str] = field(default_factory=list)
    """Scopes that the user unticks at the authorise page."""
    login: int | None = None
    """Athlete who is logged in at the authorise page; None: the first."""

    def update(self, values: dict[str, Any]) -> None:
        """Set several modes; ValueError names the first unknown mode or wrong value, and nothing is changed."""
        hints = get_type_hints(type(self))
        for name, value in values.items():
            if name not in hints:
                raise ValueError(f"unknown mode {name!r}")
            if not _fits(value, hints[name]):
                raise ValueError(f"mode {name!r} cannot be {value!r}")
        for name, value in values.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """All modes by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if origin is not None:
        return any(_fits(value, arg) for arg in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
