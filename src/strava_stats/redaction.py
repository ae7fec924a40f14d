"""Take secrets and places out of what is logged. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

GONE = "[redacted]"
SHORTEST_SECRET = 4  # characters; shorter ones would blank half of every text
DEEPEST = 20

SECRET_KEY = re.compile(
    r"token|secret|passw|passphrase|authori[sz]ation|cookie|credential|api_?key|bearer|^code$|^state$", re.IGNORECASE
)
PLACE_KEY = re.compile(r"(^|_)(lat|latitude|lng|lon|longitude|latlng|coordinates?|polyline)(_|$)", re.IGNORECASE)

NAMED = r"[\"']?\s*[=:]\s*"
NUMBER = r"[-+]?\d{1,3}(?:\.\d+)?(?:e[-+]?\d+)?"
EXACT = r"[-+]?\d{1,3}\.\d{2,}(?:e[-+]?\d+)?"
SECRET_NAME = r"\w*(?:token|secret|passw(?:or)?d|passphrase|api_?key)|authori[sz]ation|\bcode|\bstate"  # noqa: S105 - how they are called
PATTERNS = [
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # https://user:password@proxy
        (r"://[^/@\s\"']+@", f"://{GONE}@"),
        (r"\b(bearer|basic)\s+[^\s\"',;]+", rf"\1 {GONE}"),
        (rf"((?:{SECRET_NAME}){NAMED})(\"[^\"]*\"?|'[^']*'?|[^\s\"'&,;}}\])]+)", rf"\1{GONE}"),
        # Strava's tokens and secrets are 40 hexadecimal digits.
        (r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])", GONE),
        (rf"(\w*polyline{NAMED})(\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,;}}\])]+)", rf"\1{GONE}"),
        (rf"(\w*(?:latlng|coordinates?){NAMED})[\[(]?\s*{NUMBER}(?:\s*[,;\s]\s*{NUMBER})?\s*[\])]?", rf"\1{GONE}"),
        (rf"(\b(?:\w+_)?(?:lat|lng|lon|latitude|longitude)(?:{NAMED}|\s+))[\"']?{NUMBER}", rf"\1{GONE}"),
        # Two numbers with decimals side by side, also as 51.50742° N, 0.12776° W.
        (rf"(?<![\w.]){EXACT}\s*°?\s*[NSEW]?\s*[,;/\s]\s*{EXACT}(?![\d.])(?:\s*°?\s*[NSEW]\b)?", GONE),
    )
]


class Redactor:
    """Takes out what looks like a secret or a place, and every secret that it was told of."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        long_enough = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
        known = {form for secret in long_enough for form in (secret, quote(secret, safe=""))}
        # The longest first: one secret may begin like another.
        self._known = sorted(known, key=len, reverse=True)

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """`value` without them; mappings, lists and texts are copied, numbers and None stay."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float | None):
            return value
        if depth > DEEPEST:
            return GONE
        if isinstance(value, Mapping):
            return {self._text(str(key)): self._entry(str(key), one, depth) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self(one, depth + 1) for one in _without_places(list(value))]
        return self._text(str(value))

    def _entry(self, key: str, value: Any, depth: int) -> Any:
        if value is not None and (SECRET_KEY.search(key) or PLACE_KEY.search(key)):
            return GONE
        return self(value, depth + 1)

    def _text(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, GONE)
        for pattern, replacement in PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _without_places(values: list[Any]) -> list[Any]:
    """Two numbers with decimals alone in a list are a place, as Strava writes one."""
    if len(values) == 2 and all(isinstance(one, float) for one in values):  # noqa: PLR2004 - latitude and longitude
        return [GONE]
    return values
