"""Select lists that hide what lies in a privacy zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

ALSO_CUT = frozenset({"distance", "altitude", "velocity_smooth", "grade_smooth"})
"""Of a sample inside a zone, what tells of the way or the ground goes with its place; heart and legs stay."""
LATITUDE = re.compile(r"(?P<which>(?:.*_)?)(?:lat|latitude)")
LONGITUDES = ("lng", "lon", "long", "longitude")


def shown_columns(columns: Mapping[str, str]) -> str:
    """A select list over `columns` (name → type), for a connection with the macros of sql/export and our functions.

    A pair such as start_lat and start_lng is null inside; polylines are cut; places are taken out of JSON.
    """
    known = {name.lower(): name for name in columns}
    hidden: dict[str, str] = {}
    for name in known:
        found = LATITUDE.fullmatch(name)
        for longitude in LONGITUDES if found else ():
            partner = f"{found['which'] if found else ''}{longitude}"
            if partner in known:
                also = sorted(ALSO_CUT & known.keys()) if "_" not in name and "t" in known else []
                place = ", ".join(f"try_cast({quoted_name(known[one])} as double)" for one in (name, partner))
                for one in (name, partner, *also):
                    hidden[one] = f"case when not is_hidden({place}) then {quoted_name(known[one])} end"
    for name, kind in columns.items():
        if kind == "JSON":
            hidden[name.lower()] = f"cast(without_places(cast({quoted_name(name)} as varchar)) as json)"
        elif kind == "VARCHAR" and name.lower().endswith("polyline"):
            hidden[name.lower()] = f"cut_polyline({quoted_name(name)})"
    return ", ".join(
        f"{hidden[name]} as {quoted_name(known[name])}" if name in hidden else quoted_name(known[name])
        for name in known
    )


def quoted_name(identifier: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_text(literal: str) -> str:
    """A text as SQL takes it, whatever is in it."""
    return "'" + literal.replace("'", "''") + "'"
