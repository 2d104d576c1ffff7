"""B's physician breaks the glass for a patient who is unconscious, and reads at A; both institutions review it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.agreements import agree
from tests.support.town import YEAR_MS, Town, open_town
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import add_account
from xinglin.node.office.desk import PatientNotLinked, custodians_of, give
from xinglin.node.office.emergency import issued_grant, tell_patient
from xinglin.node.office.linking import match_person
from xinglin.node.office.notices import notice_values, open_notices
from xinglin.node.office.permitted import read_record, search_person
from xinglin.node.office.protecting import open_glass
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import Archive
from xinglin.service.basic.audit.messages import EmergencyGrant, SignedGrant
from xinglin.service.basic.protection.break_glass import Emergency
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.consents.wallet import Wallet
from xinglin.service.basic.protection.foreign_grants import grant_hash
from xinglin.service.basic.protection.store_model import KeptConsent, KeptGrant
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Copy, Purpose


@pytest.fixture(scope="module")
def town(homes_of_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("emergency") / "homes"
    shutil.copytree(homes_of_town, folder)
    with open_town(folder) as opened:
        a, b = opened.a, opened.b
        agree(a.archive.node, b.archive.node, Purpose.ETREAT, Purpose.TREAT)
        match_person(b, a, opened.physician.account, Purpose.TREAT, opened.at_b)
        yield opened


def wanted(town: Town, *, prohibits: bool = False) -> WantedConsent:
    now = town.a.archive.node.consortium.tip.time
    return WantedConsent(
        purposes=[Purpose.TREAT],
        categories=[Category.HEALTH_STATUS],
        level=Level.NARROW,
        given_ms=now,
        from_ms=now,
        until_ms=now + YEAR_MS,
        prohibits=prohibits,
    )


@pytest.mark.requirement("S6.3c", "W8", command="xinglin consent acknowledge")
def test_a_consent_binds_another_node_by_the_link_alone(town: Town, tmp_path: Path) -> None:
    a, b = town.a, town.b
    assert custodians_of(a, town.at_a, ["linked"]) == [(a.node, town.at_a), (b.node, town.link)]
    assert custodians_of(a, town.at_a, [b.member]) == custodians_of(a, town.at_a, [b.node])
    wallet = Wallet.create(tmp_path / "wallet", a.archive.node.consortium.rules.suite, b"a patient's secret")
    given = give(a, wallet, town.at_a, wanted(town), ["linked"])
    assert b.protection.consents.held(town.at_b) == ()
    taken = b.protection.consents.take_in_all(b.protection.consents.new())
    assert [one.consent for one in taken.calls] == [given.consent]
    (held,) = b.protection.consents.held(town.at_b)
    assert held.acknowledged_ms is None
    (row,) = b.protection.store.of_kind(KeptConsent)
    assert (row.person, row.value.opening.person) == (town.at_b, town.link)
    assert town.at_a not in msgspec.msgpack.encode(row.value), "A's id of the patient never left A"


def notices_of(archive: Archive) -> list[dict[str, Any]]:
    """Return the notices of a home."""
    with open_notices(archive) as notices:
        return [notice_values(one) for one in notices.every()]


def code(town: Town, commitment: bytes, grant: SignedGrant | None = None) -> str:
    """Return how A answers B's physician in an emergency; empty for a permit."""
    grants = () if grant is None else (grant,)
    try:
        town.b.reader.read(town.a, town.reader, commitment, Purpose.ETREAT, grants=grants)
    except PlatformError as refusal:
        return refusal.code
    return ""


