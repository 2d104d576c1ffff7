"""Two hospitals, one patient, on real homes: match, consent, read, refusals, revocation, and who has seen it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.agreements import agree
from tests.support.town import both, make_town
from xinglin.carrier.access.registry.model import EndKey
from xinglin.cli.demo.stage import Stage
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.office.accounts import AddedAccount, add_account
from xinglin.node.office.consents import (
    GivenConsent,
    acknowledge,
    call,
    give_at_counter,
    give_by_own_key,
    revoke,
)
from xinglin.node.opening import anchoring
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import open_archive
from xinglin.node.records.serving import Serving, described, open_serving, recent_requests
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.model import AccessEntry, TwinState
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.errors import ProtectionRowDamaged
from xinglin.service.basic.protection.model import Asking
from xinglin.service.basic.reading.custodian import Custodian, SeenRequests
from xinglin.service.basic.reading.errors import RequestReplayed
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Copy, Purpose

YEAR_MS = 366 * 86_400_000


@dataclass
class Town:
    """Two hospitals that serve readers, the reader of B, and a patient who has been at both."""

    a: Serving
    b: Serving
    reader: ReaderAccount
    account: AddedAccount
    at_a: bytes
    at_b: bytes

    def agree(self, *purposes: Purpose) -> None:
        """Let B ask A for purposes, in categories 1 to 4, up to level 4."""
        agree(self.a.archive.node, self.b.archive.node, *purposes)

    def wanted(self) -> WantedConsent:
        """Return what the patient wants: B may read for treatment, two categories, up to level 4, for a year."""
        now = SystemClock().now_ms()
        return WantedConsent(
            purposes=[Purpose.TREAT],
            categories=[Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION],
            level=Level.NARROW,
            given_ms=now - 2_000,
            from_ms=now - 1_000,
            until_ms=now + YEAR_MS,
            members=[self.b.member],
        )

    def consent(self) -> GivenConsent:
        """Have the patient consent at A by a key of the patient's own, in force at A."""
        given = give_by_own_key(self.a.archive.node, self.wanted(), [(self.a.node, self.at_a)])
        acknowledge(self.a, given.consent)
        return given

    def refused(self, commitment: bytes, purpose: Purpose = Purpose.TREAT) -> str:
        """Return the code with which A refuses a read of B's reader."""
        with pytest.raises(PlatformError) as refusal:
            self.b.reader.read(self.a, self.reader, commitment, purpose)
        return refusal.value.code

    def records(self, kind: bytes) -> list[bytes]:
        """Return the commitments of the patient's records of a type at A."""
        rows = self.a.archive.vault.records_of(self.a.archive.persons.subjects_of(self.at_a))
        return [row.details.commitment for row in rows if row.details.type == kind]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Return the four homes of the demonstration with some patients, of whom some have been at both hospitals."""
    return make_town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def town(stage: Stage) -> Iterator[Town]:
    """Let both hospitals serve."""
    with ExitStack() as stack:
        group = stack.enter_context(stage.group())
        archives = [stack.enter_context(open_archive(node)) for node in group.nodes[:2]]
        a, b = (stack.enter_context(open_serving(archive)) for archive in archives)
        account = add_account(group.nodes[1], (Role.PRACTITIONER,), "Physician at B")
        at_a, at_b = both(archives[0], archives[1])
        yield Town(a, b, b.account(account.account, account.key_name), account, at_a, at_b)


@pytest.mark.requirement("H4", "H6", "S7.2a", "S6.3c", command="xinglin demo")
@pytest.mark.requirement(
    "H7", part="a matched patient's records are read at the node that made them; many nodes not yet"
)
def test_a_patients_record_is_matched_permitted_read_and_traced(town: Town, stage: Stage) -> None:
    a, b = town.a, town.b
    wanted = town.records(b"Observation")[0]

    assert town.refused(wanted) == "agreement.missing"
    assert town.refused(bytes(31) + b"\x01") == "agreement.missing"  # whether it is here is not told
    with pytest.raises(PlatformError) as unmatched:
        b.reader.match(a, town.reader, described(b.archive.persons, town.at_b), Purpose.TREAT)
    assert unmatched.value.code == "agreement.missing"
    town.agree(Purpose.TREAT, Purpose.ETREAT, Purpose.HRESCH)
    link = b.reader.match(a, town.reader, described(b.archive.persons, town.at_b), Purpose.TREAT)
    assert link not in (town.at_a, town.at_b)
    assert a.archive.persons.person_by_handle(b.member, link) == town.at_a
    assert town.refused(wanted) == "permit.no_consent"
    with pytest.raises(PlatformError) as nothing:
        b.reader.search(a, town.reader, link, Purpose.TREAT)
    assert nothing.value.code == "permit.no_consent"

    given = town.consent()
    told = b.reader.search(a, town.reader, link, Purpose.TREAT)
    assert wanted in {one.commitment for one in told}
    assert {one.category for one in told} <= {2, 3}
    assert all(one.level <= 4 for one in told)
    read = b.reader.read(a, town.reader, wanted, Purpose.TREAT)
    assert read.copy is Copy.ORIGINAL
    assert json.loads(read.content)["resourceType"] == "Observation"
    assert town.refused(wanted, Purpose.HRESCH) == "permit.purpose"
    assert town.refused(wanted, Purpose.COVERAGE) == "agreement.missing"
    assert town.refused(town.records(b"Patient")[0]) == "permit.category"
    assert town.refused(bytes(31) + b"\x01") == "reading.not_here"

    revoke(town.b.archive.node, given)
    assert town.refused(wanted) == "permit.revoked"
    anchoring(a.archive.node).step()
    everything_is_on_record(town, wanted)


def everything_is_on_record(town: Town, wanted: bytes) -> None:
    """Compare both private chains: every request has its entry, every twin its receipt, the list is complete."""
    a, b = town.a.archive.node, town.b.archive.node
    with open_trace(a) as trace, open_trace(b) as asked:
        entries = trace.entries_of([wanted])
        assert [one.entry.outcome == 0 for one in entries] == [False, False, True, False, False, False]
        assert {one.entry.account for one in entries} == {town.reader.account}
        assert trace.completeness(wanted).complete
        (given,) = trace.recipients(wanted)
        assert (given.member, given.account, given.times) == (b.member, town.reader.account, 1)
        twins = asked.twins()
        assert len(twins) == len(trace.entries_of_member(b.member))
        assert asked.open_twins(0) == []
        for twin in twins:
            state = decode(TwinState, b.private_ledger().value(state_key("access", "twin", twin.request)) or b"")
            assert state.answer
            (entry,) = trace.entries_for(twin.request)
            assert entry.entry.outcome == twin.outcome


def test_an_ended_key_reads_nothing(town: Town) -> None:
    account = add_account(town.b.archive.node, (Role.PRACTITIONER,), "Physician who leaves")
    leaving = town.b.account(account.account, account.key_name)
    call(town.b.archive.node, "registry", "end_key", EndKey(account.key, ()), ADMINISTRATOR)
    with pytest.raises(PlatformError) as refusal:
        town.b.reader.read(town.a, leaving, town.records(b"Observation")[0], Purpose.TREAT)
    assert refusal.value.code == "permit.key_ended"


@pytest.mark.requirement("H6")
def test_a_record_that_was_altered_is_not_served(town: Town) -> None:
    wanted = town.records(b"Observation")[1]
    given = town.consent()
    row = town.a.archive.vault.find_commitment(wanted)
    assert row is not None
    segment = Path(town.a.archive.vault.segments.path(row.details.segment))
    whole = segment.read_bytes()
    damaged = bytearray(whole)
    damaged[row.details.offset + row.details.length // 2] ^= 1
    segment.write_bytes(damaged)
    try:
        assert town.refused(wanted) == "vault.entry_damaged"
    finally:
        segment.write_bytes(whole)
    assert town.b.reader.read(town.a, town.reader, wanted, Purpose.TREAT).commitment == wanted
    revoke(town.b.archive.node, given)


def test_own_staff_read_in_an_open_episode_only(town: Town) -> None:
    account = add_account(town.a.archive.node, (Role.PRACTITIONER,), "Physician at A")
    own = town.a.account(account.account, account.key_name)
    with pytest.raises(PlatformError) as refusal:
        town.a.reader.read(town.a, own, town.records(b"Observation")[0], Purpose.TREAT)
    assert refusal.value.code == "permit.no_consent"


@dataclass
class Between:
    """A's node with something that happens while an access entry is on its way, or with a copy of each request."""

    serving: Serving
    happens: Callable[[], None] = lambda: None
    requests: list[bytes] = field(default_factory=list)

    @property
    def node(self) -> str:
        return self.serving.node

    @property
    def member(self) -> str:
        return self.serving.member

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        self.requests.append(request)
        custodian = self.serving.custodian
        parts = replace(custodian._parts, log=self)
        return Custodian(parts, custodian._head).answer(request, payload)

    def log_many(self, entries: Sequence[AccessEntry]) -> Sequence[Logged | Exception]:
        logged = self.serving.custodian._parts.log.log_many(entries)
        happens, self.happens = self.happens, lambda: None
        happens()
        return logged


