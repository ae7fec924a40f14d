"""File names that every file system takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 50  # characters, of up to 4 bytes each: many file systems take 255 bytes, suffix included
UNSAFE = re.compile(r"[^\w.-]+")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # devices, on Windows


def safe_name(text: str) -> str:
    """`text` as a file name without suffix: letters, digits, `_`, `-`, `.`; never empty, hidden or a device."""
    plain = UNSAFE.sub("_", unicodedata.normalize("NFC", text))[:LONGEST].strip(".")
    return f"_{plain}" if not plain or RESERVED.match(plain) else plain


def distinct_names(texts: Iterable[str]) -> dict[str, str]:
    """Each text with a safe name of its own, also where capitals do not count."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in texts:
        name, count = safe_name(text), 1
        while name.casefold() in taken:
            count += 1
            name = f"{safe_name(text)}_{count}"
        taken.add(name.casefold())
        names[text] = name
    return names