@pytest.mark.requirement("S6.3c", "H4", "H10", "S7.2a", command="xinglin access read")
def test_a_grant_of_b_opens_one_patient_at_a_and_is_reviewed_at_both(town: Town) -> None:
    a, b, physician = town.a, town.b, town.physician.account
    wanted_row = town.rows(b"Observation")[0]
    commitment = wanted_row.details.commitment
    assert code(town, commitment) == "permit.purpose"
    opened = open_glass(b, physician, town.at_b, Emergency(4, "unconscious after a fall"))
    assert opened["notice"]["recipient"]["member"] == b.member
    (row,) = b.protection.store.of_kind(KeptGrant)
    assert code(town, commitment) == "permit.purpose", "what B knows A does not know"

    for attack in attacks(town, row.value):
        assert code(town, commitment, attack) == "break_glass.grant"
    assert a.protection.break_glass.tasks() == []

    read = read_record(b, a, physician, commitment, Purpose.ETREAT, grant=opened["grant"])
    assert read.disclosed.copy is Copy.ORIGINAL
    (task,) = a.protection.break_glass.tasks()
    assert (task.person, task.value.admitted, task.value.account) == (town.at_a, 1, physician)
    (told,) = [one for one in notices_of(a.archive) if one["kind"] == "break_glass"]
    assert told["recipient"] == {"member": a.member, "account": "", "patient": True}
    assert "Hospital B" in told["en"]
    assert "unconscious" in told["zh"]
    assert tell_patient(a.archive, task.value, task.person).notice == told["notice"]

    found = search_person(b, a, physician, town.at_b, Purpose.ETREAT, opened["grant"]).found
    assert commitment in {one.commitment for one in found}
    assert {one.category for one in found} <= {1, 2, 3}
    assert code(town, commitment) == "", "it is kept at A until it ends"
    assert len(a.protection.break_glass.tasks()) == 1
    assert len([one for one in notices_of(a.archive) if one["kind"] == "break_glass"]) == 1
    with open_trace(a.archive.node) as trace:
        bases = [(row.entry.basis, row.entry.outcome == 0) for row in trace.entries_of([commitment])]
    assert bases == [("none", False)] * (2 + len(list(attacks(town, row.value)))) + [("emergency", True)] * 2


def attacks(town: Town, kept: KeptGrant) -> Iterator[SignedGrant]:
    """Yield grants that A must not believe."""
    a, b = town.a, town.b
    node, hash_ = b.archive.node, b.archive.node.consortium.rules.suite.hash
    good = issued_grant(node, kept, kept.account, a.node, town.link)

    def signed(key: str = "service", **changes: object) -> SignedGrant:
        grant = msgspec.structs.replace(good.grant, **changes)
        signer = node.signer(key)
        return SignedGrant(grant=grant, key=signer.key, signature=signer.sign(grant_hash(hash_, grant)))

    yield msgspec.structs.replace(good, signature=bytes(64))
    yield signed(town.physician.key_name)
    yield signed("administrator")
    yield signed(link=os.urandom(16))
    yield signed(custodian=b.node)
    yield signed(account=add_account(node, (Role.PRACTITIONER,), "Colleague at B").account)


def test_a_grant_at_ones_own_home_is_not_presented_and_a_colleague_presents_none(town: Town) -> None:
    b = town.b
    colleague = add_account(b.archive.node, (Role.PRACTITIONER,), "Colleague at B").account
    opened = open_glass(b, colleague, town.at_b, Emergency(1, "a second emergency"))
    commitment = town.rows(b"Observation")[1].details.commitment
    with pytest.raises(PlatformError) as refusal:
        read_record(b, town.a, town.physician.account, commitment, Purpose.ETREAT, grant=opened["grant"])
    assert refusal.value.code == "account.may_not_act"
    with pytest.raises(PlatformError) as unknown:
        read_record(b, town.a, colleague, commitment, Purpose.ETREAT, grant="a" * 26)
    assert unknown.value.code == "review.unknown"


def of_another(town: Town) -> bytes:
    """Return a record of another patient at A."""
    index = town.a.archive.persons
    other = next(one for one in index.persons() if one != town.at_a)
    return town.a.archive.vault.records_of(index.subjects_of(other))[0].details.commitment


