"""Break-glass: who, how long, how often, the review, and what a grant opens."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from tests.support.contract_parties import Consortium, Key, new_id
from tests.support.protection_home import ProtectionHome
from xinglin.carrier.access.registry.model import AddAccount, EndAccount
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.protection.break_glass import BreakGlass, BreakGlassLimits, Emergency
from xinglin.service.basic.protection.break_glass_errors import (
    BreakGlassDenied,
    BreakGlassHours,
    BreakGlassQuota,
    BreakGlassReason,
    ReviewDenied,
    ReviewDone,
    ReviewUnknown,
)
from xinglin.service.basic.protection.model import Rule, Target
from xinglin.service.basic.protection.permit_errors import ReviewOverdue
from xinglin.service.basic.protection.rules import decide
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.protection.store_model import Verdict
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Basis, Purpose

HOUR = 3_600_000
FAINTED = Emergency(hours=4, reason="unconscious after a fall")
TARGET = Target(Category.HEALTH_STATUS, Level.NARROW)


def account(c: Consortium, role: Role) -> str:
    """Return the hospital's account of a role."""
    return c.hospital.accounts[role][0]


def code_at(home: ProtectionHome, person: bytes, target: Target = TARGET) -> str:
    """Return how a node answers the hospital's practitioner in an emergency; empty for a permit."""
    caller = home.consortium.hospital.caller(Role.PRACTITIONER)
    asked = Asked(Action.READ, Purpose.ETREAT, caller.member, caller.account, caller.key)
    decision = decide(home.situations.of(asked, person, target, home.consortium.ledger.time))
    assert not decision.permit or (decision.rule, decision.basis) == (Rule.BREAK_GLASS, Basis.EMERGENCY)
    return decision.code


@pytest.mark.requirement("S6.3c", "S8.3", "S7.2a")
def test_a_practitioner_breaks_the_glass_for_one_patient_for_hours(gm: Consortium, here: ProtectionHome) -> None:
    person, another, now = here.patient(), here.patient(), gm.ledger.time
    assert code_at(here, person) == "permit.no_consent"
    opened = here.break_glass.open(account(gm, Role.PRACTITIONER), person, FAINTED, now)
    assert opened.notice.person == person
    assert (opened.notice.account, opened.notice.reason) == (account(gm, Role.PRACTITIONER), FAINTED.reason)
    assert (opened.notice.from_ms, opened.notice.until_ms) == (now, now + 4 * HOUR)
    assert code_at(here, person) == ""
    assert code_at(here, another) == "permit.no_consent"
    assert code_at(here, person, replace(TARGET, level=Level.STRICT)) == "permit.level"
    here.reopen()
    assert code_at(here, person) == ""
    gm.ledger.time = now + 4 * HOUR
    assert code_at(here, person) == "permit.break_glass_ended"


def test_level_5_is_asked_for_by_name(gm: Consortium, here: ProtectionHome) -> None:
    person = here.patient()
    stated = replace(FAINTED, level=Level.STRICT, special=Special.HIV)
    here.break_glass.open(account(gm, Role.PRACTITIONER), person, stated, gm.ledger.time)
    assert code_at(here, person, replace(TARGET, level=Level.STRICT, special=Special.HIV)) == ""
    assert code_at(here, person, replace(TARGET, special=Special.GENETICS)) == "permit.special"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"hours": 0}, BreakGlassHours),
        ({"hours": 25}, BreakGlassHours),
        ({"reason": "  "}, BreakGlassReason),
        ({"reason": "x" * 1025}, BreakGlassReason),
    ],
)
def test_a_grant_needs_hours_and_a_reason(
    gm: Consortium, here: ProtectionHome, change: dict[str, Any], refusal: type[PlatformError]
) -> None:
    with pytest.raises(refusal):
        here.break_glass.open(
            account(gm, Role.PRACTITIONER), here.patient(), replace(FAINTED, **change), gm.ledger.time
        )
    assert here.break_glass.tasks() == []


def test_only_active_practitioners_of_the_institution_break_the_glass(
    gm: Consortium, here: ProtectionHome, there: ProtectionHome
) -> None:
    now = gm.ledger.time
    for role in set(Role) - {Role.PRACTITIONER}:
        with pytest.raises(BreakGlassDenied):
            here.break_glass.open(account(gm, role), here.patient(), FAINTED, now)
    for who in (account(gm, Role.PRACTITIONER), new_id()):
        with pytest.raises(BreakGlassDenied):
            there.break_glass.open(who, there.patient(), FAINTED, now)
    boss = gm.hospital.caller(Role.SUPER_ADMINISTRATOR)
    gm.ledger.call(boss, "registry.end_account", EndAccount(account(gm, Role.PRACTITIONER)))
    with pytest.raises(BreakGlassDenied):
        here.break_glass.open(account(gm, Role.PRACTITIONER), here.patient(), FAINTED, now)


