"""The generated pages say what the sources say; no test invents a requirement line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tools.generate import outdated
from tools.pages import decisions, requirements

HEADS = ("# 0001: T\n\nStatus: accepted", "# T", "# 0002: T\n\nStatus: accepted\nDate: 2026-11-22")
LINES = "id\trequirement\nS9.1\tStorage trust\nW1\tSmall core\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project with two requirement lines and an empty folder for tests."""
    (tmp_path / "docs/requirements").mkdir(parents=True)
    (tmp_path / "docs/requirements/lines.tsv").write_text(LINES)
    (tmp_path / "docs/adr").mkdir()
    (tmp_path / "tests").mkdir()
    return tmp_path


def test_the_generated_pages_are_up_to_date() -> None:
    assert list(outdated()) == []


def test_a_page_that_is_edited_by_hand_is_found(project: Path) -> None:
    (project / "docs/adr/index.md").write_text(decisions.page(project) + "x")
    assert "docs/adr/index.md" in outdated(project)


def test_the_requirement_lines_are_those_of_the_project(shared_data: Path) -> None:
    text = (shared_data.parent / "requirements.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| ([SHW]\d[\w.]*) \| (.*) \|$", text, re.MULTILINE)) == requirements.read_lines(ROOT)


def test_there_are_107_requirement_lines() -> None:
    lines = requirements.read_lines(ROOT)
    assert len(lines) == 107
    assert all(sum(id_.startswith(prefix) for prefix in requirements.AREAS) == 1 for id_ in lines)


def test_markers_become_evidence(project: Path) -> None:
    marker = 'pytest.mark.requirement("S9.1", command="xinglin ledger verify")'
    (project / "tests/test_a.py").write_text(f"@{marker}\ndef test_one(): ...\n")
    (project / "tests/test_b.py").write_text(f"pytestmark = [{marker}]\n")
    (project / "tests/test_c.py").write_text(f"class TestIt:\n    @{marker}\n    def test_two(self): ...\n")
    page = requirements.page(project)
    assert "1 hold, 1 not yet" in page
    line = next(line for line in page.splitlines() if line.startswith("| S9.1"))
    for part in (
        "`xinglin ledger verify`",
        "`test_a.py`: `test_one`",
        "`test_b.py`: `all`",
        "`TestIt::test_two`",
    ):
        assert part in line


@pytest.mark.parametrize("arguments", ['"S9.9"', "", "*IDS", '"S9.1", shown="x"'])
def test_a_marker_that_says_nothing_is_refused(project: Path, arguments: str) -> None:
    (project / "tests/test_a.py").write_text(f"@pytest.mark.requirement({arguments})\ndef test_one(): ...\n")
    with pytest.raises(ValueError, match=r"^test_a\.py::test_one: "):
        requirements.page(project)


@pytest.mark.parametrize("head", HEADS)
def test_a_decision_without_its_head_is_refused(project: Path, head: str) -> None:
    (project / "docs/adr/0001-title.md").write_text(head + "\n")
    with pytest.raises(ValueError, match="0001-title"):
        decisions.page(project)
