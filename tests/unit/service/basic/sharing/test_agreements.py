"""The contract agreement: two members sign the same terms; each refusal changes nothing; what covers a request."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Party, new_id
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.sharing.agreements.errors import (
    AgreementExists,
    AgreementNotParty,
    AgreementOtherTerms,
    AgreementSettled,
    AgreementTermsInvalid,
    AgreementUnknown,
)
from xinglin.service.basic.sharing.agreements.model import (
    AcceptAgreement,
    AgreementOfPair,
    AgreementState,
    AgreementTerms,
    EndAgreement,
    ProposeAgreement,
)
from xinglin.service.basic.sharing.agreements.rules import standing, uncovered
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

SUPER = Role.SUPER_ADMINISTRATOR
DAY = 86_400_000


def terms(c: Consortium, **changes: Any) -> AgreementTerms:
    """Return terms by which the platform may ask the hospital."""
    usual = AgreementTerms(
        custodian=c.hospital.member,
        reader=c.platform.member,
        purposes=(Purpose.COVERAGE, Purpose.TREAT),
        categories=(Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION),
        level=Level.NARROW,
        from_ms=c.ledger.time,
        until_ms=c.ledger.time + DAY,
        text=bytes(32),
    )
    return replace(usual, **changes)


def call(c: Consortium, by: Party, method: str, arguments: ChainObject) -> dict[str, Any]:
    """Call a method of the contract."""
    return c.ledger.call(by.caller(SUPER), f"agreement.{method}", arguments)


def refused(c: Consortium, by: Party, method: str, arguments: ChainObject, refusal: type[PlatformError]) -> None:
    """Call, expect a refusal and an unchanged state."""
    before = dict(c.ledger.state)
    with pytest.raises(PlatformError) as caught:
        call(c, by, method, arguments)
    assert type(caught.value) is refusal
    assert c.ledger.state == before


def agreed(c: Consortium, what: AgreementTerms | None = None) -> str:
    """Have both sign; return the id."""
    id_, signed = new_id(), what or terms(c)
    call(c, c.hospital, "propose", ProposeAgreement(id_, signed))
    call(c, c.platform, "accept", AcceptAgreement(id_, signed))
    return id_


def state(c: Consortium, agreement: str) -> AgreementState:
    """Return an agreement's state."""
    found = c.ledger.value(AgreementState, "agreement", "agreement", agreement)
    assert found is not None
    return found


@pytest.mark.requirement("W6", part="the agreement that two members sign; channels come with exchange")
def test_two_members_sign_and_either_ends(consortium: Consortium) -> None:
    c = consortium
    first, second = agreed(c), agreed(c, terms(c, level=Level.MEDIUM))
    pair = c.ledger.value(AgreementOfPair, "agreement", "pair", c.hospital.member, c.platform.member)
    assert pair == AgreementOfPair(agreement=second, number=2)
    assert (state(c, first).proposer, state(c, first).accepted_ms) == (c.hospital.member, (c.ledger.time,))
    call(c, c.platform, "end", EndAgreement(second))
    assert state(c, second).ended_ms == (c.ledger.time,)


def test_one_change_and_a_proposal_is_refused(consortium: Consortium) -> None:
    c = consortium
    refused(c, c.other, "propose", ProposeAgreement(new_id(), terms(c)), AgreementNotParty)
    for change in (
        {"reader": c.hospital.member},
        {"purposes": ()},
        {"purposes": (Purpose.TREAT, Purpose.COVERAGE)},
        {"categories": ()},
        {"categories": (Category.HEALTH_STATUS, Category.HEALTH_STATUS)},
        {"until_ms": c.ledger.time},
        {"reader": new_id()},
    ):
        refused(c, c.hospital, "propose", ProposeAgreement(new_id(), terms(c, **change)), AgreementTermsInvalid)
    id_ = agreed(c)
    refused(c, c.hospital, "propose", ProposeAgreement(id_, terms(c)), AgreementExists)


