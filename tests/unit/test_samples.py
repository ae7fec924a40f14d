"""Samples and facts as Parquet: exact columns, exact values, sorted, small."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from strava_stats.export.devices import shape
from strava_stats.warehouse.samples import FACT_COLUMNS, NULL, SAMPLE_COLUMNS, write_facts, write_samples


def portion(activity: int, start: int, t: list[int], **columns: list[int]) -> dict[str, Any]:
    keys = {"activity_id": activity, "athlete_id": 7, "start": start}
    arrays = {name: np.full(len(t), value, np.int64) for name, value in keys.items()}
    return arrays | {name: np.array(values, np.int32) for name, values in ({"t": t} | columns).items()}


def rows(path: Path, query: str = "select * from file") -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.read_parquet(str(path)).create_view("file")
        return connection.execute(query).fetchall()


def test_the_columns_are_exactly_those_agreed(tmp_path: Path) -> None:
    """Names, order and types of both kinds of files are those of the lists, also when hardly any value is given."""
    assert write_samples([portion(1, 0, [0])], tmp_path / "s.parquet", run_id="r", source="api", scratch=tmp_path) == 1
    assert write_facts([{"activity_id": 1}], tmp_path / "f.parquet", run_id="r", parser="1", scratch=tmp_path) == 1
    for name, columns in (("s", SAMPLE_COLUMNS), ("f", FACT_COLUMNS)):
        found = rows(tmp_path / f"{name}.parquet", "select column_name, column_type from (describe file)")
        plain = {
            column: "".join(kind.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE").split())
            for column, kind in columns.items()
        }
        assert {column: "".join(kind.split()) for column, kind in found} == plain
        assert [column for column, _ in found] == list(columns)


def test_scaled_integers_become_exact_decimals(tmp_path: Path) -> None:
    """The largest and smallest integers of a column, NULL, and what does not fit, each become what they mean."""
    given = portion(
        1,
        0,
        [0, 1, 2],
        distance=[999_999_999, 1, NULL],
        lat=[-90_000_000, 1, NULL],
        lng=[180_000_000, -1, NULL],
        altitude=[-999_999, 5, 1_000_000],
        velocity_smooth=[999_999, 1, NULL],
        heartrate=[32_767, 0, 40_000],
        temp=[-128, 127, 128],
        moving=[0, 1, NULL],
        grade_smooth=[-9999, 1, NULL],
    )
    target = tmp_path / "a [b] it's" / "s.parquet"
    write_samples([given], target, run_id="run", source="export", scratch=tmp_path / "c [d] it's")
    names = "run_id, source, athlete_id, distance, lat, lng, altitude, velocity_smooth, heartrate, temp, moving, watts"
    with duckdb.connect() as connection:
        found = connection.from_parquet(str(target).replace("[", "[[]")).select(names).fetchall()
    keys = ("run", "export", 7)
    assert found == [
        (*keys, *map(Decimal, ("99999999.9", "-90", "180", "-99999.9", "999.999")), 32_767, -128, False, None),
        (*keys, *map(Decimal, ("0.1", "0.000001", "-0.000001", "0.5", "0.001")), 0, 127, True, None),
        (*keys, None, None, None, None, None, None, None, None, None),
    ]


def test_the_file_is_sorted_by_start(tmp_path: Path) -> None:
    """Whatever the order of portions, rows lie by the start of their activity, its id, and t."""
    portions = [portion(5, 300, [1, 0]), portion(9, 100, [0, 1]), {}, portion(4, 300, [0])]
    portions[2] = portion(1, 0, [])
    count = write_samples(portions, tmp_path / "s.parquet", run_id="r", source="api", scratch=tmp_path)
    assert (count, rows(tmp_path / "s.parquet", "select activity_id, t from file")) == (
        5,
        [(9, 0), (9, 1), (4, 0), (5, 0), (5, 1)],
    )


def test_nothing_makes_no_file(tmp_path: Path) -> None:
    """Without rows there is no file, and nothing is left in the scratch folder."""
    assert write_samples([], tmp_path / "s.parquet", run_id="r", source="api", scratch=tmp_path / "scratch") == 0
    assert write_facts([], tmp_path / "f.parquet", run_id="r", parser="1", scratch=tmp_path / "scratch") == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["scratch"]


def test_a_failure_amid_the_portions_leaves_nothing(tmp_path: Path) -> None:
    """When the source of portions fails, neither the target nor scratch files are left."""

    def broken() -> Any:
        yield portion(1, 0, [0, 1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_samples(broken(), tmp_path / "s.parquet", run_id="r", source="api", scratch=tmp_path / "scratch")
    assert [path.name for path in tmp_path.rglob("*")] == ["scratch"]


def test_facts_keep_their_instants_and_laps(tmp_path: Path) -> None:
    """Instants, local stamps, text of any script and laps come back as they were given."""
    start = datetime(2024, 5, 1, 10, tzinfo=UTC)
    lap = {"lap_index": 1, "start_time": start, "elapsed_time": 60, "distance": 99.5, "start_index": 0}
    given = {
        "activity_id": 3,
        "member": "é'\".fit",
        "status": "ok",
        "start_time": start,
        "laps": [lap],
        "crc": 2**32 - 1,
    }
    given["local_start"] = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - a local stamp has no zone
    write_facts([given], tmp_path / "f.parquet", run_id="r", parser="1", scratch=tmp_path)
    query = "select run_id, member, crc, start_time = '2024-05-01 10:00:00+00', local_start, laps[1] from file"
    ((run, member, crc, same, local, stored),) = rows(tmp_path / "f.parquet", query)
    assert (run, member, crc, same, local) == ("r", "é'\".fit", 2**32 - 1, True, given["local_start"])
    assert {name: stored[name] for name in ("lap_index", "elapsed_time", "distance", "max_speed")} == {
        "lap_index": 1, "elapsed_time": 60, "distance": 99.5, "max_speed": None,
    }  # fmt: skip


def test_both_rooms_mean_the_same_by_their_integers() -> None:
    """The parsers' scales are the decimals of the columns, and their NULL is the writer's."""
    assert shape.NULL == NULL
    for name, (factor, _) in shape.SCALES.items():
        kind = SAMPLE_COLUMNS[name]
        decimals = int(kind.rstrip(")").split(",")[1]) if kind.startswith("DECIMAL") else 0
        assert factor == 10**decimals, name
    assert set(shape.SCALES) | {"activity_id", "run_id", "athlete_id", "source", "t", "moving"} == set(SAMPLE_COLUMNS)
