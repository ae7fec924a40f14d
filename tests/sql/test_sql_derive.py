"""Splits, laps, best efforts, curves and figures from samples, against numbers worked out by hand or by brute force."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.support.sample_desk import Sample, SampleDesk, sample_desk

EFFORTS = {"400m": 400, "1/2 mile": 805, "1K": 1000, "1 mile": 1609, "2 mile": 3219, "5K": 5000, "10K": 10_000}
TABLES = ("activity_splits_metric", "activity_splits_standard", "activity_laps", "activity_best_efforts")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SampleDesk]:
    with sample_desk(tmp_path) as made:
        yield made


def steady(seconds: int, speed: float = 3.0, **more: Any) -> list[Sample]:
    """One sample a second at the same speed."""
    return [{"t": t, "distance": round(t * speed, 1), "moving": True, **more} for t in range(seconds + 1)]


def test_a_split_ends_with_the_first_sample_beyond_it(desk: SampleDesk) -> None:
    """At 3 m/s a kilometre ends at 1002 m, as Strava cuts; the last split is what is left; a mile ends at 1611 m."""
    desk.activity(1)
    desk.samples("r1", {1: [{**s, "altitude": 100 + s["t"] // 100, "heartrate": 140} for s in steady(800)]})
    assert desk.derive() == 1
    columns = "split, distance, elapsed_time, moving_time, elevation_difference, average_speed, average_heartrate"
    assert desk.table("activity_splits_metric", columns, "order by split") == [
        (1, 1002.0, 334, 334, 3.0, 3.0, 140.0),
        (2, 999.0, 333, 333, 3.0, 3.0, 140.0),
        (3, 399.0, 133, 133, 2.0, 3.0, 140.0),
    ]
    assert desk.rows("select split, distance, elapsed_time from activity_splits_standard order by split") == [
        (1, 1611.0, 537),
        (2, 789.0, 263),
    ]
    stamps = "distinct source, athlete_id, fetched_at = '2026-06-01 00:00:00Z'"
    assert {row for table in TABLES for row in desk.table(table, stamps)} == {("computed", 7, True)}


def test_laps_are_kilometres_with_all_that_is_known(desk: SampleDesk) -> None:
    """A lap has its number, start, samples, speed, power, cadence and climbing."""
    desk.activity(1, start_date="2026-05-01T06:00:00Z", start_date_local="2026-05-01T08:00:00")
    more = {"watts": 200, "cadence": 80, "heartrate": 150, "velocity_smooth": 3.1}
    desk.samples("r1", {1: [{**s, **more, "altitude": s["t"] / 10} for s in steady(600)]})
    desk.derive()
    columns = (
        "lap_index, name, split, start_date::varchar, start_date_local::varchar, start_index, end_index, distance, "
        "elapsed_time, moving_time, average_speed, max_speed, average_cadence, average_watts, average_heartrate, "
        "max_heartrate"
    )
    first, second = desk.table("activity_laps", columns, "order by lap_index")
    tail = (3.0, 3.1, 80.0, 200.0, 150.0, 150.0)
    assert first == (1, "Lap 1", 1, "2026-05-01 06:00:00+00", "2026-05-01 08:00:00", 0, 334, 1002.0, 334, 334, *tail)
    assert second == (2, "Lap 2", 2, "2026-05-01 06:05:34+00", "2026-05-01 08:05:34", 335, 600, 798.0, 266, 266, *tail)
    ((climbed,),) = desk.rows("select sum(total_elevation_gain) from activity_laps")
    assert climbed == pytest.approx(60, abs=2)


def test_pauses_and_standing_are_not_moving(desk: SampleDesk) -> None:
    """A pause of the recording and samples that stand do not count; a tunnel without samples does."""
    samples = steady(100)
    samples += [{**s, "t": s["t"] + 400, "distance": s["distance"] + 310} for s in steady(100)]  # 10 m in 300 s
    samples += [{"t": 500 + t, "distance": 610.0, "moving": False} for t in range(1, 51)]
    samples += [{**s, "t": s["t"] + 650, "distance": s["distance"] + 910} for s in steady(100)]  # 300 m in 100 s
    desk.activity(1)
    desk.samples("r1", {1: samples})
    desk.derive()
    assert desk.rows("select moving_time, elapsed_time, distance from activity_figures") == [(400, 750, 1210.0)]
    assert desk.rows("select sum(moving_time), sum(elapsed_time), sum(distance) from activity_splits_metric") == [
        (400, 750, 1210.0)
    ]


def test_without_a_flag_the_speed_says_what_moves(desk: SampleDesk) -> None:
    """Below half a metre a second is standing; without any distance all but a pause is moving."""
    walk = [{"t": t, "distance": t * 0.6} for t in range(101)]
    stand = [{"t": 100 + t, "distance": 60 + t * 0.4} for t in range(1, 101)]
    desk.activity(1)
    desk.activity(2)
    desk.activity(3)
    still = [{"t": t, "heartrate": 90} for t in (*range(60), *range(120, 180))]
    desk.samples("r1", {1: walk + stand, 2: still, 3: [{**s, "distance": 0.0, "moving": False} for s in still]})
    desk.derive()
    found = desk.rows("select activity_id, moving_time, elapsed_time, distance from activity_figures order by all")
    assert found == [(1, 100, 200, 100.0), (2, 118, 179, None), (3, 118, 179, 0.0)]
    assert desk.rows("select distinct activity_id from activity_splits_metric") == [(1,)]


def test_the_fastest_stretch_is_found_where_it_lies(desk: SampleDesk) -> None:
    """Of a slow run with a quick kilometre in it, the best effort over 1K starts and ends with that."""
    slow, quick = steady(400, 2.5), steady(250, 4.0)
    samples = slow + [{**s, "t": s["t"] + 400, "distance": s["distance"] + 1000} for s in quick[1:]]
    samples += [{**s, "t": s["t"] + 650, "distance": s["distance"] + 2000} for s in slow[1:]]
    desk.activity(1)
    desk.samples("r1", {1: samples})
    desk.derive()
    columns = "name, start_date::varchar, start_index, end_index, distance, elapsed_time, moving_time"
    assert desk.table("activity_best_efforts", columns, "where name = '1K'") == [
        ("1K", "2026-05-01 06:06:40+00", 400, 650, 1000.0, 250, 250)
    ]


def test_an_effort_starts_after_the_stop_before_it(desk: SampleDesk) -> None:
    """Waiting at the lights on the start line is not part of the effort, waiting in its middle is."""
    wait = [{"t": t, "distance": 0.0, "moving": False} for t in range(60)]
    half = [{**s, "t": s["t"] + 60} for s in steady(100, 4.0)]
    rest = [{**s, "t": s["t"] + 200, "distance": s["distance"] + 400} for s in steady(100, 4.0)]
    desk.activity(1)
    desk.samples("r1", {1: wait + half + rest})
    desk.derive()
    found = desk.rows("select name, elapsed_time, start_index from activity_best_efforts order by distance")
    assert found == [("400m", 100, 60)]


def test_only_runs_have_best_efforts(desk: SampleDesk) -> None:
    """As at Strava, a ride, a hike and a run of less than 400 m have none."""
    for number, sport in enumerate(("Ride", "Hike", "Run", "TrailRun", "VirtualRun"), start=1):
        desk.activity(number, sport_type=sport)
    desk.samples("r1", {number: steady(100 if number == 3 else 200) for number in range(1, 6)})
    desk.derive()
    assert desk.rows("select distinct activity_id from activity_best_efforts order by all") == [(4,), (5,)]
    assert desk.derive() == 0


def wavering(rng: Random, seconds: int) -> list[Sample]:
    """Samples with pauses, gaps, stops, a distance that falls at times or is missing, and dropouts of the sensors."""
    samples: list[Sample] = []
    t, distance = 0, 0.0
    for _ in range(seconds):
        sample: dict[str, Any] = {"t": t, "watts": rng.randrange(400), "heartrate": rng.randrange(90, 190)}
        if rng.random() > 0.05 or not samples:
            sample["distance"] = round(max(distance - (5 if rng.random() < 0.02 else 0), 0), 1)
        for name in ("watts", "heartrate"):
            if rng.random() < 0.03:
                del sample[name]
        samples.append(sample)
        gap = rng.choices((1, rng.randrange(2, 12), rng.randrange(12, 200)), (94, 5, 1))[0]
        distance += gap * rng.uniform(2, 5) * (rng.random() > 0.1)
        t += gap
    return samples


def risen(samples: list[Sample]) -> list[int]:
    """Distances in decimetres that never fall."""
    return list(itertools.accumulate((round(s.get("distance", 0) * 10) for s in samples), max))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))])
def test_best_efforts_as_by_brute_force(desk: SampleDesk, seed: int) -> None:
    """Whatever the samples look like, no stretch of whole samples is faster, and of equal ones it is the first."""
    samples = wavering(Random(seed), 1_500)  # noqa: S311 - samples, not secrets
    metres = risen(samples)
    desk.activity(1)
    desk.samples("r1", {1: samples})
    desk.derive()
    best = {}
    for name, wanted in EFFORTS.items():
        stretches = []
        for first, begin in enumerate(metres):
            last = bisect_left(metres, begin + wanted * 10)
            if last < len(metres):
                stretches.append((samples[last]["t"] - samples[first]["t"], first, last))
        if stretches:
            best[name] = min(stretches)
    found = desk.rows("select name, elapsed_time, start_index, end_index from activity_best_efforts")
    assert {row[0]: row[1:] for row in found} == best
    assert len(best) >= 4


def averages(values: list[float | None], duration: int) -> float | None:
    """The best average over a duration of which every second has a value."""
    windows = (values[n : n + duration] for n in range(len(values) - duration + 1))
    whole = [sum(w) / duration for w in windows if None not in w]  # type: ignore[arg-type]
    return max(whole, default=None)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 3))])
def test_curves_as_by_brute_force(desk: SampleDesk, seed: int) -> None:
    """Power is 0 in pauses, heart rate needs every second, speed spreads the distance; dropouts count as said."""
    samples = wavering(Random(seed), 400)  # noqa: S311 - samples, not secrets
    metres = risen(samples)
    watts: list[float | None] = []
    heartrate: list[float | None] = []
    speed: list[float | None] = []
    for n, (sample, after) in enumerate(itertools.pairwise([*samples, {"t": samples[-1]["t"] + 1}])):
        gap = after["t"] - sample["t"]
        held = gap if gap <= 10 else 1
        watts += [sample.get("watts", 0)] * held + [0] * (gap - held)
        heartrate += [sample.get("heartrate")] * held + [None] * (gap - held)
        covered = metres[n + 1] - metres[n] if n + 1 < len(metres) else 0
        speed += [100 * covered // gap / 1000] * gap
    desk.activity(1)
    desk.samples("r1", {1: samples})
    desk.derive()
    found = {
        (metric, duration): value
        for metric, duration, value in desk.rows("select metric, duration, value from activity_curves")
    }
    durations = [1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 480, 600, 900]
    wanted = {}
    for metric, values in (("watts", watts), ("heartrate", heartrate), ("speed", speed)):
        for duration in durations:
            if (best := averages(values, duration)) is not None:
                wanted[metric, duration] = best
    assert {key: found.get(key) for key in wanted} == pytest.approx(wanted, abs=0.0501)
    assert {key for key in found if key[1] <= 900} == set(wanted)


def test_a_curve_needs_its_sensor_and_its_time(desk: SampleDesk) -> None:
    """Without power there is no curve of it, and none reaches further than the recording."""
    desk.activity(1)
    desk.samples("r1", {1: steady(59, heartrate=120)})
    desk.derive()
    found = desk.rows("select metric, max(duration), max(value) from activity_curves group by metric order by metric")
    assert found == [("heartrate", 60, 120.0), ("speed", 60, 3.0)]


def test_a_broken_clock_does_not_fill_the_disk(desk: SampleDesk) -> None:
    """Samples that are years apart have splits but no grid of every second; a long pause is one."""
    desk.activity(1)
    desk.activity(2)
    years = [{"t": n * 86_400, "distance": n * 100.0, "watts": 100} for n in range(2_000)]
    night = [{**s, "t": s["t"] + shift} for shift in (0, 90_000) for s in steady(60, 0.0, watts=200)]
    desk.samples("r1", {1: years, 2: night})
    desk.derive()
    assert desk.rows("select distinct activity_id from activity_curves") == [(2,)]
    assert desk.rows("select value from activity_curves where metric = 'watts' and duration = 120") == [(101.7,)]
    assert desk.rows("select count(*) from activity_splits_metric where activity_id = 1") == [(200,)]


def test_what_strava_or_the_device_says_stands(desk: SampleDesk) -> None:
    """Tables that have rows of another source for an activity get none, and computed ones give way to those."""
    desk.activity(1)
    desk.activity(2)
    desk.samples("r1", {1: steady(500), 2: steady(500)})
    for table in TABLES:
        desk.edit.run(f"insert into {table} by name select 1 as activity_id, 'api' as source")
    desk.derive()
    for table in TABLES:
        assert desk.table(table, "count(*)", "where activity_id = 1") == [(1,)]
        assert desk.table(table, "count(*) > 0", "where activity_id = 2") == [(True,)]
        desk.edit.run(f"insert into {table} by name select 2 as activity_id, 'export' as source")
    assert desk.derive() == 0
    for table in TABLES:
        assert desk.table(table, "source", "where activity_id = 2") == [("export",)]
    assert desk.rows("select count(distinct activity_id) from activity_curves") == [(2,)]


def everything(desk: SampleDesk) -> list[list[tuple[Any, ...]]]:
    tables = (*TABLES, "activity_curves", "meta.sample_figures")
    return [desk.table(table) for table in tables]


def test_it_is_done_once_for_a_set(desk: SampleDesk) -> None:
    """A second call has nothing to do; another set of the activity replaces what came of the first."""
    desk.activity(1)
    desk.samples("r1", {1: steady(700, heartrate=150)})
    assert desk.derive() == 1
    before = everything(desk)
    assert desk.derive() == 0
    assert everything(desk) == before
    desk.samples("r2", {1: steady(400, 5.0)}, source="api")
    assert desk.derive() == 1
    assert desk.rows("select distance, run_id from meta.sample_figures") == [(2000.0, "r2")]
    assert desk.rows("select sum(distance) from activity_splits_metric") == [(2000.0,)]
    assert desk.rows("select distinct metric from activity_curves") == [("speed",)]


def test_rows_that_an_answer_without_any_took_are_made_again(desk: SampleDesk) -> None:
    """Details that have no splits take the computed ones with them; the next call brings them back."""
    desk.activity(1)
    desk.samples("r1", {1: steady(700)})
    desk.derive()
    before = everything(desk)
    for table in TABLES:
        desk.edit.run(f"delete from {table}")  # noqa: S608 - our tables
        assert desk.derive() == 1
        assert everything(desk) == before


def test_a_deleted_activity_takes_its_rows_along(desk: SampleDesk) -> None:
    """Rows of what is no longer live go; restored, they come back."""
    desk.activity(1)
    desk.samples("r1", {1: steady(700)})
    desk.derive()
    before = everything(desk)
    desk.edit.run("delete from activities")
    assert desk.derive() == 0
    assert everything(desk) == [[]] * 6
    desk.activity(1)
    assert desk.derive() == 1
    assert everything(desk) == before


def test_portions_do_not_show(desk: SampleDesk, tmp_path: Path) -> None:
    """Ten activities of three runs one at a time, or all at once: the same rows."""
    other = tmp_path / "other"
    other.mkdir()
    with sample_desk(other) as small:
        for one, size in ((desk, 1_000_000), (small, 1)):
            for number in range(10):
                one.activity(number, start_date=f"2026-05-{10 + number}T06:00:00Z")
            for run in range(3):
                sets = {n: wavering(Random(n), 600) for n in range(10) if n % 3 == run}  # noqa: S311 - samples, not secrets
                one.samples(f"r{run}", sets)
            assert one.derive(portion_size=size) == 10
        assert everything(desk) == everything(small)


def test_figures_of_an_activity(desk: SampleDesk) -> None:
    """Distance, times, speeds, climbing, sensors and both ends, from the samples alone."""
    desk.activity(1)
    more = {"heartrate": 150, "watts": 200, "temp": 20}
    samples = [
        {**s, **more, "cadence": 80 * (s["t"] % 2), "altitude": 50 + s["t"] / 10, "velocity_smooth": 3.0}
        for s in steady(600)
    ]
    samples[7] = {**samples[7], "heartrate": 180, "watts": 400, "velocity_smooth": 4.5}
    for n, place in ((2, (48.0, 11.0)), (500, (48.1, 11.1))):
        samples[n] = {**samples[n], "lat": place[0], "lng": place[1]}
    desk.samples("r1", {1: samples})
    desk.derive()
    columns = "distance, moving_time, elapsed_time, average_speed, max_speed, average_heartrate, max_heartrate"
    assert desk.table("activity_figures", columns, "") == [(1800.0, 600, 600, 3.0, 4.5, 150.0, 180.0)]
    columns = "average_cadence, average_watts, max_watts, average_temp, start_lat, start_lng, end_lat, end_lng"
    assert desk.table("activity_figures", columns, "") == [(80.0, 200.3, 400.0, 20.0, 48.0, 11.0, 48.1, 11.1)]
    assert desk.rows("select total_elevation_gain between 58 and 60 from activity_figures") == [(True,)]


def test_nothing_to_derive_needs_no_file(desk: SampleDesk) -> None:
    """A warehouse without any samples is left as it is."""
    desk.activity(1)
    assert desk.derive() == 0
    assert desk.rows("select count(*) from activity_figures") == [(0,)]
