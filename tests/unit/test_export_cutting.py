"""An archive without some of its activities: what stays of its tables and files, byte by byte."""

from __future__ import annotations

import codecs
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from strava_stats.export.archive import open_archive
from strava_stats.export.cutting import keep_without

HEADER = "Activity ID,Activity Date,Activity Name,Filename\n"
ROWS = {
    11: '11,"Jan 1, 2020, 8:00:00 AM","two\nlines, ""quoted""",activities/11.gpx\n',
    12: '0012.0,"Jan 2, 2020, 8:00:00 AM",Zwölf \N{RUNNER},activities/12.gpx\n',
    13: '13,"Jan 3, 2020, 8:00:00 AM",,\n',
}
MEDIA = "Media Filename,Media Caption\n"


def make(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(zipfile.ZipInfo(name, (2021, 3, 4, 5, 6, 8)), content)
    return path


def cut(path: Path, folder: Path, gone: set[int], stays: set[str]) -> Path:
    with open_archive(path) as archive:
        sha256, damaged = keep_without(archive, gone, stays, folder / "kept", folder / "scratch")
    assert damaged == []
    return folder / "kept" / f"{sha256}.zip"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        assert {one.date_time for one in packed.infolist()} == {(2021, 3, 4, 5, 6, 8)}
        return {one.filename: packed.read(one) for one in packed.infolist()}


@pytest.mark.parametrize("gone", [{11}, {12}, {13}, {11, 13}, {11, 12, 13}, set()])
@pytest.mark.parametrize(
    ("mark", "encoding"), [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")]
)
def test_rows_that_stay_are_as_they_were_written(gone: set[int], mark: bytes, encoding: str, tmp_path: Path) -> None:
    """Quotes, line ends inside cells, odd ids and the encoding are as before."""

    def text(ids: set[int]) -> bytes:
        return mark + (HEADER + "".join(row for one, row in ROWS.items() if one in ids)).encode(encoding)

    path = make(tmp_path / "a.zip", {"activities.csv": text({*ROWS})})
    assert members(cut(path, tmp_path, gone, set())) == {"activities.csv": text({*ROWS} - gone)}


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_ends_of_lines_and_other_marks(end: str, tmp_path: Path) -> None:
    """Semicolons and the line ends of other systems; a byte that is no text stays that byte."""
    lines = ["Activity ID;Activity Date;Activity Name", "11;;caf\xe9", "12;;x", "11;;again", "no id;;old", "13"]
    path = make(tmp_path / "a.zip", {"activities.csv": end.join(lines).encode("latin-1")})
    for gone, wanted in (({14}, (0, 1, 2, 3, 5)), ({11}, (0, 2, 5))):
        found = members(cut(path, tmp_path, gone, set()))["activities.csv"]
        assert found == end.join(lines[one] for one in wanted).encode("latin-1")


def test_what_no_row_refers_to_is_not_carried_over(tmp_path: Path) -> None:
    """Side tables stay, captions of files that stay, and those files; nothing else."""
    table = (HEADER + "".join(ROWS.values())).encode()
    captions = f'{MEDIA}media/12.jpg,Twelve\nmedia/11.jpg,"Eleven,\neleven"\nmedia/loose.jpg,Loose\n'.encode()
    files = {"activities.csv": table, "media.csv": captions, "profile.csv": b"Athlete ID\n7\n", "shoes.csv": b"a\n"}
    files |= {
        f"{one}": one.encode() for one in ("media/11.jpg", "media/12.jpg", "media/loose.jpg", "activities/11.gpx")
    }
    files |= {"activities/12.gpx": b"<gpx/>", "comments.csv": b"on 11", "messages.json": b"[]"}
    outer = {f"export_7/{name}": content for name, content in files.items()}
    found = members(cut(make(tmp_path / "a.zip", outer), tmp_path, {11}, {"media/12.jpg", "activities/12.gpx"}))
    kept = ("profile.csv", "shoes.csv", "media/12.jpg", "activities/12.gpx")
    assert found == {name: files[name] for name in kept} | {
        "activities.csv": (HEADER + ROWS[12] + ROWS[13]).encode(),
        "media.csv": f"{MEDIA}media/12.jpg,Twelve\n".encode(),
    }


def test_captions_of_unknown_columns(tmp_path: Path) -> None:
    """Where it is not known which column names the file, none of its rows can be judged."""
    files = {"activities.csv": (HEADER + ROWS[11]).encode(), "media.csv": b"a,b,c\nmedia/11.jpg,1,2\n"}
    found = members(cut(make(tmp_path / "a.zip", files), tmp_path, set(), {"media/11.jpg"}))
    assert found.keys() == {"activities.csv"}


def test_twice_is_as_good_as_once(tmp_path: Path) -> None:
    """A second cut of the first one gives the file that one cut of the original gives."""
    files = {"activities.csv": (HEADER + "".join(ROWS.values())).encode(), "bikes.csv": b"Bike Name\nOne\n"}
    files |= {f"activities/{one}.gpx": b"<gpx/>" * 100 for one in ROWS}
    path = make(tmp_path / "a.zip", dict(reversed(files.items())))
    first = cut(path, tmp_path, {11}, {"activities/12.gpx", "activities/13.gpx"})
    assert cut(first, tmp_path, {12}, {"activities/13.gpx"}) == cut(path, tmp_path, {11, 12}, {"activities/13.gpx"})


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """It is left out and named; the others are carried over."""
    files = {"activities.csv": (HEADER + ROWS[12]).encode(), "a.gpx": b"<gpx/>" * 50, "b.gpx": b"<gpx/>" * 60}
    path = make(tmp_path / "a.zip", files)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        content[packed.getinfo("a.gpx").header_offset + 30 + len("a.gpx") + 3] ^= 0xFF
    path.write_bytes(content)
    with open_archive(path) as archive:
        sha256, damaged = keep_without(archive, set(), {"a.gpx", "b.gpx"}, tmp_path / "kept", tmp_path / "scratch")
    assert damaged == ["a.gpx"]
    assert members(tmp_path / "kept" / f"{sha256}.zip").keys() == {"activities.csv", "b.gpx"}
