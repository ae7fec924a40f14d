"""The small CSV files of an archive beside activities.csv → JSON lines for SQL: bikes, shoes, profile, media.

Columns are known by their English names, else by their places in a header as wide as the English one. What the
warehouse has no column for is not read, the e-mail address above all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from strava_stats.export.archive import Archive
from strava_stats.export.columns import fold
from strava_stats.export.csv_text import clean, records_of
from strava_stats.export.rows import LONGEST_CELL, usable_id
from strava_stats.files import disk_errors

LARGEST_FILE = 64 << 20
GEAR_KEYS = ("name", "brand", "model", None)
LAYOUTS: Mapping[str, tuple[tuple[str, ...], tuple[str | None, ...]]] = {
    "bikes.csv": (("Bike Name", "Bike Brand", "Bike Model", "Bike Default Sport Types"), GEAR_KEYS),
    "shoes.csv": (("Shoe Name", "Shoe Brand", "Shoe Model", "Shoe Default Sport Types"), GEAR_KEYS),
    "media.csv": (("Media Filename", "Media Caption"), ("name", "caption")),
    "profile.csv": (
        (
            "Athlete ID",
            "Email Address",
            "First Name",
            "Last Name",
            "Sex",
            "Description",
            "Weight",
            "City",
            "State",
            "Country",
            "Health Consent Status",
            "Date of Health Consent approval/denial",
        ),
        ("athlete_id", None, "firstname", "lastname", "sex", "bio", "weight", "city", "state", "country", None, None),
    ),
}
KINDS = {"bikes.csv": "b", "shoes.csv": "g"}
"""Letter before the number in gear ids of the API."""


@dataclass
class SideFiles:
    """JSON lines files for `load/export_gear`, `load/export_athletes` and `load/export_rows`; each may be empty.

    `athlete_id` is the archive's owner, None when profile.csv does not tell. `oddities` are (file, what).
    """

    gear: Path
    profile: Path
    media: Path
    athlete_id: int | None = None
    oddities: list[tuple[str, str]] = field(default_factory=list)


def write_side_files(archive: Archive, folder: Path) -> SideFiles:
    """Read the side files that there are; raises CorruptData when one of them is damaged."""
    gear, profile_file, media = (folder / f"export_{name}.jsonl" for name in ("gear", "profile", "media"))
    found = SideFiles(gear, profile_file, media)
    _write(found.gear, [{"kind": KINDS[name], **row} for name in KINDS for row in _rows(archive, name, found)])
    _write(found.media, list(_rows(archive, "media.csv", found)))
    profile = list(_rows(archive, "profile.csv", found))[:1]
    _write(found.profile, profile)
    found.athlete_id = usable_id(profile[0].get("athlete_id", "")) if profile else None
    return found


def _rows(archive: Archive, name: str, found: SideFiles) -> Iterator[dict[str, str]]:
    if name not in archive.members:
        return
    records = records_of(archive.read(name, LARGEST_FILE))
    header = next(records, [])
    keys = keys_of(header, name)
    if not any(keys):
        found.oddities.append((name, f"its {len(header)} columns are not known: it was not read"))
        return
    for record in records:
        row = {key: clean(cell)[:LONGEST_CELL] for key, cell in zip(keys, record, strict=False) if key and cell}
        if row:
            yield row


def keys_of(header: Sequence[str], file: str) -> list[str | None]:
    """A key for each cell of the header of a side file, None for one that is not read; [] when none is known."""
    names, keys = LAYOUTS[file]
    known = dict(zip(map(fold, names), keys, strict=True))
    folded = [fold(cell) for cell in header]
    if any(cell in known for cell in folded):
        return [known.get(cell) for cell in folded]
    return list(keys) if len(header) == len(keys) else []


def _write(target: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with disk_errors(target):
        target.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
