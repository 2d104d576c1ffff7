"""Reads at one hospital: whatever takes a permit away is seen by the very next read, whoever changed it and where."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.support.correction_home import MemoryPersons, MemoryReaders
from tests.support.fhir_bundles import collection
from tests.support.old_stays import OLD, RECENT
from tests.support.reading_home import ReadingHome, make_reading_hospital, reading_home, take_into
from xinglin.carrier.access.registry.model import EndKey
from xinglin.carrier.ledger.errors import ValueDamaged
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import call, revoke
from xinglin.node.office.corrections import correct_by_account, make_corrections
from xinglin.node.office.destruction import records_office
from xinglin.node.office.notices import open_notices
from xinglin.node.records.access import open_trace
from xinglin.node.records.serving import REFUSALS_PER_MINUTE
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.messages import AccessRequest, Asked, SignedRequest
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.audit.receipts import sign_request
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.correction.service import Parties
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import Article, PatientDefault
from xinglin.service.basic.reading.custodian import Custodian
from xinglin.service.basic.reading.deciding import MAX_TRAITS_BYTES, Decider, Outcome, match_name
from xinglin.service.basic.reading.errors import ActionUnknown
from xinglin.service.basic.reading.model import Answer
from xinglin.service.lifecycle.storage.errors import DatabaseDamaged
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Copy, Purpose

NONE = "permit.no_consent"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a hospital's home."""
    return make_reading_hospital(tmp_path_factory.mktemp("reads") / "home")


@pytest.fixture(scope="module")
def home(path: Path) -> Iterator[ReadingHome]:
    """Let the hospital serve."""
    with reading_home(path) as serving:
        yield serving


@pytest.mark.requirement("S7.2a", "S6.3c")
def test_a_revocation_counts_for_the_next_read(home: ReadingHome) -> None:
    note = home.note(0)
    assert home.told(note) == NONE
    given = home.consent()
    assert [home.told(note), home.told(note)] == ["served", "served"]
    revoke(home.archive.node, given)
    assert home.told(note) == "permit.revoked"


@pytest.mark.requirement("S7.2a")
def test_a_prohibition_counts_for_the_next_read(home: ReadingHome) -> None:
    note, given = home.note(0), home.consent()
    assert home.told(note) == "served"
    ban = home.forbid(home.person)
    assert home.told(note) == "permit.prohibited"
    revoke(home.archive.node, ban)
    assert home.told(note) == "served"
    revoke(home.archive.node, given)


@pytest.mark.requirement("S7.2a")
def test_a_default_and_a_mandate_count_for_the_next_read(home: ReadingHome) -> None:
    note, guardians, now = home.note(1), home.serving.protection.guardians, SystemClock().now_ms()
    home.consent(replace(home.wanted(), until_ms=now + 1, from_ms=now))  # which has ended before it is read
    before = home.told(note)
    assert before != "served"
    guardians.set_default(home.person, PatientDefault.TREATMENT, now)
    assert home.told(note) == "served"
    guardians.set_default(home.person, PatientDefault.CLOSED, now + 1)
    assert home.told(note) == before
    clinical = [Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION]
    duty = StatedMandate(
        Article.PATIENT_REQUEST, bytes(32), [Purpose.PATRQT], clinical, Level.STRICT, now - 1, now + 60_000
    )
    with pytest.raises(PlatformError):
        home.serving.reader.read(home.serving, home.reader, note, Purpose.PATRQT)
    home.serving.protection.mandates.enter(home.person, duty, home.account.account)
    assert home.serving.reader.read(home.serving, home.reader, note, Purpose.PATRQT).commitment == note


@pytest.mark.requirement("H1", "S7.2a")
def test_a_merge_of_persons_counts_for_the_next_read(home: ReadingHome) -> None:
    note, given, persons = home.note(0), home.consent(), home.archive.persons
    assert home.told(note) == "served"
    ban = home.forbid(home.other)
    assert home.told(note) == "served"
    merged = persons.merge(home.person, home.other, "the same", home.account.account)
    assert home.told(note) == "permit.prohibited"  # what either has forbidden binds
    persons.unmerge(merged.merge, "not the same", home.account.account)
    assert home.told(note) == "served"
    revoke(home.archive.node, ban)
    revoke(home.archive.node, given)


