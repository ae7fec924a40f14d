"""The scripts and make targets, with a Docker client that only notes what it is asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strava_stats.settings import load_settings

ROOT = Path(__file__).parents[2]
PARTS = ("Makefile", "scripts", "docker", "docker-compose.yml", "Dockerfile", "requirements.txt", "pyproject.toml")
FAKE = f"""#!{sys.executable}
import json, os, sys
name, *arguments = os.path.basename(sys.argv[0]), *sys.argv[1:]
with open(os.environ["CALLS"], "a", encoding="utf-8") as calls:
    calls.write(json.dumps([name, arguments, dict(os.environ)]) + "\\n")
if name == "docker" and arguments[0] == "info":
    podman = os.environ.get("PODMAN")
    if "--format" in arguments and podman:
        sys.exit("no such field") if "SecurityOptions" in arguments[-1] else print("name=rootless:" + podman)
    else:
        print(os.environ.get("SECURITY", "[name=seccomp,profile=default]"))
    sys.exit(int(os.environ.get("ENGINE", "0")))
if arguments[:2] == ["image", "inspect"]:
    print(os.environ.get("LABEL", ""))
"""


@dataclass
class Place:
    """A checkout with scripts and Makefile, a made environment, and fakes for docker and strava-stats."""

    path: Path
    env: dict[str, str]
    calls: list[tuple[str, list[str], dict[str, str]]] = field(default_factory=list)

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        log = self.path.parent / "calls"
        log.write_text("", encoding="utf-8")
        done = subprocess.run(
            command,
            env=self.env | {"CALLS": str(log)} | more,
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.calls = [tuple(json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]
        return done

    def compose(self) -> list[list[str]]:
        """What Compose was asked for, without what every call has."""
        asked = [call[1] for call in self.calls if call[0] == "docker" and call[1][0] == "compose"]
        every = ["compose", "--env-file", "/dev/null"]
        return [arguments[len(every) :] for arguments in asked if arguments[: len(every)] == every]

    def compose_env(self) -> dict[str, str]:
        """The environment of the last call of Compose."""
        return self.calls[-1][2]

    def local(self) -> list[list[str]]:
        """What strava-stats on the host was asked for."""
        return [call[1] for call in self.calls if call[0] == "strava-stats"]

    def current(self) -> str:
        """The label of images made from what lies here."""
        return self.sh("build_name")

    def sh(self, text: str, **more: str) -> str:
        """What a line of shell prints that knows scripts/settings.sh."""
        done = self.run("sh", "-euc", f"root=$PWD; . scripts/settings.sh; {text}", **more)
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    path = tmp_path / "a check out"
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, path / name)
        else:
            path.mkdir(exist_ok=True)
            shutil.copy2(source, path / name)
    package = path / "src/strava_stats"
    package.mkdir(parents=True)
    shutil.copy2(ROOT / "src/strava_stats/__init__.py", package)
    for fake in (tmp_path / "bin/docker", path / ".venv/bin/strava-stats"):
        fake.parent.mkdir(parents=True)
        fake.write_text(FAKE, encoding="utf-8")
        fake.chmod(0o755)
    (path / ".venv/made").touch()
    return Place(path, {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path / "home")})


ENV_FILES = {
    "nothing": "",
    "plain": "DATA_DIR=elsewhere",
    "dot": "DATA_DIR=./elsewhere",
    "absolute": "DATA_DIR=/srv/my data",
    "home": "DATA_DIR=~/strava",
    "spaces": "  DATA_DIR =  a b  ",
    "exported": "export DATA_DIR=x",
    "double": 'DATA_DIR="a b # c" # where it lies',
    "single": "DATA_DIR='a \"b\" c'",
    "comment": "DATA_DIR=a#b # c",
    "last": "DATA_DIR=one\nOTHER_DATA_DIR=two\nDATA_DIR=three\n#DATA_DIR=four",
    "emptied": "DATA_DIR=one\nDATA_DIR=",
    "windows": "DATA_DIR=one two\r\nDAYS=3\r\n",
    "letters": "DATA_DIR=Läufe (2026) & $HOME",
}


@pytest.mark.parametrize("text", ENV_FILES.values(), ids=ENV_FILES)
@pytest.mark.parametrize("environ", [{}, {"DATA_DIR": "from here"}, {"DATA_DIR": "  "}], ids=["", "set", "blank"])
def test_scripts_read_settings_as_the_program_does(
    text: str, environ: dict[str, str], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever way DATA_DIR is written, scripts mount the folder that strava-stats on the host would use."""
    monkeypatch.setenv("HOME", place.env["HOME"])
    (place.path / ".env").write_bytes(text.encode())
    expected = load_settings(environ, place.path).data_dir
    assert Path(place.sh("path_setting DATA_DIR data", **environ)) == expected


