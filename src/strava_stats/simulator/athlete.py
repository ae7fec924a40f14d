"""The synthetic athlete as a source of activities: an outline at once, every body when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from strava_stats.simulator.detail import detail_body, samples_of
from strava_stats.simulator.facts import Facts, facts_of, personal_rank
from strava_stats.simulator.messages import Json, encode_json
from strava_stats.simulator.places import PLACES, timezone_label, utc_offset
from strava_stats.simulator.plan import outline_years
from strava_stats.simulator.segments import segment_count
from strava_stats.simulator.source import gear_body
from strava_stats.simulator.summary_detail import BEST_EFFORTS, RUN_TYPES
from strava_stats.simulator.tracks import summary_line, track_of
from strava_stats.simulator.words import name_of

SUMMARY_CACHE = 25_000
KUDOS_SECONDS = 3 * 86_400

_BIKES = (("b10000001", "Canyon Endurace CF 8"), ("b10000002", "Trek Checkpoint SL 5"))
_SHOES = (("g20000001", "Asics Novablast 3"), ("g20000002", "Saucony Ride 16"), ("g20000003", "Adidas Adizero SL2"))
_DEVICES = ("Garmin Forerunner 235", "Garmin Forerunner 945", "COROS PACE 3")


class SyntheticSource:
    """An athlete who never was. Bodies depend on (seed, index) alone, but for the kudos of the last three days."""

    def __init__(
        self, seed: int, activities: int, years: float, until: datetime, athlete_id: int = 4_242_424_242
    ) -> None:
        self.athlete_id = athlete_id
        self.grows_kudos = True
        self._seed = seed
        self._outlines = outline_years(seed, activities, years, until)
        self._index = {outline.id: number for number, outline in enumerate(self._outlines)}
        self._summaries: dict[int, bytes] = {}

    def entries(self) -> Iterable[tuple[int, int, bool]]:
        """See `Source`."""
        return ((outline.start, outline.id, outline.only_me) for outline in self._outlines)

    def summary(self, activity_id: int, now: float) -> bytes:
        """SummaryActivity; kudos still arrive for three days after the start."""
        cached = self._summaries.get(activity_id)
        if cached is not None:
            return cached
        outline = self._outlines[self._index[activity_id]]
        is_settled = not self.grows_kudos or now - outline.start > KUDOS_SECONDS
        body = encode_json(self._summary_body(self._facts(activity_id), now))
        if is_settled:
            if len(self._summaries) >= SUMMARY_CACHE:
                self._summaries.clear()
            self._summaries[activity_id] = body
        return body

    def detail(self, activity_id: int, now: float) -> bytes:
        """DetailedActivity, 2 to 60 kB."""
        facts = self._facts(activity_id)
        summary = self._summary_body(facts, now)
        gear = self.gear().get(summary["gear_id"] or "")
        device = _DEVICES[min(int(facts.progress * 3), 2)]
        return encode_json(detail_body(self._seed, facts, summary, gear, device))

    def streams(self, activity_id: int) -> dict[str, Json]:
        """Samples once a second."""
        return samples_of(self._facts(activity_id))

    def gear(self) -> Mapping[str, dict[str, Json]]:
        """Two bikes and three pairs of shoes; distances are what the outline promises, not a sum."""
        per_activity = len(self._outlines) / 5 * 6000
        bodies = [
            gear_body(gear_id, name, per_activity * (1.5 + number % 2), retired=number == 0, primary=is_last)
            for items in (_BIKES, _SHOES)
            for number, (gear_id, name) in enumerate(items)
            for is_last in (number == len(items) - 1,)
        ]
        return {body["id"]: body for body in bodies}

    def profile(self) -> dict[str, Json]:
        """Lives in Bergen by now."""
        return {"firstname": "Robin", "lastname": "Fjell", "city": "Bergen", "state": "Vestland", "country": "Norway"}

    def _facts(self, activity_id: int) -> Facts:
        index = self._index[activity_id]
        first, last = self._outlines[0].start, self._outlines[-1].start
        outline = self._outlines[index]
        return facts_of(self._seed, index, outline, (outline.start - first) / max(last - first, 1))

    def _summary_body(self, facts: Facts, now: float) -> dict[str, Json]:
        outline, rng, sport = facts.outline, facts.rng, facts.sport
        zone = PLACES[outline.place].zone
        offset = utc_offset(zone, outline.start)
        local = datetime.fromtimestamp(outline.start + offset, UTC)
        body: dict[str, Json] = {"resource_state": 2, "athlete": {"id": self.athlete_id, "resource_state": 1}}
        body["name"] = name_of(rng, sport.name, local, facts.place.city, facts.race_km)
        body |= {"distance": facts.distance, "moving_time": facts.moving, "elapsed_time": facts.elapsed}
        body["total_elevation_gain"] = facts.gain if facts.way else (0.0 if rng.random() < 0.25 else 0)
        body |= {"type": sport.type, "sport_type": sport.name} | _workout_type(facts)
        if not facts.manual:
            body["device_name"] = _DEVICES[min(int(facts.progress * 3), 2)]
        body |= {"id": outline.id, "start_date": _iso(outline.start), "start_date_local": _iso(outline.start + offset)}
        body |= {"timezone": timezone_label(zone), "utc_offset": float(offset)}
        body |= dict.fromkeys(("location_city", "location_state", "location_country"))
        body |= self._counts(facts, now) | {"map": {"id": f"a{outline.id}"}}
        line, start, end = summary_line(facts.way, facts.variant) if facts.way else ("", [], [])
        body["map"] |= {"summary_polyline": line, "resource_state": 2}
        is_commute = sport.name in ("Ride", "Walk") and local.weekday() < 5 and rng.random() < 0.12
        body |= {"trainer": facts.trainer, "commute": is_commute, "manual": facts.manual, "private": outline.only_me}
        visibility = "followers_only" if rng.random() < 0.03 else "everyone"
        body["visibility"] = "only_me" if outline.only_me else visibility
        body |= {"flagged": False, "gear_id": _gear_id(facts), "start_latlng": start, "end_latlng": end}
        return body | _readings(facts) | _upload(facts) | self._tail(facts)

    def _counts(self, facts: Facts, now: float) -> dict[str, Json]:
        rng = facts.rng
        final = int(rng.expovariate(1 / 8)) + (24 if facts.race_km else 0)
        age = max(now - facts.outline.start - facts.elapsed, 0)
        is_growing = self.grows_kudos and age < KUDOS_SECONDS
        kudos = int(final * (1 - math.exp(-age / 40_000))) if is_growing else final
        return {
            "achievement_count": sum(rank is not None for rank in self._ranks(facts)),
            "kudos_count": 0 if facts.outline.only_me else kudos,
            "comment_count": final // 9,
            "athlete_count": rng.randint(40, 250) if facts.race_km else rng.choice((1, 1, 1, 1, 2, 3)),
            "photo_count": 0,
        }

    def _tail(self, facts: Facts) -> dict[str, Json]:
        pr_count = sum(rank == 1 for rank in self._ranks(facts))
        photos = facts.rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 4))
        tail: dict[str, Json] = {"from_accepted_tag": False, "pr_count": pr_count, "total_photo_count": photos}
        tail["has_kudoed"] = False
        if facts.heartrate is not None and facts.rng.random() < facts.sport.suffer_share:
            load = facts.moving / 3600 * (facts.heartrate / 188) ** 4 * 190
            tail["suffer_score"] = float(max(round(load), 1))
        return tail

    def _ranks(self, facts: Facts) -> list[int | None]:
        slots = list(range(segment_count(facts.way))) if facts.way else []
        if facts.way and facts.sport.name in RUN_TYPES:
            slots += [100 + n for n, (_, metres) in enumerate(BEST_EFFORTS) if metres <= facts.distance]
        return [personal_rank(self._seed, facts.index, slot) for slot in slots]


def _iso(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _workout_type(facts: Facts) -> dict[str, Json]:
    values = facts.sport.workout_type
    if not values:
        return {}
    if facts.race_km:
        return {"workout_type": values[1]}
    chance = facts.rng.random()
    if chance < 0.06:
        return {"workout_type": values[-1]}
    return {"workout_type": None if chance < 0.2 else values[0]}


def _gear_id(facts: Facts) -> str | None:
    if not facts.sport.gear or facts.rng.random() < 0.03:
        return None
    items = _BIKES if facts.sport.gear == "b" else _SHOES
    return items[min(int(facts.progress * len(items)), len(items) - 1)][0]


def _readings(facts: Facts) -> dict[str, Json]:
    average = round(facts.distance / facts.moving, 3)
    body: dict[str, Json] = {"average_speed": average, "max_speed": _max_speed(facts, average)}
    if facts.cadence is not None:
        body["average_cadence"] = facts.cadence
    if facts.temperature is not None:
        body["average_temp"] = facts.temperature
    if facts.watts is not None:
        body["average_watts"] = facts.watts
        if facts.has_power_meter:
            body["max_watts"] = int(facts.watts * facts.rng.uniform(2.2, 4.6))
            body["weighted_average_watts"] = int(facts.watts * facts.rng.uniform(1.02, 1.15))
        body |= {"device_watts": facts.has_power_meter, "kilojoules": round(facts.watts * facts.moving / 1000, 1)}
    has_heartrate = facts.heartrate is not None
    body["has_heartrate"] = has_heartrate
    if has_heartrate:
        body |= {"average_heartrate": facts.heartrate, "max_heartrate": facts.max_heartrate}
    body |= {"heartrate_opt_out": False, "display_hide_heartrate_option": has_heartrate}
    if facts.way is not None:
        heights = track_of(facts.way).elevations
        body |= {"elev_high": max(heights), "elev_low": min(heights)}
    return body


def _max_speed(facts: Facts, average: float) -> float:
    if facts.manual:
        return 0
    return round(average * facts.rng.uniform(1.25, 2.1), 3)


def _upload(facts: Facts) -> dict[str, Json]:
    if facts.manual:
        return {"upload_id": None, "external_id": None}
    upload_id = facts.outline.id + 1_070_000_000 + facts.index % 9
    external = facts.rng.choice((f"garmin_ping_{upload_id * 27}", f"{facts.rng.getrandbits(64):016X}.fit"))
    return {"upload_id": upload_id, "upload_id_str": str(upload_id), "external_id": external}
