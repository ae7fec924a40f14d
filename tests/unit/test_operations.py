"""docs/operations.md is true: codes, links, settings and messages are as it says."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import typer

from strava_stats import cli, errors
from strava_stats.cli.app import app
from strava_stats.errors import StravaStatsError

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", GUIDE, re.MULTILINE | re.DOTALL))
FOREIGN_OPTIONS = frozenset({"--rm", "--user"})  # of Docker and systemctl
BESIDE_THE_TREE = frozenset({0, 3, 130})  # done, a finding, interrupted


def anchors(markdown: str) -> set[str]:
    """The anchors that headings of a page get on the web."""
    prose = re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(first: str) -> list[list[str]]:
    """Cells of the rows below the heading row that begins with `first`."""
    rows = GUIDE.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_every_exit_code_is_explained() -> None:
    """The table has each code of errors.py, and no other but done, a finding and an interruption."""
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, StravaStatsError)]
    listed = [int(row[0]) for row in table("exit code")]
    assert listed == sorted({one.exit_code for one in classes} | BESIDE_THE_TREE)


@pytest.mark.parametrize(
    "symptom",
    ["401", "certificate verify failed", "ModuleNotFoundError", "no data written", "cannot see files", "stale"],
)
def test_the_usual_symptoms_are_there(symptom: str) -> None:
    """What users search for is in the table of symptoms."""
    assert any(symptom in row[0] for row in table("symptom"))


def test_messages_exist() -> None:
    """Each message in the table of symptoms is one that the product can print; … stands for what differs."""
    shown = [span for row in table("symptom") for span in re.findall(r"`([^`]+)`", row[0]) if " " in span]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
    joined = re.sub(r'"\s*\n\s*f?"', "", sources)
    assert len(shown) > 4
    assert [part for span in shown for part in re.split(r"\s*…\s*", span) if part not in joined] == []


def test_links_lead_somewhere() -> None:
    """Links between this page and README, and inside it, name headings that there are."""
    inside = set(re.findall(r"\]\(#([\w-]+)\)", GUIDE))
    assert inside <= anchors(GUIDE)
    assert set(re.findall(r"\]\(\.\./README\.md#([\w-]+)\)", GUIDE)) <= anchors(README)
    assert set(re.findall(r"\]\(docs/operations\.md#([\w-]+)\)", README)) <= anchors(GUIDE)


def test_settings_of_the_dag_exist() -> None:
    """What is said of the example DAG's settings is in its first lines."""
    dag = (ROOT / "dags/strava_stats_msrvc.example.py").read_text(encoding="utf-8")
    named = set(re.findall(r"STRAVA_STATS_([A-Z_]+)", CODE))
    assert named
    assert {name for name in named if not re.search(rf'"{name}", "', dag)} == set()


def test_what_it_has_you_type_exists() -> None:
    """Targets of make, commands and options of strava-stats, and files are those that there are."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", CODE)) <= targets
    for module in iter_modules(cli.__path__):  # they register their commands
        import_module(f"strava_stats.cli.{module.name}")
    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    typed = re.findall(r"(?:strava-stats|\bflow)((?: --[\w-]+ [^-\s]+)*) ([a-z]+)\b", CODE)
    assert len(typed) > 10
    assert {command for _, command in typed} <= set(commands)
    options = {
        name
        for command in (group, *commands.values())
        for option in command.params
        for name in (*option.opts, *option.secondary_opts)
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", CODE)) - options <= FOREIGN_OPTIONS
    files = set(re.findall(r"\b(?:scripts|cron|dags)/[\w.-]+\w", CODE))
    pages = {f"docs/{name}" for name in re.findall(r"\]\(([\w-]+\.md)\)", GUIDE)}
    assert len(pages) > 2
    assert {name for name in files | pages if not (ROOT / name).exists()} == set()
