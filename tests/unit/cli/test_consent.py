"""Consents, permits and reads as people use them from the command line, on one hospital's home."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Said, opened, opened_archive, xinglin
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import add_account
from xinglin.node.records.archive import open_archive
from xinglin.node.records.read_ports import decides_alone
from xinglin.node.records.serving import open_deciding
from xinglin.service.basic.audit.messages import SignedReceipt
from xinglin.service.basic.protection.store_model import KeptDraft, KeptPaper
from xinglin.stakeholders.kinds import Role

PURPOSE = ("--purpose", "treat", "--category", "2", "--category", "medical_application")
YEAR = ("--days", "365")


@dataclass(frozen=True)
class Desk:
    """A hospital's home with its staff, an adult patient, and a level 4 observation of that patient."""

    home: Path
    member: str
    doctor: str
    officer: str
    auditor: str
    person: str
    record: str
    paper: Path
    secret: Path

    def __call__(self, *arguments: str | Path) -> Said:
        """Run a command on the home."""
        return xinglin(*arguments, "--home", self.home)

    def json(self, *arguments: str | Path) -> Any:
        """Run a command that works, and return its JSON."""
        said = self(*arguments, "--json")
        assert said.status == 0, said
        return said.json

    def proposed(self, *more: str) -> str:
        """Propose a consent for the hospital's own staff, and return its id."""
        terms = (*PURPOSE, "--member", self.member, *YEAR, *more)
        paper = ("--account", self.doctor, "--scan", str(self.paper))
        return str(self.json("consent", "propose", self.person, *paper, *terms)["consent"])

    def read(self, account: str, purpose: str, *more: str | Path) -> Said:
        """Read the observation."""
        return self("record", "read", self.record, "--account", account, "--purpose", purpose, *more)

    def entries(self) -> list[tuple[str, int]]:
        """Return purpose and outcome of the observation's access entries."""
        commitment = self.json("record", "show", self.record)["commitment"]
        entries = self.json("access", "record", commitment)
        assert self.json("access", "record", self.record) == entries, "a record has two names"
        return [(one["purpose"], one["outcome"]) for one in entries["entries"]]


@pytest.fixture
def desk(copy: Path, tmp_path: Path) -> Desk:
    with opened(copy, running=True) as node, open_archive(node) as archive:
        roles = (Role.PRACTITIONER, Role.COMPLIANCE_OFFICER, Role.AUDITOR)
        staff = [add_account(node, (role,), f"Somebody as {role.name.lower()}").account for role in roles]
        people = archive.persons.persons()
        person = next(one for one in people if decides_alone(archive.persons, one, archive.orders("x").as_of))
        rows = archive.vault.records_of(archive.persons.subjects_of(person))
        row = next(one for one in rows if one.details.type == b"Observation" and one.details.level == 4)
        member = node.member
    (tmp_path / "paper").write_bytes(b"a signed page")
    (tmp_path / "secret").write_bytes(b"a patient's secret\n")
    (tmp_path / "secret").chmod(0o600)
    return Desk(
        copy, member, *staff, identifier(person), identifier(row.record), tmp_path / "paper", tmp_path / "secret"
    )


