"""Purge and restore in this process, with kills at file operations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.support.killing import Killed
from tests.support.sync_world import World

from strava_stats.care.backup import back_up
from strava_stats.care.forget import forget
from strava_stats.care.purge import Purged, purge
from strava_stats.care.restore import open_backup, restore
from strava_stats.flow import Services, Steps, writing
from strava_stats.sync.verify import verify


def purge_before(world: World, day: date, *, kill_at: int = 0) -> Purged | None:
    """`purge --older-than day` under the lock; None when it was killed before that file operation."""

    def work(services: Services) -> Purged:
        return purge(
            services.layout, services.state, services.narrator, services.calendar,
            athletes=[world.athlete.id], day=day,
        )  # fmt: skip

    done: Purged | None = _under_the_lock(world, work, kill_at)
    return done


def back_up_world(world: World, path: Path) -> Path:
    """`backup PATH`."""
    services = world.services(Steps(compact=True))
    with writing(services, "backup"):
        now = services.clock.now()
        return back_up(services.layout, services.state, services.narrator, path, now, encrypted_tokens=None).path


def restore_world(world: World, path: Path, *, kill_at: int = 0) -> bool:
    """`restore PATH`; False when it was killed before that file operation."""

    def work(services: Services) -> bool:
        with open_backup(path) as backup:
            restore(services.layout, services.state, services.narrator, services.calendar, backup=backup)
        return True

    return _under_the_lock(world, work, kill_at) or False


def forget_in_world(world: World, *, kill_at: int = 0, athlete_id: int | None = None) -> bool:
    """What `forget` removes here; False when it was killed before that file operation."""

    def work(services: Services) -> bool:
        forget(
            services.layout,
            services.state,
            services.narrator,
            services.calendar,
            secrets_dir=world.strava.folder / "secrets",
            logs_dir=world.strava.folder / "logs",
            athlete_id=world.athlete.id if athlete_id is None else athlete_id,
        )
        return True

    return _under_the_lock(world, work, kill_at) or False


def findings(world: World) -> list[str]:
    """What `verify --offline` has to say."""
    services = world.services(Steps(compact=True))
    looks = verify(services.layout, world.strava.folder / "secrets", services.calendar, services.narrator)
    return [f"{look.name}: {one.subject} {one.message}" for look in looks for one in look.findings]


def day_of(seconds: float) -> date:
    """The UTC day of an instant in epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC).date()


def _under_the_lock(world: World, work: Callable[[Services], Purged | bool], kill_at: int) -> Any:
    services = world.services(Steps(compact=True))
    done = None
    with world.killer.armed(kill_at or None), warnings.catch_warnings():
        if kill_at:  # files that a dead process had open
            warnings.simplefilter("ignore", ResourceWarning)
        try:
            with writing(services, "care"):
                done = work(services)
        except Killed:
            pass
    if world.killer.dead:
        world.killer.bury()
        return None
    return done
