"""The threat model names tests; each must be there, and each attack must name one."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "spec" / "threat-model.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    """Return the rows of attacks: those of tables whose last column is headed "shown by"."""
    found, inside = [], False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            inside = False
        elif line.rstrip("| ").endswith("shown by"):
            inside = True
        elif inside and not line.startswith("|---"):
            found.append(line)
    return found


def names(path: str) -> set[str]:
    """Return the functions that a test file defines, those of its classes too."""
    file = ROOT / path
    if not file.is_file():
        return set()
    return {node.name for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", rows())
def test_each_attack_names_tests_that_are_there(row: str) -> None:
    named = TEST.findall(row)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names(path)] == []