@pytest.mark.requirement("S7.2a")
def test_an_ended_key_counts_for_the_next_read(home: ReadingHome) -> None:
    note, given = home.note(0), home.consent()
    leaving = add_account(home.archive.node, (Role.PRACTITIONER,), "Physician who leaves")
    them = replace(home, reader=home.serving.account(leaving.account, leaving.key_name))
    assert them.told(note) == "served"
    call(home.archive.node, "registry", "end_key", EndKey(leaving.key, ()), ADMINISTRATOR)
    assert them.told(note) == "permit.key_ended"
    revoke(home.archive.node, given)


@pytest.mark.requirement("H12", "S7.2a")
def test_a_correction_counts_for_the_next_read(home: ReadingHome) -> None:
    row, given = home.rows()[2], home.consent()
    assert home.told(row.details.commitment) == "served"
    original = home.archive.vault.read(identifier(row.record)).replace(b"Unmistakable", b"Unremarkable")
    with open_notices(home.archive) as notices:
        corrections = make_corrections(home.archive, Parties(MemoryReaders(), MemoryPersons(), notices))
        made = correct_by_account(
            home.serving, corrections, identifier(row.record), original, Reason.TRANSCRIPTION, home.account.account
        )
    assert home.told(row.details.commitment) == "permit.superseded"
    assert home.told(bytes.fromhex(made["commitment"])) == "served"
    revoke(home.archive.node, given)


@pytest.mark.requirement("S7.1b2", "S7.2a")
def test_an_order_to_destroy_counts_for_the_next_read(home: ReadingHome) -> None:
    row, given, node = home.rows()[3], home.consent(), home.archive.node
    assert home.told(row.details.commitment) == "served"
    clerk, officer = (add_account(node, (Role.COMPLIANCE_OFFICER,), f"Officer of records {one}") for one in (1, 2))
    with records_office(home.archive) as office:
        office.order([identifier(row.record)], "retention_ended", clerk.account)
        assert home.told(row.details.commitment) == "permit.destroyed"
        office.confirm([identifier(row.record)], officer.account)
        assert home.told(row.details.commitment) == "permit.destroyed"
        office.carry_out()
    assert home.told(row.details.commitment) == "permit.destroyed"
    revoke(home.archive.node, given)


@pytest.mark.requirement("S7.2a")
def test_an_admission_counts_for_the_next_read(home: ReadingHome) -> None:
    (note,) = [one.details.commitment for one in home.rows() if one.details.logical_id == f"{OLD}-1983-0".encode()]
    assert home.told(note) != "served"
    stay = {
        "resourceType": "Encounter",
        "id": "today",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{OLD}"},
        "period": {"start": "2026-01-01T08:00:00+08:00"},
    }
    sex = {"resourceType": "Patient", "id": OLD, "gender": "male", "birthDate": "1950-02-03"}
    take_into(home.archive, [collection(sex, stay)])
    assert home.told(note) == "served"


ANOTHER_PROCESS = """
import sys
from pathlib import Path
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.chains import random_bytes
from xinglin.service.basic.protection.guardians import Guardians
from xinglin.service.basic.protection.model import PatientDefault
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.carrier.crypto.suite import suite

folder, root, person, now = sys.argv[1:]
store = ProtectionStore(Path(folder), InstitutionKeys(suite("gm"), bytes.fromhex(root)))
Guardians(store, None, random_bytes).set_default(bytes.fromhex(person), PatientDefault.TREATMENT, int(now))
store.close()
"""


@pytest.mark.requirement("S7.2a")
def test_what_another_process_writes_counts_for_the_next_read(home: ReadingHome) -> None:
    keys, folder = home.archive.vault.keyring.keys, home.archive.node.home.protection
    rows = home.archive.vault.records_of(home.archive.persons.subjects_of(home.other))
    (note,) = [one.details.commitment for one in rows if one.details.logical_id == f"{RECENT}-2017-1".encode()]
    assert [home.told(note), home.told(note)] == [NONE, NONE]
    arguments = [str(folder), keys._root.hex(), home.other.hex(), "1"]
    subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, *arguments], check=True)
    assert home.told(note) == "served"