UIDS: dict[str, tuple[dict[str, str], str]] = {
    "plain": ({}, f"{os.getuid()}:{os.getgid()}"),
    "given": ({"HOST_UID": "7", "HOST_GID": "8"}, "7:8"),
    "rootless": ({"SECURITY": "[name=seccomp,profile=builtin name=rootless]"}, "0:0"),
    "podman rootless": ({"PODMAN": "true"}, "0:0"),
    "podman as root": ({"PODMAN": "false"}, f"{os.getuid()}:{os.getgid()}"),
}


@pytest.mark.parametrize(("env", "user"), UIDS.values(), ids=UIDS)
def test_containers_run_as_the_host_user(env: dict[str, str], user: str, place: Place) -> None:
    """Compose is told the uid that is you: your own, or 0 where the engine is rootless."""
    assert place.run("sh", "scripts/dc.sh", "ps", **env).returncode == 0
    seen = place.compose_env()
    assert f"{seen['HOST_UID']}:{seen['HOST_GID']}" == user


def test_folders_are_made_before_docker_would(place: Place) -> None:
    """Data, secrets and logs are made here, secrets and .env for the user alone; they are named with whole paths."""
    (place.path / ".env").write_text("DATA_DIR=my data\n", encoding="utf-8")
    (place.path / ".env").chmod(0o600)
    assert place.run("sh", "-c", "umask 0; exec sh scripts/dc.sh ps").returncode == 0
    seen = place.compose_env()
    folders = {name: Path(seen[name]) for name in ("DATA_DIR", "SECRETS_DIR", "LOGS_DIR")}
    assert folders["DATA_DIR"] == place.path / "my data"
    assert {name: path.stat().st_mode & 0o777 for name, path in folders.items()} == {
        "DATA_DIR": 0o755,
        "SECRETS_DIR": 0o700,
        "LOGS_DIR": 0o755,
    }
    (place.path / ".env").unlink()
    assert place.run("sh", "-c", "umask 0; exec sh scripts/dc.sh ps").returncode == 0
    assert (place.path / ".env").stat().st_mode & 0o777 == 0o600
    assert not (place.path / "logs/shipper").exists()
    assert place.run("sh", "scripts/dc.sh", "--profile", "logs", "up").returncode == 0
    assert (place.path / "logs/shipper").is_dir()


def test_ca_file_is_found_and_handed_on(place: Place) -> None:
    """The file of a setting counts, from the repo root; else the user's own in the secrets folder; else none."""
    assert place.run("sh", "scripts/dc.sh", "ps").returncode == 0
    assert "STRAVA_STATS_CA" not in place.compose_env()
    for name in ("secrets/corp-root.pem", "secrets/corp-bundle.pem", "mine.pem"):
        (place.path / name).write_text("PEM", encoding="utf-8")
        env = {"SSL_CERT_FILE": "mine.pem"} if name == "mine.pem" else {}
        assert place.run("sh", "scripts/dc.sh", "build", **env).returncode == 0
        assert place.compose_env()["STRAVA_STATS_CA"] == str(place.path / name)
        assert place.compose_env()["STRAVA_STATS_CA_INSIDE"] == "/etc/strava-stats-ca.pem"


def test_missing_ca_file_is_named(place: Place) -> None:
    """A setting that leads nowhere is one line with its cure, exit 78, and nothing is started."""
    done = place.run("sh", "scripts/dc.sh", "ps", CURL_CA_BUNDLE="gone.pem")
    assert done.returncode == 78
    assert done.stderr.startswith("strava-stats: CURL_CA_BUNDLE='gone.pem' is not valid — set CURL_CA_BUNDLE to ")
    assert len(done.stderr.splitlines()) == 1
    assert place.compose() == []