@pytest.mark.requirement("S6.3c", "W8", "S8.3", command="xinglin consent propose")
def test_two_people_enter_a_consent_from_paper_and_two_revoke_it(desk: Desk, tmp_path: Path) -> None:
    assert desk.read(desk.doctor, "treat").code == "permit.no_consent"
    consent = desk.proposed()
    assert desk.read(desk.doctor, "treat").code == "permit.no_consent"
    (waiting,) = desk.json("consent", "drafts")["drafts"]
    assert (waiting["consent"], waiting["proposed_by"], waiting["person"]) == (consent, desk.doctor, desk.person)
    assert waiting["terms"]["categories"] == ["health_status", "medical_application"]
    assert desk("consent", "approve", consent, "--account", desk.doctor).code == "consent.same_account"
    (tmp_path / "other").write_bytes(b"another page")
    other = ("--scan", tmp_path / "other")
    assert desk("consent", "approve", consent, "--account", desk.officer, *other).code == "consent.paper"
    assert desk("consent", "approve", consent, "--account", desk.auditor).code == "policy.role"
    assert len(desk.json("consent", "drafts")["drafts"]) == 1

    scan = ("--scan", desk.paper)
    assert desk.json("consent", "approve", consent, "--account", desk.officer, *scan)["status"] == "granted"
    assert desk.json("consent", "drafts")["drafts"] == []
    assert desk("consent", "approve", consent, "--account", desk.officer).code == "consent.no_draft"
    (held,) = desk.json("consent", "list", desk.person)["consents"]
    shown = desk.json("consent", "show", consent)
    assert held == shown
    assert (shown["status"], shown["method"]) == ("granted", "counter")
    assert all(shown["nodes"].values())
    assert desk.read(desk.doctor, "treat").status == 0

    assert desk.json("consent", "revoke", consent, "--account", desk.officer)["status"] == "revocation_proposed"
    assert desk("consent", "revoke", consent, "--account", desk.officer).code == "consent.same_account"
    assert desk.read(desk.doctor, "treat").status == 0
    assert desk.json("consent", "revoke", consent, "--account", desk.doctor)["status"] == "revoked"
    assert desk.read(desk.doctor, "treat").code == "permit.revoked"
    assert [outcome == 0 for _, outcome in desk.entries()] == [False, False, True, True, False]


@pytest.mark.requirement("S3.5", "S6.3c")
def test_two_accounts_of_one_person_are_not_two_people(desk: Desk) -> None:
    with opened(desk.home, running=True) as node:
        also = add_account(node, (Role.PRACTITIONER,), "Somebody as PRACTITIONER").account
    consent = desk.proposed()
    assert desk("consent", "approve", consent, "--account", also).code == "account.same_person"
    assert desk("consent", "approve", consent, "--account", desk.officer).status == 0
    assert desk("consent", "revoke", consent, "--account", also).status == 0
    assert desk("consent", "revoke", consent, "--account", desk.doctor).code == "account.same_person"
    assert desk("consent", "revoke", consent, "--account", desk.officer).status == 0


def test_a_draft_is_emptied_once_it_is_settled(desk: Desk) -> None:
    consent = desk.proposed()
    desk("consent", "approve", consent, "--account", desk.officer)
    refused = ("--account", desk.auditor, "--scan", str(desk.paper), *PURPOSE, *YEAR)
    assert desk("consent", "propose", desk.person, *refused).code == "account.role_denied"
    with opened_archive(desk.home) as archive, open_deciding(archive) as deciding:
        assert [row.value.draft for row in deciding.protection.store.of_kind(KeptDraft)] == [()]


@pytest.mark.requirement("S6.3c", "W8", command="xinglin consent give")
def test_a_patient_gives_and_revokes_by_the_wallet(desk: Desk, tmp_path: Path) -> None:
    wallet = ("--wallet", tmp_path / "wallet", "--wallet-passphrase-file", desk.secret)
    given = desk.json("consent", "give", desk.person, *wallet, *PURPOSE, *YEAR)
    again = desk.json("consent", "give", desk.person, *wallet, *PURPOSE, "--days", "1")
    assert desk.read(desk.doctor, "treat").status == 0
    shown = desk.json("consent", "show", given["consent"], *wallet)
    assert (shown["status"], shown["terms"], all(shown["nodes"].values())) == ("granted", given["terms"], True)
    counter = desk("consent", "revoke", given["consent"], "--account", desk.doctor)
    assert counter.code == "consent.not_counter"
    (tmp_path / "wrong").write_bytes(b"another secret\n")
    (tmp_path / "wrong").chmod(0o600)
    stranger = ("--wallet", tmp_path / "wallet", "--wallet-passphrase-file", tmp_path / "wrong")
    assert desk("consent", "revoke", given["consent"], *stranger).code == "keystore.passphrase"
    for one in (given, again):
        assert desk.json("consent", "revoke", one["consent"], *wallet)["status"] == "revoked"
    assert desk.read(desk.doctor, "treat").code == "permit.revoked"


def test_a_prohibition_without_an_end_binds(desk: Desk) -> None:
    consent = desk.proposed()
    desk("consent", "approve", consent, "--account", desk.officer)
    paper = ("--account", desk.officer, "--scan", str(desk.paper))
    no = desk.json("consent", "propose", desk.person, *paper, "--prohibit", "--level", "1")["consent"]
    assert desk.json("consent", "approve", no, "--account", desk.doctor)["terms"]["prohibits"]
    assert desk.read(desk.doctor, "treat").code == "permit.prohibited"


