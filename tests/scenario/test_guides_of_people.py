"""The commands of the pages for clinicians, patients and privacy officers, run in order where the pages say.

Both hospitals know the patient, and have an agreement. Words in capitals are what the reader puts in; what the page
does not tell of, another institution's act for example, is done here before the line that needs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.test_guides import GUIDES, blocks, fenced
from tests.support.product import child_environment, stored_records
from tests.support.town import Town, homes, open_town
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import add_account
from xinglin.node.opening import anchoring
from xinglin.node.site import open_site
from xinglin.service.lifecycle.collection.doors import with_institution
from xinglin.stakeholders.kinds import Role

PAGES = ("clinician.md", "patient.md", "privacy-officer.md")
_WORD = re.compile(r"(?<![\w$-])[A-Z]{3,}(?:-[AB])?(?![\w=-])")
_MAKES = {
    "agreement propose": "AGREEMENT",
    "consent propose": "CONSENT",
    "consent give": "CONSENT",
    "consent break-glass open": "GRANT",
}
_TERMS = "--purpose treat --purpose etreat --category 1 --category 2 --category 3 --category 4 --days 366"
_OTHERS = {one: f"--with hospital-{other} --with platform --with regulator" for one, other in ("ab", "ba")}


@dataclass
class Desk:
    """A folder with the homes of the demonstration, at the desk of one person."""

    folder: Path
    words: dict[str, str]
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, session: str = "") -> str:
        """Run one command line in the folder and return what it printed."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        environment = child_environment({"PATH": path, "XINGLIN_PASSPHRASE_FILE": "passphrase"})
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", f"{session}\n{command}"],
            cwd=self.folder, env=environment, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}{done.stdout.decode()}"
        return done.stdout.decode()

    def json(self, command: str) -> Any:
        """Run a command and return the object that it printed."""
        return json.loads(self.run(f"{command} --json"))

    def follow(self, page: Path) -> None:
        """Run a page's commands, a line at a time; its first block sets what the others use."""
        session, *rest = blocks(page)
        for line in (line for block in rest for line in block.splitlines()):
            for begins, act in self.before.items():
                if line.startswith(begins):
                    act()
            command = _WORD.sub(lambda found: self.words[found[0]], line)
            self.said[line] = self.run(command, session)
            for makes, word in _MAKES.items():
                if line.startswith(f"xinglin {makes} "):
                    self.words[word] = self.said[line].split()[0]

    def printed(self, begins: str) -> str:
        """Return what the line printed that begins so; there is one."""
        [output] = [output for line, output in self.said.items() if line.startswith(begins)]
        return output


@pytest.fixture
def folder(homes_of_town: Path, desk: Path) -> Path:
    """Return a copy of the homes with the two commands beside them, and papers."""
    shutil.copytree(homes_of_town, desk, dirs_exist_ok=True)
    for name in ("consent.pdf", "default.pdf", "certificate.pdf", "request.pdf", "agreement.pdf"):
        (desk / name).write_bytes(b"%PDF " + name.encode())
    (desk / "reason.txt").write_text("Found unconscious; allergies unknown\n")
    (desk / "name.txt").write_text("Mother, as the birth certificate names her\n")
    (desk / "wallet-passphrase").write_text("a passphrase of the patient's own\n")
    (desk / "wallet-passphrase").chmod(0o600)
    return desk


def prepared(folder: Path) -> dict[str, str]:
    """Make accounts, have the agreement signed, and return the words that the pages leave to the reader."""
    with open_town(folder) as town:
        officers = [add_account(node, (Role.COMPLIANCE_OFFICER,), "Officer").account for node in town.site.nodes[:2]]
        at_b = town.b.archive.persons.traits_of(town.at_b)[0]
        name, birth = at_b.names[0], f"{at_b.birth:08d}"
        (folder / "asked.txt").write_text(
            f"name: {name.text or f'{name.given} {name.family}'}\nbirth: {birth[:4]}-{birth[4:6]}-{birth[6:]}\n"
        )
        record = town.rows(b"Observation")[0]
        town.read(record.details.commitment)
        _correction(town, folder)
        words = {
            "PHYSICIAN": town.physician.account,
            "CLERK": town.own.account,
            "READER": town.physician.account,
            "KEY": town.a.archive.node.signer(town.own.key_name).key.hex(),
            "COLLEAGUE": officers[1],
            "OFFICER": officers[0],
            "MEMBER-A": town.a.member,
            "MEMBER-B": town.b.member,
            "AT-A": identifier(town.at_a),
            "AT-B": identifier(town.at_b),
            "COMMITMENT": record.details.commitment.hex(),
            "RECORD-A": identifier(record.record),
            "RECORD-B": (folder / "record-b").read_text(),
            "CHILD": _child(town),
        }
    _agree(Desk(folder, words))
    return words


def _agree(desk: Desk) -> None:
    """Have hospital A let hospital B ask, signed by both."""
    to_b, paper = f"--reader {desk.words['MEMBER-B']}", "--document agreement.pdf"
    proposed = desk.json(f"xinglin agreement propose --home hospital-a {to_b} {paper} {_TERMS} {_OTHERS['a']}")
    desk.run(f"xinglin agreement accept {proposed['agreement']} --home hospital-b {paper} {_OTHERS['b']}")


def anchor(folder: Path) -> None:
    """Have both hospitals anchor their private chains, as they do while their nodes run."""
    with open_site(homes(folder), b"".join((folder / "passphrase").read_bytes().split())) as site:
        for node in site.nodes[:2]:
            anchoring(node).step()


