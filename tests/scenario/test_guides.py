"""The commands of the guides run as they stand there, in order, as somebody who follows the page would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.support.old_stays import OLD, administrator, make_old_hospital, officer
from tests.support.product import (
    child_environment,
    opened,
    opened_archive,
    record_ids,
    stored_records,
    write_passphrase,
    xinglin,
)
from xinglin.kernel.identifiers import identifier

GUIDES = REPOSITORY / "docs" / "guide"
_FENCED = re.compile(r"^```(.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INSTALLS = ("make demo", "pip install")


def fenced(kind: str, page: Path) -> list[str]:
    """Return the blocks of a kind, without their fences."""
    return [body for name, body in _FENCED.findall(page.read_text(encoding="utf-8")) if name == kind]


def blocks(page: Path) -> list[str]:
    """Return the shell blocks of a page, without those that install."""
    return [block for block in fenced("sh", page) if not block.startswith(_INSTALLS)]


@pytest.fixture
def handed_over(hospital: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the desk of somebody who was handed a bundle and a trust file, beside a clone of the repository."""
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(hospital.parent / "passphrase"))
    assert xinglin("proof", "trust", "--home", hospital, "--out", desk / "trust.json").status == 0
    record = record_ids(hospital)[0]
    assert xinglin("proof", "record", "--home", hospital, record, "--out", desk / "record.proof").status == 0
    (desk / "verifier").symlink_to(REPOSITORY / "verifier")
    return desk


def follow(page: Path, desk: Path, words: Callable[[str], Mapping[str, str]] = lambda _: {}) -> dict[str, str]:
    """Run a page's blocks in one shell session each, RECORD being the first record; return what each printed.

    ``words``: what other words of a block stand for at that moment.
    """
    said: dict[str, str] = {}
    path = os.pathsep.join([str(desk / "bin"), os.environ["PATH"]])
    environment = child_environment({"PATH": path, "XINGLIN_PASSPHRASE_FILE": str(desk / "passphrase")})
    for block in blocks(page):
        command = block
        for word, meant in words(block).items():
            command = re.sub(rf"\b{word}\b", meant, command)
        if re.search(r"\bRECORD\b", command):
            listed = subprocess.run(
                ["xinglin", "record", "list", "--home", "hospital", "--json"],
                cwd=desk, env=environment, capture_output=True, check=True,
            )  # fmt: skip
            command = command.replace("RECORD", json.loads(listed.stdout)["records"][0]["record"])
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", command], cwd=desk, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stderr.decode()}"
        said[block] = done.stdout.decode()
    return said


@pytest.mark.parametrize("page", ["first-node.md", "zh/first-node.md"])
def test_the_first_node_is_made_as_the_page_says(page: str, desk: Path) -> None:
    said = follow(GUIDES / page, desk)
    assert len(said) == 6
    proven = next(output for block, output in said.items() if "xinglin-verify" in block)
    assert [line.split()[0] for line in proven.splitlines()[-17:-1]] == [f"P{step}" for step in range(1, 17)]
    verified = next(output for block, output in said.items() if "ledger verify" in block)
    assert verified.splitlines()[-1] == "holds"


@pytest.mark.parametrize("page", ["verifying.md", "zh/verifying.md"])
class TestVerifying:
    """The page for who was handed a bundle."""

    def test_its_commands_check_it_and_say_what_the_sample_says(self, page: str, handed_over: Path) -> None:
        said = follow(GUIDES / page, handed_over)
        assert [block.split()[0] for block in said] == ["PYTHONPATH=verifier/src", "xinglin-verify"]
        [sample] = fenced("text", GUIDES / page)
        output = list(said.values())[-1]
        steps = [[re.split("[:：]", line)[0] for line in text.splitlines()] for text in (sample, output)]
        assert steps[0] == steps[1]
        assert sample.splitlines()[-1] == output.splitlines()[-1]

    def test_its_trust_files_are_what_the_checker_takes(self, page: str, handed_over: Path, hospital: Path) -> None:
        genesis, keys = map(json.loads, fenced("json", GUIDES / page))
        path = handed_over / "trust.json"
        written = json.loads(path.read_bytes())
        assert genesis.keys() == written.keys()
        with opened(hospital) as node:
            [founder] = node.consortium.rules.genesis.founders
        pinned = dict(zip(keys["keys"][0], (founder.member, founder.key.hex()), strict=True))
        path.write_text(json.dumps(keys | {"chain": written["chain"], "keys": [pinned], "quorum": 1}))
        said = follow(GUIDES / page, handed_over)
        assert all(output.splitlines()[2].startswith("P3") and output.count("\n") == 17 for output in said.values())


@pytest.fixture
def office(desk: Path) -> Path:
    """Return the desk of a records office: a hospital with old stays, papers, a statement."""
    make_old_hospital(desk / "hospital", notes=1)
    write_passphrase(desk)
    for name in ("paper.pdf", "release.pdf", "statement.txt"):
        (desk / name).write_text(f"what {name} says")
    return desk