@pytest.mark.requirement("S7.2a", "H4", "H6", command="xinglin record read")
@pytest.mark.requirement("S7.2", part="commands and the port between nodes; HTTP interfaces come with the FHIR server")
def test_a_read_has_its_permit_its_entry_and_its_receipt(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "copy.json"
    said = desk.read(desk.auditor, "hqualimp", "--out", out, "--json").json
    assert (said["copy"], said["bytes"]) == ("deidentified", out.stat().st_size)
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(out.read_bytes())["resourceType"] == "Observation"
    receipt = decode(SignedReceipt, Path(said["receipt_file"]).read_bytes()).receipt
    assert receipt.entry.hex() == said["receipt"]["entry"]
    inline = desk.read(desk.auditor, "hqualimp", "--json").json
    assert base64.b64decode(inline["content_base64"]) == out.read_bytes()
    assert desk.read(desk.auditor, "hqualimp").out == out.read_bytes()
    refused = desk.read(desk.auditor, "treat", "--out", tmp_path / "nothing")
    assert refused.code == "permit.no_consent"
    assert not (tmp_path / "nothing").exists()
    assert [(p, outcome == 0) for p, outcome in desk.entries()] == [*[("hqualimp", True)] * 3, ("treat", False)]
    assert len(list((desk.home / "receipts").iterdir())) == 4


def test_nobody_reads_with_the_key_of_another_home(desk: Desk, tmp_path: Path) -> None:
    absent = identifier(bytes(16))
    assert desk.read(absent, "treat").code == "account.no_key"
    assert desk("access", "search", desk.person, "--account", desk.doctor, "--purpose", "frog").code == "option.choice"
    assert desk.read(desk.doctor, "treat", "--out", tmp_path).code == "file.unusable"
    assert desk.entries() == []


@pytest.mark.requirement("S7.2a", "H4", command="xinglin access search")
def test_a_search_tells_of_what_may_be_read(desk: Desk) -> None:
    found = desk.json("access", "search", desk.person, "--account", desk.auditor, "--purpose", "hqualimp")["found"]
    commitment = desk.json("record", "show", desk.record)["commitment"]
    assert {one["copy"] for one in found} == {"deidentified"}
    assert commitment in {one["commitment"] for one in found}
    for command in ("show", "versions", "holders"):
        assert desk.json("record", command, commitment) == desk.json("record", command, desk.record)
    nothing = desk("access", "search", desk.person, "--account", desk.doctor, "--purpose", "treat")
    assert nothing.code == "permit.no_consent"


@pytest.mark.requirement("S9.2", "S7.2a")
def test_a_proof_that_shows_content_is_a_read(desk: Desk, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "proof")
    assert desk("proof", "record", desk.record, *out, "--show", "original").status == 2
    by = ("--account", desk.auditor, "--purpose", "hqualimp")
    assert desk("proof", "record", desk.record, *out, "--show", "original", *by).code == "proof.part_denied"
    not_his = ("--account", desk.doctor, "--purpose", "treat")
    assert desk("proof", "record", desk.record, *out, "--show", "copy", *not_his).code == "permit.no_consent"
    assert not (tmp_path / "proof").exists()
    assert desk("proof", "record", desk.record, *out, "--show", "copy", *by).status == 0
    assert [(purpose, outcome == 0) for purpose, outcome in desk.entries()] == [
        ("hqualimp", True), ("treat", False), ("hqualimp", True),
    ]  # fmt: skip
    assert desk("proof", "record", desk.record, *out).status == 0
    assert len(desk.entries()) == 3


@pytest.mark.requirement("S7.2a", "S8.3", "H14", command="xinglin access explain")
def test_an_explanation_says_what_each_rule_said_and_what_could_be_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = desk.proposed("--role", "practitioner", "--level", "3")
    desk("consent", "approve", consent, "--account", desk.officer)
    asked = ("access", "explain", desk.record, "--account", desk.doctor, "--purpose")
    said = desk.json(*asked, "hresch", "--at", "2036-01-01")
    assert not said["permit"]
    assert [step["rule"] for step in said["steps"]] == list(range(1, 17))
    assert said["nearest"]["consent"] == consent
    assert [one["code"] for one in said["nearest"]["fails"]] == ["permit.expired", "permit.purpose"]
    assert len(said["remedies_en"]) == len(said["remedies_zh"]) == 2
    now = desk.json(*asked, "treat")
    assert (now["permit"], now["rule"], now["basis"], now["copy"]) == (True, 13, "consent", "deidentified")
    read = desk.read(desk.doctor, "treat", "--json").json
    assert (read["copy"], desk.entries()) == (now["copy"], [("treat", 0)]), "explaining leaves no entry, reading does"
    english = desk(*asked, "hresch").out.decode()
    assert "has the patient consented: decides nothing: The nearest consent is for other purposes." in english
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    chinese = desk(*asked, "hresch").out.decode()
    assert "患者是否授权同意: 不作决定：最接近的授权不包含该用途。" in chinese


@pytest.mark.requirement("S6.3c", "H10", command="xinglin consent break-glass")
def test_the_glass_is_broken_for_one_patient_and_reviewed(desk: Desk, tmp_path: Path) -> None:
    assert desk.read(desk.doctor, "etreat").code == "permit.no_consent"
    (tmp_path / "why").write_text("unconscious, no relative\n")
    why = ("--reason", tmp_path / "why")
    unsaid = ("consent", "break-glass", "open", desk.person, "--account", desk.doctor)
    assert desk(*unsaid).code == "option.not_stated"
    (tmp_path / "lines").write_bytes(b"\xff\nsecond")
    assert desk(*unsaid, "--reason", tmp_path / "lines").code == "option.text"
    assert desk("consent", "break-glass", "open", desk.person, "--account", desk.auditor, *why).code == (
        "break_glass.denied"
    )
    grant = desk.json("consent", "break-glass", "open", desk.person, "--account", desk.doctor, *why)
    assert desk.read(desk.doctor, "etreat").status == 0
    assert desk.read(desk.doctor, "treat").code == "permit.no_consent"
    notice = grant["notice"]
    assert (notice["kind"], notice["recipient"]["patient"], notice["step"]) == ("break_glass", True, "delivered")
    assert "unconscious" in notice["zh"]
    assert desk.person not in json.dumps(notice)
    (task,) = desk.json("consent", "break-glass", "list")["grants"]
    assert (task["grant"], task["person"]) == (grant["grant"], desk.person)
    review = ("consent", "break-glass", "review", grant["grant"], "--verdict", "justified", "--account")
    assert desk(*review, desk.doctor).code == "review.denied"
    assert desk.json(*review, desk.officer)["reviewed_by"] == desk.officer
    assert desk.json("consent", "break-glass", "list")["grants"] == []
    assert desk("consent", "break-glass", "list", "--all", "--json").json["grants"][0]["verdict"] == "justified"


@pytest.mark.requirement("S6.3c", command="xinglin consent mandate")
def test_a_patient_asks_at_the_counter_for_the_record(desk: Desk) -> None:
    asked = ("--article", "patient_request", "--document", str(desk.paper), "--purpose", "patrqt", "--category", "2")
    add = ("consent", "mandate", "add", desk.person, *asked)
    assert desk(*add, "--account", desk.doctor, "--days", "3").code == "account.role_denied"
    assert desk(*add, "--account", desk.officer, "--days", "31").code == "mandate.invalid"
    assert desk(*add, "--account", desk.officer).status == 2
    made = desk.json(*add, "--account", desk.officer, "--days", "3")["mandate"]
    (row,) = desk.json("consent", "mandate", "list", desk.person)["mandates"]
    assert (row["mandate"], row["entered_by"]) == (made, desk.officer)
    assert desk.read(desk.officer, "patrqt", "--json").json["copy"] == "original"


def test_a_mandate_and_a_consent_show_the_scope_that_the_same_options_give(desk: Desk) -> None:
    what = ("--purpose", "patrqt", "--category", "2", "--level", "5", "--special", "psychiatry", "--special", "hiv")
    whom = ("--copy", "deidentified", "--role", "service", "--reader", desk.officer, "--member", desk.member)
    scope = (*what, *whom, "--days", "3")
    entered = ("--account", desk.officer, *scope)
    paper, request = ("--scan", str(desk.paper)), ("--article", "patient_request", "--document", str(desk.paper))
    desk.json("consent", "mandate", "add", desk.person, *request, *entered)
    (mandate,) = desk.json("consent", "mandate", "list", desk.person)["mandates"]
    consent = desk.json("consent", "propose", desk.person, *paper, *entered)["terms"]
    said = {
        "members": [desk.member], "roles": ["service"], "accounts": [desk.officer], "purposes": ["patrqt"],
        "categories": ["health_status"], "level": 5, "special": ["hiv", "psychiatry"], "copy": "deidentified",
    }  # fmt: skip
    for shown in (mandate, consent):
        assert {name: shown[name] for name in said} == said
        assert shown["until_ms"] - shown["from_ms"] == 3 * 86_400_000


def test_no_paper_is_kept_of_a_consent_whose_options_say_no_scope(desk: Desk) -> None:
    propose = ("consent", "propose", desk.person, "--account", desk.doctor, "--scan", str(desk.paper))
    assert desk(*propose, *PURPOSE, "--until", "2001-01-01").status == 2
    assert desk(*propose, *PURPOSE).status == 2
    assert desk(*propose, *YEAR, "--purpose", "frog").code == "option.choice"
    assert desk(*propose, *PURPOSE, *YEAR, "--member", "frog").code == "identifier.invalid"
    with opened_archive(desk.home) as archive, open_deciding(archive) as deciding:
        assert deciding.protection.store.of_kind(KeptPaper) == []
    assert desk(*propose, *PURPOSE, *YEAR).status == 0
    with opened_archive(desk.home) as archive, open_deciding(archive) as deciding:
        assert [row.value.account for row in deciding.protection.store.of_kind(KeptPaper)] == [desk.doctor]


def test_defaults_and_guardians_are_entered_with_their_papers(desk: Desk, tmp_path: Path) -> None:
    assert desk.json("consent", "default", desk.person)["default"] == "unset"
    assert desk("consent", "default", desk.person, "--set", "copies").status == 2
    entered = ("--account", desk.officer, "--scan", desk.paper)
    assert desk.json("consent", "default", desk.person, "--set", "copies", *entered)["default"] == "copies"
    assert desk.read(desk.doctor, "treat", "--json").json["copy"] == "deidentified"
    (tmp_path / "name").write_text("李\n", encoding="utf-8")
    known = ("--name", tmp_path / "name", "--relation", "mother", "--evidence", desk.paper, "--account", desk.officer)
    assert desk("consent", "guardian", "add", desk.person, *known).code == "guardian.adult"
    child = desk("consent", "guardian", "add", desk.person, *known, "--from", "1971-01-01", "--until", "1970-06-01")
    assert child.code in ("guardian.period", "guardian.adult")
    absent = identifier(bytes(16))
    assert desk("consent", "guardian", "add", absent, *known).code == "patient_index.person_not_found"
    assert desk("consent", "guardian", "end", absent, "--account", desk.officer).code == "guardian.unknown"
    assert desk.json("consent", "guardian", "list", desk.person)["guardianships"] == []


@pytest.mark.parametrize("value", ["", "yesterday", "2026-13-01", "1969-12-31", "99999-01-01"])
def test_a_time_that_is_none_is_refused(desk: Desk, value: str) -> None:
    read = ("access", "explain", desk.record, "--account", desk.doctor, "--purpose", "treat", "--at", value)
    assert desk(*read).code == "option.time"


def test_a_consent_binds_no_institution_for_which_the_patient_is_not_linked(desk: Desk, tmp_path: Path) -> None:
    wallet = ("--wallet", tmp_path / "wallet", "--wallet-passphrase-file", desk.secret)
    give = ("consent", "give", desk.person, *wallet, *PURPOSE, *YEAR)
    assert desk(*give, "--custodian", identifier(bytes(16))).code == "node.not_found"
    assert desk("consent", "show", identifier(bytes(16))).code == "consent.not_held"
    assert desk.json(*give, "--custodian", "linked")["status"] == "granted"
