"""The pages labels.md and deidentification.md say what the data files and the code say."""

from __future__ import annotations

import ast
import inspect

import pytest

from tests.conftest import REPOSITORY
from xinglin.service.lifecycle.processing.classification import tables as classification
from xinglin.service.lifecycle.processing.classification.model import Rule
from xinglin.service.lifecycle.processing.classification.security import CATEGORY_CODES
from xinglin.service.lifecycle.processing.classification.tables import SPECIALS
from xinglin.service.lifecycle.processing.deidentification import rules, run, tables, values
from xinglin.service.lifecycle.processing.deidentification.forms import FORMS
from xinglin.stakeholders.labels import (
    CATEGORY_ZH,
    CONFIDENTIALITY,
    LEVEL_ZH,
    SENSITIVITY,
    SPECIAL_ZH,
    Category,
    Level,
    Special,
)


def lines(name: str) -> list[str]:
    """Return the lines of a page."""
    return (REPOSITORY / "docs" / "spec" / name).read_text(encoding="utf-8").splitlines()


def table(page: str, first: str) -> list[str]:
    """Return the rows of the table whose head begins with a cell."""
    text = lines(page)
    start = next(number for number, line in enumerate(text) if line.startswith(f"| {first} |")) + 2
    end = next(number for number in range(start, len(text)) if not text[number].startswith("|"))
    return text[start:end]


def code(*texts: str) -> str:
    return " ".join(f"`{text}`" for text in texts) or "-"


def label_row(rule: Rule) -> str:
    """Return the row of one rule of classification; its codes stand in the file."""
    cells = (
        code(rule.id),
        code(*rule.types) if rule.types else "all",
        "the type" if not rule.element else code(".".join(rule.element)),
        rule.system or "-",
        "-" if rule.category is None else str(int(rule.category)),
        "-" if rule.level is None else str(int(rule.level)),
        code(*(name for name, one in SPECIALS.items() if one & rule.special)),
        rule.source,
    )
    return f"| {' | '.join(cells)} |"


def copy_row(rule: tables.Rule) -> str:
    """Return the row of one rule of de-identification."""
    cells = (code(rule.id), rule.kind, code(*rule.subjects), rule.action, code(*rule.argument.split()), rule.source)
    return f"| {' | '.join(cells)} |"


@pytest.mark.requirement("S7.1c")
def test_the_page_has_every_rule_of_classification() -> None:
    assert table("labels.md", "rule") == [label_row(rule) for rule in classification.own_rules()]


@pytest.mark.requirement("H8")
def test_the_page_has_every_rule_of_deidentification() -> None:
    assert table("deidentification.md", "rule") == [copy_row(rule) for rule in tables.own_rules()]


def test_the_page_has_every_label() -> None:
    assert table("labels.md", "category") == [
        f"| {int(one)} | `{CATEGORY_CODES[one]}` | {CATEGORY_ZH[one]} |" for one in Category
    ]
    assert [row.split(" | ")[:3] for row in table("labels.md", "level")] == [
        [f"| {int(one)}", LEVEL_ZH[one], f"`{CONFIDENTIALITY[one]}`"] for one in Level
    ]
    assert [row.split(" | ")[:3] for row in table("labels.md", "special label")] == [
        [f"| `{one.name.lower()}`", SPECIAL_ZH[one], f"`{SENSITIVITY[one]}`" if one in SENSITIVITY else "-"]
        for one in Special
        if one.name
    ]


def test_the_page_has_every_code_system() -> None:
    rows = [f"| `{name}` | {code(*addresses)} |" for name, addresses in classification.systems().items()]
    assert table("labels.md", "code system") == rows


def test_the_page_has_every_form_of_codes() -> None:
    assert [row.split(" | ")[0] for row in table("deidentification.md", "form")] == [f"| `{name}`" for name in FORMS]


def test_every_rule_that_the_code_counts_is_a_rule_of_the_file() -> None:
    counted = {
        node.args[0].value
        for module in (rules, run, values)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "drop"
        and isinstance(node.args[0], ast.Constant)
    }
    listed = {rule.id for rule in tables.own_rules() if rule.kind == "otherwise"}
    assert counted | {"unknown.system"} == listed
