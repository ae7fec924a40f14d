"""The eight recorded details, of 2013 to 2025, through auth and flow: each list equals its table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from tests.support.clock import VirtualClock
from tests.support.compare_json import ABSENT, as_sent, differences, stored
from tests.support.flow_bench import MANY, FlowBench, content
from tests.support.recorded_files import FOLDER, exact, lines, needs_recorded

from strava_stats.flow import Run
from strava_stats.lake.summaries import split_page
from strava_stats.simulator import build_simulator
from strava_stats.sync.plan import EnrichOptions

pytestmark = needs_recorded

SUMMARY_ONLY = frozenset({"athlete", "map", "start_latlng", "end_latlng"})
LISTS = ("splits_metric", "splits_standard", "laps", "best_efforts", "segment_efforts")
TABLES = {
    "splits_metric": ("activity_splits_metric", "split"),
    "splits_standard": ("activity_splits_standard", "split"),
    "laps": ("activity_laps", "lap_index"),
    "best_efforts": ("activity_best_efforts", "name"),
    "segment_efforts": ("activity_segment_efforts", "id"),
}
EMBEDDED = frozenset({"resource_state", "activity", "athlete"})
OWN = frozenset({"activity_id", "athlete_id", "segment_id", "extra", "source", "fetched_at", "run_id", "body_hash"})
BEYOND = 9_876_543_210_987_654_321
MARATHON, NINE_BIG_IDS, INDOOR, MANUAL, SHAPE_2018, SHAPE_2013, MANUAL_2013, POWER_RUN = range(8)


@dataclass(frozen=True)
class Enriched:
    """The warehouse after a backfill of the eight."""

    bench: FlowBench
    run: Run
    bodies: list[dict[str, Any]]
    tables: dict[str, list[dict[str, Any]]]

    def rows(self, table: str, body: Mapping[str, Any], order: str) -> list[dict[str, Any]]:
        found = [row for row in self.tables[table] if row["activity_id"] == body["id"]]
        return sorted(found, key=lambda row: row[order])

    def detail(self, number: int) -> dict[str, Any]:
        (row,) = self.rows("activity_details", self.bodies[number], "activity_id")
        return row


@pytest.fixture(scope="module")
def enriched(tmp_path_factory: pytest.TempPathFactory) -> Enriched:
    folder = tmp_path_factory.mktemp("details")
    summaries = [json.loads(line) for line in lines("activities.jsonl")[:1]]
    keys = summaries[0].keys()
    shown = []
    for line in lines("details.jsonl"):
        body = json.loads(line)
        shown.append({key: value for key, value in body.items() if key in keys})
        shown[-1]["map"] = {key: value for key, value in body["map"].items() if key != "polyline"}
    listing = folder / "listing.jsonl"
    listing.write_text("".join(json.dumps(one) + "\n" for one in shown))
    clock = VirtualClock()
    simulator = build_simulator(
        listing=listing,
        details=FOLDER / "details.jsonl",
        now=lambda: clock.now().timestamp(),
        overall=MANY,
        read=MANY,
    )
    bench = FlowBench(folder, clock, simulator)
    run = bench.flow(bench.authorise(), enrich=EnrichOptions(since_days=0, all_missing=True))
    names = [*(table for table, _ in TABLES.values()), "activity_details"]
    tables = {name: bench.table(name, "all") for name in names}
    return Enriched(bench, run, [exact(line) for line in lines("details.jsonl")], tables)


def test_every_activity_has_its_details(enriched: Enriched) -> None:
    """All eight shapes land in one run, and none is quarantined."""
    assert [row[0] for row in enriched.bench.rows("select activity_id from activity_details order by 1")] == sorted(
        int(body["id"]) for body in enriched.bodies
    )
    assert enriched.bench.rows("select * from quarantine") == []
    assert enriched.run.stages[-1]["fetched"] == 8


@pytest.mark.parametrize("name", [name for name in LISTS if name != "segment_efforts"])
def test_lists_equal_their_tables(enriched: Enriched, name: str) -> None:
    """Each element of splits, laps and best efforts is a row that holds every key of it, and there is no other row."""
    table, key = TABLES[name]
    for body in enriched.bodies:
        elements = sorted(body.get(name) or [], key=lambda one: one[key])
        rows = enriched.rows(table, body, key)
        assert len(rows) == len(elements), (name, body["id"])
        for row, element in zip(rows, elements, strict=True):
            sent = {column: value for column, value in element.items() if column not in EMBEDDED}
            assert sent.pop("segment", None) is None
            assert differences(row, sent, frozenset(row) - OWN) == {}
            assert row["athlete_id"] == enriched.bodies[0]["athlete"]["id"]
            assert row["source"] == "api"


def test_segment_efforts_equal_their_table(enriched: Enriched) -> None:
    """Each effort with a 64-bit id is a row that holds every key of it and names its segment."""
    for body in enriched.bodies:
        elements = sorted((one for one in body["segment_efforts"] if one["id"] < 2**63), key=lambda one: one["id"])
        rows = enriched.rows("activity_segment_efforts", body, "id")
        assert [row["id"] for row in rows] == [one["id"] for one in elements]
        for row, element in zip(rows, elements, strict=True):
            sent = {name: value for name, value in element.items() if name not in EMBEDDED | {"segment"}}
            assert differences(row, sent, frozenset(row) - OWN) == {}
            assert row["segment_id"] == element["segment"]["id"]


def test_segments_equal_the_efforts(enriched: Enriched) -> None:
    """Each segment met is one row with every key as seen last; coordinates are split in two columns."""
    met: dict[int, list[dict[str, Any]]] = {}
    for body in enriched.bodies:
        for effort in body["segment_efforts"]:
            met.setdefault(int(effort["segment"]["id"]), []).append(effort["segment"])
    rows = {row["id"]: row for row in enriched.bench.table("segments", "id")}
    assert set(rows) == set(met)
    for segment_id, segments in met.items():
        assert differences(rows[segment_id], segment_columns(segments[0]), SEGMENT_COLUMNS) == {}


SEGMENT_COLUMNS = frozenset(
    {"id", "name", "activity_type", "distance", "average_grade", "maximum_grade", "elevation_high", "elevation_low"}
    | {"start_lat", "start_lng", "end_lat", "end_lng", "climb_category", "city", "state", "country", "private"}
    | {"hazardous", "starred"}
)


def segment_columns(segment: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in segment.items():
        if key in {"start_latlng", "end_latlng"}:
            end = key.removesuffix("_latlng")
            found[f"{end}_lat"], found[f"{end}_lng"] = value or (None, None)
        elif key != "resource_state":
            found[key] = value
    return found


def test_no_segment_effort_is_lost(enriched: Enriched) -> None:
    """The table and the extras together hold as many efforts as were sent."""
    (in_table,) = enriched.bench.rows("select count(*) from activity_segment_efforts")[0]
    extras = [json.loads(row["extra"] or "{}") for row in enriched.tables["activity_details"]]
    in_extra = sum(len(extra.get("segment_efforts", [])) for extra in extras)
    assert in_table + in_extra == sum(len(body["segment_efforts"]) for body in enriched.bodies)
    assert in_extra == 1


def test_the_effort_beyond_64_bits_stays_in_extra_and_is_named(enriched: Enriched) -> None:
    """An effort id beyond 2^63 keeps its digits in extra, with the whole effort, and the run says so."""
    extra = exact(enriched.detail(POWER_RUN)["extra"])
    (effort,) = extra["segment_efforts"]
    assert effort["id"] == BEYOND
    sent = [one for one in enriched.bodies[POWER_RUN]["segment_efforts"] if one["id"] == BEYOND]
    assert [effort] == sent
    shown = str(enriched.bodies[POWER_RUN]["id"])
    assert [line for line in enriched.bench.heard.lines if shown in line and "segment_efforts.id" in line]


def test_effort_ids_beyond_53_bits_are_exact(enriched: Enriched) -> None:
    """Nine effort ids that no double can hold come back to the last digit."""
    sent = {int(one["id"]) for one in enriched.bodies[NINE_BIG_IDS]["segment_efforts"]}
    held = {row["id"] for row in enriched.rows("activity_segment_efforts", enriched.bodies[NINE_BIG_IDS], "id")}
    assert held == sent
    assert len([one for one in held if one > 2**53]) == 9


def test_splits_add_up(enriched: Enriched) -> None:
    """The distances of the splits add up to the activity's, in both units."""
    for body in enriched.bodies:
        for name in ("splits_metric", "splits_standard"):
            if body.get(name):
                rows = enriched.rows(TABLES[name][0], body, "split")
                total = sum(stored(row["distance"]) for row in rows)
                assert total == sum(split["distance"] for split in body[name])
                # The one file that JavaScript wrote again has splits that end 4 m before the activity does.
                assert abs(total - body["distance"]) < (5 if body is enriched.bodies[POWER_RUN] else 1), body["id"]


