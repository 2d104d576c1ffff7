"""What an institution, a thief, a pair that agrees, a regulator could try with reading: what is found and what not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.observer import records_on
from tests.support.reading_town import REGULATOR, Account, Known, Town, make_town, town_in
from tests.support.town_audit import (
    audit,
    by_receipt,
    by_twin,
    contradicts_anchor,
    items_of,
    rewritten,
    rows_of,
)
from tests.support.town_people import HOSPITALS, PATIENTS
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import error_for_number
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import end_key
from xinglin.node.office.consents import acknowledge, give_by_own_key, sign_agreement
from xinglin.node.opening import transmission_key
from xinglin.service.basic.audit.auditing import Finding, framed, reused
from xinglin.service.basic.audit.messages import AccessRequest, Asked, SignedRequest
from xinglin.service.basic.audit.receipts import request_hash, sign_request
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import Article
from xinglin.service.basic.reading.model import Answer
from xinglin.service.basic.sharing.agreements.model import AgreementTerms
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Copy, Purpose

YEAR_MS = 366 * 86_400_000
WIDE = tuple(Category(number) for number in range(1, 5))
pytestmark = pytest.mark.requirement("H11", "S9.1")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a town in which the first patient has consented that everybody treats: both hospitals, and a regulator."""
    folder = make_town(tmp_path_factory.mktemp("town") / "founded", regulator=True)
    with town_in(folder) as town:
        now, patient = SystemClock().now_ms(), PATIENTS[0]
        for custodian, reader in (HOSPITALS, HOSPITALS[::-1]):
            agree(town, custodian, town.archive(reader).node.member, Purpose.TREAT)
        members = sorted(town.archive(name).node.member for name in HOSPITALS)
        period = (now - 2_000, now - 2_000, now + YEAR_MS)
        wish = WantedConsent([Purpose.TREAT], WIDE, Level.NARROW, *period, members=members)
        bound = [town.address(name, town.person(name, patient), "a") for name in HOSPITALS]
        given = give_by_own_key(town.archive("a").node, wish, bound)
        for name in HOSPITALS:
            acknowledge(town.servings[name], given.consent)
    return folder


@pytest.fixture
def town(founded: Path, tmp_path: Path) -> Iterator[Town]:
    """Return a copy of it, open."""
    shutil.copytree(founded, tmp_path / "town")
    with town_in(tmp_path / "town") as opened:
        yield opened


def agree(town: Town, custodian: str, reader: str, *purposes: Purpose) -> None:
    """Let a member ask a hospital for purposes, in all categories of patients, up to level 5."""
    nodes = {node.member: node for node in town.group.nodes}
    at, now = town.archive(custodian).node, SystemClock().now_ms()
    terms = AgreementTerms(
        at.member, reader, tuple(sorted(purposes)), WIDE, Level.STRICT, now - 1_000, now + YEAR_MS, bytes(32)
    )
    sign_agreement(at, nodes[reader], terms)


def notes(town: Town, hospital: str = "a") -> list[Known]:
    """Return the first patient's ordinary records at a hospital."""
    mine = [one for one in town.records(hospital) if one.patient == PATIENTS[0]]
    return [one for one in mine if one.type in ("Observation", "MedicationRequest")]


def read(town: Town, record: Known, who: str = "b-doctor") -> bytes:
    """Have an account of the other hospital read a record as it should."""
    account = town.staff[who]
    serving = town.servings[account.hospital]
    node = town.node(record.hospital)
    return serving.reader.read(node, town.reader(account), record.commitment, Purpose.TREAT).content


def forged(town: Town, who: Account, record: bytes, purpose: Purpose, custodian: str = "a") -> SignedRequest:
    """Return a request signed by an account's key and never noted by its institution."""
    node = next(one for one in town.group.nodes if who.key_name in one.keys.names())
    request = AccessRequest(
        chain=node.consortium.rules.chain,
        id=os.urandom(16),
        account=who.account,
        member=node.member,
        custodian=town.servings[custodian].node,
        asked=Asked("record", record),
        action="read",
        purpose=purpose.value,
        consents=(),
        valid_until=SystemClock().now_ms() + 60_000,
    )
    return sign_request(node.consortium.rules.suite.hash, request, node.signer(who.key_name))