@dataclass
class Between:
    """The hospital's node, with something that happens while the next access entry is on its way."""

    home: ReadingHome
    happens: list[Callable[[], object]] = field(default_factory=list)

    @property
    def node(self) -> str:
        return self.home.serving.node

    @property
    def member(self) -> str:
        return self.home.serving.member

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        custodian = self.home.serving.custodian
        return Custodian(replace(custodian._parts, log=self), custodian._head).answer(request, payload)

    def log(self, entry: AccessEntry) -> Logged:
        raise NotImplementedError

    def log_many(self, entries: Sequence[AccessEntry]) -> Sequence[Logged | Exception]:
        logged = self.home.serving.custodian._parts.log.log_many(entries)
        if self.happens:
            self.happens.pop(0)()
        return logged


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[ReadingHome]:
    """Return another hospital, of which nothing has happened yet; its account may ask 5 times a minute."""
    with reading_home(make_reading_hospital(tmp_path / "home"), quota=5) as serving:
        yield serving


@pytest.mark.requirement("S6.3c", "H4")
def test_what_narrows_a_permit_while_the_entry_is_on_its_way_narrows_what_is_served(plain: ReadingHome) -> None:
    note, given = plain.note(0), plain.consent()
    assert plain.read(note).copy is Copy.ORIGINAL
    between = Between(plain)

    def narrow() -> None:
        plain.consent(replace(plain.wanted(), copy=Copy.DEIDENTIFIED))
        revoke(plain.archive.node, given)

    between.happens.append(narrow)
    assert plain.read(note, between).copy is Copy.DEIDENTIFIED
    with open_trace(plain.archive.node) as trace:
        copies = [one.entry.copy for one in trace.entries_of([note])]
    assert [int(one) for one in copies] == [1, 1, 2]  # the second read has two entries, and the second says so


@pytest.mark.requirement("H4")
def test_what_never_settles_is_not_served(plain: ReadingHome) -> None:
    note, node = plain.note(0), plain.archive.node
    consents = [plain.consent()]

    def exchange() -> None:
        consents.append(plain.consent())
        revoke(node, consents.pop(0))

    between = Between(plain, [exchange] * 20)
    with pytest.raises(PlatformError) as refusal:
        plain.read(note, between)
    assert refusal.value.code == "reading.unsettled"
    assert len(between.happens) == 12


