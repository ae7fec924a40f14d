"""The points of an XML file as columns, piece by piece, so that no tree of the whole file is ever in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from lxml import etree

from strava_stats.export.devices.iso_times import parse_times
from strava_stats.export.devices.recording import MAX_POINTS, Floats, Unreadable

PIECE = 1 << 20
BOM = b"\xef\xbb\xbf"
OTHER = -1
BROKEN = "the XML is broken or cut off"
Element = etree._Element  # noqa: SLF001 - the only name that lxml has for it


@dataclass
class Points:
    """What has been gathered: a list of arrays a column, one array a piece."""

    fields: Mapping[str, str]
    """Local name of an element inside a point, in lower case → column; 'time' is parsed as an instant."""
    pieces: dict[str, list[Floats]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0

    def take(self, points: Sequence[Element]) -> None:
        """Read complete point elements; raises Unreadable beyond MAX_POINTS."""
        if not points:
            return
        self.count += len(points)
        if self.count > MAX_POINTS:
            raise Unreadable(f"more than {MAX_POINTS:,} points")
        names = list(dict.fromkeys(self.fields.values()))
        codes = _Codes(self.fields, names)
        groups = [list(point.iter()) for point in points]
        elements = [element for group in groups for element in group]
        texts = [element.text for element in elements]
        kinds = np.array([codes[element.tag] for element in elements], np.int8)
        rows = np.repeat(np.arange(len(points)), [len(group) for group in groups])
        for code, name in enumerate(names):
            found = np.flatnonzero(kinds == code)
            column = np.full(len(points), np.nan)
            if len(found):
                chosen = [texts[index] or "" for index in found.tolist()]
                if name == "time":
                    column[rows[found]], ahead = parse_times(chosen)
                    zones = np.full(len(points), np.nan)
                    zones[rows[found]] = ahead
                    self.pieces["zone"].append(zones)
                else:
                    column[rows[found]] = numbers(chosen)
            if name == "time" and not len(found):
                self.pieces["zone"].append(column)
            self.pieces[name].append(column)
        for name, attribute in (("lat", "lat"), ("lng", "lon")):
            if name not in names:
                self.pieces[name].append(numbers([point.get(attribute) or "" for point in points]))

    def columns(self) -> dict[str, Floats]:
        """All points, NaN where there is no value; without columns that have none."""
        whole = {name: np.concatenate(pieces) for name, pieces in self.pieces.items()}
        return {name: values for name, values in whole.items() if not np.isnan(values).all()}


class _Codes(dict[object, int]):
    """Tag → number of its column; a prefix that was never declared is part of the name, and does not matter."""

    def __init__(self, fields: Mapping[str, str], names: list[str]) -> None:
        super().__init__()
        self.fields, self.names = fields, names

    def __missing__(self, tag: object) -> int:
        code = OTHER
        if isinstance(tag, str):  # comments and the like have none
            column = self.fields.get(local_name(tag))
            code = OTHER if column is None else self.names.index(column)
        self[tag] = code
        return code


def local_name(tag: str) -> str:
    """`{http://…}ns3:Speed` → `speed`."""
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def numbers(texts: Sequence[str]) -> Floats:
    """The texts as numbers, NaN for what is none."""
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError:
        return np.array([number(text) for text in texts], dtype=np.float64)


def number(text: str | None) -> float:
    """One text as a number, NaN when it is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def stream(data: bytes, tags: Sequence[str], notes: list[str]) -> Iterator[list[Element]]:
    """The finished elements of these local names (points first), piece by piece, in the order in which they end.

    No entity is resolved, nothing is fetched, and libxml2's limits on depth, names and expansion hold (`huge_tree`).
    What is no clean XML is read as far as it goes, with a note; an undeclared prefix is no reason for one. The
    caller may drop what it has read from the tree.
    """
    content = memoryview(data.removeprefix(BOM).lstrip(b" \t\r\n"))
    names = [f"{{*}}{tag}" for tag in tags]
    parser = etree.XMLPullParser(
        events=("end",),
        tag=names,
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for start in range(0, len(content), PIECE):
            parser.feed(bytes(content[start : start + PIECE]))
            yield _finished(parser)
        parser.close()
    except etree.XMLSyntaxError:
        notes.append(BROKEN)
    if not notes and any(entry.level == etree.ErrorLevels.FATAL for entry in parser.feed_error_log):
        notes.append(BROKEN)
    rest = _finished(parser)
    if notes and rest:  # the parser has closed what the cut left open: a number in that point may be half a number
        half = next((element for element in reversed(rest) if local_name(str(element.tag)) == tags[0].lower()), None)
        rest = [element for element in rest if element is not half]
    yield rest


def _finished(parser: etree.XMLPullParser) -> list[Element]:
    return [event[1] for event in parser.read_events() if isinstance(event[1], Element)]


def forget(elements: Sequence[Element]) -> None:
    """Drop finished elements, and all before them in their parents, from the tree."""
    last = {parent: element for element in elements if (parent := element.getparent()) is not None}
    for parent, element in last.items():
        del parent[: parent.index(element) + 1]
