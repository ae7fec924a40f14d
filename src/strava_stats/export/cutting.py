"""An archive without some of its activities: packed anew, with what is read of the others and nothing else.

What else lies in an archive (comments, messages, routes, files that no row names) does not say which activity it is
about, or is never read: it is not carried over. Records of tables stay as they are written, members keep their dates,
so that cutting twice gives the same file as cutting once.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

from strava_stats.errors import CorruptData
from strava_stats.export.archive import LIST, Archive
from strava_stats.export.columns import recognise
from strava_stats.export.csv_text import clean, csv_of, written_records_of
from strava_stats.export.keeping import keep, pack
from strava_stats.export.rows import LARGEST_TABLE, LONGEST_CELL, usable_id
from strava_stats.export.side_files import LARGEST_FILE, LAYOUTS, keys_of

MEDIA = "media.csv"


def keep_without(
    archive: Archive, gone: Container[int], stays: Container[str], folder: Path, scratch: Path
) -> tuple[str, list[str]]:
    """Keep the archive without the rows of the activities in `gone`; returns its SHA-256 and what was left out.

    Of all files but the tables only those in `stays` are kept. Left out are those of them that are damaged. Raises
    CorruptData for a table that is, and DiskFull.
    """
    wanted = [name for name in sorted(archive.members) if name == LIST or name in LAYOUTS or name in stays]
    tables = {LIST: _rows_without(archive.read(LIST, LARGEST_TABLE), gone)}
    if MEDIA in wanted:
        tables[MEDIA] = _media_of(archive.read(MEDIA, LARGEST_FILE), stays)
    damaged = [name for name in wanted if name not in tables and not _is_whole(archive, name)]
    packed = [name for name in wanted if name not in damaged and tables.get(name) != b""]
    sha256 = keep(
        lambda sink: pack(
            ((one, archive.date_of(one), [tables[one]] if one in tables else archive.blocks(one)) for one in packed),
            sink,
        ),
        None,
        folder,
        scratch,
    )
    return sha256, damaged


def _rows_without(content: bytes, gone: Container[int]) -> bytes:
    """The list of activities without these, and without rows that name none."""
    records = written_records_of(content)
    header, written = next(records)
    place = recognise([clean(cell) for cell in header]).keys.index("activity_id")

    def kept() -> Iterator[str]:
        yield written
        for record, text in records:
            number = usable_id(record[place]) if place < len(record) else None
            if number is not None and number not in gone:
                yield text

    return csv_of(kept(), content)


def _media_of(content: bytes, stays: Container[str]) -> bytes:
    """The captions of the files that stay; b"" where it is not known which column names the file."""
    records = written_records_of(content)
    header, written = next(records, ([], ""))
    keys = keys_of(header, MEDIA)
    if "name" not in keys:
        return b""
    place = keys.index("name")
    kept = (text for record, text in records if place < len(record) and clean(record[place])[:LONGEST_CELL] in stays)
    return csv_of([written, *kept], content)


def _is_whole(archive: Archive, name: str) -> bool:
    try:
        for _ in archive.blocks(name):
            pass
    except CorruptData:
        return False
    return True