class TestLyingInstitution:
    """A drops, invents or moves entries of its own private chain, which it signs and executes itself."""

    def test_entries_left_out_are_found_by_receipt_by_twin_and_by_execution(self, town: Town, tmp_path: Path) -> None:
        for record in notes(town):
            read(town, record)
        town.reopen()
        assert audit(town) == []
        node = town.archive("a").node
        victim = items_of(node.private_ledger())[1][2]
        ledger = rewritten(node, lambda items: [one for one in items if one[2] != victim], tmp_path / "lie")
        told = {one.entry: one.finding for one in by_receipt(node, ledger, town.receipts["a"], 60_000)}
        assert told.pop(town.receipts["a"][1].entry) is Finding.MISSING
        assert set(told.values()) == {Finding.MOVED}  # what came after it has moved up
        [twin] = by_twin(town, "a", rows_of(ledger))
        assert (twin.finding, twin.request) == (Finding.DROPPED, town.receipts["a"][1].request)
        assert contradicts_anchor(node, ledger)
        ledger.close()

    def test_an_invented_read_is_found_by_the_twins_of_who_is_said_to_have_read(self, town: Town) -> None:
        record, doctor = notes(town)[0], town.staff["b-doctor"]
        read(town, record)
        node = town.archive("a").node
        [genuine] = rows_of(node.private_ledger())
        other = replace(genuine.entry, request=os.urandom(32), time=SystemClock().now_ms())
        town.servings["a"].custodian._parts.log.log(other)
        rows = rows_of(node.private_ledger())
        assert [one.finding for one in by_twin(town, "a", rows)] == [Finding.UNASKED]
        suite, value = node.consortium.rules.suite, node.consortium.value
        assert [(one.finding, one.entry) for one in framed(suite, rows, value)] == [(Finding.FRAMED, rows[1].hash)]
        assert other.account == doctor.account


class TestFramedReader:
    """A has a genuine request of B's physician, and uses it for what was never asked."""

    @pytest.mark.parametrize("change", ["record", "purpose", "action"])
    def test_a_request_under_another_entry_is_found_when_it_is_opened(self, town: Town, change: str) -> None:
        first, second, *_ = notes(town)
        signed = forged(town, town.staff["b-doctor"], first.commitment, Purpose.TREAT)
        honest = decode(Answer, town.servings["a"].answer(encode(signed)))
        assert honest.outcome == 0
        node = town.archive("a").node
        hash_ = node.consortium.rules.suite.hash
        [genuine] = rows_of(node.private_ledger())
        assert reused(hash_, [signed.request], [genuine]) == []
        changes = {"record": {"commitment": second.commitment}, "purpose": {"purpose": "legal"}}
        lie = replace(genuine.entry, **changes.get(change, {"action": "history"}))
        town.servings["a"].custodian._parts.log.log(lie)
        rows = rows_of(node.private_ledger())
        assert framed(node.consortium.rules.suite, rows, node.consortium.value) == []  # the signature is genuine
        found = reused(hash_, [signed.request], rows)
        assert [(one.finding, one.entry) for one in found] == [(Finding.REUSED, rows[1].hash)]
        assert reused(hash_, [], rows) == []


