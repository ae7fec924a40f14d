"""What bronze says, read by other code than the product's: which activities live, and each one's history."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ACTIVITIES, DETAILS = "activities", "activity_details"
COUNTS = ("kudos_count", "comment_count")
NOISE = frozenset({"athlete_count", "achievement_count", "pr_count", "photo_count", "total_photo_count"})
"""Counters that make no version."""


class Version(NamedTuple):
    """One observed change; `changed` is empty but for an edit."""

    op: str
    changed: frozenset[str]
    kudos_count: int | None
    comment_count: int | None


@dataclass
class Past:
    """What bronze knows of one activity, seen line after line."""

    body: dict[str, Any] | None = None
    live: bool = False
    counts: tuple[Any, ...] = (None, None)
    detail_counts: tuple[Any, ...] = (None, None)
    has_details: bool = False
    detailed: dict[str, Any] | None = None
    """The summary that was known when the details were seen last."""
    versions: list[Version] = field(default_factory=list)

    def absent(self) -> None:
        """Its own 404, after a listing that lacked it."""
        if self.live:
            self.live = False
            self._note("deleted")

    def summary(self, body: dict[str, Any] | None) -> None:
        """A summary; None: the one stored last was sent again."""
        before, was_live = self.body, self.live
        if body is None:
            if was_live and before is not None:
                self._count(before)
            return
        self.body, self.live = body, True
        if before is None or not was_live:
            self.counts = tuple(body.get(name) for name in COUNTS)
            self._note("restored" if before else "created")
            return
        self._count(body, differing(before, body))

    def detail(self, body: dict[str, Any] | None) -> None:
        """Details; None: the ones stored last were sent again."""
        if body is not None:
            self.detail_counts = tuple(body.get(name) for name in COUNTS)
        self.has_details, self.detailed = True, self.body
        if self.live:
            self._count(dict(zip(COUNTS, self.detail_counts, strict=True)))

    def _count(self, body: dict[str, Any], changed: frozenset[str] = frozenset()) -> None:
        counts = tuple(body.get(name) for name in COUNTS)
        moved = {name for name, old, new in zip(COUNTS, self.counts, counts, strict=True) if old != new}
        self.counts = counts
        if changed | moved:
            self._note("edited", changed | moved)

    def _note(self, op: str, changed: frozenset[str] = frozenset()) -> None:
        self.versions.append(Version(op, changed, *self.counts))


def lines(data: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(run, line) of all journals of a kind, in the order that counts."""
    found: dict[str, Path] = {}
    for path in sorted((data / "bronze" / kind).glob("*.jsonl*"), reverse=True):
        found[path.name.split(".")[0]] = path  # the plain one comes last, and counts where both forms are
    for run_id, path in sorted(found.items()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in content.splitlines():
            yield run_id, json.loads(line)


def histories(data: Path) -> dict[int, Past]:
    """Every activity that a listing ever held. In a run the listing comes before the details."""
    pasts: dict[int, Past] = {}
    told = [(run_id, kind, line) for kind in (ACTIVITIES, DETAILS) for run_id, line in lines(data, kind)]
    for _, kind, line in sorted(told, key=lambda one: (one[0], one[1] == DETAILS, one[2]["seq"])):
        if line["id"] is None or "base64" in line:
            continue
        past = pasts.setdefault(line["id"], Past())
        if kind == DETAILS:
            if line["kind"] != "absent" and past.body is not None:
                past.detail(line.get("body"))
        elif line["kind"] == "absent":
            past.absent()
        else:
            past.summary(line.get("body"))
    return pasts


def differing(one: dict[str, Any], other: dict[str, Any]) -> frozenset[str]:
    """Keys whose values differ, without counters."""
    return frozenset(key for key in one.keys() | other.keys() if one.get(key) != other.get(key)) - NOISE - set(COUNTS)
