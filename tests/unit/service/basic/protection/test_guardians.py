"""Guardians, defaults and mandates: dates and evidence, and what they open and no longer open."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.support.contract_parties import Consortium, new_id
from tests.support.protection_home import ProtectionHome
from xinglin.carrier.access.registry.model import EndKey
from xinglin.service.basic.protection.consents import drafts
from xinglin.service.basic.protection.consents.drafts import WantedConsent, draft_consent
from xinglin.service.basic.protection.consents.model import KeyMethod
from xinglin.service.basic.protection.consents.wallet import Wallet
from xinglin.service.basic.protection.errors import (
    GuardianAdult,
    GuardianPeriod,
    GuardianshipUnknown,
    MandateInvalid,
)
from xinglin.service.basic.protection.guardians import GuardianEvidence
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import (
    Article,
    Decision,
    Episode,
    PatientDefault,
    RecordState,
    Rule,
    Standing,
    Target,
)
from xinglin.service.basic.protection.rules import decide, explain
from xinglin.service.basic.protection.service import Asked, Situations
from xinglin.service.basic.protection.terms import birthday_ms
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Basis, Purpose

DAY = 86_400_000
BORN = date(2014, 5, 6)
MAJORITY = birthday_ms(BORN, 18)
TARGET = Target(Category.HEALTH_STATUS, Level.NARROW)


def mother(now: int, **changes: Any) -> GuardianEvidence:
    """Return a guardianship by the mother from now on."""
    return replace(GuardianEvidence("Zhang San", "mother", b"e" * 32, now), **changes)


def ask(c: Consortium, role: Role, purpose: Purpose) -> Asked:
    """Return a request of an account of the hospital."""
    caller = c.hospital.caller(role)
    return Asked(Action.READ, purpose, caller.member, caller.account, caller.key)


def decided(home: ProtectionHome, asked: Asked, person: bytes, at_ms: int | None = None) -> Decision:
    """Return what a node decides, now or at another moment."""
    return decide(home.situations.of(asked, person, TARGET, home.consortium.ledger.time, at_ms))


@pytest.mark.requirement("S6.3c", "S8.3")
def test_a_guardian_s_consent_ends_by_rule_at_18_and_access_explain_shows_it(
    gm: Consortium, there: ProtectionHome, wallet: Wallet
) -> None:
    now, person, consent = gm.ledger.time, there.patient(BORN), new_id()
    guardianship = there.guardians.add(person, mother(now))
    wanted = WantedConsent(
        [Purpose.TREAT], [Category.HEALTH_STATUS], Level.NARROW, now, now, MAJORITY + DAY, guardian=guardianship
    )
    draft = draft_consent(
        gm.ledger.suite, os.urandom, consent, wallet.new_key(consent), wanted, [there.addressee(person)]
    )
    call = drafts.grant_call(draft, KeyMethod.CARD, wallet.sign(gm.ledger.chain, draft))
    gm.ledger.call(gm.hospital.caller(Role.SERVICE), "consent.grant", call)
    there.take_in(consent)
    asked = ask(gm, Role.PRACTITIONER, Purpose.TREAT)
    assert decided(there, asked, person).permit
    assert decided(there, asked, person, MAJORITY - 1).permit
    decision, steps = explain(there.situations.of(asked, person, TARGET, now, MAJORITY))
    assert decision.code == "permit.guardian"
    assert [step.said for step in steps if step.rule is Rule.CONSENT] == ["passes: permit.guardian"]
    there.guardians.end(guardianship, now + DAY)
    assert decided(there, asked, person, now + DAY).code == "permit.guardian"


@pytest.mark.requirement("S6.3c")
def test_a_guardian_reads_a_child_s_record_at_the_counter_until_18(gm: Consortium, here: ProtectionHome) -> None:
    now, person = gm.ledger.time, here.patient(BORN)
    asked = ask(gm, Role.SERVICE, Purpose.FAMRQT)
    stated = StatedMandate(
        Article.GUARDIAN_REQUEST,
        b"d" * 32,
        [Purpose.FAMRQT],
        list(Category),
        Level.STRICT,
        MAJORITY - DAY,
        MAJORITY + DAY,
    )
    here.mandates.enter(person, stated, asked.account)
    assert decided(here, asked, person, MAJORITY - 1).code == "permit.guardian"
    here.guardians.add(person, mother(now))
    permit = decided(here, asked, person, MAJORITY - 1)
    assert (permit.basis, permit.reference) == (Basis.LEGAL_DUTY, b"guardian_request")
    assert decided(here, asked, person, MAJORITY).code == "permit.guardian"


def test_a_relation_has_dates_in_order_and_concerns_minors(gm: Consortium, here: ProtectionHome) -> None:
    now, person = gm.ledger.time, here.patient(BORN)
    with pytest.raises(GuardianAdult):
        here.guardians.add(person, mother(MAJORITY))
    with pytest.raises(GuardianPeriod):
        here.guardians.add(person, mother(now, until_ms=now))
    shared = new_id()
    assert here.guardians.add(person, mother(now, until_ms=now + 9), shared) == shared
    for until in (now, now + 10):
        with pytest.raises(GuardianPeriod):
            here.guardians.end(shared, until)
    here.guardians.end(shared, now + 8)
    here.reopen()
    (relation,) = here.guardians.patient(person).guardianships
    assert (relation.from_ms, relation.until_ms) == (now, now + 8)
    with pytest.raises(GuardianshipUnknown):
        here.guardians.end(new_id(), now + 1)


@pytest.mark.requirement("S6.3c")
def test_the_newest_default_counts_and_a_guardian_s_ends_with_the_guardianship(
    gm: Consortium, there: ProtectionHome
) -> None:
    now, person = gm.ledger.time, there.patient(BORN)
    asked = ask(gm, Role.PRACTITIONER, Purpose.TREAT)
    guardianship = there.guardians.add(person, mother(now))
    there.guardians.set_default(person, PatientDefault.TREATMENT, now, b"p" * 32, guardianship)
    assert decided(there, asked, person).reference == b"default"
    assert decided(there, asked, person, MAJORITY).code == "permit.no_consent"
    there.guardians.set_default(person, PatientDefault.CLOSED, now + DAY)
    assert decided(there, asked, person, now + DAY).rule is Rule.PATIENT_DEFAULT
    assert decided(there, asked, person, now + DAY - 1).permit
    other = there.patient(BORN)
    with pytest.raises(GuardianshipUnknown):
        there.guardians.set_default(other, PatientDefault.TREATMENT, now, guardian=guardianship)


Change = Callable[[StatedMandate], StatedMandate]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, level=Level.STRICT),
        lambda one: replace(one, special=Special.HIV),
        lambda one: replace(one, purposes=[Purpose.TREAT]),
        lambda one: replace(one, purposes=[]),
        lambda one: replace(one, categories=[]),
        lambda one: replace(one, until_ms=one.from_ms + 367 * DAY),
        lambda one: replace(one, until_ms=one.from_ms),
        lambda one: replace(one, document=b""),
    ],
)
def test_a_mandate_reaches_no_further_than_its_article(here: ProtectionHome, change: Change) -> None:
    stated = StatedMandate(
        Article.SUPERVISION, b"d" * 32, [Purpose.HQUALIMP], list(Category), Level.MEDIUM, 0, 366 * DAY
    )
    person = here.patient()
    with pytest.raises(MandateInvalid):
        here.mandates.enter(person, change(stated), new_id())
    assert here.mandates.of(person) == ()
    here.mandates.enter(person, stated, new_id())
    assert [one.article for one in here.mandates.of(person)] == [Article.SUPERVISION]


@pytest.mark.requirement("S6.3c", "S8.3", "S7.2a")
def test_one_s_own_staff_treat_without_a_consent_while_the_episode_is_open(
    gm: Consortium, here: ProtectionHome
) -> None:
    person, asked = here.patient(), ask(gm, Role.PRACTITIONER, Purpose.TREAT)
    assert decided(here, asked, person).code == "permit.no_consent"
    here.episodes.open[person] = Episode(b"e" * 16, gm.ledger.time)
    assert decided(here, asked, person).basis is Basis.CARE
    late = here.situations.of(asked, person, TARGET, gm.ledger.time + 60_000)
    assert decide(late).basis is Basis.CARE  # a stale chain does not stop care


@pytest.mark.requirement("S7.2a", "S8.3")
def test_standing_is_read_from_the_chain(gm: Consortium, there: ProtectionHome) -> None:
    person, now = there.patient(), gm.ledger.time
    good = ask(gm, Role.PRACTITIONER, Purpose.TREAT)

    def reader(asked: Asked) -> Any:
        return there.situations.of(asked, person, TARGET, now).reader

    assert (reader(good).kind, reader(good).roles) == (MemberKind.MEDICAL_INSTITUTION, {Role.PRACTITIONER})
    assert reader(good).key_standing is Standing.IN_FORCE
    assert reader(replace(good, member=new_id())).member_standing is Standing.UNKNOWN
    assert reader(replace(good, account=new_id())).account_standing is Standing.UNKNOWN
    assert reader(replace(good, member=gm.other.member)).account_standing is Standing.UNKNOWN
    assert reader(replace(good, key=b"k" * 65)).key_standing is Standing.UNKNOWN
    stranger = gm.hospital.caller(Role.AUDITOR).key
    assert reader(replace(good, key=stranger)).key_standing is Standing.UNKNOWN
    there.quotas.used.add(good.account)
    assert decided(there, good, person).code == "permit.quota"
    stale = there.situations.of(good, person, TARGET, now + 10_001)
    assert decide(stale).code == "chain.stale"


@pytest.mark.requirement("S7.2a")
@pytest.mark.parametrize(
    ("compromised", "code"),
    [(None, "permit.key_ended"), (0, "permit.key_compromised")],
)
def test_an_ended_key_reads_no_more(gm: Consortium, there: ProtectionHome, compromised: int | None, code: str) -> None:
    asked, person = ask(gm, Role.PRACTITIONER, Purpose.TREAT), there.patient()
    call = EndKey(asked.key, () if compromised is None else (compromised,))
    gm.ledger.call(gm.hospital.caller(Role.SUPER_ADMINISTRATOR), "registry.end_key", call)
    assert decided(there, asked, person, gm.ledger.time + 1).code == code


def test_another_limit_of_staleness_is_the_institution_s(gm: Consortium, there: ProtectionHome) -> None:
    person, now = there.patient(), gm.ledger.time
    strict = Situations(there.party.member, there.situations._sources, stale_after_ms=0)
    asked = ask(gm, Role.PRACTITIONER, Purpose.TREAT)
    assert decide(strict.of(asked, person, TARGET, now + 1)).code == "chain.stale"
    gone = replace(TARGET, state=RecordState.DESTROYED)
    assert decide(strict.of(asked, person, gone, now)).code == "permit.destroyed"