@pytest.mark.parametrize(
    ("uri", "port"), [("", "8765"), ("http://localhost:9000/x", "9000"), ("http://localhost/8", "8765")]
)
def test_listening_opens_a_port(uri: str, port: str, place: Place) -> None:
    """Only `auth --listen` publishes a port: that of the redirect address, or 8765."""
    env = {"STRAVA_REDIRECT_URI": uri}
    place.run("sh", "scripts/dc.sh", "run", "--rm", "auth", "--listen", **env)
    assert place.compose() == [["run", "-T", "--service-ports", "--rm", "auth", "--listen"]]
    assert place.compose_env()["STRAVA_STATS_LISTEN_PORT"] == port
    place.run("sh", "scripts/dc.sh", "run", "--rm", "auth", **env)
    assert place.compose() == [["run", "-T", "--rm", "auth"]]


def test_two_checkouts_are_two_projects(place: Place, tmp_path: Path) -> None:
    """Folders of one name in different places do not take each other's scheduler away."""
    place.run("sh", "scripts/dc.sh", "ps")
    first = place.compose_env()["COMPOSE_PROJECT_NAME"]
    twin = tmp_path / "twin" / place.path.name
    shutil.copytree(place.path, twin)
    place.path = twin
    place.run("sh", "scripts/dc.sh", "ps")
    assert place.compose_env()["COMPOSE_PROJECT_NAME"] != first


SAYS = {"docker": "Runner: Docker Compose", "local": "Runner: the virtual environment"}
CHOICES: dict[str, tuple[dict[str, str], str, str]] = {
    "engine": ({}, "", "docker"),
    "no engine": ({"ENGINE": "1"}, "", "local"),
    "wished local": ({"RUNNER": "local"}, "", "local"),
    "wished in .env": ({}, "RUNNER=local", "local"),
    "environment wins": ({"RUNNER": "docker"}, "RUNNER=local", "docker"),
}


@pytest.mark.parametrize(("env", "env_file", "runner"), CHOICES.values(), ids=CHOICES)
def test_runner_is_chosen_and_said_once(env: dict[str, str], env_file: str, runner: str, place: Place) -> None:
    """Docker where an engine answers, else the virtual environment; RUNNER decides; stderr says it once."""
    (place.path / ".env").write_text(env_file, encoding="utf-8")
    done = place.run("make", "refresh", LABEL=place.current(), **env)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Runner: ") == done.stderr.count(SAYS[runner]) == 1
    assert done.stdout == ""
    assert bool(place.compose()) == (runner == "docker")
    assert bool(place.local()) == (runner == "local")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"RUNNER": "podman"}, "RUNNER='podman' is not valid — set RUNNER to docker or local"),
        ({"RUNNER": "docker", "ENGINE": "1"}, "No Docker engine answers — start Docker, or use RUNNER=local"),
    ],
)
def test_impossible_runner_is_refused(env: dict[str, str], words: str, place: Place) -> None:
    """A wrong RUNNER, or an engine that was asked for and does not answer, is exit 78, not the other runner."""
    done = place.run("sh", "scripts/run.sh", "cli", "status", **env)
    assert done.returncode == 78
    assert words in done.stderr
    assert place.compose() == place.local() == []


WINDOW = ["--since-days", "21", "--cushion-15min", "0", "--cushion-daily", "0"]
MISSING = ["--all", "--cushion-15min", "0", "--cushion-daily", "0"]
COMMANDS: dict[str, list[str]] = {
    "auth": ["auth"],
    "run": ["pull"],
    "run-lite": ["pull", "--lite"],
    "run-all": ["pull", "--all"],
    "compact": ["compact"],
    "recompact": ["compact", "--rebuild"],
    "enrich": ["enrich", *WINDOW],
    "enrich-all": ["enrich", *MISSING],
    "flow": ["flow", *WINDOW],
    "flow-backfill": ["flow", "--backfill", *MISSING],
    "status": ["status"],
    "plan": ["plan"],
    "doctor": ["doctor"],
    "verify": ["verify"],
    "duck": ["duck"],
    "sql-SELECT 7/2 AS \"a %\", 'it''s', '$HOME `id` $(id) \\' FROM t": [
        "sql",
        "--",
        "SELECT 7/2 AS \"a %\", 'it''s', '$HOME `id` $(id) \\' FROM t",
    ],
}