def test_records_are_held_sealed_and_destroyed_as_the_page_says(office: Path) -> None:
    """The English page; the Chinese one has the same commands (``TestTwins``)."""
    home = office / "hospital"
    holds: list[str] = []
    with opened(home) as node:
        accounts = {"FIRST": administrator(node), "SECOND": officer(home)}
    with opened_archive(home) as archive:
        ids = {row.details.logical_id.decode(): identifier(row.record) for row in stored_records(archive)}

    def said_by(noun: str) -> Any:
        return xinglin(noun, "list", "--home", home, "--json").json

    def words(block: str) -> dict[str, str]:
        found = {**accounts, "RECORD": ids[f"{OLD}-1983-0"], "ENCOUNTER": f"{OLD}-1983"}
        if "HOLD" in block:
            holds[:] = [one["hold"] for one in said_by("hold")["holds"]]
            found["HOLD"] = holds[0]
        if "destruction order" in block:  # the page places two holds and shows how one is released
            of_other = ("--home", home, holds[1], "--account")
            xinglin("hold", "release", *of_other, accounts["FIRST"], "--document", office / "release.pdf")
            assert xinglin("hold", "confirm", *of_other, accounts["SECOND"]).status == 0
        if "EPISODE" in block:
            found["EPISODE"] = said_by("episode")["episodes"][0]["episode"]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINGLIN_PASSPHRASE_FILE", str(office / "passphrase"))
        said = follow(GUIDES / "records-office.md", office, words)
    assert len(said) == 10
    destroyed = next(output for block, output in said.items() if "carry-out" in block)
    assert "1 destroyed, 0 wait" in destroyed
    assert (office / "episode.pdf").read_bytes().startswith(b"%PDF")
    assert (office / "record.certificate").stat().st_size > 100


NO_TWIN = {
    "cli.md": "made from the help texts of the commands, which are English only",
    "metrics.md": "made from the descriptions of the figures, which are English only",
    "settings.md": "made from the descriptions of the settings, which are English only",
}
PAGES = sorted(path.name for path in GUIDES.glob("*.md") if path.name not in NO_TWIN)
PAIRS = [(GUIDES / page, GUIDES / "zh" / page) for page in PAGES]
PAIRS.append((REPOSITORY / "README.md", REPOSITORY / "README.zh.md"))
_LINK = re.compile(r"\]\(([^)#]+)")
_NUMBERED = re.compile(r"\d+(?:\.\d+)?\.? |")


def test_every_page_has_its_twin() -> None:
    assert [path.name for path in sorted((GUIDES / "zh").glob("*.md"))] == PAGES
    assert all((GUIDES / page).is_file() for page in NO_TWIN)


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda path: path.name)
class TestTwins:
    """What can be compared without reading either language."""

    def test_the_commands_are_the_same(self, english: Path, chinese: Path) -> None:
        """But for names, comments and the language of the verifier."""

        def commands(page: Path) -> list[list[str]]:
            plain = [re.sub(r"'.*'|\".*\"| --lang zh| +#.*", "", block) for block in fenced("sh", page)]
            return [block.splitlines() for block in plain]

        assert commands(english) == commands(chinese)

    def test_headings_correspond_in_number_level_and_numbering(self, english: Path, chinese: Path) -> None:
        def headings(page: Path) -> list[tuple[str, str]]:
            text = _FENCED.sub("", page.read_text(encoding="utf-8"))
            found = re.findall(r"^(#+) (.*)$", text, re.MULTILINE)
            return [(level, str(_NUMBERED.match(title)[0])) for level, title in found]  # type: ignore[index]

        assert headings(english) == headings(chinese)

    def test_blocks_tables_and_lists_are_as_long(self, english: Path, chinese: Path) -> None:
        """Sample output, diagrams, rows and points; and the figures in the rows are the same."""

        def shape(page: Path) -> list[object]:
            text = page.read_text(encoding="utf-8")
            framed = [(kind, body.count("\n")) for kind, body in _FENCED.findall(text)]
            rest = _FENCED.sub("", text)
            points = re.findall(r"^(?:-|\d+\.) ", rest, re.MULTILINE)
            figures = [sorted(re.findall(r"\d+", row)) for row in re.findall(r"^\|.*\|$", rest, re.MULTILINE)]
            return [framed, points, figures]

        assert shape(english) == shape(chinese)

    def test_links_lead_to_the_same_pages(self, english: Path, chinese: Path) -> None:
        """To the Chinese one where there is one."""
        twins = {chinese.resolve(): english.resolve() for english, chinese in PAIRS}

        def targets(page: Path) -> list[Path]:
            links = _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
            found = [(page.parent / link).resolve() for link in links if "://" not in link]
            assert all(path.is_file() for path in found)
            if page == chinese:
                assert not [path for path in found if path in twins.values() and path != english.resolve()]
            return [twins.get(path, path) for path in found]

        there, here = targets(english), targets(chinese)
        generated = [GUIDES / page for page in NO_TWIN] if english.name == "index.md" else []  # told of in words, there
        assert [path for path in here if path not in generated] == there