def test_one_change_and_an_acceptance_or_end_is_refused(consortium: Consortium) -> None:
    c, id_ = consortium, new_id()
    refused(c, c.platform, "accept", AcceptAgreement(id_, terms(c)), AgreementUnknown)
    refused(c, c.platform, "end", EndAgreement(id_), AgreementUnknown)
    call(c, c.hospital, "propose", ProposeAgreement(id_, terms(c)))
    refused(c, c.hospital, "accept", AcceptAgreement(id_, terms(c)), AgreementNotParty)
    refused(c, c.other, "accept", AcceptAgreement(id_, terms(c)), AgreementNotParty)
    refused(c, c.other, "end", EndAgreement(id_), AgreementNotParty)
    refused(c, c.platform, "accept", AcceptAgreement(id_, terms(c, level=Level.STRICT)), AgreementOtherTerms)
    call(c, c.platform, "accept", AcceptAgreement(id_, terms(c)))
    refused(c, c.platform, "accept", AcceptAgreement(id_, terms(c)), AgreementSettled)
    call(c, c.hospital, "end", EndAgreement(id_))
    refused(c, c.platform, "end", EndAgreement(id_), AgreementSettled)
    refused(c, c.platform, "accept", AcceptAgreement(id_, terms(c)), AgreementSettled)


def test_what_an_agreement_covers(consortium: Consortium) -> None:
    c = consortium
    good, now = state(c, agreed(c)), c.ledger.time
    wanted = (Purpose.TREAT, now, Category.HEALTH_STATUS, Level.NARROW)
    assert uncovered(good, *wanted) == ""
    assert uncovered(good, Purpose.TREAT, now, None, None) == ""
    cases: dict[str, tuple[AgreementState | None, Purpose, int, Category | None, Level | None]] = {
        "there is none": (None, *wanted),
        "it was ended": (replace(good, ended_ms=(now,)), *wanted),
        "the purpose": (good, Purpose.HRESCH, *wanted[1:]),
        "the category": (good, Purpose.TREAT, now, Category.MEDICAL_PAYMENT, Level.NARROW),
        "the level": (good, Purpose.TREAT, now, Category.HEALTH_STATUS, Level.STRICT),
    }
    for reason, case in cases.items():
        assert uncovered(*case) == reason
    assert uncovered(replace(good, accepted_ms=()), *wanted) == "there is none"
    for time in (now - 1, now + DAY):
        assert uncovered(good, Purpose.TREAT, time, None, None) == "it is not in force"


def test_an_older_proposal_replaces_no_newer_agreement(consortium: Consortium) -> None:
    c, wide = consortium, new_id()
    call(c, c.hospital, "propose", ProposeAgreement(wide, terms(c, level=Level.STRICT)))
    narrow = agreed(c)
    refused(c, c.platform, "accept", AcceptAgreement(wide, terms(c, level=Level.STRICT)), AgreementSettled)
    pair = c.ledger.value(AgreementOfPair, "agreement", "pair", c.hospital.member, c.platform.member)
    assert pair is not None
    assert pair.agreement == narrow


def test_what_is_over_is_not_accepted(consortium: Consortium) -> None:
    c, id_ = consortium, new_id()
    signed = terms(c)
    call(c, c.hospital, "propose", ProposeAgreement(id_, signed))
    c.ledger.time += DAY
    refused(c, c.platform, "accept", AcceptAgreement(id_, signed), AgreementSettled)


def test_where_an_agreement_stands_is_what_can_be_done_with_it(consortium: Consortium) -> None:
    c, now, pending = consortium, consortium.ledger.time, new_id()
    call(c, c.hospital, "propose", ProposeAgreement(pending, terms(c)))
    open_ = state(c, pending)
    assert [standing(pending, open_, None, time) for time in (now, now + DAY)] == ["proposed", "lapsed"]
    id_ = agreed(c)
    signed = state(c, id_)
    last = AgreementOfPair(agreement=id_, number=1)
    assert standing(pending, open_, last, now) == "lapsed"
    times = (now - 1, now, now + DAY - 1, now + DAY)
    assert [standing(id_, signed, last, time) for time in times] == ["to_begin", "in_force", "in_force", "over"]
    assert standing(id_, signed, AgreementOfPair(agreement=pending, number=2), now) == "replaced"
    assert standing(id_, replace(signed, ended_ms=(now,)), last, now) == "ended"