class TestStolenKey:
    """A thief signs with the key of B's physician, from elsewhere."""

    def test_what_a_thief_reads_has_no_twin_and_ends_with_the_key(self, town: Town) -> None:
        first, second, *_ = notes(town)
        doctor = town.staff["b-doctor"]
        stolen = SystemClock().now_ms()
        served = decode(
            Answer, town.servings["a"].answer(encode(forged(town, doctor, first.commitment, Purpose.TREAT)))
        )
        assert served.disclosed  # nobody can know yet: but it is on record, under that account
        a, b = town.archive("a").node, town.archive("b").node
        [finding] = by_twin(town, "a", rows_of(a.private_ledger()))
        assert (finding.finding, finding.request) == (Finding.UNASKED, served.receipt.receipt.request)

        end_key(b, doctor.key, stolen - 1_000)
        again = forged(town, doctor, second.commitment, Purpose.TREAT)
        refused = decode(Answer, town.servings["a"].answer(encode(again)))
        assert refused.outcome
        assert not refused.disclosed
        rows = rows_of(a.private_ledger())
        found = framed(a.consortium.rules.suite, rows, a.consortium.value)
        assert [one.entry for one in found] == [rows[0].hash]  # what was served after the theft proves no reader
        with pytest.raises(Exception, match=r"permit\.key"):
            read(town, first)


@dataclass
class Silent:
    """A's node as a friend asks it: it hands out the record and logs nothing."""

    town: Town
    record: Known
    given: list[bytes] = field(default_factory=list)

    def ask(self) -> None:
        """Hand the record over, outside of everything."""
        self.given.append(self.town.archive("a").vault.read(self.record.id))


class TestColludingPair:
    """Custodian and reader agree to hide a read."""

    def test_a_read_that_both_never_wrote_down_is_not_found(self, town: Town) -> None:
        """What no chain can know (access.md, "What complete means"): this is the boundary, and the page says so."""
        pair = Silent(town, notes(town)[0])
        pair.ask()
        town.reopen()
        assert pair.given == [pair.record.original]
        assert audit(town) == []

    def test_a_read_that_was_written_down_can_not_be_hidden_once_it_is_anchored(
        self, town: Town, tmp_path: Path
    ) -> None:
        first, second, *_ = notes(town)
        read(town, first)
        read(town, second)
        town.reopen()
        hidden = town.receipts["a"][0]
        for name in HOSPITALS:
            node = town.archive(name).node
            assert not contradicts_anchor(node, node.private_ledger())
            ledger = without(node.private_ledger(), hidden.request, tmp_path / name)
            assert contradicts_anchor(node, ledger)  # both have to answer for another root than they signed
            ledger.close()

    def test_one_of_the_two_alone_is_found(self, town: Town, tmp_path: Path) -> None:
        """The custodian keeps the agreement, the reader's node had noted the request before it left."""
        read(town, notes(town)[0])
        node = town.archive("a").node
        ledger = rewritten(node, lambda items: [], tmp_path / "lie")
        town.receipts["a"].clear()  # the reader has thrown the receipt away
        assert [one.finding for one in by_twin(town, "a", rows_of(ledger))] == [Finding.DROPPED]
        ledger.close()


def without(private: Ledger, request: bytes, folder: Path) -> Ledger:
    """Return a private chain without anything that names a request."""
    ledger = Ledger.create(folder, private.rules, 1 << 28, sync=False)
    for height, time, raws in private.blocks():
        ledger.commit(ledger.execute(height, time, [raw for raw in raws if request not in raw]))
    return ledger


