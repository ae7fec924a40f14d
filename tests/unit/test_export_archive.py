"""Archives good and hostile: what is a member, what is refused and why, and what is kept in bronze."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_stats.errors import CorruptData, DiskFull, StravaStatsError, UsageError
from strava_stats.export.archive import open_archive

LIST = b"Activity ID,Activity Date\n1,2022-05-29 15:53:35\n"
FILES = {
    "activities.csv": LIST,
    "activities/11.fit.gz": b"\x1f\x8b fit",
    "activities/12.gpx": b"<gpx/>" * 50,
    "media/one.jpg": b"jpeg",
}
LIMIT = 1 << 20
ZIP_FIELDS = {"flags": 8, "method": 10, "crc": 16, "size": 24}
"""Offsets in an entry of a ZIP's central directory."""


def make_zip(path: Path, files: Mapping[str, bytes] = FILES, *, when: tuple[int, ...] = (2026, 4, 5, 6, 7, 8)) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(zipfile.ZipInfo(name, when), content, zipfile.ZIP_DEFLATED)  # type: ignore[arg-type]
    return path


def make_folder(path: Path, files: Mapping[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def patch_entry(path: Path, name: str, field: str, value: int) -> None:
    """Change one field of an entry in the central directory, as no honest writer does."""
    content = bytearray(path.read_bytes())
    place = content.rindex(name.encode()) - 46
    layout = "<H" if field in {"flags", "method"} else "<I"
    struct.pack_into(layout, content, place + ZIP_FIELDS[field], value)
    path.write_bytes(content)


@pytest.fixture(params=["zip", "folder"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Mapping[str, bytes]], Path]:
    """Makes an archive of files, as a ZIP and as a folder."""
    name = "the archive"
    if request.param == "zip":
        return lambda files: make_zip(tmp_path / f"{name}.zip", files)
    return lambda files: make_folder(tmp_path / name, files)


def test_members_are_read_in_place(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    """A ZIP and a folder have the same members, with the same sizes, checksums and contents."""
    with open_archive(make(FILES)) as archive:
        assert sorted(archive.members) == sorted(FILES)
        assert archive.refused == []
        for name, content in FILES.items():
            assert archive.read(name, LIMIT) == content
            assert (archive.members[name].size, archive.members[name].crc) == (len(content), zlib.crc32(content))


def test_outer_folder_is_seen_through(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    """An archive packed with its outer folder has the same names, and what lies beside that folder is refused."""
    files = {f"export_123/{name}": content for name, content in FILES.items()}
    with open_archive(make({**files, "beside.txt": b"no part of it"})) as archive:
        assert sorted(archive.members) == sorted(FILES)
        assert archive.refused == [("beside.txt", "outside the folder of activities.csv")]


def test_two_archives_side_by_side_are_refused(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    """Where two lists lie equally high nothing is guessed."""
    with pytest.raises(UsageError, match="2 archives side by side"):
        open_archive(make({"a/activities.csv": LIST, "b/activities.csv": LIST}))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../outside.gpx", "a name that leads elsewhere"),
        ("activities/../../outside.gpx", "a name that leads elsewhere"),
        ("/etc/outside.gpx", "a name that leads elsewhere"),
        ("C:/outside.gpx", "a name that leads elsewhere"),
        ("activities\\13.gpx", "a name that leads elsewhere"),
        ("activities//13.gpx", "a name that leads elsewhere"),
        ("activities/13\n.gpx", "a name that is no text"),
        ("activities/" + "x" * 2000, "a name that is no text"),
        ("__MACOSX/._activities.csv", "not part of an archive"),
        ("activities/.DS_Store", "not part of an archive"),
    ],
)
def test_bad_name_is_refused(name: str, why: str, tmp_path: Path) -> None:
    """A name that leads elsewhere or is no text is no member, is named with its reason, and the rest is read."""
    with open_archive(make_zip(tmp_path / "a.zip", {**FILES, name: b"x"})) as archive:
        assert sorted(archive.members) == sorted(FILES)
        assert archive.refused == [(name, why)]


def test_odd_entries_of_a_zip_are_refused(tmp_path: Path) -> None:
    """Links, empty and encrypted entries, unknown packing and a second entry of a name are no members."""
    path = make_zip(tmp_path / "a.zip", {**FILES, "empty.csv": b"", "secret.csv": b"x", "odd.csv": b"x"})
    with zipfile.ZipFile(path, "a") as file:
        link = zipfile.ZipInfo("link.gpx")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("activities/12.gpx", b"another")
    patch_entry(path, "secret.csv", "flags", 0x1)
    patch_entry(path, "odd.csv", "method", 14)
    with open_archive(path) as archive:
        assert dict(archive.refused) == {
            "empty.csv": "empty",
            "secret.csv": "encrypted",
            "odd.csv": "packed by a method that is not read (14)",
            "link.gpx": "no plain file",
            "activities/12.gpx": "a second file of this name",
        }
        assert archive.read("activities/12.gpx", LIMIT) == FILES["activities/12.gpx"]


def test_links_and_pipes_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    """A link, to a file or a folder, and a named pipe are refused without being opened."""
    folder = make_folder(tmp_path / "a")
    elsewhere = make_folder(tmp_path / "elsewhere", {"secret.gpx": b"secret"})
    (folder / "link.gpx").symlink_to(elsewhere / "secret.gpx")
    (folder / "linked").symlink_to(elsewhere, target_is_directory=True)
    os.mkfifo(folder / "pipe.gpx")
    with open_archive(folder) as archive:
        assert sorted(archive.members) == sorted(FILES)
        assert sorted(archive.refused) == [(name, "no plain file") for name in ("link.gpx", "linked", "pipe.gpx")]


def test_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    """A file that is replaced by a link after the archive was opened is not read."""
    folder = make_folder(tmp_path / "a")
    (tmp_path / "secret").write_bytes(FILES["activities/12.gpx"])
    with open_archive(folder) as archive:
        (folder / "activities/12.gpx").unlink()
        (folder / "activities/12.gpx").symlink_to(tmp_path / "secret")
        with pytest.raises(UsageError, match="cannot be read"):
            archive.read("activities/12.gpx", LIMIT)


@pytest.mark.parametrize(("size", "message"), [(10, "not as long as"), (LIMIT + 1, "longer than the 1 MB")])
def test_file_that_changed_meanwhile_is_not_used(size: int, message: str, tmp_path: Path) -> None:
    """A file of a folder that is written while the folder is read is an error, and bounded like any other."""
    folder = make_folder(tmp_path / "a")
    with open_archive(folder) as archive:
        (folder / "activities/12.gpx").write_bytes(bytes(size))
        with pytest.raises(CorruptData, match=message):
            archive.read("activities/12.gpx", LIMIT)


def test_name_without_its_utf8_mark_is_read(tmp_path: Path) -> None:
    """UTF-8 names of which the ZIP does not say so, as macOS writes them, are read as such."""
    path = make_zip(tmp_path / "a.zip", {**FILES, "activities/läuf.gpx": b"x"})
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        assert file.getinfo("activities/läuf.gpx").flag_bits & 0x800
    for mark in (b"PK\x01\x02", b"PK\x03\x04"):
        place = content.rindex(mark)
        flags = place + (8 if mark == b"PK\x01\x02" else 6)
        content = content[:flags] + b"\0\0" + content[flags + 2 :]
    path.write_bytes(content)
    with open_archive(path) as archive:
        assert archive.read("activities/läuf.gpx", LIMIT) == b"x"


def test_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    """Of an entry that unpacks to 64 MB no more than the limit is looked at, whatever size it claims."""
    path = make_zip(tmp_path / "a.zip", {**FILES, "bomb.csv": bytes(64 << 20)})
    with open_archive(path) as archive, pytest.raises(CorruptData, match="longer than the 1 MB"):
        archive.read("bomb.csv", LIMIT)
    patch_entry(path, "bomb.csv", "size", 1000)
    with open_archive(path) as archive, pytest.raises(CorruptData, match="damaged"):
        archive.read("bomb.csv", LIMIT)


def test_claim_of_two_gigabytes_is_not_believed(tmp_path: Path) -> None:
    """An entry that claims more than the limit is refused before it is read, one that claims too much is damaged."""
    path = make_zip(tmp_path / "a.zip")
    patch_entry(path, "activities/12.gpx", "size", (2 << 30) - 1)
    with open_archive(path) as archive:
        with pytest.raises(CorruptData, match="longer than the 1 MB"):
            archive.read("activities/12.gpx", LIMIT)
        with pytest.raises(CorruptData, match=r"damaged|not as long as"):
            archive.read("activities/12.gpx", 4 << 30)
        assert archive.read("activities.csv", LIMIT) == LIST


def test_wrong_checksum_is_damage(tmp_path: Path) -> None:
    """Bytes that do not give the checksum of the ZIP's directory are not used."""
    path = make_zip(tmp_path / "a.zip")
    patch_entry(path, "activities.csv", "crc", 1)
    with open_archive(path) as archive, pytest.raises(CorruptData, match=r"activities\.csv in .* is damaged"):
        archive.read("activities.csv", LIMIT)


def test_zip_that_was_cut_off_says_so(tmp_path: Path) -> None:
    """A download that ended early is told from a file that is no ZIP."""
    path = make_zip(tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CorruptData, match="not downloaded to its end"):
        open_archive(path)
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(UsageError, match="is no ZIP"):
        open_archive(path)


def test_bytes_in_the_middle_of_a_zip_may_be_anything(tmp_path: Path) -> None:
    """A ZIP with any one byte changed is read, refused or damaged, and nothing else."""
    whole = make_zip(tmp_path / "a.zip").read_bytes()
    ends: set[str] = set()
    for place in range(0, len(whole), 3):
        path = tmp_path / "b.zip"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            with open_archive(path) as archive:
                for name in archive.members:
                    archive.read(name, LIMIT)
            ends.add("read")
        except StravaStatsError as error:
            ends.add(error.kind)
    assert ends == {"read", "corrupt_data", "usage"}


def test_what_is_no_archive_is_one_line_with_a_cure(tmp_path: Path) -> None:
    """A missing path, a folder or ZIP without the list, an empty or unreadable list: each says what to do."""
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = {
        "There is no": tmp_path / "missing",
        "has no activities.csv": tmp_path / "empty",
        "neither a ZIP nor a folder": tmp_path / "pipe",
    }
    for message, path in found.items():
        with pytest.raises(UsageError, match=message) as caught:
            open_archive(path)
        assert "Download or Delete" in caught.value.hint
    with pytest.raises(UsageError, match=r"has no activities\.csv"):
        open_archive(make_zip(tmp_path / "a.zip", {"photos/1.jpg": b"x"}))
    with pytest.raises(CorruptData, match=r"activities\.csv .* cannot be read: empty"):
        open_archive(make_zip(tmp_path / "a.zip", {"activities.csv": b""}))


def test_date_of_the_archive(tmp_path: Path) -> None:
    """It is that of the list, in the ZIP or on the disk, unless it lies before Strava."""
    with open_archive(make_zip(tmp_path / "a.zip")) as archive:
        assert archive.made_at == datetime(2026, 4, 5, 6, 7, 8, tzinfo=UTC)
    with open_archive(make_zip(tmp_path / "a.zip", when=(1980, 1, 1, 0, 0, 0))) as archive:
        assert archive.made_at is None
    folder = make_folder(tmp_path / "a")
    os.utime(folder / "activities.csv", (1_700_000_000, 1_700_000_000))
    with open_archive(folder) as archive:
        assert archive.made_at == datetime.fromtimestamp(1_700_000_000, UTC)


def test_impossible_date_is_no_date(tmp_path: Path) -> None:
    """A month 0 in the ZIP's directory is not a reason to fail."""
    path = make_zip(tmp_path / "a.zip", {"activities.csv": LIST})
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, content.rindex(b"PK\x01\x02") + 14, (46 << 9) | 0)
    path.write_bytes(content)
    with open_archive(path) as archive:
        assert archive.made_at is None


def kept(path: Path, tmp_path: Path) -> str:
    with open_archive(path) as archive:
        return archive.keep(tmp_path / "bronze" / "export", tmp_path / "scratch")


def test_zip_is_kept_byte_by_byte(tmp_path: Path) -> None:
    """Bronze holds the ZIP whole under its SHA-256, and nothing is left in the scratch folder."""
    path = make_zip(tmp_path / "a.zip")
    name = kept(path, tmp_path)
    stored = tmp_path / "bronze/export" / f"{name}.zip"
    assert stored.read_bytes() == path.read_bytes()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == name
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_link_to_an_archive_is_the_archive(kind: str, tmp_path: Path) -> None:
    """The path that the user gives may be a link; what it leads to is read and kept."""
    path = make_zip(tmp_path / "a.zip") if kind == "zip" else make_folder(tmp_path / "a")
    (tmp_path / "link").symlink_to(path)
    assert kept(tmp_path / "link", tmp_path) == kept(path, tmp_path)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_same_archive_is_kept_once(kind: str, tmp_path: Path) -> None:
    """Keeping it again writes nothing, so that a bronze that is read-only by then does not matter."""
    path = make_zip(tmp_path / "a.zip") if kind == "zip" else make_folder(tmp_path / "a")
    name = kept(path, tmp_path)
    (stored,) = (tmp_path / "bronze/export").iterdir()
    before = stored.stat()
    assert kept(path, tmp_path) == name
    assert (stored.stat().st_ino, stored.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [one.name for one in (tmp_path / "bronze/export").iterdir()] == [f"{name}.zip"]


def test_same_folder_gives_the_same_name(tmp_path: Path) -> None:
    """Dates, modes and the order in which files were made leave no trace; the pictures stay out."""
    one = make_folder(tmp_path / "one")
    other = make_folder(tmp_path / "other place", dict(reversed(FILES.items())))
    os.utime(other / "activities.csv", (0, 0))
    (other / "activities.csv").chmod(0o600)
    name = kept(one, tmp_path)
    assert kept(other, tmp_path) == name
    with open_archive(tmp_path / "bronze/export" / f"{name}.zip") as archive:
        assert {member: archive.read(member, LIMIT) for member in archive.members} == {
            member: content for member, content in FILES.items() if not member.startswith("media/")
        }
        packed = zipfile.ZipFile(archive.path)
        assert {info.filename: info.compress_type for info in packed.infolist()} == {
            "activities.csv": zipfile.ZIP_DEFLATED,
            "activities/11.fit.gz": zipfile.ZIP_STORED,
            "activities/12.gpx": zipfile.ZIP_DEFLATED,
        }
        packed.close()


def test_another_folder_gives_another_name(tmp_path: Path) -> None:
    """One byte more is another archive beside the first."""
    folder = make_folder(tmp_path / "a")
    first = kept(folder, tmp_path)
    (folder / "activities.csv").write_bytes(LIST + b"2,2022-05-30 15:53:35\n")
    second = kept(folder, tmp_path)
    assert first != second
    assert len(list((tmp_path / "bronze/export").iterdir())) == 2


@pytest.mark.parametrize("kind", ["zip", "folder"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_leaves_nothing_half_made(kind: str, tmp_path: Path) -> None:
    """A disk that fills up while the archive is kept is DiskFull, and bronze stays as it was."""
    path = make_zip(tmp_path / "a.zip") if kind == "zip" else make_folder(tmp_path / "a")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / f"archive.{os.getpid()}.zip").symlink_to("/dev/full")
    with pytest.raises(DiskFull):
        kept(path, tmp_path)
    assert list((tmp_path / "bronze/export").iterdir()) == []
    assert list(scratch.iterdir()) == []


def test_unreadable_member_of_a_folder_is_the_users_to_mend(tmp_path: Path) -> None:
    """A file that vanishes while a folder is packed is an error about the folder, and leaves nothing half made."""
    folder = make_folder(tmp_path / "a")
    with open_archive(folder) as archive:
        (folder / "activities/12.gpx").unlink()
        with pytest.raises(UsageError, match="There is no"):
            archive.keep(tmp_path / "bronze", tmp_path / "scratch")
    assert list((tmp_path / "bronze").iterdir()) == []
    assert list((tmp_path / "scratch").iterdir()) == []
