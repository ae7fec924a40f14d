"""Imported archives: there, and the bytes that they were named after."""

from __future__ import annotations

import hashlib
from functools import partial

from strava_stats.errors import CorruptData
from strava_stats.lake.imports import read_imports
from strava_stats.sync.verify.findings import Look, Survey, counted

BLOCK = 1 << 20
AGAIN = "bring it back from a backup, or import the same archive again"


def check_archives(survey: Survey) -> Look:
    """Every archive that was imported lies in bronze as it came; `survey.archives` names them."""
    look = Look("archives", verdict="as they were imported")
    try:
        survey.archives = frozenset(one.sha256 for one in read_imports(survey.layout))
    except CorruptData:  # the journals' check has told of it
        look.skipped = "the journals have to be mended first"
        return look
    look.looked_at = counted(len(survey.archives), "archive")
    for sha256 in sorted(survey.archives):
        path = survey.layout.archive(sha256)
        if not path.exists():
            look.find(survey.shown(path), "is not there", AGAIN)
            continue
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for block in iter(partial(file.read, BLOCK), b""):
                digest.update(block)
        if digest.hexdigest() != sha256:
            look.find(survey.shown(path), "is not what its name says: its bytes have changed", AGAIN)
    return look