def _correction(town: Town, folder: Path) -> None:
    """Write corrected observations of both hospitals."""
    of_b = next(row for row in stored_records(town.b.archive) if row.details.type == b"Observation")
    (folder / "record-b").write_text(identifier(of_b.record))
    for archive, row, file in (
        (town.a.archive, town.rows(b"Observation")[0], "corrected-a.json"),
        (town.b.archive, of_b, "corrected.json"),
    ):
        content = json.loads(archive.vault.read(identifier(row.record)))
        content = {name: value for name, value in content.items() if not name.startswith(("value", "component"))}
        (folder / file).write_text(json.dumps({**content, "valueQuantity": {"value": 41.25, "unit": "kg"}}))


def _child(town: Town) -> str:
    persons = town.a.archive.persons
    return identifier(next(one for one in persons.persons() if persons.traits_of(one)[0].birth > 2012_00_00))


@pytest.mark.requirement("S7.2a", "H12", command="xinglin access read; xinglin notice acknowledge")
def test_a_clinician_finds_asks_reads_and_hears_of_a_correction(folder: Path) -> None:
    words = prepared(folder)
    desk = Desk(folder, words | {"PERSON": words["AT-B"], "RECORD": words["RECORD-B"]})

    def corrected_at_a() -> None:
        home, others = "--home hospital-a", _OTHERS["a"]
        desk.run(
            f"xinglin record correct {words['RECORD-A']} corrected-a.json {home} --account {words['CLERK']}"
            f" --reason wrong_value {others}"
        )
        desk.run(f"xinglin notice deliver {home} {others}")
        listed = desk.json(f"xinglin notice list --home hospital-b --account {words['PHYSICIAN']} --open")
        [desk.words["NOTICE"]] = [one["notice"] for one in listed["notices"] if one["kind"] == "correction"]

    desk.before["xinglin notice list"] = corrected_at_a
    desk.follow(GUIDES / PAGES[0])
    assert words["AT-B"] in desk.printed("xinglin patient find")
    assert "opens original" in desk.printed("xinglin patient locate")
    assert "follows it since" in desk.printed("xinglin consent show")
    assert json.loads((folder / "record.json").read_bytes())["resourceType"] == "Observation"
    assert (folder / "emergency.json").read_bytes() == (folder / "record.json").read_bytes()
    assert "read for treat: permitted" not in desk.printed("xinglin access account")  # that is at hospital A
    listed = desk.json(f"xinglin notice list --home hospital-b --account {words['PHYSICIAN']} --open")
    assert [one for one in listed["notices"] if one["kind"] == "correction"] == []


@pytest.mark.requirement("S8.3", "H11", command="xinglin consent give; xinglin proof access")
def test_a_patient_decides_and_sees_who_has_read(folder: Path) -> None:
    words = prepared(folder)
    desk = Desk(folder, words | {"PERSON": words["AT-A"], "RECORD": words["RECORD-A"]})
    desk.run("xinglin proof trust --home hospital-a --out trust.json")
    anchor(folder)
    desk.follow(GUIDES / PAGES[1])
    assert "granted" in desk.printed("xinglin consent show")
    assert "revoked" in desk.printed("xinglin consent revoke")
    assert "copies" in desk.printed("xinglin consent default")
    assert f"given to {words['PHYSICIAN']}" in desk.printed("xinglin access record")
    assert "verdict: holds" in desk.printed("xinglin-verify")
    assert desk.printed("xinglin proof checkpoint").count("\u2014 ") == 4


@pytest.mark.requirement("S8.1", "S8.3b", command="xinglin consent break-glass review; xinglin access explain")
def test_a_privacy_officer_reviews_audits_and_follows_a_leak(folder: Path) -> None:
    words = prepared(folder)
    desk = Desk(folder, words | {"PERSON": words["AT-A"], "RECORD": words["RECORD-A"]})

    def emergency() -> None:
        opened = desk.json(
            f"xinglin consent break-glass open {words['AT-A']} --home hospital-a --account {words['CLERK']}"
            " --reason reason.txt"
        )
        desk.words["GRANT"] = opened["grant"]

    desk.before["xinglin consent break-glass list"] = emergency

    def entry() -> None:
        listed = desk.json(f"xinglin access record {words['COMMITMENT']} --home hospital-a")
        desk.words["ENTRY"] = listed["entries"][0]["entry"]

    desk.before["xinglin access responsible"] = entry
    anchor(folder)
    desk.follow(GUIDES / PAGES[2])
    assert "fhir.patient" in desk.printed("xinglin record door")
    assert "in force" in desk.printed("xinglin agreement accept").splitlines()[-1]
    assert desk.printed("xinglin agreement list").count("replaced") == 2
    assert "PM13" in desk.printed("xinglin access explain")
    assert "justified" in desk.printed("xinglin consent break-glass review")
    assert desk.printed("xinglin ledger verify").splitlines()[-1] == "holds"
    assert f"account {words['READER']} (practitioner)" in desk.printed("xinglin access responsible")


@pytest.mark.parametrize("page", [*PAGES, *(f"zh/{page}" for page in PAGES)])
def test_rows_and_codes_in_the_pages_are_what_the_product_has(page: str) -> None:
    """Tabs stand between the columns of a door's rows; each code is an error's."""
    for text in fenced("text", GUIDES / page):
        with_institution(text)
    text = (GUIDES / page).read_text(encoding="utf-8")
    errors = (GUIDES.parent / "spec" / "errors.md").read_text(encoding="utf-8")
    codes = re.findall(r"`((?:permit|reading|agreement|chain|vault|destruction|access)\.[a-z_]+)`", text)
    assert [code for code in codes if f"| `{code}` |" not in errors] == []
    assert codes or not page.endswith("clinician.md")