DETAIL_COLUMNS = frozenset(
    {"description", "private_note", "device_name", "calories", "perceived_exertion", "prefer_perceived_exertion"}
    | {"hide_from_home", "embed_token", "sport_image_visibility", "kudos_count", "comment_count"}
)
JSON_COLUMNS = ("photos", "stats_visibility", "similar_activities", "available_zones")


def test_detail_columns_equal_the_body(enriched: Enriched) -> None:
    """Plain columns hold what was sent, absent keys are null, and the full polyline is the map's."""
    for number, body in enumerate(enriched.bodies):
        row = enriched.detail(number)
        for column in DETAIL_COLUMNS:
            assert stored(row[column]) == as_sent(column, body.get(column)), (body["id"], column)
        assert row["polyline"] == body["map"]["polyline"]


def test_json_columns_equal_the_body(enriched: Enriched) -> None:
    """Photos, visibilities, trends and zones are kept as sent, to the last digit."""
    for number, body in enumerate(enriched.bodies):
        row = enriched.detail(number)
        for column in JSON_COLUMNS:
            held = ABSENT if row[column] is None else exact(row[column])
            wanted = body.get(column, ABSENT)
            assert held == (ABSENT if wanted is None else wanted), (body["id"], column)


def test_extra_holds_every_other_key(enriched: Enriched) -> None:
    """What has no column anywhere is in extra with its value, nulls included, and nothing else is."""
    (columns,) = enriched.bench.rows(
        "select list(column_name) from duckdb_columns() where table_name in ('activities', 'activity_details')"
    )[0]
    known = set(columns) | SUMMARY_ONLY | set(LISTS) | {"gear"}
    for number, body in enumerate(enriched.bodies):
        unknown = {key: value for key, value in body.items() if key not in known}
        extra = exact(enriched.detail(number)["extra"] or "{}")
        extra.pop("segment_efforts", None)
        assert extra == unknown, body["id"]