@pytest.mark.requirement("S6.3c", "H1")
def test_a_grant_that_is_not_let_in_tells_nobody_whose_a_record_is(town: Town) -> None:
    """Commitments are public: whose they are must not be found out by grants that cost nothing."""
    glass, now = town.a.protection.break_glass, SystemClock().now_ms()
    asking = add_account(town.b.archive.node, (Role.PRACTITIONER,), "Curious physician at B")
    curious = replace(town, reader=town.b.account(asking.account, asking.key_name))
    theirs, strange = town.rows(b"Observation")[0].details.commitment, of_another(town)
    hour, before = 3_600_000, len(glass.tasks())
    wrong = {
        "permit.break_glass_ended": {"from_ms": now - 2 * hour, "until_ms": now - hour},
        "break_glass.hours": {"from_ms": now, "until_ms": now + 25 * hour},
        "break_glass.reason": {"from_ms": now, "until_ms": now + hour, "reason": b" "},
        "break_glass.grant": {"from_ms": now, "until_ms": now + hour, "link": os.urandom(16)},
    }
    for refusal, changes in wrong.items():
        grant = made_up(town, account=asking.account, **changes)
        assert {code(curious, one, grant) for one in (theirs, strange)} == {refusal}
    assert len(glass.tasks()) == before
    good = made_up(town, account=asking.account, from_ms=now, until_ms=now + hour)
    assert code(curious, strange, good) == "break_glass.grant"
    assert len(glass.tasks()) == before + 1  # but now there is an emergency, which is reviewed and of which is told
    told = [one for one in notices_of(town.a.archive) if one["kind"] == "break_glass"]
    assert len(told) == before + 1
    assert code(curious, theirs, good) == ""


@pytest.mark.requirement("S6.3c", "H1")
def test_a_grant_holds_for_a_patient_who_is_found_as_another(town: Town) -> None:
    index, now = town.a.archive.persons, SystemClock().now_ms()
    asking = add_account(town.b.archive.node, (Role.PRACTITIONER,), "Physician at B on duty")
    on_duty = replace(town, reader=town.b.account(asking.account, asking.key_name))
    good = made_up(town, account=asking.account, from_ms=now, until_ms=now + 3_600_000)
    theirs, strange = town.rows(b"Observation")[0].details.commitment, of_another(town)
    other = next(one for one in index.persons() if one != town.at_a)
    merged = index.merge(other, town.at_a, "the same", town.own.account)
    assert code(on_duty, theirs, good) == ""
    index.unmerge(merged.merge, "not the same", town.own.account)
    assert code(on_duty, strange, good) == "break_glass.grant"


def made_up(town: Town, **changes: object) -> SignedGrant:
    """Return a grant that B's service account has signed for anything."""
    a, b = town.a, town.b
    grant = EmergencyGrant(
        chain=a.archive.node.consortium.rules.chain,
        id=os.urandom(16),
        member=b.member,
        account=town.physician.account,
        custodian=a.node,
        link=town.link,
        reason=b"unconscious",
        level=Level.NARROW,
        from_ms=0,
        until_ms=1,
    )
    changed = msgspec.structs.replace(grant, **changes)
    signer, hash_ = b.archive.node.signer("service"), a.archive.node.consortium.rules.suite.hash
    return SignedGrant(grant=changed, key=signer.key, signature=signer.sign(grant_hash(hash_, changed)))


@pytest.mark.requirement("H1", command="xinglin access search")
def test_an_id_of_ones_own_index_never_goes_to_another_institution(town: Town) -> None:
    a, b = town.a, town.b
    stranger = next(one for one in b.archive.persons.persons() if one != town.at_b)
    twins = len(list(town.site.trace_of(b.archive.node).twins()))
    with pytest.raises(PatientNotLinked):
        search_person(b, a, town.physician.account, stranger, Purpose.TREAT)
    assert len(list(town.site.trace_of(b.archive.node).twins())) == twins  # nothing was asked
    by_link = search_person(b, a, town.physician.account, town.link, Purpose.TREAT)
    assert by_link.found == search_person(b, a, town.physician.account, town.at_b, Purpose.TREAT).found
