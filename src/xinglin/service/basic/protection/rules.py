"""The policy of permits: one pure function over a situation (docs/spec/permit.md; S6.3c, S7.2a, S8.3; design D9).

Rules PM1 to PM17 are asked in order, and the first that permits or refuses decides. Each is one function that returns
a decision, or None to pass on; ``explain`` asks the same functions, so that an explanation can't differ from the
decision, and adds why each passed on. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.protection.coverage import (
    binds,
    consent_considered,
    consent_copy,
    consent_fails,
    grant_considered,
    grant_copy,
    grant_fails,
    mandate_considered,
    mandate_copy,
    mandate_fails,
)
from xinglin.service.basic.protection.model import (
    Article,
    Asking,
    Decision,
    Held,
    InstitutionDefault,
    Mandate,
    Nearest,
    PatientDefault,
    RecordState,
    Rule,
    Situation,
    Standing,
    Step,
)
from xinglin.service.basic.protection.permit_errors import (
    AccountHasEnded,
    AccountNotKnown,
    ActNotOwn,
    ChainStale,
    KeyCompromised,
    KeyHasEnded,
    KeyNotKnown,
    MemberEnded,
    MemberNotKnown,
    MemberSuspended,
    NoConsent,
    Prohibited,
    QuotaUsed,
    RecordIsDestroyed,
    RecordRestricted,
    RecordSuperseded,
    RoleReadsNothing,
)
from xinglin.service.basic.protection.tables import (
    ANY_SPECIAL,
    BILLING,
    CARE_PURPOSES,
    CLINICAL,
    OVERSIGHT_PURPOSES,
    OVERSIGHT_ROLES,
    READING_ROLES,
    SEALING_ROLES,
)
from xinglin.service.basic.protection.terms import (
    dead,
    named,
    newest_first,
    opening,
    running,
    stale,
    under_guardian,
)
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Special
from xinglin.stakeholders.purposes import Action, Basis, Copy, Purpose

Code = type[PlatformError]
Answer = Decision | None
"""What a rule says: it decides, or passes on."""
PASSES: Final = "passes"
_SERVING = frozenset({Action.READ, Action.HISTORY, Action.SEARCH})
_OF_CURRENT = frozenset({Action.READ, Action.SEARCH, Action.CORRECT})


def decide(s: Situation) -> Decision:
    """Return the decision on a situation."""
    for _, ask in RULES:
        answer = ask(s)
        if answer is not None:
            return _of_version(s, answer)
    raise AssertionError("PM16 always decides")


def gate(s: Asking) -> Decision | None:
    """Return the refusal of whoever may ask nothing (PM1 to PM6), None for a reader that may ask."""
    answers = (ask(s) for _, ask in GATE)
    return next((answer for answer in answers if answer is not None), None)


def explain(s: Situation) -> tuple[Decision, tuple[Step, ...]]:
    """Return the decision on a situation, and what each rule that was asked said, in order."""
    steps: list[Step] = []
    for rule, ask in RULES:
        answer = ask(s)
        if answer is not None:
            decision = _of_version(s, answer)
            if decision is answer:
                return decision, (*steps, Step(rule, _said(answer), decided=True))
            return decision, (*steps, Step(rule, _said(answer)), Step(Rule.VERSION, _said(decision), decided=True))
        note = _NOTES.get(rule)
        steps.append(Step(rule, PASSES if note is None else note(s)))
    raise AssertionError("PM16 always decides")


def _said(decision: Decision) -> str:
    return decision.code or f"permits: {decision.basis}, copy {decision.copy.name.lower()}"


def _refuse(rule: Rule, refusal: Code, reference: bytes = b"") -> Decision:
    return Decision(rule, refusal, reference=reference)


def _permit(s: Situation, rule: Rule, basis: Basis, reference: bytes, copy: Copy) -> Decision:
    return Decision(rule, None, basis, reference, Copy.NONE if s.action is Action.SEARCH else copy)


# --- PM1 to PM6: who asks ---

_MEMBER = {Standing.UNKNOWN: MemberNotKnown, Standing.SUSPENDED: MemberSuspended, Standing.ENDED: MemberEnded}
_ACCOUNT = {Standing.UNKNOWN: AccountNotKnown, Standing.ENDED: AccountHasEnded}
_KEY = {Standing.UNKNOWN: KeyNotKnown, Standing.ENDED: KeyHasEnded, Standing.COMPROMISED: KeyCompromised}


def _chain(s: Asking) -> Answer:
    return _refuse(Rule.CHAIN, ChainStale) if stale(s) and not s.reader.own else None


def _member(s: Asking) -> Answer:
    refusal = _MEMBER.get(s.reader.member_standing)
    return None if refusal is None else _refuse(Rule.MEMBER, refusal)


def _account(s: Asking) -> Answer:
    refusal = _ACCOUNT.get(s.reader.account_standing)
    return None if refusal is None else _refuse(Rule.ACCOUNT, refusal)


def _key(s: Asking) -> Answer:
    refusal = _KEY.get(s.reader.key_standing)
    return None if refusal is None else _refuse(Rule.KEY, refusal)


def _quota(s: Asking) -> Answer:
    return _refuse(Rule.QUOTA, QuotaUsed) if s.reader.over_quota else None


def _role(s: Asking) -> Answer:
    reads_nothing = s.action in _SERVING and READING_ROLES.isdisjoint(s.reader.roles)
    return _refuse(Rule.ROLE, RoleReadsNothing) if reads_nothing else None


# --- PM7, PM8: the record, and acts of its producer ---


def _record(s: Situation) -> Answer:
    if s.target.state is RecordState.DESTROYED:
        return _refuse(Rule.RECORD, RecordIsDestroyed)
    if s.target.state is not RecordState.RESTRICTED or s.action is Action.SEAL:
        return None
    ordered = s.action in _SERVING and _court_order(s) is not None
    return None if ordered else _refuse(Rule.RECORD, RecordRestricted)


def _own_act(s: Situation) -> Answer:
    if s.action in _SERVING:
        return None
    correcting = s.action is Action.CORRECT
    may = Role.PRACTITIONER in s.reader.roles if correcting else not SEALING_ROLES.isdisjoint(s.reader.roles)
    if not (s.reader.own and may):
        return _refuse(Rule.OWN_ACT, ActNotOwn)
    return _permit(s, Rule.OWN_ACT, Basis.LEGAL_DUTY, b"correction" if correcting else b"sealing", Copy.NONE)


# --- PM9, PM10: court orders, legal duties ---


def _court_order(s: Situation) -> Answer:
    for mandate in _considered_mandates(s, court=True):
        if mandate_fails(s, mandate) is None:
            return _permit(s, Rule.COURT_ORDER, Basis.COURT_ORDER, mandate.document, mandate_copy(s, mandate))
    return None


def _legal_duty(s: Situation) -> Answer:
    for mandate in _considered_mandates(s, court=False):
        if mandate_fails(s, mandate) is None:
            reference = mandate.article.value.encode()
            return _permit(s, Rule.LEGAL_DUTY, Basis.LEGAL_DUTY, reference, mandate_copy(s, mandate))
    return None


def _considered_mandates(s: Situation, *, court: bool) -> list[Mandate]:
    kind = (one for one in s.mandates if (one.article is Article.COURT) is court)
    return newest_first(one for one in kind if mandate_considered(s, one))


def _mandate_code(s: Situation, *, court: bool) -> Code | None:
    """Return why the newest considered mandate of a kind that does not cover does not (table L)."""
    fails = (mandate_fails(s, one) for one in _considered_mandates(s, court=court))
    return next((code for code in fails if code is not None), None)


# --- PM11, PM12: prohibition, break-glass ---


def _prohibition(s: Situation) -> Answer:
    binding = newest_first(one for one in s.held if binds(s, one))
    return _refuse(Rule.PROHIBITION, Prohibited, binding[0].id) if binding else None


def _break_glass(s: Situation) -> Answer:
    if s.grant is None or not grant_considered(s, s.grant) or grant_fails(s, s.grant) is not None:
        return None
    return _permit(s, Rule.BREAK_GLASS, Basis.EMERGENCY, s.grant.id, grant_copy(s, s.grant))


def _grant_code(s: Situation) -> Code | None:
    considered = s.grant is not None and grant_considered(s, s.grant)
    return grant_fails(s, s.grant) if s.grant is not None and considered else None


# --- PM13, PM14: consent, care ---


def _consent(s: Situation) -> Answer:
    covering = None if stale(s) else _covering(s)
    if covering is None:
        return None
    return _permit(s, Rule.CONSENT, Basis.CONSENT, covering.id, consent_copy(s, covering))


def _considered(s: Situation) -> list[Held]:
    return newest_first(one for one in s.held if consent_considered(s, one))


def _covering(s: Situation) -> Held | None:
    return next((one for one in _considered(s) if next(consent_fails(s, one), None) is None), None)


def _nearest(s: Situation) -> Nearest | None:
    ranked = [(one, list(consent_fails(s, one))) for one in _considered(s)]
    if not ranked:
        return None
    nearest, failing = min(ranked, key=lambda one: len(one[1]))  # the first of equals: they are newest first
    return Nearest(nearest.id, failing[0] if failing else ChainStale)


def _care(s: Situation) -> Answer:
    episode, reader = s.episode, s.reader
    if not reader.own or episode is None or not running(s, episode.from_ms, episode.until_ms):
        return None
    highest, special = 4, Special.NONE
    if s.purpose in CARE_PURPOSES:
        roles, categories = {Role.PRACTITIONER}, CLINICAL
        if reader.account in episode.accounts:
            highest, special = 5, ANY_SPECIAL
    elif s.purpose is Purpose.HPAYMT:
        roles, categories = {Role.PRACTITIONER, Role.SERVICE}, BILLING
    else:
        return None
    copy = opening(s.target.level, highest, Copy.ORIGINAL)
    if roles.isdisjoint(reader.roles) or s.target.category not in categories:
        return None
    if copy is Copy.NONE or not named(s.target, special):
        return None
    return _permit(s, Rule.CARE, Basis.CARE, episode.reference, copy)


# --- PM15, PM16: defaults ---


def _patient_default(s: Situation) -> Answer:
    lapsed = dead(s) or (bool(s.default_guardian) and not under_guardian(s, s.default_guardian))
    default = PatientDefault.UNSET if lapsed else s.patient_default
    if default is PatientDefault.CLOSED:
        return _without_basis(s, Rule.PATIENT_DEFAULT)
    if default is PatientDefault.UNSET or not _treats(s):
        return None
    copies = default is PatientDefault.COPIES
    copy = opening(s.target.level, 3 if copies else 4, Copy.DEIDENTIFIED if copies else Copy.ORIGINAL)
    if copy is Copy.NONE:
        return None
    return _permit(s, Rule.PATIENT_DEFAULT, Basis.CONSENT, b"default", copy)


def _treats(s: Situation) -> bool:
    return (
        s.reader.kind is MemberKind.MEDICAL_INSTITUTION
        and Role.PRACTITIONER in s.reader.roles
        and s.purpose in CARE_PURPOSES
        and s.target.category in CLINICAL
        and not s.target.special
    )


def _institution_default(s: Situation) -> Answer:
    copy = opening(s.target.level, 3, Copy.DEIDENTIFIED)
    oversees = (
        s.institution_default is InstitutionDefault.OVERSIGHT
        and s.reader.own
        and not OVERSIGHT_ROLES.isdisjoint(s.reader.roles)
        and s.purpose in OVERSIGHT_PURPOSES
        and not s.target.special
        and copy is not Copy.NONE
    )
    if oversees:
        return _permit(s, Rule.INSTITUTION_DEFAULT, Basis.LEGAL_DUTY, b"oversight", copy)
    return _without_basis(s, Rule.INSTITUTION_DEFAULT)


def _without_basis(s: Situation, rule: Rule) -> Decision:
    """Refuse because nothing permits, with the code that tells most (PM16)."""
    nearest = _nearest(s)
    codes: Iterable[Code | None] = (
        ChainStale if stale(s) and nearest is not None and nearest.refusal is ChainStale else None,
        _grant_code(s),
        _mandate_code(s, court=True) or _mandate_code(s, court=False),
        None if nearest is None else nearest.refusal,
        NoConsent,
    )
    return Decision(rule, next(code for code in codes if code is not None), nearest=nearest)


# --- PM17: never an old version as current ---


def _of_version(s: Situation, decision: Decision) -> Decision:
    restricted = s.target.state is RecordState.RESTRICTED and s.target.current != b""
    old = s.target.state is RecordState.SUPERSEDED or restricted
    if decision.permit and old and s.action in _OF_CURRENT:
        return _refuse(Rule.VERSION, RecordSuperseded, s.target.current)
    return decision


# --- what an explanation adds ---


def _why(code: Code | None) -> str:
    return PASSES if code is None else f"passes: {code.code}"


def _why_no_consent(s: Situation) -> str:
    nearest = _nearest(s)
    return _why(None if nearest is None else nearest.refusal)


_NOTES: Final[dict[Rule, Callable[[Situation], str]]] = {
    Rule.CHAIN: lambda s: "passes: stale, own staff" if stale(s) else PASSES,
    Rule.RECORD: lambda s: "passes: restricted" if s.target.state is RecordState.RESTRICTED else PASSES,
    Rule.COURT_ORDER: lambda s: _why(_mandate_code(s, court=True)),
    Rule.LEGAL_DUTY: lambda s: _why(_mandate_code(s, court=False)),
    Rule.BREAK_GLASS: lambda s: _why(_grant_code(s)),
    Rule.CONSENT: _why_no_consent,
}
"""Why a rule passed on, where there is more to say than that it did."""

GATE: Final[tuple[tuple[Rule, Callable[[Asking], Answer]], ...]] = (
    (Rule.CHAIN, _chain),
    (Rule.MEMBER, _member),
    (Rule.ACCOUNT, _account),
    (Rule.KEY, _key),
    (Rule.QUOTA, _quota),
    (Rule.ROLE, _role),
)
"""The rules that ask who asks; they decide alike about any record."""
RULES: Final[tuple[tuple[Rule, Callable[[Situation], Answer]], ...]] = (
    *GATE,
    (Rule.RECORD, _record),
    (Rule.OWN_ACT, _own_act),
    (Rule.COURT_ORDER, _court_order),
    (Rule.LEGAL_DUTY, _legal_duty),
    (Rule.PROHIBITION, _prohibition),
    (Rule.BREAK_GLASS, _break_glass),
    (Rule.CONSENT, _consent),
    (Rule.CARE, _care),
    (Rule.PATIENT_DEFAULT, _patient_default),
    (Rule.INSTITUTION_DEFAULT, _institution_default),
)
"""The rules in their order; PM17 looks at what they decided."""