@pytest.mark.requirement("S8.3")
def test_an_account_has_three_grants_in_24_hours(gm: Consortium, here: ProtectionHome) -> None:
    who, now = account(gm, Role.PRACTITIONER), gm.ledger.time
    for number in range(3):
        here.break_glass.open(who, here.patient(), FAINTED, now + number)
    with pytest.raises(BreakGlassQuota) as caught:
        here.break_glass.open(who, here.patient(), FAINTED, now + 24 * HOUR - 1)
    assert caught.value.facts["grants"] == 3
    here.break_glass.open(who, here.patient(), FAINTED, now + 24 * HOUR)


@pytest.mark.requirement("S6.3c")
def test_an_overdue_review_blocks_until_it_is_done(gm: Consortium, here: ProtectionHome) -> None:
    who, person, now = account(gm, Role.PRACTITIONER), here.patient(), gm.ledger.time
    grant = identifier(here.break_glass.open(who, person, FAINTED, now).grant.id)
    due = now + 72 * HOUR
    assert [row.value.review_by_ms for row in here.break_glass.tasks()] == [due]
    later = here.break_glass.open(who, person, FAINTED, due - 1)
    gm.ledger.time = due
    assert code_at(here, person) == "permit.review_overdue"
    with pytest.raises(ReviewOverdue):
        here.break_glass.open(who, here.patient(), FAINTED, due)
    here.break_glass.review(grant, account(gm, Role.COMPLIANCE_OFFICER), Verdict.JUSTIFIED, due)
    assert [row.value.id for row in here.break_glass.tasks()] == [later.grant.id]
    assert code_at(here, person) == ""
    here.break_glass.open(who, here.patient(), FAINTED, due)


def test_who_reviews_and_how_often(gm: Consortium, here: ProtectionHome) -> None:
    who, now = account(gm, Role.PRACTITIONER), gm.ledger.time
    grant = identifier(here.break_glass.open(who, here.patient(), FAINTED, now).grant.id)
    for reviewer in (who, account(gm, Role.ADMINISTRATOR), gm.regulator.accounts[Role.AUDITOR][0], new_id()):
        with pytest.raises(ReviewDenied):
            here.break_glass.review(grant, reviewer, Verdict.JUSTIFIED, now)
    with pytest.raises(ReviewUnknown):
        here.break_glass.review(new_id(), account(gm, Role.AUDITOR), Verdict.JUSTIFIED, now)
    done = here.break_glass.review(grant, account(gm, Role.AUDITOR), Verdict.UNJUSTIFIED, now + 1)
    assert (done.review[0].account, done.review[0].time) == (account(gm, Role.AUDITOR), now + 1)
    with pytest.raises(ReviewDone):
        here.break_glass.review(grant, account(gm, Role.COMPLIANCE_OFFICER), Verdict.JUSTIFIED, now)


def test_nobody_reviews_what_they_did_themselves(gm: Consortium, here: ProtectionHome) -> None:
    key, both = Key(gm.ledger.suite), new_id()
    proof = key.prove(gm.ledger.chain, gm.hospital.member, both)
    call = AddAccount(both, (Role.PRACTITIONER, Role.AUDITOR), bytes(32), key.public, proof)
    gm.ledger.call(gm.hospital.caller(Role.SUPER_ADMINISTRATOR), "registry.add_account", call)
    own = here.break_glass.open(both, here.patient(), FAINTED, gm.ledger.time).grant
    other = here.break_glass.open(account(gm, Role.PRACTITIONER), here.patient(), FAINTED, gm.ledger.time).grant
    here.break_glass.review(identifier(other.id), both, Verdict.JUSTIFIED, gm.ledger.time)
    with pytest.raises(ReviewDenied):
        here.break_glass.review(identifier(own.id), both, Verdict.JUSTIFIED, gm.ledger.time)


def test_an_institution_allows_less_but_never_more_than_24_hours(gm: Consortium, here: ProtectionHome) -> None:
    for limits, longest in ((BreakGlassLimits(max_hours=2), 2), (BreakGlassLimits(max_hours=100), 24)):
        made = BreakGlass(here.party.member, here.world, here.store, os.urandom, limits)
        with pytest.raises(BreakGlassHours) as caught:
            made.open(account(gm, Role.PRACTITIONER), here.patient(), replace(FAINTED, hours=48), gm.ledger.time)
        assert caught.value.facts["longest"] == longest