def test_crlf_in_a_description_is_kept(enriched: Enriched) -> None:
    """A description keeps its carriage returns."""
    with_crlf = [number for number, body in enumerate(enriched.bodies) if "\r\n" in (body.get("description") or "")]
    assert with_crlf
    for number in with_crlf:
        assert enriched.detail(number)["description"] == enriched.bodies[number]["description"]


def test_absent_lists_have_no_rows(enriched: Enriched) -> None:
    """Manual activities have no splits and no laps, neither of 2018 nor of 2025."""
    for number in (MANUAL, SHAPE_2018, MANUAL_2013):
        for table, key in TABLES.values():
            assert enriched.rows(table, enriched.bodies[number], key) == []


def test_old_shapes_in_activities(enriched: Enriched) -> None:
    """Rows without sport_type, or with null in place of coordinates, have nulls there and all the rest."""
    rows = {row["id"]: row for row in enriched.bench.table("activities", "id")}
    for number in (SHAPE_2018, SHAPE_2013, MANUAL_2013):
        row, body = rows[int(enriched.bodies[number]["id"])], enriched.bodies[number]
        assert row["sport_type"] is None
        assert row["type"] == body["type"]
        assert stored(row["distance"]) == body["distance"]
        assert (row["start_lat"] is None) is not bool(body["start_latlng"])
        assert (row["end_lat"] is None) is not bool(body["end_latlng"])
        assert row["extra"] is None


def test_gear_of_details(enriched: Enriched) -> None:
    """Gear that is embedded in details or asked for by its id is one row each."""
    rows = {row["id"]: row for row in enriched.bench.table("gear", "id")}
    for body in enriched.bodies:
        if gear := body.get("gear"):
            row = rows[gear["id"]]
            assert row["name"] is not None
            assert row["athlete_id"] == enriched.bodies[0]["athlete"]["id"]
    assert all(row["source"] == "api" for row in rows.values())


def test_rebuild_of_details(enriched: Enriched) -> None:
    """A rebuild from bronze gives every row of every table back."""
    before = content(enriched.bench)
    enriched.bench.rebuild()
    assert content(enriched.bench) == before


def test_every_recorded_detail_is_one_clean_body() -> None:
    """Each recorded listing and detail body passes the page splitter without a complaint, byte for byte."""
    for name in ("details.jsonl", "activities.jsonl", "activities_2026.jsonl"):
        sent: Sequence[bytes] = lines(name)
        bodies = split_page(b"[" + b",".join(sent) + b"]")
        assert [body.content for body in bodies] == sent
        assert all(body.error is None and body.start is not None for body in bodies)


def test_the_fixture_of_this_file(enriched: Enriched) -> None:
    """The eight bodies are those that the README describes, so that no test above passes for want of data."""
    sizes = [{name: len(body.get(name) or []) for name in LISTS} for body in enriched.bodies]
    assert sizes[MARATHON] == {
        "splits_metric": 43,
        "splits_standard": 27,
        "laps": 1,
        "best_efforts": 13,
        "segment_efforts": 53,
    }
    assert enriched.bodies[INDOOR]["average_speed"] != Decimal(0)
    assert BEYOND in {one["id"] for one in enriched.bodies[POWER_RUN]["segment_efforts"]}
