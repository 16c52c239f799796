"""The size of things, held by a test instead of by review (docs/decisions/0001-house.md)."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(path for folder in ("adapterstilts", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
MEDIAN_LINES, P90_LINES, MOST_LINES, MOST_PARAMETERS, MOST_FILE_LINES = 12, 40, 80, 7, 400
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_keeps_its_budget(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_FILE_LINES
    assert path.name not in FORBIDDEN_NAMES
    for node in functions(path):
        assert lines(node) <= MOST_LINES, f"{node.name} has {lines(node)} lines"
        assert parameters(node) <= MOST_PARAMETERS, f"{node.name} has {parameters(node)} parameters"
        assert node.returns is not None, f"{node.name} has no return annotation"


def test_functions_are_small_on_the_whole():
    sizes = sorted(lines(node) for path in FILES for node in functions(path))
    assert statistics.median(sizes) <= MEDIAN_LINES
    assert sizes[int(len(sizes) * 0.9)] <= P90_LINES


def test_no_machine_path_and_no_todo_is_committed():
    marks = ("TODO", "FIXME", "XXX")
    found = [f"{path.name}: {mark}" for path in FILES for mark in marks if mark in path.read_text(encoding="utf-8")]
    assert found == []
