"""A record's trace by level and role; who has seen a patient's data at two hospitals; from an entry to its account."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.agreements import agree
from tests.support.product import xinglin
from tests.support.town import YEAR_MS, Town, homes, open_town
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import acknowledge, give_by_own_key, revoke
from xinglin.node.office.corrections import correct_by_account
from xinglin.node.office.linking import match_person
from xinglin.node.office.tracing import responsible_for, trace_record, who_has_seen
from xinglin.service.basic.audit.messages import SignedReceipt
from xinglin.service.basic.audit.model import NO_RECORD
from xinglin.service.basic.audit.receipts import receipt_hash
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import Article
from xinglin.service.basic.tracing.errors import OpeningDiffers, OpeningMissing
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Purpose

DAY_MS = 86_400_000


@dataclass
class Case:
    """The town; a record that B has read, that was corrected, and that B's physician then asked for again."""

    town: Town
    old: StoredRecord
    new: str
    auditor: str
    regulator: str

    @property
    def site(self) -> Any:
        return self.town.site

    def trace(self, account: str, purpose: Purpose | None = None) -> dict[str, Any]:
        return trace_record(self.site, identifier(self.old.record), account, purpose)

    def refused(self, account: str, purpose: Purpose | None = None) -> str:
        with pytest.raises(PlatformError) as refusal:
            self.trace(account, purpose)
        return refusal.value.code


