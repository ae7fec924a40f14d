"""What happens on the far side of the API: uploads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from strava_stats.simulator.messages import Json
from strava_stats.simulator.summary_detail import shift
from strava_stats.simulator.world import LEGACY_TYPES, Athlete

if TYPE_CHECKING:
    from strava_stats.simulator.core import Simulator


def create(simulator: Simulator, fields: dict[str, Json]) -> int:
    """Upload an activity and return its id.

    Without fields: a short run that starts now. `start` (epoch seconds) or `start_date` back-dates it; `like` copies
    the body of an existing activity; `athlete_id` chooses the athlete; every other field is a summary key.
    """
    values = dict(fields)
    athlete = simulator.world.athletes[values.pop("athlete_id", simulator.world.default.id)]
    like = values.pop("like", None)
    now = simulator.now()
    body = json.loads(athlete.summary(like, now)) if like else _plain_summary(athlete.id)
    start = values.pop("start", None)
    if start is not None or "start_date" not in values:
        values["start_date"] = datetime.fromtimestamp(int(now if start is None else start), UTC).strftime(_ISO)
    values.setdefault("id", simulator.world.next_id(_latest_id(athlete) + 1_013))
    body |= _fresh(body, values["id"]) | values
    if "start_date_local" not in values:
        body["start_date_local"] = shift(body["start_date"], body["utc_offset"])
    if "sport_type" in values and "type" not in values:
        body["type"] = LEGACY_TYPES.get(values["sport_type"], values["sport_type"])
    body["private"] = body["visibility"] == "only_me"
    athlete.create(body)
    return int(body["id"])


_ISO = "%Y-%m-%dT%H:%M:%SZ"


def _latest_id(athlete: Athlete) -> int:
    return max(athlete.live_ids()[-50:], default=16_000_000_000)


def _fresh(body: dict[str, Json], activity_id: int) -> dict[str, Json]:
    fresh: dict[str, Json] = {"id": activity_id, "kudos_count": 0, "comment_count": 0}
    fresh["map"] = body["map"] | {"id": f"a{activity_id}"}
    if body.get("upload_id") is not None:
        upload_id = activity_id + 1_070_000_000
        fresh |= {"upload_id": upload_id, "upload_id_str": str(upload_id)}
    return fresh


def _plain_summary(athlete_id: int) -> dict[str, Json]:
    body: dict[str, Json] = {"resource_state": 2, "athlete": {"id": athlete_id, "resource_state": 1}}
    body |= {"name": "Afternoon Run", "distance": 5012.3, "moving_time": 1571, "elapsed_time": 1602}
    body |= {"total_elevation_gain": 31.0, "type": "Run", "sport_type": "Run", "workout_type": None}
    body |= {"device_name": "Strava App", "id": 0, "start_date": "", "start_date_local": ""}
    body |= {"timezone": "(GMT+00:00) Europe/London", "utc_offset": 0.0}
    body |= dict.fromkeys(("location_city", "location_state", "location_country"))
    body |= {"achievement_count": 0, "kudos_count": 0, "comment_count": 0, "athlete_count": 1, "photo_count": 0}
    body |= {"map": {"id": "", "summary_polyline": "", "resource_state": 2}}
    body |= {"trainer": False, "commute": False, "manual": False, "private": False, "visibility": "everyone"}
    body |= {"flagged": False, "gear_id": None, "start_latlng": [], "end_latlng": []}
    body |= {"average_speed": 3.19, "max_speed": 4.52, "has_heartrate": False, "heartrate_opt_out": False}
    body |= {"display_hide_heartrate_option": False, "upload_id": 1, "upload_id_str": "1"}
    return (
        body
        | {"external_id": "run.fit", "from_accepted_tag": False, "pr_count": 0, "total_photo_count": 0}
        | {"has_kudoed": False}
    )
