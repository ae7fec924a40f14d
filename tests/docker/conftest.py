"""A real engine, both images built in a copy of this repository, and a simulated Strava beside them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests
from tests.support.docker_checkout import IMAGE, MARKER, OTHER_UID, ROOT, Checkout, run, wait_until

HELPER = ROOT.parent / "shared" / "tools" / "docker-engine.sh"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs an engine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """An environment in which Docker and Compose answer."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STRAVA_", "COMPOSE_", "MAKE"))}
    for name in ("RUNNER", "DATA_DIR", "SECRETS_DIR", "LOGS_DIR", "MFLAGS", "TZ"):
        env.pop(name, None)
    if HELPER.is_file():
        exports = run(["bash", str(HELPER), "up"], env).ok().stdout
        shown = run(["sh", "-c", f"{exports}\nenv"], env).ok().stdout
        for name in ("DOCKER_HOST", "DOCKER_CONFIG", "PATH"):
            env[name] = next(line.partition("=")[2] for line in shown.splitlines() if line.startswith(f"{name}="))
    if not shutil.which("docker", path=env["PATH"]) or run(["docker", "info"], env).code:
        pytest.skip("no Docker engine answers, and ../shared/tools/docker-engine.sh is not there to start one")
    assert run(["docker", "compose", "version"], env).code == 0, "the Compose plugin is missing"
    return env


@pytest.fixture(scope="session")
def checkout(engine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy, with both images built; everything that was started in it is gone afterwards."""
    path = tmp_path_factory.mktemp("docker") / "a check out"
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], dict(os.environ)).ok()
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    (path / "secrets").mkdir(mode=0o700)
    (path / "secrets" / "unrelated.txt").write_text(MARKER, encoding="utf-8")
    (path / "secrets" / "unrelated.txt").chmod(0o600)
    env = engine | {
        "STRAVA_STATS_IMAGE_NAME": IMAGE,
        "COMPOSE_FILE": "docker-compose.yml:tests/docker/simulator.yml",
        "HOST_UID": str(OTHER_UID),
        "HOST_GID": str(OTHER_UID),
    }
    if os.getuid() == 0:
        for one in (path / "secrets", path / "secrets" / "unrelated.txt"):
            os.chown(one, OTHER_UID, OTHER_UID)
    made = Checkout(path, env)
    base = "http://simulator:8089"
    made.write_env(
        STRAVA_CLIENT_ID="12345",
        STRAVA_CLIENT_SECRET="simulated-secret",
        STRAVA_API_BASE_URL=f"{base}/api/v3",
        STRAVA_OAUTH_BASE_URL=f"{base}/oauth",
    )
    try:
        made.make("build", NO_PROXY=f"simulator,{MARKER}.invalid").ok()
        yield made
    finally:
        made.dc("down", "--timeout", "5", "--volumes", "--remove-orphans")
        made.docker("image", "rm", "--force", f"{IMAGE}:local", f"{IMAGE}-scheduler:local")


@pytest.fixture(scope="session")
def simulator(checkout: Checkout) -> str:
    """The simulated Strava as a Compose service; its address on this host."""
    checkout.dc("up", "--detach", "simulator").ok()
    port = checkout.dc("port", "simulator", "8089").ok().stdout.strip()
    logs = f"compose logs of {checkout.container('simulator')}"
    wait_until(lambda: "STRAVA_API_BASE_URL" in checkout.dc("logs", "simulator").stdout, logs)
    return f"http://{port}"


@pytest.fixture(scope="session")
def connected(checkout: Checkout, simulator: str) -> Checkout:
    """An athlete has given access: `auth` printed the address, a browser followed it, `auth --code` took the end."""
    printed = checkout.make("-s", "auth").stdout
    address = re.search(r"http://simulator:8089/oauth/authorize\?\S+", printed)
    assert address is not None, printed
    follow = (
        "python -c 'import requests, sys; "
        'print(requests.get(sys.argv[1], allow_redirects=False).headers["Location"])\' '
    )
    ended_at = checkout.sh(follow + shlex.quote(address[0])).ok().stdout.strip()
    assert checkout.dc("run", "--rm", "auth", "--code", ended_at).ok().stdout.startswith("Connected athlete")
    assert simulator
    return checkout


@pytest.fixture(scope="session")
def hanging(simulator: str) -> Callable[[], AbstractContextManager[None]]:
    """While the context lasts, the second details that are asked for get no answer: a run stands in its middle."""

    @contextmanager
    def hang() -> Iterator[None]:
        faults = f"{simulator}/_control/faults"
        rule = {"action": "hang", "method": "GET", "path": "/activities/*", "skip": 1, "times": None}
        requests.post(faults, json=rule, timeout=10).raise_for_status()
        yield
        requests.delete(faults, timeout=10).raise_for_status()

    return hang