@pytest.fixture(scope="module")
def case(homes_of_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("tracing") / "homes"
    shutil.copytree(homes_of_town, folder)
    with open_town(folder) as town:
        a = town.site.nodes[0]
        auditor = add_account(a, (Role.AUDITOR,), "Auditor at A").account
        regulator = add_account(town.site.nodes[3], (Role.AUDITOR,), "Inspector").account
        match_person(town.b, town.a, town.physician.account, Purpose.TREAT, town.at_b)
        town.found()
        old = town.rows(b"Observation")[0]
        town.read(old.details.commitment)
        content = json.loads(town.a.archive.vault.read(identifier(old.record)))
        content["status"] = "corrected"
        made = correct_by_account(
            town.a,
            town.site.corrections_of(a),
            identifier(old.record),
            json.dumps(content).encode(),
            Reason.TRANSCRIPTION,
            town.own.account,
        )
        with pytest.raises(PlatformError):
            town.read(old.details.commitment)
        town.read(old.details.commitment, Action.HISTORY)
        yield Case(town, old, made["record"], auditor, regulator)


@pytest.mark.requirement("S8.6b", "S8.6c", "S8.6d", "W9", command="xinglin record trace")
def test_the_institutions_auditor_sees_where_a_record_comes_from_and_what_became_of_it(case: Case) -> None:
    seen = case.trace(case.auditor)
    town, first, second = case.town, *seen["versions"]
    assert (seen["viewer"], seen["level"], seen["keeper"]) == ("overseer", 4, town.a.member)
    assert (first["current"], second["current"]) == (False, True)
    origin = first["origin"]
    assert (origin["type"], origin["source"], origin["producer"]) == ("Observation", "demo", town.a.member)
    assert 0 < origin["generated"] < origin["registered"]
    assert origin["recorder"]
    assert first["access"]["complete"]
    lines = [(one["action"], one["outcome"] == 0) for one in first["access"]["entries"]]
    assert lines == [("read", True), ("correct", True), ("read", False), ("history", True), ("trace", True)]
    assert {one["account"] for one in first["access"]["entries"][:1]} == {town.physician.account}
    assert [one["account"] for one in first["access"]["given"]] == [town.physician.account]
    assert first["permits"]["by_basis"] == {"consent": 2, "legal_duty": 2}
    correction = first["changes"]
    assert (correction["told"], correction["correction"]["account"]) == (1, town.own.account)
    assert correction["correction"]["reason"] == "transcription"
    assert (first["end"]["standing"], first["end"]["holds"]) == ("standing", 0)
    assert "proof" not in first["access"]["entries"][0]  # level 4: entry by entry, without place and basis


@pytest.mark.requirement("S8.6d")
def test_others_see_less_and_each_look_is_on_record(case: Case) -> None:
    town = case.town
    numbers = case.trace(case.regulator)
    assert numbers["viewer"] == "outsider"
    assert numbers["record"] == ""
    text = json.dumps(numbers)
    known = (town.physician.account, town.own.account, identifier(case.old.record), case.new, "Observation", "demo")
    assert [one for one in known if one in text] == []
    assert numbers["versions"][0]["access"]["permitted"] >= 3
    assert case.refused(town.physician.account) == "trace.not_shown"
    assert case.refused(town.own.account) == "permit.no_consent"
    clerk = add_account(town.site.nodes[0], (Role.ADMINISTRATOR,), "Clerk at A").account
    assert case.refused(clerk) == "permit.role"
    assert case.refused(case.auditor, Purpose.PATRQT) == "permit.no_consent"
    rows = town.site.trace_of(town.site.nodes[0]).entries_of([case.old.details.commitment])
    looks = [(row.entry.account, row.entry.outcome == 0) for row in rows if row.entry.action == "trace"]
    assert (case.regulator, True) in looks
    assert {account for account, permitted in looks if not permitted} == {
        town.physician.account,
        town.own.account,
        clerk,
        case.auditor,
    }


def mandate(case: Case, categories: list[Category]) -> None:
    """Put the patient's request on record at A, for A's own physician to answer."""
    now = SystemClock().now_ms()
    stated = StatedMandate(
        article=Article.PATIENT_REQUEST,
        document=b"paper".ljust(32, b"."),
        purposes=[Purpose.PATRQT],
        categories=categories,
        level=Level.STRICT,
        from_ms=now - 1_000,
        until_ms=now + 20 * DAY_MS,
        special=Special(255),
    )
    case.town.a.protection.mandates.enter(case.town.at_a, stated, case.town.own.account)


def agree_on_requests(case: Case) -> None:
    """Let A ask B on a patient's request."""
    a, b = case.town.a.archive.node, case.town.b.archive.node
    agree(b, a, Purpose.PATRQT, categories=tuple(Category), level=Level.STRICT)


def forbidding(member: str) -> WantedConsent:
    """Return a prohibition of everything by a member."""
    now = SystemClock().now_ms()
    return WantedConsent(
        purposes=[],
        categories=[],
        level=Level.PUBLIC,
        given_ms=now - 2_000,
        from_ms=now - 1_000,
        until_ms=now + YEAR_MS,
        members=[member],
        prohibits=True,
    )


def ordinary(member: str) -> WantedConsent:
    """Return a consent for treatment at a member, without what is special or of level 5."""
    now = SystemClock().now_ms()
    return WantedConsent(
        purposes=[Purpose.TREAT],
        categories=list(Category),
        level=Level.NARROW,
        given_ms=now - 2_000,
        from_ms=now - 1_000,
        until_ms=now + YEAR_MS,
        members=[member],
    )


def seen(case: Case, account: str, purpose: Purpose = Purpose.PATRQT) -> list[dict[str, Any]]:
    return who_has_seen(case.site, case.town.at_a, account, purpose)


@pytest.mark.requirement("H14", "H4", command="xinglin access person")
def test_the_patient_is_told_who_has_seen_what_at_both_hospitals(case: Case) -> None:
    town = case.town
    with pytest.raises(PlatformError) as unasked:
        seen(case, town.own.account)
    assert unasked.value.code == "permit.no_consent"
    with pytest.raises(PlatformError) as other:
        seen(case, town.own.account, Purpose.TREAT)
    assert other.value.code == "trace.person_not_shown"

    mandate(case, [Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION])
    here, there = seen(case, town.own.account)
    assert (here["name"], there["name"]) == ("Hospital A", "Hospital B")
    assert there["refused"] == "agreement.missing"
    assert here["withheld"] > 0
    assert not here["complete"]
    agree_on_requests(case)
    mandate(case, list(Category))
    here, there = seen(case, town.own.account)
    assert (here["withheld"], here["complete"], there["complete"]) == (0, True, True)
    read = next(one for one in here["lines"] if one["action"] == "read")
    assert (read["account"], read["member_name"], read["purpose"]) == (town.physician.account, "Hospital B", "treat")
    assert (read["commitment"], read["copy"], read["type"]) == (
        case.old.details.commitment.hex(),
        "original",
        "Observation",
    )
    rows = town.site.trace_of(town.site.nodes[0]).entries_of([case.old.details.commitment])
    assert {row.hash.hex() for row in rows} <= {one["entry"] for one in here["lines"]}
    asked = [one for one in here["lines"] if one["type"] == "" and one["action"] == "trace"]
    assert [one["account"] for one in asked] == [town.own.account] * 2  # the questions before this one
    others = [
        (one["action"], one["account"]) for one in here["lines"] if one["type"] == "" and one["action"] != "trace"
    ]
    assert others == [(action, town.physician.account) for action in ("match", "match", "search")]
    receipt = decode(SignedReceipt, bytes.fromhex(there["receipt"]))
    assert receipt.receipt.entry.hex() == there["entry"]
    named = suite("gm")
    assert named.verify(receipt.key, receipt_hash(named.hash, receipt.receipt), receipt.signature)
    answered = town.site.trace_of(town.site.nodes[0]).twins()
    assert all(twin.answered for twin in answered)
    assert {twin.custodian for twin in answered} == {town.b.member}
    told = there["records"]
    ban = give_by_own_key(town.b.archive.node, forbidding(town.a.member), [(town.b.node, town.at_b)])
    acknowledge(town.b, ban.consent)
    there = seen(case, town.own.account)[1]
    assert (there["records"], there["withheld"], there["complete"]) == (0, told, False)  # the patient's own word
    revoke(town.b.archive.node, ban)
    assert seen(case, town.own.account)[1]["withheld"] == 0
    by_overseer = seen(case, case.auditor, Purpose.HOPERAT)
    assert by_overseer[0]["complete"]
    assert by_overseer[1]["refused"] == "trace.person_not_shown"  # B tells others on the patient's request alone


@pytest.mark.requirement("S8.6d", command="xinglin record trace")
def test_a_later_version_that_is_stricter_is_not_shown_to_who_may_see_the_older(case: Case) -> None:
    town, a = case.town, case.site.nodes[0]
    older = identifier(town.rows(b"Observation")[2].record)
    content = json.loads(town.a.archive.vault.read(older))
    content["code"] = {"coding": [{"system": "http://snomed.info/sct", "code": "86406008", "display": "HIV infection"}]}
    given = give_by_own_key(a, ordinary(town.a.member), [(town.a.node, town.at_a)])
    acknowledge(town.a, given.consent)
    assert [one["withheld"] for one in trace_record(case.site, older, town.own.account)["versions"]] == [False]
    office = town.site.corrections_of(a)
    made = correct_by_account(
        town.a, office, older, json.dumps(content).encode(), Reason.TRANSCRIPTION, town.own.account
    )
    later = town.a.archive.vault.find(made["record"]).details
    assert (later.level, Special(later.special)) == (Level.STRICT, Special.HIV)
    trace_record(case.site, made["record"], case.auditor)
    seen = trace_record(case.site, older, town.own.account)
    first, second = seen["versions"]
    assert (seen["viewer"], first["withheld"], first["level"]) == ("practitioner", False, Level.NARROW)
    assert second == {"number": 1, "current": True, "withheld": True, "state": "standing"}
    text = json.dumps(seen)
    assert [one for one in (made["record"], later.commitment.hex(), "hiv", case.auditor) if one in text] == []
    with pytest.raises(PlatformError) as refused:
        trace_record(case.site, made["record"], town.own.account)
    assert refused.value.code == "permit.level"
    whole = trace_record(case.site, older, case.auditor)["versions"]
    assert [(one["withheld"], one["level"]) for one in whole] == [(False, Level.NARROW), (False, Level.STRICT)]
    revoke(a, given)


@pytest.mark.requirement("H4", "S3.5", command="xinglin access responsible")
def test_a_leaked_entry_leads_to_the_account_and_the_person_who_answers_for_it(case: Case) -> None:
    town = case.town
    (row,) = [
        one
        for one in town.site.trace_of(town.site.nodes[0]).entries_of([case.old.details.commitment])
        if one.entry.action == "history"
    ]
    found = responsible_for(case.site, row.hash, case.auditor)
    assert (found["account"], found["person"], found["signature"]) == (
        town.physician.account,
        "Physician at B",
        "holds",
    )
    assert found["member_name"] == "Hospital B"
    kept = town.b.archive.node.home.path / "accounts" / f"{town.physician.account}.json"
    whole = kept.read_text(encoding="utf-8")
    for damaged in (whole.replace("Physician at B", "Somebody else"), "[]", '{"salt": "zz", "statement": "x"}'):
        kept.write_text(damaged, encoding="utf-8")
        with pytest.raises(OpeningDiffers):
            responsible_for(case.site, row.hash, case.auditor)
    kept.unlink()
    with pytest.raises(OpeningMissing):
        responsible_for(case.site, row.hash, case.auditor)
    kept.write_text(whole, encoding="utf-8")
    with pytest.raises(PlatformError) as unknown:
        responsible_for(case.site, bytes(32), case.auditor)
    assert unknown.value.code == "proof.no_entry"


@pytest.mark.requirement("H4", "S3.5", command="xinglin access responsible")
def test_who_answers_for_an_entry_is_told_to_overseers_and_on_record(case: Case) -> None:
    town, trace = case.town, case.site.trace_of(case.site.nodes[0])
    commitment = case.old.details.commitment
    row = trace.entries_of([commitment])[0]
    before = len(trace.entries_of([commitment]))
    told = responsible_for(case.site, row.hash, case.auditor, Purpose.LEGAL)
    assert told["person"] == "Physician at B"
    with pytest.raises(PlatformError) as refused:
        responsible_for(case.site, row.hash, town.own.account)
    assert refused.value.code == "account.opening_denied"
    with pytest.raises(PlatformError) as elsewhere:
        responsible_for(case.site, row.hash, case.regulator)
    assert elsewhere.value.code == "account.no_key"
    looks = [one.entry for one in trace.entries_of([commitment])[before:]]
    assert [(one.account, one.action, one.purpose, one.outcome, one.basis) for one in looks] == [
        (case.auditor, "responsible", "legal", 0, "legal_duty"),
        (town.own.account, "responsible", "hoperat", refused.value.number, "none"),
    ]
    assert {one.reference for one in looks} == {row.hash}
    nothing = len(trace.entries_of([NO_RECORD]))
    with pytest.raises(PlatformError) as unknown:
        responsible_for(case.site, b"?" * 32, case.auditor)
    assert unknown.value.code == "proof.no_entry"
    assert [one.entry.reference for one in trace.entries_of([NO_RECORD])[nothing:]] == [b"?" * 32]
    lines = who_has_seen(case.site, town.at_a, case.auditor, Purpose.HOPERAT)[0]["lines"]
    assert (case.auditor, commitment.hex()) in {
        (one["account"], one["commitment"]) for one in lines if one["action"] == "responsible"
    }


def test_the_commands_say_it_in_sentences(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Last of all: it closes the homes."""
    town, folder = case.town, case.site.node.home.path.parent
    record, person = identifier(case.old.record), identifier(town.at_a)
    rows = town.site.trace_of(town.site.nodes[0]).entries_of([case.old.details.commitment])
    entry = rows[0].hash.hex()
    case.site._stack.close()
    for node in case.site.nodes:
        node.close()
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(folder / "passphrase"))
    others = [part for one in homes(folder)[1:] for part in ("--with", one)]
    at = ("--home", folder / "hospital-a", *others)
    traced = xinglin("record", "trace", record, "--as", case.auditor, *at)
    assert traced.status == 0, traced.err
    assert b"version 1 (current)" in traced.out
    told = xinglin("access", "person", person, "--account", town.own.account, *at)
    assert told.status == 0, told.err
    assert b"Hospital B: " in told.out
    assert told.out.rstrip().endswith(b"entries, complete")
    answers = xinglin("access", "responsible", entry, "--account", case.auditor, *at)
    assert b"signature of the request: holds" in answers.out
    refused = xinglin("record", "trace", record, "--as", town.physician.account, *at, "--json")
    assert refused.json["error"]["code"] == "trace.not_shown"
