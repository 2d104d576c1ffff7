"""The error family: each case has a code, a number, both languages, a page line, a place that raises it."""

from __future__ import annotations

import ast
import re
import string
from collections import Counter

import pytest

from tests.architecture.sources import PACKAGE, ROOT, tree
from tools.pages.errors import import_everything, kind
from xinglin.kernel.errors import PlatformError, all_errors

import_everything()
CASES = all_errors()
KINDS = {"Invalid", "Denied", "NotFound", "Conflict", "Integrity", "Unavailable"}


def everything_below(case: type[PlatformError]) -> set[type[PlatformError]]:
    """Return all classes that derive from one."""
    return {case}.union(*(everything_below(inner) for inner in case.__subclasses__()))


def test_codes_and_numbers_are_unique_and_every_class_is_a_case_or_a_kind() -> None:
    classes = {case for case in everything_below(PlatformError) if case.__module__.startswith("xinglin.")}
    cases = {case for case in classes if case.code}
    assert {case.__name__ for case in classes - cases} == KINDS | {"PlatformError"}
    assert Counter(case.code for case in cases).most_common(1)[0][1] == 1
    assert Counter(case.number for case in cases).most_common(1)[0][1] == 1
    assert cases == set(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_case_is_whole(case: type[PlatformError]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", case.code)
    assert case.number > 1000
    assert kind(case).__name__ in KINDS
    assert re.fullmatch(r"[SHW]\d+(\.\d+)?[a-z]?\d?", case.clause)
    for english, chinese in ((case.en, case.zh), (case.hint_en, case.hint_zh)):
        assert english.endswith((".", "?"))
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        # A reason in words comes in both languages: {reason} and {reason_zh}.
        assert facts(english) == {name.removesuffix("_zh") for name in facts(chinese)}


def facts(template: str) -> set[str]:
    """Return the names of the facts that a sentence shows."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_case_is_documented() -> None:
    page = (ROOT / "docs" / "spec" / "errors.md").read_text(encoding="utf-8")
    assert [case.code for case in CASES if f"| `{case.code}` | {case.number} |" not in page] == []


def test_every_case_is_used() -> None:
    used = set()
    for path in PACKAGE.rglob("*.py"):
        used |= {node.id for node in ast.walk(tree(path)) if isinstance(node, ast.Name)}
        used |= {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    assert [case.__name__ for case in CASES if case.__name__ not in used] == []
