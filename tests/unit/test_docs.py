"""What the documentation says is so: commands, targets, settings, queries and messages exist as written."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from docs.generate import main as generate
from tests.support.tracked import Tracked, line

from strava_stats.cli import auth, bulk, care, export, inspect, local, schedule, sync  # noqa: F401 - they register their commands
from strava_stats.cli.app import app
from strava_stats.cli.context import Context
from strava_stats.cli.demo import run_demo
from strava_stats.cli.main import hoist_global_options
from strava_stats.lake.layout import Layout
from strava_stats.narration import Silent
from strava_stats.settings import load_settings
from strava_stats.sync.compact import Calendar, compact
from strava_stats.sync.state import State
from strava_stats.warehouse.query import Warehouse

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", README, re.MULTILINE | re.DOTALL))
SQL = re.findall(r"^```sql\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
GUIDE_NAMES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/exporting.md", "docs/import.md")
GUIDES = [(ROOT / name).read_text(encoding="utf-8") for name in GUIDE_NAMES]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
FOREIGN_OPTIONS = frozenset({"--help", "--fix"})  # of every command; of ruff


def test_warehouse_reference_is_up_to_date() -> None:
    """docs/warehouse.md is what the COMMENTs of an empty warehouse make."""
    assert generate(["--check"]) == 0


def test_every_command_is_named_and_exists() -> None:
    """README names the commands that there are, and no other."""
    listed = re.search(r"with the commands (.*?); each has", README, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"`([a-z]+)`", listed[1])) == set(COMMANDS)
    assert set(re.findall(r"strava-stats ([a-z]+)", CODE)) <= set(COMMANDS)


def test_every_option_that_is_named_exists() -> None:
    """No document names an option that no command has."""
    group = typer.main.get_command(app)
    known = {
        name
        for command in (group, *COMMANDS.values())
        for option in command.params
        for name in (*option.opts, *option.secondary_opts)
    }
    named = {name for text in (README, *GUIDES) for name in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text)}
    assert named - known - FOREIGN_OPTIONS == set()


def test_every_make_target_is_named_and_exists() -> None:
    """README names the targets that there are, and no other."""
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"\bmake (?:-s )?([a-z][a-z0-9-]*)", CODE))
    assert named - {"sql-", "demo-sql-"} == targets


def test_every_tunable_of_make_is_named() -> None:
    """README names each variable that a user may set on the make line."""
    tunables = set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))
    assert {name for name in tunables if f"`{name}`" not in README} == set()


def _settings_table() -> dict[str, str | None]:
    table = README.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]+)`|\S) \|", table, re.MULTILINE)
    return {name: default or None for name, default in rows}


def test_settings_table_has_every_setting() -> None:
    """README lists the settings that settings.py reads."""
    source = (ROOT / "src/strava_stats/settings.py").read_text(encoding="utf-8")
    names = r"(?:STRAVA|REQUESTS|CURL|SSL|BACKUP|NOTIFY|PRIVACY)_[A-Z_]+|[A-Z]+_DIR|PER_PAGE|[A-Z_]*DAYS"
    read = set(re.findall(rf'"({names})"', source))
    assert set(_settings_table()) == (read | {"TZ", "WEEK_START"}) - {
        "STRAVA_STATS_HOME",
        "STRAVA_STATS_IMAGE",
        "STRAVA_STATS_DATA_OUTSIDE",
    }


@pytest.mark.parametrize(("name", "default"), _settings_table().items())
def test_settings_table_has_the_defaults(name: str, default: str | None, tmp_path: Path) -> None:
    """Setting a default of README's table is the same as setting nothing."""
    assert load_settings({name: default} if default else {}, tmp_path) == load_settings({}, tmp_path)


def test_env_example_has_the_defaults(tmp_path: Path) -> None:
    """What .env.example shows is README's table, and nothing changes when it is all switched on."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    defaults = _settings_table()
    assert {name: value or None for name, value in shown.items()} == {name: defaults[name] for name in shown}
    (tmp_path / ".env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", example, flags=re.MULTILINE), encoding="utf-8")
    switched_on = load_settings({}, tmp_path)
    (tmp_path / ".env").unlink()
    assert switched_on == load_settings({}, tmp_path)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A small demo's data folder."""
    folder = tmp_path_factory.mktemp("demo")
    context = Context(quiet=True)
    context.settings = load_settings({}, folder)
    run_demo(context, folder / "demo", activities=60, years=1, seed=1)
    return Layout(folder / "demo" / "data")


@pytest.mark.parametrize("query", [text for text in SQL if not text.startswith("CREATE")])
def test_example_queries_run(query: str, demo: Layout) -> None:
    """README's queries run as written against a demo's warehouse."""
    with Warehouse(demo.warehouse) as warehouse:
        assert warehouse.relation(query).columns


def test_example_view_is_applied(demo: Layout) -> None:
    """README's view of one's own works from data/sql."""
    (view,) = (text for text in SQL if text.startswith("CREATE"))
    demo.user_sql.mkdir()
    (demo.user_sql / "long_runs.sql").write_text(view, encoding="utf-8")
    done = compact(demo, State(demo.state), Silent(), Calendar("monday", "Europe/London"))
    assert (done.published, done.failed_views) == (True, [])
    with Warehouse(demo.warehouse) as warehouse:
        assert warehouse.relation("describe long_runs").fetchall()


def test_messages_of_the_troubleshooting_table_exist() -> None:
    """Each message under "you see" is one that the product can print; … stands for what differs."""
    section = README.partition("\n| you see |")[2].partition("\n\n")[0]
    shown = [span for row in section.splitlines()[2:] for span in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
    joined = re.sub(r'"\s*\n\s*f?"', "", sources + MAKEFILE)
    lacking = [part for span in shown for part in re.split(r"\s*…\s*", span) if part not in joined]
    assert len(shown) > 30
    assert lacking == []


def _exporting() -> list[list[str]]:
    """The commands of docs/exporting.md, taken apart as a shell does."""
    guide = (ROOT / "docs/exporting.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("strava-stats ")]
    return [shlex.split(line.partition(" | ")[0], comments=True)[1:] for line in lines]


@pytest.mark.parametrize("arguments", _exporting(), ids=" ".join)
def test_export_commands_of_the_guide_work(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/exporting.md's commands run as written and leave files, or rows on standard output."""
    made_up = Tracked(tmp_path / "data")
    made_up.activity(17289536870, line(5))
    made_up.publish()
    monkeypatch.setenv("STRAVA_STATS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    given = hoist_global_options([*arguments, "--data-dir", str(made_up.data)])
    assert typer.main.get_command(app).main(given, standalone_mode=False) is None
    told = [Path(path) for path in capsys.readouterr().out.splitlines()]
    assert told
    assert "-" in arguments or all(path.exists() for path in told)


def test_changelog_begins_with_unreleased() -> None:
    """CHANGELOG.md has a place for the next change."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[?Unreleased", changelog, re.MULTILINE)


def test_decisions_are_numbered_and_dated() -> None:
    """Each decision has a number of its own and its day."""
    found = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [path.name[:3] for path in found] == [f"{number:03}" for number in range(1, len(found) + 1)]
    for path in found:
        day = re.search(r"^Date: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert day is not None, path.name
        assert datetime.fromisoformat(day[1]).replace(tzinfo=UTC) <= datetime.now(UTC)


def test_files_that_the_map_names_exist() -> None:
    """docs/architecture.md speaks of files that there are."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "strava_stats"
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|sql))`", text))
    assert named
    assert {name for name in named if not ((package / name).exists() or (ROOT / name).exists())} == set()
