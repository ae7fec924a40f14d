"""Text of an archive's CSV files as records, whatever a spreadsheet made of it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator

DELIMITERS = (",", ";", "\t")
NO_TEXT = re.compile("[\0\udc80-\udcff]")
"""What `records_of` leaves of bytes that are no text; `clean` replaces it."""
NO_LIMIT = (1 << 31) - 1


def records_of(content: bytes) -> Iterator[list[str]]:
    """The records of a CSV file, its header first; blank ones are left out.

    See `written_records_of`.
    """
    return (record for record, _ in written_records_of(content))


def written_records_of(content: bytes) -> Iterator[tuple[list[str], str]]:
    """The records of a CSV file, its header first, each as it is written; blank ones are left out.

    UTF-8 with or without a mark, or UTF-16 as spreadsheets save it; commas, semicolons or tabs, whichever the header
    has most of. A byte that is no UTF-8 becomes a lone surrogate, so that its cell can be named.
    """
    before = csv.field_size_limit(NO_LIMIT)  # the module's own limit would end the reading
    try:
        with _text_of(content) as text:
            header = text.readline()
            text.seek(0)
            lines: list[str] = []
            for record in csv.reader(_noted(text, lines), delimiter=max(DELIMITERS, key=header.count)):
                if any(record):
                    yield record, "".join(lines)
                lines.clear()
    finally:
        csv.field_size_limit(before)


def clean(cell: str) -> str:
    """The cell with U+FFFD for what is no text."""
    return NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", cell)


def csv_of(records: Iterable[str], like: bytes) -> bytes:
    """Written records as a CSV file again, in the encoding of the file that they are from."""
    encoding, errors = _encoding_of(like)
    if encoding == "utf-8-sig" and not like.startswith(codecs.BOM_UTF8):
        encoding = "utf-8"
    return "".join(records).encode(encoding, errors)


def _noted(text: Iterable[str], lines: list[str]) -> Iterator[str]:
    """The reader of records takes no line more than the record needs."""
    for line in text:
        lines.append(line)
        yield line


def _encoding_of(content: bytes) -> tuple[str, str]:
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return ("utf-16", "replace") if is_utf16 else ("utf-8-sig", "surrogateescape")


def _text_of(content: bytes) -> io.TextIOWrapper:
    encoding, errors = _encoding_of(content)
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors=errors, newline="")