@pytest.mark.requirement("S8.3")
class TestCuriousRegulator:
    """A regulator's account reads beyond its remit; its node has the transmission key."""

    def ask(self, town: Town, record: Known, purpose: Purpose, who: str = "auditor") -> Answer:
        signed = forged(town, town.staff[f"{REGULATOR}-{who}"], record.commitment, purpose)
        return decode(Answer, town.servings["a"].answer(encode(signed)))

    def code(self, town: Town, answer: Answer) -> str:
        kind = error_for_number(answer.outcome)
        return "" if kind is None else kind.code

    def test_without_agreement_nothing_is_told_not_even_what_is_here(self, town: Town) -> None:
        here = notes(town)[0]
        nowhere = Known("a", os.urandom(32), "", "", "", None, 2, 4, 0, has_copy=False, original=b"")
        codes = {self.code(town, self.ask(town, one, Purpose.HQUALIMP)) for one in (here, nowhere)}
        assert codes == {"agreement.missing"}
        assert len(rows_of(town.archive("a").node.private_ledger())) == 2

    def test_a_remit_opens_copies_of_the_named_patient_for_its_purpose_only(self, town: Town) -> None:
        regulator = town.group.nodes[2].member
        agree(town, "a", regulator, Purpose.HQUALIMP, Purpose.HOPERAT, Purpose.PUBLICHLTH, Purpose.TREAT)
        record, now = notes(town)[0], SystemClock().now_ms()
        assert self.code(town, self.ask(town, record, Purpose.HQUALIMP)) == "permit.no_consent"
        stated = StatedMandate(
            Article.SUPERVISION,
            bytes(32),
            [Purpose.HQUALIMP],
            [Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION],
            Level.MEDIUM,
            now - 10_000,
            now + YEAR_MS // 2,
            members=[regulator],
        )
        mandates = town.servings["a"].protection.mandates
        mandates.enter(town.person("a", PATIENTS[0]), stated, town.staff["a-officer"].account)
        seen = self.ask(town, record, Purpose.HQUALIMP)
        assert [one.copy for one in seen.disclosed] == [Copy.DEIDENTIFIED]
        everything = town.records("a")
        special = next(one for one in everything if one.patient == PATIENTS[0] and one.special)
        payment = next(one for one in everything if one.patient == PATIENTS[0] and one.category == 4)
        another = next(one for one in everything if one.patient == PATIENTS[1] and one.type == "Observation")
        beyond = [
            (record, Purpose.TREAT, "auditor"),
            (record, Purpose.HOPERAT, "auditor"),
            (record, Purpose.PUBLICHLTH, "auditor"),
            (record, Purpose.HQUALIMP, "clerk"),
            (special, Purpose.HQUALIMP, "auditor"),
            (payment, Purpose.HQUALIMP, "auditor"),
            (another, Purpose.HQUALIMP, "auditor"),
        ]
        answers = [self.ask(town, *one) for one in beyond]
        assert all(answer.outcome and not answer.disclosed for answer in answers)
        rows = rows_of(town.archive("a").node.private_ledger())
        assert len(rows) == 2 + len(beyond)  # each attempt is on record, under the regulator's account
        assert {row.entry.member for row in rows} == {regulator}

    def test_the_transmission_key_leads_to_nodes_and_to_refusals_on_record(self, town: Town) -> None:
        node = town.group.nodes[2]
        key = transmission_key(node, "treatment").key
        truth = {one.commitment: one.hospital for name in HOSPITALS for one in town.records(name)}
        units = records_on(node.consortium, truth, key)
        nodes = {town.servings[name].node: name for name in HOSPITALS}
        assert {unit.name: nodes[unit.texts["node"].decode()] for unit in units} == truth
        handles = {unit.texts["handle"] for unit in units}
        assert len(handles) == len(units)
        wanted = [one for one in town.records("a") if one.commitment in truth][:6]
        for record in wanted:
            assert not self.ask(town, record, Purpose.TREAT).disclosed
        rows = rows_of(town.archive("a").node.private_ledger())
        assert len(rows) == len(wanted)

    def test_a_handle_is_no_link_to_a_person(self, town: Town) -> None:
        node = town.group.nodes[2]
        agree(town, "a", node.member, Purpose.HQUALIMP)
        key = transmission_key(node, "treatment").key
        truth = {one.commitment: "a" for one in town.records("a")}
        handle = records_on(node.consortium, truth, key)[0].texts["handle"]
        signed = forged(town, town.staff[f"{REGULATOR}-auditor"], bytes(32), Purpose.HQUALIMP)
        request = replace(signed.request, asked=Asked("person", handle), action="search")
        again = sign_request(
            node.consortium.rules.suite.hash, request, node.signer(town.staff[f"{REGULATOR}-auditor"].key_name)
        )
        answer = decode(Answer, town.servings["a"].answer(encode(again)))
        assert self.code(town, answer) == "reading.person_not_here"
        assert request_hash(node.consortium.rules.suite.hash, request) == answer.receipt.receipt.request
