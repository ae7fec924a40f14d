"""The bare minimum for the same bytes: what each command is compared with. Run as a process of its own.

bare.py pages BASE_URL TOKEN CALLS TARGET            pages of 200, one body a line
bare.py details BASE_URL TOKEN BODIES COUNT TARGET   details of the first COUNT activities of BODIES, one a line
bare.py shard BODIES TARGET                          one DuckDB statement: bodies → typed Parquet with `extra`
bare.py table SHARDS TARGET                          one DuckDB statement: shards → a table in a new file
bare.py pull BASE_URL TOKEN CALLS FOLDER             pages, then shard
bare.py devices ARCHIVE STEP                         every STEPth member: the points, by fitdecode, gpxpy, ElementTree

Imports stand where they are needed: a bare minimum pays for what it uses and no more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

PER_PAGE = 200


def fetch_pages(base_url: str, token: str, calls: str, target: str) -> None:
    """List by page number and write one body a line; calls beyond the end ask for pages from the start again."""
    import msgspec  # noqa: PLC0415
    import requests  # noqa: PLC0415

    decoder = msgspec.json.Decoder(list[msgspec.Raw])
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    is_past_end, page = False, 0
    with Path(target).open("wb") as file:
        for _ in range(int(calls)):
            page += 1
            answer = session.get(f"{base_url}/athlete/activities", params={"page": page, "per_page": PER_PAGE})
            answer.raise_for_status()
            bodies = decoder.decode(answer.content)
            if not is_past_end:
                file.writelines(b"%b\n" % body for body in bodies)
            if not bodies:
                is_past_end, page = True, 0


def fetch_details(base_url: str, token: str, bodies: str, count: str, target: str) -> None:
    """Fetch details and append each to one file."""
    import msgspec  # noqa: PLC0415
    import requests  # noqa: PLC0415

    with Path(bodies).open("rb") as file:
        ids = [msgspec.json.decode(line)["id"] for line in islice(file, int(count))]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    with Path(target).open("wb") as file:
        for activity_id in ids:
            answer = session.get(f"{base_url}/activities/{activity_id}", params={"include_all_efforts": "true"})
            answer.raise_for_status()
            file.write(answer.content + b"\n")


def make_shard(bodies: str, target: str) -> None:
    """Bodies → Parquet, in one plain statement."""
    import duckdb  # noqa: PLC0415

    statement = Path(__file__).with_name("bare_shard.sql").read_text(encoding="utf-8")
    duckdb.sql("set TimeZone = 'UTC'")
    duckdb.execute(statement, {"bodies": bodies, "target": target})


def make_table(shards: str, target: str) -> None:
    """Shards → a table of the same columns in a new database file, in one plain statement."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect(target) as connection:
        connection.execute(
            f"create table activities as select * exclude (seq, misfits) from read_parquet('{shards}/*.parquet')"
        )


def pull(base_url: str, token: str, calls: str, folder: str) -> None:
    """Pages to disk, then the shard."""
    bodies = str(Path(folder) / "bodies.jsonl")
    fetch_pages(base_url, token, calls, bodies)
    make_shard(bodies, str(Path(folder) / "bodies.parquet"))


def parse_devices(archive: str, step: str) -> None:
    """One process, one file after the other: what a script with the usual libraries does."""
    import gzip  # noqa: PLC0415
    import xml.etree.ElementTree as ET  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    import fitdecode  # noqa: PLC0415
    import gpxpy  # noqa: PLC0415

    with zipfile.ZipFile(archive) as file:
        for name in [name for name in file.namelist() if name.startswith("activities/")][:: int(step)]:
            data = gzip.decompress(file.read(name))
            if ".fit" in name:
                with fitdecode.FitReader(data) as reader:
                    points = [
                        {field.name: field.value for field in frame.fields}
                        for frame in reader
                        if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record"
                    ]
            elif ".gpx" in name:
                tracks = gpxpy.parse(data.lstrip()).tracks
                points = [vars_of(p) for track in tracks for part in track.segments for p in part.points]
            else:
                root = ET.fromstring(data.lstrip(b"\xef\xbb\xbf "))  # noqa: S314 - our own file
                points = [{e.tag: e.text for e in p.iter()} for p in root.iter() if p.tag.endswith("}Trackpoint")]
            assert points


def vars_of(point: Any) -> dict[str, Any]:
    """What a script takes from a point of gpxpy."""
    extensions = {child.tag: child.text for extension in point.extensions for child in extension.iter()}
    return extensions | {"t": point.time, "lat": point.latitude, "lng": point.longitude, "altitude": point.elevation}


COMMANDS: dict[str, Callable[..., None]] = {
    "pages": fetch_pages,
    "details": fetch_details,
    "shard": make_shard,
    "table": make_table,
    "pull": pull,
    "devices": parse_devices,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