def test_what_is_revoked_while_the_entry_is_on_its_way_is_not_served(town: Town) -> None:
    wanted, given = town.records(b"Observation")[2], town.consent()
    between = Between(town.a, lambda: revoke(town.b.archive.node, given))
    with pytest.raises(PlatformError) as refusal:
        town.b.reader.read(between, town.reader, wanted, Purpose.TREAT)
    assert refusal.value.code in {"permit.revoked", "permit.no_consent"}
    with open_trace(town.a.archive.node) as trace:
        assert [one.entry.outcome == 0 for one in trace.entries_of([wanted])] == [True, False]


def test_a_request_is_answered_once_also_after_a_restart(town: Town) -> None:
    wanted, given = town.records(b"Observation")[3], town.consent()
    between = Between(town.a)
    town.b.reader.read(between, town.reader, wanted, Purpose.TREAT)
    with pytest.raises(RequestReplayed):
        town.a.answer(between.requests[0])
    private = town.a.archive.node.private_ledger()
    again = SeenRequests(recent_requests(private, SystemClock().now_ms()), SystemClock().now_ms())
    parts = replace(town.a.custodian._parts, seen=again)
    with pytest.raises(RequestReplayed):
        Custodian(parts, town.a.custodian._head).answer(between.requests[0])
    revoke(town.b.archive.node, given)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.PRACTITIONER])