@pytest.mark.parametrize("goal", COMMANDS, ids=lambda goal: goal[:14])
def test_target_is_the_same_command_in_both_runners(goal: str, place: Place) -> None:
    """A target hands the same arguments to the program on the host and to the container of its step."""
    wanted = COMMANDS[goal]
    assert place.run("make", goal, RUNNER="local").returncode == 0
    assert place.local() == [wanted]
    assert place.run("make", goal, LABEL=place.current()).returncode == 0
    service = wanted[0] if wanted[0] in {"auth", "pull", "compact", "enrich", "flow"} else "flow"
    assert place.compose() == [["run", "-T", "--rm", service, *wanted]]
    assert place.local() == []


SCHEDULER: dict[str, tuple[list[list[str]], list[list[str]]]] = {
    "schedule-up": ([["up", "--detach", "scheduler"]], [["schedule", "--start"]]),
    "schedule-down": ([["rm", "--stop", "--force", "scheduler"]], [["schedule", "--stop"]]),
    "schedule-restart": (
        [["up", "--detach", "--force-recreate", "scheduler"]],
        [["schedule", "--stop"], ["schedule", "--start"]],
    ),
    "schedule-ps": ([["ps", "--all", "scheduler"]], [["schedule", "--health"]]),
    "schedule-exec": (
        [["exec", "-T", "scheduler", "strava-stats", "schedule", "--now"]],
        [["schedule", "--now"]],
    ),
    "schedule-time": (
        [["exec", "-T", "scheduler", "strava-stats", "schedule", "--next"]],
        [["schedule", "--next"]],
    ),
    "schedule-doctor": (
        [["exec", "-T", "scheduler", "strava-stats", "schedule", "--doctor"]],
        [["schedule", "--doctor"]],
    ),
}


@pytest.mark.parametrize("goal", SCHEDULER)
def test_scheduler_targets(goal: str, place: Place) -> None:
    """Each target of the scheduler has its command in both runners."""
    container, local = SCHEDULER[goal]
    assert place.run("make", goal, LABEL=place.current()).returncode == 0
    assert place.compose() == container
    assert place.run("make", goal, RUNNER="local").returncode == 0
    assert place.local() == local


def test_scheduler_log_and_shell_on_the_host(place: Place) -> None:
    """Without Docker, schedule-logs is the end of cron.log, and schedule-shell knows the program."""
    (place.path / ".env").write_text("LOGS_DIR=my logs\n", encoding="utf-8")
    (place.path / "my logs/scheduler").mkdir(parents=True)
    (place.path / "my logs/scheduler/cron.log").write_text("woke up\n", encoding="utf-8")
    assert place.run("make", "-s", "schedule-logs", RUNNER="local").stdout == "woke up\n"
    done = place.run("make", "-s", "schedule-shell", "ARGS=-c 'command -v strava-stats'", RUNNER="local")
    assert done.stdout == f"{place.path}/.venv/bin/strava-stats\n"


