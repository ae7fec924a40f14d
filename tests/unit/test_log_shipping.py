"""The collector's configuration, as far as that can be said without the collector (docs/logs-shipping.md)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with apprise, without types

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "logs"
DOCUMENTED = json.loads(Path(__file__).with_name("fluent_bit_keys.json").read_bytes())
"""Plugin or section → its keys in the documentation of Fluent Bit 5.1."""
TARGETS = {"loki": "loki", "opensearch": "opensearch", "cloudwatch": "cloudwatch_logs"}
OF_EVERY_INPUT = {"name", "tag", *DOCUMENTED["storage"]}
OF_EVERY_OUTPUT = {"name", "match", "host", "port", "retry_limit", *DOCUMENTED["tls"]}


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def collector() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["logs"]


def test_input_has_only_documented_keys() -> None:
    """Service, parser and input speak of nothing that Fluent Bit does not know."""
    shared = load("input")
    (parser,), (tail,) = shared["parsers"], shared["pipeline"]["inputs"]
    assert set(shared["service"]) <= {*DOCUMENTED["service"], *DOCUMENTED["storage"]}
    assert set(parser) <= set(DOCUMENTED["parser"])
    assert tail["name"] == "tail"
    assert set(tail) <= {*DOCUMENTED["tail"], *OF_EVERY_INPUT}
    assert tail["parser"] == parser["name"]


@pytest.mark.parametrize(("name", "plugin"), TARGETS.items())
def test_target_has_only_documented_keys(name: str, plugin: str) -> None:
    """Each target reads the shared input, takes its tag, and has keys of its plugin."""
    target = load(name)
    assert target["includes"] == ["input.yaml"]
    (output,) = target["pipeline"]["outputs"]
    assert output["name"] == plugin
    assert output["match"] == load("input")["pipeline"]["inputs"][0]["tag"]
    assert set(output) <= {*DOCUMENTED[plugin], *OF_EVERY_OUTPUT}


@pytest.mark.parametrize("name", TARGETS)
def test_every_variable_is_set_and_documented(name: str) -> None:
    """A variable of the configuration comes from the Compose file, is read from .env by dc.sh, and is in the guide."""
    used = set(re.findall(r"\$\{([A-Z_]+)\}", (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
    assert used
    assert used <= set(collector()["environment"])
    dc = (ROOT / "scripts/dc.sh").read_text(encoding="utf-8")
    guide = (ROOT / "docs/logs-shipping.md").read_text(encoding="utf-8")
    for variable in (*used, "LOGS_TARGET"):
        assert re.search(rf"\b{variable}\b", dc), variable
        assert f"`{variable}`" in guide, variable


def test_off_by_default_and_reads_only_logs() -> None:
    """Only the profile starts it; it sees its configuration and the logs read-only, and its own memory."""
    service = collector()
    assert service["profiles"] == ["logs"]
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    assert {target for target, mount in mounts.items() if not mount.get("read_only")} == {"/state"}
    assert mounts["/logs"]["source"] == "${LOGS_DIR:-./logs}"
    assert set(mounts) == {"/fluent-bit/etc/strava-stats", "/logs", "/state"}
    shared = load("input")
    assert shared["pipeline"]["inputs"][0]["db"].startswith("/state/")
    assert shared["service"]["storage.path"].startswith("/state/")


def test_finds_the_logs_of_every_day(tmp_path: Path) -> None:
    """The pattern meets logs/flow/structured/YYYY/MM/DD/flow_<timestamp>.jsonl, and no human log."""
    day = tmp_path / "flow/structured/2026/11/23"
    day.mkdir(parents=True)
    (tmp_path / "flow/2026/11/23").mkdir(parents=True)
    (day / "flow_20261123T050000Z.jsonl").touch()
    (tmp_path / "flow/2026/11/23/flow_20261123T050000Z.log").touch()
    pattern = load("input")["pipeline"]["inputs"][0]["path"]
    assert [path.name for path in tmp_path.glob(pattern.removeprefix("/logs/"))] == ["flow_20261123T050000Z.jsonl"]


def parsed(line: str) -> tuple[datetime, dict[str, Any]]:
    """A line as the parser of input.yaml takes it: JSON, and its time by `time_format` (%L: a fraction, or none)."""
    (parser,) = load("input")["parsers"]
    assert parser["format"] == "json"
    assert parser["time_strict"] is False
    event = json.loads(line)
    form = parser["time_format"]
    text = event[parser["time_key"]]
    assert form.endswith("%z")
    accepted = form.replace(".%L", ".%f") if "." in text else form.replace(".%L", "")
    return datetime.strptime(text, accepted), event  # noqa: DTZ007 - the form ends with the offset


@pytest.mark.parametrize("text", ["2026-11-23T05:00:00.123456Z", "2026-11-23T05:00:00Z", "2026-11-23T05:00:00.5+00:00"])
def test_time_of_an_event_is_understood(text: str) -> None:
    """The parser's time format takes UTC instants with and without a fraction, and keeps every field."""
    line = json.dumps({"timestamp": text, "event": "pull.stage", "run_id": "r", "seconds": 1.5})
    at, event = parsed(line)
    assert at.utcoffset() is not None
    assert (at.hour, event["event"], event["timestamp"]) == (5, "pull.stage", text)
