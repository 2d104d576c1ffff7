"""The policy of permits, case by case; each case is one change of a situation that a consent permits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.situations import (
    ACCOUNT,
    CONSENT,
    COVERED,
    DAY,
    EPISODE,
    GRANT,
    GUARDIANSHIP,
    HOUR,
    NOW,
    ORDER,
    PROHIBITION,
    READER,
    TARGET,
)
from xinglin.service.basic.protection.model import (
    Article,
    Decision,
    Grantees,
    InstitutionDefault,
    Nearest,
    Patient,
    PatientDefault,
    RecordState,
    Rule,
    Situation,
    Standing,
)
from xinglin.service.basic.protection.permit_errors import ChainStale
from xinglin.service.basic.protection.rules import decide, explain
from xinglin.service.basic.protection.terms import birthday_ms
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Basis, Copy, Purpose

OTHER = b"z" * 16
PRIVATE = replace(TARGET, level=Level.STRICT, special=Special.HIV)


def reader(**changes: Any) -> Situation:
    """Return the situation with another reader."""
    return replace(COVERED, reader=replace(READER, **changes))


def target(**changes: Any) -> Situation:
    """Return the situation with another record."""
    return replace(COVERED, target=replace(TARGET, **changes))


def consent(**changes: Any) -> Situation:
    """Return the situation with another consent."""
    return replace(COVERED, held=(replace(CONSENT, **changes),))


def own(*roles: Role, **changes: Any) -> Situation:
    """Return the situation with a reader of the custodian and no consent."""
    return replace(COVERED, held=(), reader=replace(READER, own=True, roles=frozenset(roles)), **changes)


def ordered(mandate: dict[str, Any] | None = None, **changes: Any) -> Situation:
    """Return a situation that a court order permits."""
    base = replace(COVERED, purpose=Purpose.LEGAL, held=(), mandates=(replace(ORDER, **(mandate or {})),))
    return replace(base, **changes)


def duty(article: Article, purpose: Purpose, s: Situation, **mandate: Any) -> Situation:
    """Return a situation with a duty on record."""
    made = replace(ORDER, article=article, purposes=frozenset({purpose}), grantees=Grantees(), **mandate)
    return replace(s, purpose=purpose, mandates=(made,))


def emergency(grant: dict[str, Any] | None = None, **changes: Any) -> Situation:
    """Return a situation that break-glass permits."""
    base = replace(COVERED, purpose=Purpose.ETREAT, held=(), grant=replace(GRANT, **(grant or {})))
    return replace(base, **changes)


DEAD = Patient(died_ms=NOW - HOUR)
CHILD = Patient(fourteen_ms=NOW + DAY, adult_ms=NOW + 5 * DAY, guardianships=(GUARDIANSHIP,))
GROWN = Patient(fourteen_ms=NOW - 5 * DAY, adult_ms=NOW, guardianships=(GUARDIANSHIP,))
STALE = NOW - 10_001
EMERGENCY_STAFF = replace(READER, own=True)

REFUSED: list[tuple[Situation, Rule, str]] = [
    (replace(COVERED, chain_ms=STALE), Rule.CHAIN, "chain.stale"),
    (reader(member_standing=Standing.UNKNOWN), Rule.MEMBER, "permit.member_unknown"),
    (reader(member_standing=Standing.SUSPENDED), Rule.MEMBER, "permit.member_suspended"),
    (reader(member_standing=Standing.ENDED), Rule.MEMBER, "permit.member_ended"),
    (reader(account_standing=Standing.UNKNOWN), Rule.ACCOUNT, "permit.account_unknown"),
    (reader(account_standing=Standing.ENDED), Rule.ACCOUNT, "permit.account_ended"),
    (reader(key_standing=Standing.UNKNOWN), Rule.KEY, "permit.key_unknown"),
    (reader(key_standing=Standing.ENDED), Rule.KEY, "permit.key_ended"),
    (reader(key_standing=Standing.COMPROMISED), Rule.KEY, "permit.key_compromised"),
    (reader(over_quota=True), Rule.QUOTA, "permit.quota"),
    (reader(roles=frozenset({Role.ADMINISTRATOR, Role.DEVICE})), Rule.ROLE, "permit.role"),
    (target(state=RecordState.DESTROYED), Rule.RECORD, "permit.destroyed"),
    (target(state=RecordState.RESTRICTED), Rule.RECORD, "permit.restricted"),
    (replace(COVERED, action=Action.CORRECT), Rule.OWN_ACT, "permit.action"),
    (replace(COVERED, action=Action.SEAL), Rule.OWN_ACT, "permit.action"),
    (own(Role.AUDITOR, action=Action.CORRECT), Rule.OWN_ACT, "permit.action"),
    (own(Role.PRACTITIONER, action=Action.SEAL), Rule.OWN_ACT, "permit.action"),
    (replace(COVERED, held=(CONSENT, PROHIBITION)), Rule.PROHIBITION, "permit.prohibited"),
    (replace(COVERED, held=(CONSENT, replace(PROHIBITION, from_ms=NOW))), Rule.PROHIBITION, "permit.prohibited"),
    (replace(COVERED, held=(CONSENT, replace(PROHIBITION, until_ms=NOW))), Rule.PROHIBITION, "permit.prohibited"),
    (replace(COVERED, held=(PROHIBITION,), patient=DEAD), Rule.PROHIBITION, "permit.prohibited"),
    # the consent, by each of its dimensions
    (consent(acknowledged_ms=None), Rule.INSTITUTION_DEFAULT, "permit.not_acknowledged"),
    (consent(acknowledged_ms=NOW + 1), Rule.INSTITUTION_DEFAULT, "permit.not_acknowledged"),
    (replace(COVERED, patient=DEAD), Rule.INSTITUTION_DEFAULT, "permit.frozen"),
    (consent(guardian=b"w" * 16), Rule.INSTITUTION_DEFAULT, "permit.guardian"),
    (replace(consent(guardian=b"w" * 16), patient=GROWN), Rule.INSTITUTION_DEFAULT, "permit.guardian"),
    (replace(COVERED, patient=CHILD), Rule.INSTITUTION_DEFAULT, "permit.guardian"),
    (consent(revoked_ms=NOW), Rule.INSTITUTION_DEFAULT, "permit.revoked"),
    (consent(from_ms=NOW), Rule.INSTITUTION_DEFAULT, "permit.not_yet"),  # block time is behind
    (consent(until_ms=NOW), Rule.INSTITUTION_DEFAULT, "permit.expired"),
    (replace(consent(until_ms=NOW + 5), chain_ms=NOW + 5), Rule.INSTITUTION_DEFAULT, "permit.expired"),
    (replace(COVERED, purpose=Purpose.HRESCH), Rule.INSTITUTION_DEFAULT, "permit.purpose"),
    (reader(kind=MemberKind.DATA_USER), Rule.INSTITUTION_DEFAULT, "permit.purpose"),
    (target(category=Category.MEDICAL_PAYMENT), Rule.INSTITUTION_DEFAULT, "permit.category"),
    (target(level=Level.STRICT), Rule.INSTITUTION_DEFAULT, "permit.level"),
    (target(special=Special.PSYCHIATRY), Rule.INSTITUTION_DEFAULT, "permit.special"),
    (
        replace(consent(level=Level.STRICT, special=Special.GENETICS), target=PRIVATE),
        Rule.INSTITUTION_DEFAULT,
        "permit.special",
    ),
    # what is addressed to others is passed over
    (reader(member=OTHER), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (consent(grantees=Grantees(accounts=frozenset({OTHER}))), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (reader(roles=frozenset({Role.SERVICE})), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (replace(COVERED, held=()), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    # mandates
    (ordered({"until_ms": NOW}), Rule.INSTITUTION_DEFAULT, "permit.expired"),
    (ordered({"from_ms": NOW - 400 * DAY}), Rule.INSTITUTION_DEFAULT, "permit.expired"),
    (ordered({"from_ms": NOW}), Rule.INSTITUTION_DEFAULT, "permit.not_yet"),
    (ordered({"categories": frozenset()}), Rule.INSTITUTION_DEFAULT, "permit.category"),
    (
        ordered({"level": Level.NARROW}, target=replace(TARGET, level=Level.STRICT)),
        Rule.INSTITUTION_DEFAULT,
        "permit.level",
    ),
    (ordered({}, target=PRIVATE), Rule.INSTITUTION_DEFAULT, "permit.special"),
    (ordered({}, purpose=Purpose.HPAYMT), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (
        duty(Article.PATIENT_REQUEST, Purpose.PATRQT, replace(own(Role.SERVICE), patient=DEAD)),
        Rule.INSTITUTION_DEFAULT,
        "permit.frozen",
    ),
    (duty(Article.PATIENT_REQUEST, Purpose.PATRQT, COVERED), Rule.INSTITUTION_DEFAULT, "permit.purpose"),
    (
        duty(Article.GUARDIAN_REQUEST, Purpose.FAMRQT, own(Role.SERVICE, patient=GROWN)),
        Rule.INSTITUTION_DEFAULT,
        "permit.guardian",
    ),
    (duty(Article.RELATIVE_REQUEST, Purpose.FAMRQT, own(Role.SERVICE)), Rule.INSTITUTION_DEFAULT, "permit.alive"),
    (
        duty(Article.SUPERVISION, Purpose.HQUALIMP, reader(kind=MemberKind.REGULATOR, member=OTHER)),
        Rule.INSTITUTION_DEFAULT,
        "permit.no_consent",
    ),  # the reader is no auditor
    # break-glass
    (emergency({"blocked": True}), Rule.INSTITUTION_DEFAULT, "permit.review_overdue"),
    (emergency({"until_ms": NOW}), Rule.INSTITUTION_DEFAULT, "permit.break_glass_ended"),
    (emergency({"from_ms": NOW - 25 * HOUR}), Rule.INSTITUTION_DEFAULT, "permit.break_glass_ended"),
    (emergency({}, patient=DEAD), Rule.INSTITUTION_DEFAULT, "permit.frozen"),
    (
        emergency({}, target=replace(TARGET, category=Category.MEDICAL_PAYMENT)),
        Rule.INSTITUTION_DEFAULT,
        "permit.category",
    ),
    (
        emergency({"level": Level.STRICT}, target=replace(TARGET, level=Level.STRICT)),
        Rule.INSTITUTION_DEFAULT,
        "permit.level",
    ),
    (
        emergency({"level": Level.STRICT, "special": Special.HIV}, target=replace(TARGET, special=Special.HIV)),
        Rule.INSTITUTION_DEFAULT,
        "permit.special",
    ),
    (emergency({"account": OTHER}), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (emergency({"member": OTHER}), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (
        emergency({}, held=(replace(PROHIBITION, purposes=frozenset({Purpose.ETREAT})),)),
        Rule.PROHIBITION,
        "permit.prohibited",
    ),
    # care
    (own(Role.PRACTITIONER), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (own(Role.PRACTITIONER, episode=replace(EPISODE, until_ms=NOW)), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (own(Role.AUDITOR, episode=EPISODE), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (
        own(Role.PRACTITIONER, episode=EPISODE, target=replace(TARGET, level=Level.STRICT)),
        Rule.INSTITUTION_DEFAULT,
        "permit.no_consent",
    ),
    (
        own(Role.PRACTITIONER, episode=EPISODE, target=replace(TARGET, special=Special.HIV)),
        Rule.INSTITUTION_DEFAULT,
        "permit.no_consent",
    ),
    (own(Role.PRACTITIONER, episode=EPISODE, purpose=Purpose.HPAYMT), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    (replace(COVERED, held=(), episode=EPISODE), Rule.INSTITUTION_DEFAULT, "permit.no_consent"),
    # defaults
    (replace(COVERED, held=(), patient_default=PatientDefault.CLOSED), Rule.PATIENT_DEFAULT, "permit.no_consent"),
    (
        replace(COVERED, held=(), patient_default=PatientDefault.TREATMENT, default_guardian=b"w" * 16, patient=GROWN),
        Rule.INSTITUTION_DEFAULT,
        "permit.no_consent",
    ),
    (
        replace(COVERED, held=(), patient_default=PatientDefault.TREATMENT, patient=DEAD),
        Rule.INSTITUTION_DEFAULT,
        "permit.no_consent",
    ),
    (
        replace(target(special=Special.HIV), held=(), patient_default=PatientDefault.TREATMENT),
        Rule.INSTITUTION_DEFAULT,
        "permit.no_consent",
    ),
    (
        own(Role.AUDITOR, purpose=Purpose.HQUALIMP, institution_default=InstitutionDefault.CLOSED),
        Rule.INSTITUTION_DEFAULT,
        "permit.no_consent",
    ),
    # own staff on a stale chain: no consent permits, and the answer says so
    (replace(reader(own=True), chain_ms=STALE), Rule.INSTITUTION_DEFAULT, "chain.stale"),
    # versions
    (target(state=RecordState.SUPERSEDED, current=b"v" * 32), Rule.VERSION, "permit.superseded"),
    (replace(target(state=RecordState.SUPERSEDED), action=Action.SEARCH), Rule.VERSION, "permit.superseded"),
    (
        ordered(target=replace(COVERED.target, state=RecordState.RESTRICTED, current=b"v" * 32)),
        Rule.VERSION,
        "permit.superseded",
    ),
]


@pytest.mark.requirement("S6.3c", "S7.2a", "S8.3")
@pytest.mark.parametrize(("situation", "rule", "code"), REFUSED, ids=[f"{n}-{one[2]}" for n, one in enumerate(REFUSED)])
def test_one_change_and_it_is_refused(situation: Situation, rule: Rule, code: str) -> None:
    decision = decide(situation)
    assert (decision.rule, decision.code) == (rule, code)
    assert (decision.basis, decision.copy) == (Basis.NONE, Copy.NONE)


PERMITTED: list[tuple[Situation, Rule, Basis, bytes, Copy]] = [
    (
        replace(consent(level=Level.MEDIUM), target=replace(TARGET, level=Level.WIDE)),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.DEIDENTIFIED,
    ),
    (target(level=Level.WIDE), Rule.CONSENT, Basis.CONSENT, CONSENT.id, Copy.ORIGINAL),
    (
        replace(COVERED, held=(CONSENT, replace(PROHIBITION, until_ms=NOW - 1_000))),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (
        replace(COVERED, held=(CONSENT, replace(PROHIBITION, special=Special.HIV))),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (
        replace(COVERED, held=(CONSENT, replace(PROHIBITION, categories=frozenset({Category.MEDICAL_PAYMENT})))),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (COVERED, Rule.CONSENT, Basis.CONSENT, CONSENT.id, Copy.ORIGINAL),
    (replace(COVERED, action=Action.HISTORY), Rule.CONSENT, Basis.CONSENT, CONSENT.id, Copy.ORIGINAL),
    (replace(COVERED, action=Action.SEARCH), Rule.CONSENT, Basis.CONSENT, CONSENT.id, Copy.NONE),
    (
        replace(target(state=RecordState.SUPERSEDED), action=Action.HISTORY),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (consent(level=Level.MEDIUM), Rule.CONSENT, Basis.CONSENT, CONSENT.id, Copy.DEIDENTIFIED),
    (consent(copy=Copy.DEIDENTIFIED), Rule.CONSENT, Basis.CONSENT, CONSENT.id, Copy.DEIDENTIFIED),
    (
        replace(consent(level=Level.STRICT, special=Special.HIV), target=PRIVATE),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (
        replace(consent(purposes=frozenset({Purpose.HRESCH}), level=Level.STRICT), purpose=Purpose.HRESCH),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.DEIDENTIFIED,
    ),
    (
        replace(consent(purposes=frozenset({Purpose.HRESCH})), purpose=Purpose.HRESCH, patient=DEAD),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.DEIDENTIFIED,
    ),
    (replace(consent(guardian=GUARDIANSHIP.id), patient=CHILD), Rule.CONSENT, Basis.CONSENT, CONSENT.id, Copy.ORIGINAL),
    (
        replace(COVERED, held=(CONSENT, replace(PROHIBITION, revoked_ms=NOW))),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (
        replace(COVERED, held=(CONSENT, replace(PROHIBITION, grantees=Grantees(frozenset({OTHER}))))),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (
        replace(COVERED, held=(CONSENT, replace(PROHIBITION, level=Level.STRICT))),
        Rule.CONSENT,
        Basis.CONSENT,
        CONSENT.id,
        Copy.ORIGINAL,
    ),
    (ordered(), Rule.COURT_ORDER, Basis.COURT_ORDER, ORDER.document, Copy.ORIGINAL),
    (ordered({}, held=(PROHIBITION,)), Rule.COURT_ORDER, Basis.COURT_ORDER, ORDER.document, Copy.ORIGINAL),
    (
        ordered({}, target=replace(TARGET, state=RecordState.RESTRICTED)),
        Rule.COURT_ORDER,
        Basis.COURT_ORDER,
        ORDER.document,
        Copy.ORIGINAL,
    ),
    (
        ordered({"special": Special.HIV}, target=PRIVATE),
        Rule.COURT_ORDER,
        Basis.COURT_ORDER,
        ORDER.document,
        Copy.ORIGINAL,
    ),
    (
        duty(Article.PATIENT_REQUEST, Purpose.PATRQT, own(Role.SERVICE)),
        Rule.LEGAL_DUTY,
        Basis.LEGAL_DUTY,
        b"patient_request",
        Copy.ORIGINAL,
    ),
    (
        duty(Article.GUARDIAN_REQUEST, Purpose.FAMRQT, own(Role.SERVICE, patient=CHILD)),
        Rule.LEGAL_DUTY,
        Basis.LEGAL_DUTY,
        b"guardian_request",
        Copy.ORIGINAL,
    ),
    (
        duty(Article.RELATIVE_REQUEST, Purpose.FAMRQT, own(Role.SERVICE, patient=DEAD)),
        Rule.LEGAL_DUTY,
        Basis.LEGAL_DUTY,
        b"relative_request",
        Copy.ORIGINAL,
    ),
    (
        duty(Article.SUPERVISION, Purpose.HQUALIMP, reader(kind=MemberKind.REGULATOR, roles=frozenset({Role.AUDITOR}))),
        Rule.LEGAL_DUTY,
        Basis.LEGAL_DUTY,
        b"supervision",
        Copy.DEIDENTIFIED,
    ),
    (emergency(), Rule.BREAK_GLASS, Basis.EMERGENCY, GRANT.id, Copy.ORIGINAL),
    (emergency({}, held=(PROHIBITION,)), Rule.BREAK_GLASS, Basis.EMERGENCY, GRANT.id, Copy.ORIGINAL),
    (
        emergency(
            {"level": Level.STRICT, "special": Special.HIV}, target=PRIVATE, reader=EMERGENCY_STAFF, chain_ms=STALE
        ),
        Rule.BREAK_GLASS,
        Basis.EMERGENCY,
        GRANT.id,
        Copy.ORIGINAL,
    ),
    (own(Role.PRACTITIONER, episode=EPISODE, chain_ms=STALE), Rule.CARE, Basis.CARE, EPISODE.reference, Copy.ORIGINAL),
    (
        own(Role.PRACTITIONER, episode=replace(EPISODE, accounts=frozenset({ACCOUNT})), target=PRIVATE),
        Rule.CARE,
        Basis.CARE,
        EPISODE.reference,
        Copy.ORIGINAL,
    ),
    (
        own(
            Role.SERVICE,
            episode=EPISODE,
            purpose=Purpose.HPAYMT,
            target=replace(TARGET, category=Category.MEDICAL_PAYMENT),
        ),
        Rule.CARE,
        Basis.CARE,
        EPISODE.reference,
        Copy.ORIGINAL,
    ),
    (
        replace(COVERED, held=(), patient_default=PatientDefault.COPIES),
        Rule.PATIENT_DEFAULT,
        Basis.CONSENT,
        b"default",
        Copy.DEIDENTIFIED,
    ),
    (
        replace(COVERED, held=(), patient_default=PatientDefault.TREATMENT),
        Rule.PATIENT_DEFAULT,
        Basis.CONSENT,
        b"default",
        Copy.ORIGINAL,
    ),
    (
        own(Role.AUDITOR, purpose=Purpose.HQUALIMP),
        Rule.INSTITUTION_DEFAULT,
        Basis.LEGAL_DUTY,
        b"oversight",
        Copy.DEIDENTIFIED,
    ),
    (own(Role.PRACTITIONER, action=Action.CORRECT), Rule.OWN_ACT, Basis.LEGAL_DUTY, b"correction", Copy.NONE),
    (
        own(Role.COMPLIANCE_OFFICER, action=Action.SEAL, target=replace(TARGET, state=RecordState.RESTRICTED)),
        Rule.OWN_ACT,
        Basis.LEGAL_DUTY,
        b"sealing",
        Copy.NONE,
    ),
]


@pytest.mark.requirement("S6.3c", "S7.2a", "S8.3")
@pytest.mark.requirement("S5.3", part="purpose and specification of what is asked for; plans and budgets not yet")
@pytest.mark.parametrize(
    ("situation", "rule", "basis", "reference", "copy"),
    PERMITTED,
    ids=[f"{n}-{one[1].name.lower()}" for n, one in enumerate(PERMITTED)],
)
def test_each_basis_permits_and_says_which_copy(
    situation: Situation, rule: Rule, basis: Basis, reference: bytes, copy: Copy
) -> None:
    assert decide(situation) == Decision(rule, None, basis, reference, copy)


def test_the_newest_of_covering_consents_decides_and_a_newer_narrow_one_takes_nothing_away() -> None:
    newer = replace(CONSENT, id=b"n" * 16, given_ms=CONSENT.given_ms + 1)
    assert decide(replace(COVERED, held=(CONSENT, newer))).reference == newer.id
    narrow = replace(newer, categories=frozenset({Category.MEDICAL_PAYMENT}))
    assert decide(replace(COVERED, held=(CONSENT, narrow))).reference == CONSENT.id
    twin = replace(CONSENT, id=b"b" * 16)
    assert decide(replace(COVERED, held=(CONSENT, twin))).reference == twin.id


def test_a_refusal_names_the_nearest_consent_and_its_first_failing_dimension() -> None:
    far = replace(CONSENT, id=b"f" * 16, given_ms=NOW, revoked_ms=NOW, purposes=frozenset())
    near = replace(CONSENT, id=b"n" * 16, categories=frozenset())
    decision = decide(replace(COVERED, held=(far, near)))
    assert decision.code == "permit.category"
    assert decision.nearest is not None
    assert (decision.nearest.consent, decision.nearest.refusal.code) == (near.id, "permit.category")


@pytest.mark.requirement("S8.3")
def test_nobody_is_told_of_a_consent_to_others() -> None:
    assert decide(reader(member=OTHER)).nearest is None


def test_on_a_stale_chain_the_nearest_is_the_consent_that_would_cover() -> None:
    decision = decide(replace(reader(own=True), chain_ms=STALE))
    assert decision.nearest == Nearest(CONSENT.id, ChainStale)


def test_a_superseded_record_is_answered_with_its_current_version() -> None:
    decision = decide(target(state=RecordState.SUPERSEDED, current=b"v" * 32))
    assert decision.reference == b"v" * 32
    hidden = replace(target(state=RecordState.SUPERSEDED, current=b"v" * 32), held=())
    assert decide(hidden).reference == b""


@pytest.mark.parametrize("situation", [*(one[0] for one in REFUSED), *(one[0] for one in PERMITTED)])
def test_an_explanation_ends_with_the_decision_and_lists_the_rules_in_order(situation: Situation) -> None:
    decision, steps = explain(situation)
    assert decision == decide(situation)
    assert [step.rule for step in steps] == sorted(step.rule for step in steps)
    assert [step.decided for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].rule is decision.rule


@pytest.mark.requirement("S6.3c")
def test_a_guardian_s_consent_ends_at_the_18th_birthday_by_rule() -> None:
    adult = birthday_ms(date(2014, 5, 6), 18)
    child = Patient(birthday_ms(date(2014, 5, 6), 14), adult, None, (replace(GUARDIANSHIP, until_ms=None),))
    held = replace(CONSENT, guardian=GUARDIANSHIP.id, until_ms=adult + DAY)
    at = replace(COVERED, held=(held,), patient=child)
    assert decide(replace(at, now_ms=adult - 1, chain_ms=adult - 1)).permit
    assert decide(replace(at, now_ms=adult, chain_ms=adult)).code == "permit.guardian"


@pytest.mark.parametrize(
    ("born", "years", "birthday"),
    [
        (date(2014, 5, 6), 18, "2032-05-05T16:00:00Z"),
        (date(2012, 2, 29), 14, "2026-02-28T16:00:00Z"),
        (date(2012, 2, 29), 16, "2028-02-28T16:00:00Z"),
        (date(1940, 1, 1), 18, "1957-12-31T16:00:00Z"),
    ],
)
def test_birthdays_begin_at_midnight_in_china(born: date, years: int, birthday: str) -> None:
    seconds = birthday_ms(born, years) / 1000
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) == birthday


@given(st.data())
def test_a_consent_never_opens_more_when_it_is_narrowed(data: st.DataObject) -> None:
    draw: Callable[[st.SearchStrategy[Any]], Any] = data.draw
    wide = replace(
        CONSENT,
        level=draw(st.sampled_from(Level)),
        special=Special(draw(st.integers(0, 255))),
        purposes=frozenset(draw(st.sets(st.sampled_from(Purpose)))),
        categories=frozenset(draw(st.sets(st.sampled_from(Category)))),
    )
    narrow = replace(
        wide,
        level=draw(st.sampled_from([level for level in Level if level <= wide.level])),
        special=wide.special & draw(st.integers(0, 255)),
        purposes=frozenset(draw(st.sets(st.sampled_from(sorted(wide.purposes) or [Purpose.TREAT])))) & wide.purposes,
        until_ms=draw(st.integers(NOW - DAY, wide.until_ms)),
    )
    asked = replace(
        COVERED,
        purpose=draw(st.sampled_from(Purpose)),
        target=replace(
            TARGET,
            category=draw(st.sampled_from(Category)),
            level=draw(st.sampled_from(Level)),
            special=Special(draw(st.integers(0, 255))),
        ),
    )
    before, after = (decide(replace(asked, held=(one,))) for one in (wide, narrow))
    if after.permit:
        assert before.permit
        assert before.copy in (after.copy, Copy.ORIGINAL)


def test_an_explanation_says_why_each_basis_did_not_apply() -> None:
    s = ordered({"until_ms": NOW}, held=(replace(CONSENT, revoked_ms=NOW, purposes=frozenset({Purpose.LEGAL})),))
    said = {step.rule: step.said for step in explain(s)[1]}
    assert said[Rule.COURT_ORDER] == "passes: permit.expired"
    assert said[Rule.CONSENT] == "passes: permit.revoked"
    assert said[Rule.CARE] == "passes"
    assert said[Rule.INSTITUTION_DEFAULT] == "permit.expired"
