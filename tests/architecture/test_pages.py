"""The generated pages say what the sources say; no test invents a requirement line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tools.generate import outdated
from tools.pages import commands, decisions, requirements
from xinglin.cli.passphrase import FILE_VARIABLE
from xinglin.kernel.errors import all_errors
from xinglin.service.basic.coordination.bundles.check import Verdict

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
    assert "1 hold, 0 hold in part,\n1 not yet" in page
    line = next(line for line in page.splitlines() if line.startswith("| S9.1"))
    for part in (
        "`xinglin ledger verify`",
        "`test_a.py`: `test_one`",
        "`test_b.py`: `all`",
        "`TestIt::test_two`",
    ):
        assert part in line


def test_a_line_of_which_a_part_holds_does_not_count_as_holding(project: Path) -> None:
    """One marker with `part` is enough, even when another test shows the line without saying so."""
    part = 'pytest.mark.requirement("S9.1", part="of calls; upgrade not yet")'
    (project / "tests/test_a.py").write_text(f"@{part}\ndef test_one(): ...\n")
    (project / "tests/test_b.py").write_text('@pytest.mark.requirement("S9.1")\ndef test_two(): ...\n')
    page = requirements.page(project)
    assert "0 hold, 1 hold in part,\n1 not yet" in page
    [line] = [line for line in page.splitlines() if line.startswith("| S9.1")]
    assert line.endswith("| In part: of calls; upgrade not yet<br>`test_a.py`: `test_one`<br>`test_b.py`: `test_two` |")


VOID = ['"S9.9"', "", "*IDS", '"S9.1", shown="x"', '"S9.1", part=""', '"S9.1", "W1", part="x"', '"S9.1", part=PART']


@pytest.mark.parametrize("arguments", VOID)
def test_a_marker_that_says_nothing_is_refused(project: Path, arguments: str) -> None:
    (project / "tests/test_a.py").write_text(f"@pytest.mark.requirement({arguments})\ndef test_one(): ...\n")
    with pytest.raises(ValueError, match=r"^test_a\.py::test_one: "):
        requirements.page(project)


def test_the_page_of_commands_has_every_exit_status_and_variable() -> None:
    text = commands.page(ROOT)
    assert text is not None
    head, verify = text.split("\n## ")[0], text.split("#### xinglin proof verify")[1].split("\n####")[0]
    for status in {0, 2, 130} | {case.exit_status for case in all_errors()}:
        assert f"\n| {status} | " in head, status
    for verdict in Verdict:
        assert f"\n| {verdict.value} | {verdict.name.lower().replace('_', ' ')} |" in verify
    for variable in ("XINGLIN_HOME", FILE_VARIABLE):
        assert f"\n| `{variable}` | " in head
        assert f"path | `{variable}`" in text
    assert "| `RECORD` | text | required |" in text.split("#### xinglin proof record")[1]


@pytest.mark.parametrize("head", HEADS)
def test_a_decision_without_its_head_is_refused(project: Path, head: str) -> None:
    (project / "docs/adr/0001-title.md").write_text(head + "\n")
    with pytest.raises(ValueError, match="0001-title"):
        decisions.page(project)
