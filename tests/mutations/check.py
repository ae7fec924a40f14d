"""Break one promise at a time, and see whether the tests notice.

    python tests/mutations/check.py [--only NAME …] [--all-tests | --table]

Each `<invariant>-<slug>.patch` beside this file begins with a header, one item a line: `# invariant:` its number in
the list of what must always hold, `# breaks:` what is wrong then, `# tests:` the tests that have to fail (what pytest
takes, several divided by blanks; slow ones are left out). A patch is applied to a copy of the working tree, in which
the code of the copy runs and no other, also in the processes that tests start. First the named tests have to pass on
a copy without a patch. Exit 1 when a mutant survives, when its patch does not apply, or when its tests end in any
other way than by failing.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEADER = re.compile(r"# (?P<name>\w+): (?P<value>.+)")
NAMES = ("invariant", "breaks", "tests")
AT_ONCE = 2
DEADLINE, DEADLINE_OF_ALL = 180.0, 3_600.0
PASSED, FAILED = 0, 1
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-m", "not slow")
ALL_TESTS = ("tests",)


@dataclass(frozen=True)
class Mutant:
    """One patch and what its header says."""

    path: Path
    invariant: int
    breaks: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """The patch without its ending."""
        return self.path.stem


@dataclass(frozen=True)
class Ended:
    """How a run of pytest ended; None: it did not."""

    code: int | None
    seconds: float
    output: str

    @property
    def noticed_by(self) -> str:
        """The test that failed."""
        found = re.search(r"^FAILED (\S+)", self.output, re.MULTILINE)
        return found[1] if found else ""


def read_mutant(path: Path) -> Mutant:
    """A patch with its header; ValueError when an item is missing, twice there, or unknown."""
    header: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        found = HEADER.fullmatch(line)
        if found is None or found["name"] not in NAMES or found["name"] in header:
            raise ValueError(f"{path.name}: {line!r} is no line of a header")
        header[found["name"]] = found["value"].strip()
    if header.keys() != set(NAMES):
        raise ValueError(f"{path.name} lacks {sorted(set(NAMES) - header.keys())}")
    return Mutant(path, int(header["invariant"]), header["breaks"], tuple(header["tests"].split()))


def mutants(only: Sequence[str] = ()) -> list[Mutant]:
    """All patches, or those whose names hold one of `only`, in the order of their names."""
    paths = sorted(HERE.glob("*.patch"))
    return [read_mutant(path) for path in paths if not only or any(part in path.stem for part in only)]


def table_of(found: Sequence[Mutant]) -> str:
    """The table of docs/decisions/012-mutations.md."""
    rows = [
        (
            str(one.invariant),
            one.name.partition("-")[2],
            one.breaks,
            ", ".join(f"`{short(test)}`" for test in one.tests),
        )
        for one in found
    ]
    lines = [("", "patch", "what is broken", "who notices"), ("---",) * 4, *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def short(test: str) -> str:
    """A test without its folders and the ending of its file: file names are unique."""
    return test.rpartition("/")[2].replace(".py::", "::").replace(".py", "")


@contextmanager
def copy_of_tree() -> Iterator[Path]:
    """A copy of the working tree, what is not committed included, with an interpreter that runs its code."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder).resolve() / "tree"
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        make_interpreter(tree)
        yield tree


def interpreter(tree: Path) -> Path:
    """The Python of a copy."""
    return tree.parent / "venv" / "bin" / "python"