def in_one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock stand, so that all is asked within one minute however long that takes."""
    now = SystemClock().now_ms()
    monkeypatch.setattr(SystemClock, "now_ms", lambda _: now)


@pytest.mark.requirement("S8.3")
def test_requests_at_the_same_time_do_not_pass_the_quota_together(
    plain: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, told = plain.note(0), list[str]()
    in_one_minute(monkeypatch)
    plain.consent()
    together = threading.Barrier(12)

    def ask() -> None:
        together.wait()
        told.append(plain.told(note))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["permit.quota"] * 7 + ["served"] * 5


@pytest.mark.requirement("S8.3")
def test_what_counts_against_the_quota(plain: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    note, node = plain.note(0), plain.archive.node
    stolen = add_account(node, (Role.PRACTITIONER,), "Physician")
    call(node, "registry", "end_key", EndKey(stolen.key, ()), ADMINISTRATOR)
    them = replace(plain, reader=plain.serving.account(stolen.account, stolen.key_name))
    assert [them.told(note) for _ in range(8)] == ["permit.key_ended"] * 8  # an ended key uses up nothing
    quota = plain.serving.protection.quota
    in_one_minute(monkeypatch)
    assert not quota.over(stolen.account, SystemClock().now_ms())
    assert [plain.told(note) for _ in range(5)] == [NONE] * 5  # a refusal counts like any answer
    plain.consent()
    assert [plain.told(note) for _ in range(3)] == ["permit.quota"] * 3
    asked, now = plain.account.account, SystemClock().now_ms()
    assert quota.over(asked, now + 59_000 - 60_000)
    assert not quota.over(asked, now + 60_001)  # what found nothing left has taken nothing


@pytest.mark.requirement("H4", "S9.1")
def test_nobody_fills_the_private_chain_with_refusals(plain: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    note, private, counted = plain.note(0), plain.archive.node.private_ledger(), list[bytes]()
    monkeypatch.setattr(plain.serving.strangers, "note", lambda source, now: counted.append(source))
    answers = plain.serving.protection.quota.per_minute + REFUSALS_PER_MINUTE
    in_one_minute(monkeypatch)
    told = [plain.told(note) for _ in range(answers)]
    assert set(told[-REFUSALS_PER_MINUTE:]) == {"permit.quota"}
    assert not counted
    before = private.tip.log_size
    assert [plain.told(note) for _ in range(2)] == ["reading.too_many"] * 2
    assert private.tip.log_size == before
    assert len(counted) == 2


@pytest.mark.requirement("H4", "S7.2a")
def test_readers_at_the_same_time_get_each_their_own_answer(home: ReadingHome) -> None:
    given = home.consent()
    notes = [home.note(number) for number in range(3)] * 6 + [random_bytes(32) for _ in range(6)]
    served: dict[int, str] = {}
    together = threading.Barrier(len(notes))
    before = home.archive.node.private_ledger().tip.height

    def ask(number: int) -> None:
        together.wait()
        served[number] = home.told(notes[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(notes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    blocks = home.archive.node.private_ledger().tip.height - before
    alone = {one: home.told(one) for one in notes}
    assert served == {number: alone[note] for number, note in enumerate(notes)}
    assert {served[18], served[23]} == {"reading.not_here"}
    assert 0 < blocks < len(notes)  # entries of several are in one block
    revoke(home.archive.node, given)


@pytest.mark.requirement("H6")
@pytest.mark.parametrize("item", [0, 1, 1_000_000])
def test_a_record_that_its_batch_does_not_register_is_not_served(
    home: ReadingHome, monkeypatch: pytest.MonkeyPatch, item: int
) -> None:
    given, row, vault = home.consent(), home.rows()[0], home.archive.vault
    assert home.told(row.details.commitment) == "served"
    wrong = item if item != row.details.item else item + 1
    moved = StoredRecord(row.number, row.record, msgspec.structs.replace(row.details, item=wrong))
    monkeypatch.setattr(vault, "find_commitments", lambda _: [moved])  # a row that says another place in its batch
    assert home.told(row.details.commitment) == "reading.unregistered"
    revoke(home.archive.node, given)


@pytest.mark.requirement("H4", "S6.2d")
def test_damage_under_one_request_leaves_the_others_their_answers(
    home: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, rows, custodian = home.consent(), home.rows()[:2], home.serving.custodian
    records = home.serving.protection.records
    whole = records.person_of

    def damaged(stored: StoredRecord) -> bytes:
        if stored.number == rows[0].number:
            raise DatabaseDamaged(file="\u6570\u636e.sqlite", what="x" * 200)  # neither is in the form of a fact
        return whole(stored)

    monkeypatch.setattr(records, "person_of", damaged)
    asked = [(signed(home, Asked("record", row.details.commitment)), b"") for row in rows]
    first, second = answers(custodian, asked)
    assert (first.outcome, first.facts) == (DatabaseDamaged.number, ())
    assert second.disclosed[0].commitment == rows[1].details.commitment
    revoke(home.archive.node, given)


@pytest.mark.requirement("H4", "S6.2d")
def test_damage_of_one_record_s_link_leaves_the_others_of_its_batch(
    home: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, rows, records = home.consent(), home.rows()[:2], home.serving.protection.records

    def damaged(stored: StoredRecord) -> bool:
        if stored.number == rows[0].number:
            raise ValueDamaged(chain=home.archive.node.private_ledger().rules.chain)
        return True

    monkeypatch.setattr(records, "_linked", damaged)
    asked = [(signed(home, Asked("record", row.details.commitment)), b"") for row in rows]
    first, second = answers(home.serving.custodian, asked)
    assert first.outcome == ValueDamaged.number
    assert second.disclosed[0].commitment == rows[1].details.commitment
    revoke(home.archive.node, given)


@pytest.mark.requirement("S7.2a", "S6.3c")
def test_a_revocation_in_the_middle_of_a_batch_counts_for_the_rest_of_it(
    plain: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its receipt after the first of three is decided for good: the other two are refused."""
    given, rows, custodian = plain.consent(), plain.rows()[:3], plain.serving.custodian
    decide, decided = Decider._again, iter(range(3))

    def again(self: Decider, *asked: Any) -> Outcome:
        if next(decided) == 1:
            revoke(plain.archive.node, given)
        return decide(self, *asked)

    monkeypatch.setattr(Decider, "_again", again)
    asked = [(signed(plain, Asked("record", row.details.commitment)), b"") for row in rows]
    assert [len(one.disclosed) for one in answers(custodian, asked)] == [1, 0, 0]


