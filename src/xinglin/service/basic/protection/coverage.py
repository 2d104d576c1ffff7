"""What covers: mandates, break-glass grants, consents, prohibitions (docs/spec/permit.md, "What covers"). Pure.

Each function tells of one thing whether it is considered, and by which codes it fails. Which rule asks when is the
policy's order, in ``rules.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.protection.model import (
    Article,
    BreakGlassGrant,
    Held,
    Mandate,
    Situation,
)
from xinglin.service.basic.protection.permit_errors import (
    BreakGlassEnded,
    CategoryNotCovered,
    ConsentFrozen,
    ConsentRevoked,
    GuardianEnded,
    LevelNotCovered,
    NotAcknowledged,
    NotYetInForce,
    PatientAlive,
    PermitExpired,
    Prohibited,
    PurposeNotCovered,
    ReviewOverdue,
    SpecialNotNamed,
)
from xinglin.service.basic.protection.tables import (
    AFTER_DEATH,
    ARTICLES,
    CLINICAL,
    DAY_MS,
    KINDS,
    MAX_GRANT_MS,
    PURPOSE_LEVEL,
    ROLE_LEVEL,
)
from xinglin.service.basic.protection.terms import (
    dead,
    happened,
    has_guardian,
    named,
    names,
    opening,
    running,
    validly_given,
)
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Special
from xinglin.stakeholders.purposes import Copy, Purpose

Code = type[PlatformError]


# --- mandates (PM9, PM10) ---


def mandate_considered(s: Situation, mandate: Mandate) -> bool:
    """Tell whether a mandate names the reader and the purpose, and its article admits both."""
    limit = ARTICLES[mandate.article]
    return (
        (s.reader.own if limit.own else s.reader.kind in limit.kinds)
        and s.purpose in mandate.purposes
        and s.purpose in limit.purposes
        and not limit.roles.isdisjoint(s.reader.roles)
        and names(mandate.grantees, s.reader)
    )


def mandate_copy(s: Situation, mandate: Mandate) -> Copy:
    """Return which copy a mandate opens as far as levels go."""
    highest = min(mandate.level, ARTICLES[mandate.article].level)
    return opening(s.target.level, highest, mandate.copy)


def mandate_fails(s: Situation, mandate: Mandate) -> Code | None:
    """Return the first code by which a considered mandate fails, None when it covers."""
    limit = ARTICLES[mandate.article]
    condition = _condition(s, mandate.article)
    if condition is not None:
        return condition
    if mandate.from_ms > s.low_ms:
        return NotYetInForce
    if s.high_ms >= min(mandate.until_ms, mandate.from_ms + limit.days * DAY_MS):
        return PermitExpired
    if s.target.category not in mandate.categories:
        return CategoryNotCovered
    if mandate_copy(s, mandate) is Copy.NONE:
        return LevelNotCovered
    return None if named(s.target, mandate.special & limit.special) else SpecialNotNamed


def _condition(s: Situation, article: Article) -> Code | None:
    """Return why an article's condition on the patient does not hold, None when it does."""
    if article is Article.RELATIVE_REQUEST:
        if not dead(s):
            return PatientAlive
        return Prohibited if any(binds(s, one) for one in s.held) else None
    if article in (Article.PATIENT_REQUEST, Article.GUARDIAN_REQUEST) and dead(s):
        return ConsentFrozen
    if article is Article.GUARDIAN_REQUEST and not has_guardian(s):
        return GuardianEnded
    return None


# --- prohibitions (PM11) ---


def binds(s: Situation, held: Held) -> bool:
    """Tell whether a prohibition binds; where the clocks differ, in favour of the patient."""
    return (
        held.prohibits
        and names(held.grantees, s.reader)
        and validly_given(s, held)
        and happened(s, held.acknowledged_ms)
        and not happened(s, held.revoked_ms)
        and held.from_ms <= s.high_ms
        and s.low_ms < held.until_ms
        and (s.purpose in held.purposes or (not held.purposes and s.purpose is not Purpose.ETREAT))
        and (not held.categories or s.target.category in held.categories)
        and s.target.level >= held.level
        and (not held.special or bool(held.special & s.target.special))
    )


# --- break-glass (PM12) ---


def grant_considered(s: Situation, grant: BreakGlassGrant) -> bool:
    """Tell whether a grant is this reader's, for emergency treatment."""
    return (
        s.purpose is Purpose.ETREAT
        and s.reader.kind is MemberKind.MEDICAL_INSTITUTION
        and Role.PRACTITIONER in s.reader.roles
        and (grant.member, grant.account) == (s.reader.member, s.reader.account)
    )


def grant_copy(s: Situation, grant: BreakGlassGrant) -> Copy:
    """Return which copy a grant opens as far as levels go: level 5 to the custodian's own staff alone."""
    return opening(s.target.level, min(grant.level, 5 if s.reader.own else 4), Copy.ORIGINAL)


def grant_fails(s: Situation, grant: BreakGlassGrant) -> Code | None:
    """Return the first code by which a considered grant fails, None when it covers."""
    if grant.blocked:
        return ReviewOverdue
    if dead(s):
        return ConsentFrozen
    if not running(s, grant.from_ms, min(grant.until_ms, grant.from_ms + MAX_GRANT_MS)):
        return BreakGlassEnded
    if s.target.category not in CLINICAL:
        return CategoryNotCovered
    if grant_copy(s, grant) is Copy.NONE:
        return LevelNotCovered
    return None if named(s.target, grant.special if s.reader.own else Special.NONE) else SpecialNotNamed


# --- consents (PM13) ---


def consent_considered(s: Situation, held: Held) -> bool:
    """Tell whether something held is a consent that names the reader: others are never told of."""
    return not held.prohibits and names(held.grantees, s.reader)


def consent_copy(s: Situation, held: Held) -> Copy:
    """Return which copy a consent opens as far as levels go, under the tables of kinds, roles and purposes."""
    roles = s.reader.roles & held.grantees.roles if held.grantees.roles else s.reader.roles
    by_role = max((ROLE_LEVEL.get(role, 0) for role in roles), default=0)
    highest = min(held.level, KINDS[s.reader.kind].level, by_role, PURPOSE_LEVEL[s.purpose])
    return opening(s.target.level, highest, held.copy)


def consent_fails(s: Situation, held: Held) -> Iterator[Code]:
    """Yield the code of every dimension by which a considered consent fails, in the page's order."""
    yield from _out_of_force(s, held)
    if s.purpose not in held.purposes or s.purpose not in KINDS[s.reader.kind].purposes:
        yield PurposeNotCovered
    if s.target.category not in held.categories:
        yield CategoryNotCovered
    if consent_copy(s, held) is Copy.NONE:
        yield LevelNotCovered
    if not named(s.target, held.special):
        yield SpecialNotNamed


def _out_of_force(s: Situation, held: Held) -> Iterator[Code]:
    if not happened(s, held.acknowledged_ms):
        yield NotAcknowledged
    if dead(s) and (s.purpose not in AFTER_DEATH or _not_before_death(s, held.given_ms)):
        yield ConsentFrozen
    if not validly_given(s, held):
        yield GuardianEnded
    if happened(s, held.revoked_ms):
        yield ConsentRevoked
    if held.from_ms > s.low_ms:
        yield NotYetInForce
    if s.high_ms >= held.until_ms:
        yield PermitExpired


def _not_before_death(s: Situation, when_ms: int) -> bool:
    """Tell whether a time is not before the patient's death."""
    return s.patient.died_ms is not None and when_ms >= s.patient.died_ms