def make_interpreter(tree: Path) -> None:
    """An environment that has the packages of ours, and in front of them the copy.

    PYTHONPATH would not do: tests start the command line without our environment, and would run what is installed.
    """
    home = tree.parent / "venv"
    venv.EnvBuilder(symlinks=True).create(home)
    # A folder that a .pth names is searched, but its own .pth files, such as the one of `pip install -e`, are not read.
    folders = dict.fromkeys([str(tree / "src"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    (site,) = home.glob("lib/python*/site-packages")
    (site / "copy.pth").write_text("".join(f"{folder}\n" for folder in folders))
    ask = [str(interpreter(tree)), "-c", "import strava_stats; print(strava_stats.__file__)"]
    found = subprocess.run(ask, cwd=tree.parent, env={}, check=True, capture_output=True, text=True).stdout.strip()
    if not Path(found).is_relative_to(tree):
        raise RuntimeError(f"{found} would be tested, not the copy")


def apply(mutant: Mutant, tree: Path) -> str | None:
    """Patch a copy; why that is not possible, or None."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}  # the copy is in no repository
    before = sources(tree)
    done = subprocess.run(
        ["git", "apply", str(mutant.path)], cwd=tree, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        return done.stderr.strip()
    return "it changes nothing below src" if sources(tree) == before else None


def sources(tree: Path) -> dict[Path, bytes]:
    """What is below src."""
    return {path: path.read_bytes() for path in (tree / "src").rglob("*") if path.is_file()}


def run_tests(tree: Path, tests: Sequence[str], deadline: float = DEADLINE) -> Ended:
    """Run pytest in a copy, with all that it starts ended at the deadline."""
    shared = os.environ.get("STRAVA_SHARED", str(ROOT.parent / "shared" / "strava"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = time.monotonic()
    with subprocess.Popen(
        [interpreter(tree), "-m", "pytest", *OPTIONS, *tests],
        cwd=tree,
        env={**environment, "STRAVA_SHARED": shared},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=deadline)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            code = None
    return Ended(code, time.monotonic() - started, output)


def check_unpatched(tests: Sequence[str]) -> bool:
    """Whether the named tests pass as things are: one that fails anyway proves nothing."""
    shares = [share for number in range(AT_ONCE) if (share := tests[number::AT_ONCE])]

    def one(share: Sequence[str]) -> Ended:
        with copy_of_tree() as tree:
            return run_tests(tree, share, DEADLINE_OF_ALL)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(one, shares))
    for ended in ends:
        if ended.code != PASSED:
            say(ended.output)
    passed = all(ended.code == PASSED for ended in ends)
    seconds = max((ended.seconds for ended in ends), default=0.0)
    say(f"{'pass' if passed else 'FAIL':<9} {len(tests)} named tests without a patch, {seconds:.0f} s")
    return passed


def check(mutant: Mutant, *, all_tests: bool) -> bool:
    """Whether the tests notice; says so."""
    with copy_of_tree() as tree:
        trouble = apply(mutant, tree)
        if trouble is not None:
            say(f"ROTTEN    {mutant.name}: {trouble}")
            return False
        ended = run_tests(tree, ALL_TESTS, DEADLINE_OF_ALL) if all_tests else run_tests(tree, mutant.tests)
    if ended.code == FAILED and ended.noticed_by:
        say(f"killed    {mutant.name} by {ended.noticed_by}, {ended.seconds:.0f} s")
        return True
    if ended.code == PASSED:
        say(f"SURVIVED  {mutant.name}: {mutant.breaks}")
    else:
        how = "did not end" if ended.code is None else f"ended with {ended.code}"
        say(f"BROKEN    {mutant.name}: pytest {how}\n{ended.output[-3000:]}")
    return False


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help="patches whose names hold one of these")
    parser.add_argument("--all-tests", action="store_true", help="the whole suite, not the named tests alone")
    parser.add_argument("--table", action="store_true", help="print the table of the decision, and do nothing else")
    options = parser.parse_args(arguments)
    chosen = mutants(options.only)
    if not chosen:
        parser.error("no such patch")
    if options.table:
        say(table_of(chosen))
        return 0
    started = time.monotonic()
    named = sorted({test for mutant in chosen for test in mutant.tests})
    if not check_unpatched(ALL_TESTS if options.all_tests else named):
        return 1
    with ThreadPoolExecutor(AT_ONCE) as pool:
        noticed = list(pool.map(lambda one: check(one, all_tests=options.all_tests), chosen))
    say(f"{sum(noticed)} of {len(noticed)} mutants killed, {time.monotonic() - started:.0f} s")
    return 0 if all(noticed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