@pytest.mark.requirement("S6.2d")
def test_what_the_chains_say_of_records_is_looked_up_together(
    home: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all of them on each chain; what can't be looked up so is found, or found damaged, one by one."""
    records, node = home.serving.protection.records, home.archive.node
    wanted = [row.details.commitment for row in home.rows()]
    asked: list[int] = []
    for ledger in (node.consortium, node.private_ledger()):
        looked_up = ledger._looked_up
        ledger._compared.move(ledger._version, ledger._compared._kept.copy())  # nothing is remembered
        monkeypatch.setattr(ledger, "_looked_up", lambda keys, do=looked_up: (asked.append(len(keys)), do(keys))[1])
    found = records.find(wanted)
    together = len(asked)
    states = [records.state(one) for one in wanted]
    assert (together, len(asked)) == (2, 2)

    def refuse(keys: object) -> None:
        raise ValueDamaged(chain=node.consortium.rules.chain)

    with monkeypatch.context() as patch:
        patch.setattr(node.consortium, "values", refuse)
        assert records.find(wanted) == found
    assert [records.state(one) for one in wanted] == states


def test_what_comes_with_a_match_is_bounded(home: ReadingHome) -> None:
    suite, long = home.serving.custodian._parts.suite, bytes(MAX_TRAITS_BYTES + 1)
    answer = home.serving.answer(encode(signed(home, Asked("person", match_name(suite, long)), "match")), long)
    assert decode(Answer, answer).outcome == ActionUnknown.number


def test_whatever_comes_is_answered_or_refused(home: ReadingHome) -> None:
    """Bytes that are turned, left out or put in raise nothing but refusals, and open nothing."""
    given, random = home.consent(), Random(5)
    good = encode(signed(home, Asked("record", home.note(0))))
    for _ in range(500):
        data, at = bytearray(good), random.randrange(len(good))
        data[at : at + random.randrange(3)] = random.randbytes(random.randrange(1, 4))
        try:
            answer = decode(Answer, home.serving.answer(bytes(data)))
        except PlatformError:
            continue
        assert bytes(data) == good or not answer.disclosed
    revoke(home.archive.node, given)


def answers(custodian: Custodian, asked: Sequence[tuple[SignedRequest, bytes]]) -> list[Answer]:
    """Return the answers to requests that come together."""
    return [decode(Answer, one) for one in custodian.answer_many(asked) if isinstance(one, bytes)]


def signed(home: ReadingHome, asked: Asked, action: str = "read") -> SignedRequest:
    """Return a request of the practitioner for treatment."""
    custody, suite = home.serving.custodian._here, home.serving.custodian._parts.suite
    request = AccessRequest(
        chain=custody.chain,
        id=random_bytes(16),
        account=home.account.account,
        member=custody.member,
        custodian=custody.node,
        asked=asked,
        action=action,
        purpose="treat",
        consents=(),
        valid_until=SystemClock().now_ms() + 60_000,
    )
    return sign_request(suite.hash, request, home.reader.signer)
