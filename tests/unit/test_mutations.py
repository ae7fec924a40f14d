"""The deliberate breakages: enough of them, each with a header that is true; that they are noticed is another check."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.mutations.check import Mutant, mutants, read_mutant, table_of

ROOT = Path(__file__).parents[2]
INVARIANTS = range(1, 9)


def test_each_invariant_is_broken_at_least_twice() -> None:
    """None of what must always hold is without two breakages, and each patch is named after its invariant."""
    found = Counter(one.invariant for one in mutants())
    assert found.keys() == set(INVARIANTS)
    assert min(found.values()) >= 2
    assert all(one.name.startswith(f"{one.invariant}-") for one in mutants())


@pytest.mark.parametrize("mutant", mutants(), ids=lambda one: one.name)
def test_a_patch_breaks_the_product_for_tests_that_exist(mutant: Mutant) -> None:
    """It changes files of the product alone, and each test that it names is there."""
    changed = re.findall(r"^\+\+\+ b/(\S+)", mutant.path.read_text(encoding="utf-8"), re.MULTILINE)
    assert changed
    assert all(name.startswith("src/strava_stats/") and (ROOT / name).is_file() for name in changed)
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name.partition('[')[0]}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.skipif(shutil.which("git") is None, reason="git applies the patches")
def test_every_patch_applies() -> None:
    """What they change still stands where they change it."""
    patches = [str(one.path) for one in mutants()]
    rotten = [
        one for one in patches if subprocess.run(["git", "apply", "--check", one], cwd=ROOT, check=False).returncode
    ]
    assert rotten == []


def test_the_table_is_up_to_date() -> None:
    """The decision lists the patches as their headers have them; `check.py --table` prints it."""
    assert table_of(mutants()) in (ROOT / "docs/decisions/012-mutations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "header", ["", "# invariant: 1\n# breaks: x\n", "# tests: a\n# tests: b\n", "# what: x\n", "#tests: x\n"]
)
def test_a_header_that_is_none(tmp_path: Path, header: str) -> None:
    """A patch whose header lacks an item, has one twice, or has another is refused."""
    path = tmp_path / "1-x.patch"
    path.write_text(header + "--- a/x\n+++ b/x\n")
    with pytest.raises(ValueError, match="1-x"):
        read_mutant(path)
