"""Every test says in one sentence what must hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("test_*.py"))
SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z])")


def functions_of(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(TESTS)) for path in FILES])
def test_each_test_has_a_docstring_of_a_sentence(path: Path) -> None:
    """Each test function has a docstring whose first paragraph is one sentence with its full stop."""
    wrong = []
    for test in functions_of(path):
        text = ast.get_docstring(test)
        first = " ".join((text or "").split("\n\n")[0].split())
        if not first.endswith((".", "!", "?")) or SENTENCE_END.search(first) or len(first) < 15:
            wrong.append(f"{path.name}:{test.lineno} {test.name}: {first!r}")
    assert not wrong, "\n".join(wrong)


def test_files_have_names_of_their_own() -> None:
    """No two test files share a name, because pytest imports them by it."""
    names = [path.name for path in FILES if not (path.parent / "__init__.py").exists()]
    assert len(names) == len(set(names))


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    """A missing docstring, one of two sentences and one without a full stop are found."""
    path = tmp_path / "test_x.py"
    path.write_text(
        'def test_a(): pass\ndef test_b():\n """One thing. Another thing here."""\n'
        'def test_c():\n """No full stop anywhere"""\nclass T:\n def test_d(self):\n  """This one is fine."""\n'
    )
    with pytest.raises(AssertionError) as raised:
        test_each_test_has_a_docstring_of_a_sentence(path)
    assert [name in str(raised.value) for name in ("test_a", "test_b", "test_c", "test_d")] == [True] * 3 + [False]