def test_who_may_ask_nothing_matches_and_searches_nothing(town: Town, role: Role) -> None:
    account = add_account(town.b.archive.node, (role,), f"Somebody as {role.name.lower()}")
    if role is Role.PRACTITIONER:
        call(town.b.archive.node, "registry", "end_key", EndKey(account.key, ()), ADMINISTRATOR)
    who, expected = town.b.account(account.account, account.key_name), {"permit.role", "permit.key_ended"}
    told = described(town.b.archive.persons, town.at_b)
    for ask in (
        lambda: town.b.reader.match(town.a, who, told, Purpose.TREAT),
        lambda: town.b.reader.search(town.a, who, bytes(16), Purpose.TREAT),
        lambda: town.b.reader.read(town.a, who, bytes(32), Purpose.TREAT),
    ):
        with pytest.raises(PlatformError) as refusal:
            ask()
        assert refusal.value.code in expected


def test_damage_of_what_a_decision_rests_on_is_a_refusal_on_record(town: Town) -> None:
    wanted = town.records(b"Observation")[4]

    class Damaged:
        def asking(self, *_: object, **__: object) -> Asking:
            raise ProtectionRowDamaged(number=1)

    there = town.a.custodian._parts
    parts = replace(there, deciding=replace(there.deciding, situations=Damaged()))
    damaged = Between(replace(town.a, custodian=Custodian(parts, town.a.custodian._head)))
    with pytest.raises(PlatformError) as refusal:
        town.b.reader.read(damaged, town.reader, wanted, Purpose.TREAT)
    assert refusal.value.code == "protection.row_damaged"


def test_a_consent_on_paper_needs_two_and_the_acknowledgement(town: Town) -> None:
    node, wanted = town.a.archive.node, town.records(b"Observation")[0]
    staff = [add_account(node, (Role.ADMINISTRATOR,), f"Clerk {number}") for number in (1, 2)]
    names = (staff[0].key_name, staff[1].key_name)
    paper = town.a.protection.consents.keep_paper(b"scan", town.at_a, staff[0].account, SystemClock().now_ms())
    what = replace(town.wanted(), paper=paper)
    with pytest.raises(PlatformError) as alone:
        give_at_counter(node, what, [(town.a.node, town.at_a)], (names[0], names[0]))
    assert alone.value.code == "consent.same_account"
    given = give_at_counter(node, what, [(town.a.node, town.at_a)], names)
    assert town.refused(wanted) in {"permit.revoked", "permit.no_consent"}
    acknowledge(town.a, given.consent)
    assert town.b.reader.read(town.a, town.reader, wanted, Purpose.TREAT).commitment == wanted