def test_images_are_made_when_what_they_hold_has_changed(place: Place) -> None:
    """An image of another build is made anew before a command runs in it; a current one is not touched."""
    current = place.current()
    assert place.run("make", "status", LABEL=current).returncode == 0
    assert [call[0] for call in place.compose()] == ["run"]
    with (place.path / "src/strava_stats/__init__.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert place.current() != current
    done = place.run("make", "status", LABEL=current)
    assert place.compose()[0] == ["build", "--quiet", "flow"]
    assert "Building the image" in done.stderr
    assert done.stdout == ""
    place.run("make", "schedule-up", LABEL=current)
    assert [call[:1] + call[-1:] for call in place.compose()] == [
        ["build", "flow"],
        ["build", "scheduler"],
        ["up", "scheduler"],
    ]


def test_build_makes_the_pipeline_first(place: Place) -> None:
    """`make build` makes both images, the scheduler's after the one that it stands on."""
    assert place.run("make", "build").returncode == 0
    assert place.compose() == [["build", "flow"], ["build", "scheduler"]]


def test_no_python_is_needed_with_docker(place: Place) -> None:
    """With an engine neither a virtual environment nor a Python on the host is asked for."""
    shutil.rmtree(place.path / ".venv")
    done = place.run("make", "flow", "PYTHON=", LABEL=place.current())
    assert done.returncode == 0, done.stderr
    assert not (place.path / ".venv").exists()
    assert place.run("make", "flow", "PYTHON=", RUNNER="local").returncode == 2


def test_flow_script_runs_on_the_host_from_anywhere(place: Place) -> None:
    """scripts/flow.sh is for a cron of one's own: the flow on the host with its options, from any folder."""
    script = str(place.path / "scripts/flow.sh")
    assert place.run("sh", "-c", 'cd / && exec "$@"', "sh", script, "--backlog", "3").returncode == 0
    assert place.local() == [["flow", "--verbose", "--backlog", "3"]]
    assert place.run("make", "flow-now").returncode == 0
    assert place.local() == [["flow", "--verbose", *WINDOW]]


def test_newest_log_is_shown_and_logs_are_deleted(place: Place) -> None:
    """flow-latest prints the newest flow's log; clean-logs deletes all of them and empties the one that is open."""
    (place.path / ".env").write_text("LOGS_DIR='my logs'\n", encoding="utf-8")
    logs = place.path / "my logs"
    done = place.run("make", "flow-latest")
    assert "There is no log of a flow in" in done.stderr
    (logs / "flow/2026/11/23").mkdir(parents=True)
    (logs / "flow/2026/11/23/flow_1.log").write_text("all went well\n", encoding="utf-8")
    (logs / "flow/latest.log").symlink_to("2026/11/23/flow_1.log")
    (logs / "scheduler").mkdir()
    for name in ("cron.log", "cron-2026-11-22.log", "notes.txt"):
        (logs / "scheduler" / name).write_text("old", encoding="utf-8")
    assert place.run("make", "-s", "flow-latest").stdout == "all went well\n"
    assert place.run("make", "clean-logs").returncode == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in logs.rglob("*") if path.is_file()} == {
        "cron.log": "",
        "notes.txt": "old",
    }


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [name for name in listed.stdout.split("\0") if name]


def test_line_ends_are_kept() -> None:
    """What Linux reads inside a container has LF and is told to keep it on Windows."""
    read_inside = [name for name in _tracked() if name.endswith((".sh", ".cron", "Dockerfile"))]
    assert len(read_inside) >= 6
    asked = ["git", "check-attr", "eol", "--", *read_inside, "docker-compose.yml", "Makefile"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line for line in told.splitlines() if not line.endswith("eol: lf")] == []
    assert [name for name in read_inside if b"\r" in (ROOT / name).read_bytes()] == []


def test_nothing_private_reaches_a_build() -> None:
    """The build context begins with nothing, and what it then admits holds no folder of the user's."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    admitted = {rule[1:] for rule in rules if rule.startswith("!")}
    assert admitted == {
        "requirements.txt",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "NOTICE",
        "src",
        "docker/entrypoint.sh",
    }
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "/data/", "/secrets/", "/logs/", "/demo/"} <= set(ignored)


def _compose_file() -> Any:
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with apprise, without types

    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_every_service_is_locked_down() -> None:
    """Each service drops all capabilities, has a read-only root and no socket of the engine."""
    services = _compose_file()["services"]
    assert {"auth", "pull", "compact", "enrich", "flow", "scheduler"} < set(services)
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"].startswith("${HOST_UID"), name
        assert "docker.sock" not in str(service), name


def test_every_setting_reaches_the_container() -> None:
    """A setting that the host's environment has is handed on, or is one that dc.sh translates."""
    source = (ROOT / ".env.example").read_text(encoding="utf-8")
    settings = {line.lstrip("#").split("=")[0] for line in source.splitlines() if "=" in line and " " not in line}
    handed_on = set(_compose_file()["services"]["flow"]["environment"])
    assert settings - handed_on == set()
