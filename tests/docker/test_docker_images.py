"""What is in the images, and what a container may do."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO

import pytest
from tests.support.docker_checkout import IMAGE, MARKER, OTHER_UID, Checkout

import strava_stats

BASE = "python:3.13-slim"
ALLOWED = 250 << 20  # bytes over the base image
BOTH = [IMAGE, f"{IMAGE}-scheduler"]


@pytest.mark.parametrize("name", BOTH)
def test_image_is_small_and_labelled(checkout: Checkout, name: str) -> None:
    """No more than 250 MB over the base; version, user, health check and stop signal are set."""
    image, base = checkout.inspect(f"{name}:local", BASE)
    assert image["Size"] - base["Size"] < ALLOWED
    config = image["Config"]
    assert config["Labels"]["org.opencontainers.image.version"].startswith(f"{strava_stats.__version__}+")
    assert config["User"] == "1000:1000"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "strava-stats"]
    assert config["StopSignal"] == ("SIGTERM" if name.endswith("scheduler") else "SIGINT")
    assert config["Entrypoint"] == ["strava-stats-entrypoint"]


def test_both_images_are_of_one_build(checkout: Checkout) -> None:
    """The scheduler's image stands on the pipeline's: the same layers, the same build name."""
    pipeline, scheduler = (checkout.inspect(f"{name}:local")[0] for name in BOTH)
    layers = pipeline["RootFS"]["Layers"]
    assert scheduler["RootFS"]["Layers"][: len(layers)] == layers
    builds = {one for image in (pipeline, scheduler) for one in image["Config"]["Env"] if "STRAVA_STATS_IMAGE=" in one}
    assert len(builds) == 1
    assert scheduler["Config"]["Cmd"] == ["schedule"]


def test_no_build_tools_and_no_pip(checkout: Checkout) -> None:
    """The Python that runs has no pip, the build back end is gone, and there is no compiler."""
    script = (
        'command -v gcc cc make git; for m in pip flit_core ensurepip.pip; do python -c "import $m" && echo $m; done'
    )
    assert checkout.sh(script).stdout == ""


def test_byte_code_is_there(checkout: Checkout) -> None:
    """Every module of the package has its byte code, because nobody can write it later."""
    script = (
        "cd /opt/venv/lib/python3*/site-packages/strava_stats && for f in *.py; do ls __pycache__/${f%.py}.*.pyc; done"
    )
    done = checkout.sh(script).ok()
    assert "__pycache__/settings." in done.stdout
    assert done.stderr.count("No such file") == 0


@pytest.mark.parametrize("service", ["auth", "pull", "compact", "enrich", "flow"])
def test_container_may_do_nothing_but_write_its_folders(checkout: Checkout, service: str) -> None:
    """Read-only root, no capability, no new privileges, no Docker socket, and the uid that was asked for."""
    script = """id -u; id -g; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status
      ls /var/run/docker.sock /run/docker.sock 2>&1 | grep -c 'No such'
      for d in / /app /opt/venv /etc; do touch $d/x 2>/dev/null && echo "wrote $d"; done
      for d in /tmp /app/data /app/secrets /app/logs; do touch $d/x && rm $d/x && echo "may write $d"; done"""
    lines = checkout.sh(script, service).stdout.split("\n")
    assert lines[:2] == [str(OTHER_UID)] * 2
    caps = dict(line.split(":\t") for line in lines[2:5])
    assert caps == {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1"}
    assert lines[5] == "2"
    assert lines[6:-1] == [f"may write {folder}" for folder in ("/tmp", "/app/data", "/app/secrets", "/app/logs")]  # noqa: S108 - in the container


def test_entry_point(checkout: Checkout) -> None:
    """Options alone go to the service's command, another command replaces it, and a login shell knows the program."""
    assert "Usage: strava-stats pull" in checkout.dc("run", "--rm", "pull", "--help").ok().stdout
    assert "Usage: strava-stats status" in checkout.dc("run", "--rm", "pull", "status", "--help").ok().stdout
    assert checkout.sh("strava-stats --version").ok().stdout == f"strava-stats {strava_stats.__version__}\n"
    plain = checkout.docker("run", "--rm", "--read-only", f"{IMAGE}:local", "--version").ok()
    assert plain.stdout == f"strava-stats {strava_stats.__version__}\n"


def test_without_mounts_nothing_is_lost_silently(checkout: Checkout) -> None:
    """A container without a data folder refuses to write into itself."""
    done = checkout.docker("run", "--rm", f"{IMAGE}:local", "demo", "--activities", "5")
    assert done.code == 78
    assert "permission denied" in done.stderr


def _holds(stream: IO[bytes] | gzip.GzipFile, needles: list[bytes]) -> set[bytes]:
    found, tail = set[bytes](), b""
    while chunk := stream.read(1 << 20):
        found |= {needle for needle in needles if needle in tail + chunk}
        tail = chunk[-100:]
    return found


def test_no_secret_is_in_a_layer(checkout: Checkout, tmp_path: Path) -> None:
    """Neither .env, token, secrets folder, CA file nor proxies of the build are in a layer or in the history."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl is needed to make a CA"
    pem = tmp_path / "corp root.pem"
    name = ["-subj", f"/CN={MARKER}", "-keyout", str(tmp_path / "key"), "-out", str(pem)]
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *name], check=True, capture_output=True)
    system = Path("/etc/ssl/certs/ca-certificates.crt")  # the build goes on through the proxy of this machine, if any
    lines = pem.read_text(encoding="ascii")
    pem.write_text(lines + (system.read_text(encoding="utf-8") if system.exists() else ""), encoding="utf-8")
    certificate = lines.splitlines()[3].encode()

    requirements = checkout.path / "requirements.txt"
    kept = requirements.read_bytes()
    requirements.write_bytes(kept + b"# installed anew, this time with the CA\n")
    try:
        no_proxy = f"simulator,{MARKER}.invalid"
        checkout.dc("build", REQUESTS_CA_BUNDLE=str(pem), NO_PROXY=no_proxy, no_proxy=no_proxy).ok()
        saved = tmp_path / "images.tar"
        checkout.docker("save", "--output", str(saved), *(f"{one}:local" for one in BOTH)).ok()
        history = "".join(checkout.docker("history", "--no-trunc", f"{one}:local").ok().stdout for one in BOTH)
    finally:
        requirements.write_bytes(kept)
        checkout.make("build").ok()

    needles = [MARKER.encode(), b"simulated-secret\n", certificate, b"STRAVA_CLIENT_SECRET=simulated"]
    assert MARKER not in history
    looked_at = 0
    with tarfile.open(saved) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            packed = content.read(2) == b"\x1f\x8b"
            content.seek(0)
            found = _holds(gzip.GzipFile(fileobj=content) if packed else content, needles)
            assert found == set(), (member.name, found)
            looked_at += member.size
    assert looked_at > saved.stat().st_size // 2


def test_compose_files_are_understood(checkout: Checkout) -> None:
    """Compose takes the file with the profile of log shipping, and leaves it off without."""
    assert "fluent-bit" in checkout.dc("--profile", "logs", "config").ok().stdout
    assert "fluent-bit" not in checkout.dc("config").ok().stdout
