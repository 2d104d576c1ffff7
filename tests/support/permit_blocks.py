"""The blocks of the decision table of permits: dimensions that act on one another, each with its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.permit_scenes import (
    ACCOUNT_STANDINGS,
    ACTIONS,
    ADULT,
    ALL_CATEGORIES,
    ALL_FLAGS,
    ALL_PURPOSES,
    BOTH,
    CATEGORIES,
    CHILD,
    CLOCKS,
    COPIES,
    DAY,
    DEAD,
    DEAD_CHILD,
    DEAD_WHEN_GIVEN,
    EDGE,
    FLAGS,
    FOR_DEVICES,
    FOURTEEN_WHEN_GIVEN,
    FRESH,
    GRANTEES,
    GUARDIANS,
    HOLDS,
    INSTITUTION_DEFAULTS,
    KEY_STANDINGS,
    KINDS,
    LEVELS,
    ME,
    MEMBER_STANDINGS,
    MINE,
    MOMENTS,
    NOW,
    OTHER,
    OVER,
    PATIENT_DEFAULTS,
    PATIENTS,
    PURPOSES,
    READER_AND_DEVICE,
    READERS,
    ROLES,
    STALE,
    STATES,
)
from xinglin.service.basic.protection.model import Article, Grantees, Patient, PatientDefault, Standing
from xinglin.stakeholders.kinds import MemberKind
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Purpose

Block = Mapping[str, tuple[Any, ...]]

_READS = (Action.READ, Action.HISTORY, Action.SEARCH)
_TREAT = (Purpose.TREAT, Purpose.ETREAT, Purpose.HPAYMT, Purpose.HRESCH)
_SOME_PURPOSES = (frozenset[Purpose](), frozenset({Purpose.HRESCH, Purpose.TREAT}), frozenset({Purpose.ETREAT}))
_SOME_CATEGORIES = (ALL_CATEGORIES, frozenset({Category.PERSONAL_ATTRIBUTES}))
_HEALTH = (Category.HEALTH_STATUS, Category.MEDICAL_PAYMENT)
_NEAR = (Level.MEDIUM, Level.NARROW, Level.STRICT)
_OWN = (True,)
_NAMES = (GRANTEES[0], GRANTEES[1], GRANTEES[3])

GATES: Block = {
    "clocks": CLOCKS[:3],
    "reader.own": BOTH,
    "reader.member_standing": MEMBER_STANDINGS,
    "reader.account_standing": ACCOUNT_STANDINGS,
    "reader.key_standing": KEY_STANDINGS,
    "reader.over_quota": BOTH,
    "reader.roles": (ROLES[0], ROLES[1], *ROLES[6:]),
    "target.state": STATES,
    "action": ACTIONS,
    "consent.here": (True,),
}
ACTS: Block = {
    "clocks": (FRESH, STALE),
    "reader.own": BOTH,
    "reader.roles": ROLES,
    "target.state": STATES,
    "action": ACTIONS,
    "purpose": (Purpose.LEGAL, Purpose.HRESCH),
    "order.here": BOTH,
    "order.until_ms": (NOW, NOW + DAY),
    "duty.here": BOTH,
    "consent.here": BOTH,
}
# The tables of levels (U, K, R), each alone: a consent that opens all.
TABLES: Block = {
    "purpose": PURPOSES,
    "target.level": LEVELS,
    "reader.kind": KINDS,
    "reader.roles": (*READERS[:4], READER_AND_DEVICE),
    "consent.grantees": (Grantees(), FOR_DEVICES),
}
# The dimensions of a consent's terms: what opens, at which level and which copy.
CORE: Block = {
    "purpose": PURPOSES,
    "target.category": _HEALTH,
    "target.level": LEVELS,
    "target.special": FLAGS[:2],
    "reader.kind": KINDS,
    "reader.roles": READERS[:4],
    "consent.level": LEVELS,
    "consent.copy": COPIES,
    "consent.special": FLAGS[:2],
    "consent.categories": (frozenset({Category.HEALTH_STATUS}),),
}
TERMS: Block = {
    "purpose": PURPOSES,
    "target.category": CATEGORIES,
    "target.level": LEVELS,
    "target.special": FLAGS[:4],
    "reader.kind": KINDS,
    "reader.roles": (*READERS, READER_AND_DEVICE),
    "consent.grantees": (*GRANTEES[:3], FOR_DEVICES),
    "consent.level": LEVELS,
    "consent.copy": COPIES,
    "consent.special": FLAGS,
    "consent.purposes": (ALL_PURPOSES, frozenset({Purpose.TREAT, Purpose.HRESCH})),
    "consent.categories": _SOME_CATEGORIES,
}
# Every set of failing dimensions beside a second consent that fails in any one of some others.
NEAREST: Block = {
    "clocks": (FRESH, STALE),
    "reader.own": _OWN,
    "patient": (ADULT, CHILD, DEAD, FOURTEEN_WHEN_GIVEN, DEAD_WHEN_GIVEN),
    "purpose": (Purpose.HRESCH, Purpose.LEGAL),
    "target.special": FLAGS[:2],
    "consent.acknowledged_ms": (NOW - DAY, None),
    "consent.given_ms": (NOW - 30 * DAY, NOW - DAY),
    "consent.guardian": (b"", HOLDS, OVER),
    "consent.revoked_ms": (None, NOW - DAY),
    "consent.from_ms": (NOW - DAY, NOW + DAY),
    "consent.until_ms": (NOW + 2 * DAY, NOW),
    "consent.purposes": (ALL_PURPOSES, frozenset({Purpose.TREAT})),
    "consent.categories": _SOME_CATEGORIES,
    "consent.level": (Level.STRICT, Level.WIDE),
    "second.here": BOTH,
    "second.grantees": _NAMES,
    "second.given_ms": (NOW - 31 * DAY, NOW - 30 * DAY, NOW - DAY),
    "second.acknowledged_ms": (NOW - DAY, None),
    "second.revoked_ms": (None, NOW - DAY),
    "second.level": (Level.STRICT, Level.MEDIUM, Level.WIDE),
    "second.special": FLAGS[:2],
    "patient_default": (PatientDefault.UNSET, PatientDefault.CLOSED),
}


def _mandates(
    article: Article, kinds: tuple[MemberKind, ...], *purposes: Purpose, patients: tuple[Patient, ...] = ()
) -> Block:
    """Return the block of one row of table L: its readers and purposes several times, others once."""
    return {
        "clocks": (FRESH, FRESH, *CLOCKS),
        "purpose": (*purposes * 3, Purpose.TREAT, Purpose.LEGAL),
        "patient": (*PATIENTS, *patients * 4),
        "reader.own": (True, True, False),
        "reader.kind": (*kinds * 3, *KINDS),
        "reader.roles": (*READERS, READERS[2]),
        "target.category": (Category.HEALTH_STATUS, *_HEALTH),
        "target.level": _NEAR,
        "target.special": (Special.NONE, *FLAGS[:3], Special.SEXUALLY_TRANSMITTED),
        "duty.article": (article,),
        "duty.grantees": (Grantees(), *GRANTEES),
        "duty.purposes": (ALL_PURPOSES, frozenset(purposes), frozenset({Purpose.TREAT, Purpose.HRESCH})),
        "duty.categories": (ALL_CATEGORIES, frozenset({Category.HEALTH_STATUS})),
        "duty.level": _NEAR,
        "duty.special": (ALL_FLAGS, Special.NONE, Special.HIV),
        "duty.copy": COPIES,
        "duty.from_ms": (
            NOW - DAY,
            *(NOW - days * DAY + late for days in (30, 90, 366) for late in (0, 1)),
            NOW - 1,
            NOW + 1,
        ),
        "duty.until_ms": (NOW + DAY, NOW + DAY, NOW),
        "other_mandate.here": BOTH,
        "other_mandate.article": (article, Article.COURT, Article.RELATIVE_REQUEST),
        "other_mandate.from_ms": (NOW - 2 * DAY, NOW - DAY, NOW + DAY),
        "other_mandate.level": _NEAR,
        "ban.here": (False, False, True),
        "consent.here": BOTH,
        "consent.until_ms": (NOW,),
    }


BANS: Block = {
    "clocks": (FRESH, EDGE),
    "reader.own": _OWN,
    "purpose": _TREAT,
    "patient": (ADULT, CHILD, DEAD),
    "target.category": _HEALTH,
    "target.level": _NEAR,
    "target.special": FLAGS[:4],
    "reader.roles": READERS[:2],
    "ban.grantees": (*GRANTEES[:1] * 5, *GRANTEES),
    "ban.guardian": (*GUARDIANS[:1] * 5, *GUARDIANS),
    "ban.acknowledged_ms": (*(NOW - DAY,) * 4, NOW - DAY, NOW, NOW + 1, None),
    "ban.revoked_ms": (*(None,) * 4, None, NOW + 1, NOW),
    "ban.from_ms": (*(NOW - DAY,) * 4, NOW - DAY, NOW, NOW + 1),
    "ban.until_ms": (*(NOW + DAY,) * 4, NOW + DAY, NOW, NOW - 5_000, NOW - 10_000),
    "ban.purposes": (ALL_PURPOSES, *_SOME_PURPOSES),
    "ban.categories": (frozenset[Category](), *_SOME_CATEGORIES),
    "ban.level": (Level.PUBLIC, Level.PUBLIC, Level.NARROW, Level.STRICT),
    "ban.special": (*FLAGS[:1] * 2, *FLAGS[:4]),
    "other_ban.here": (*(False,) * 4, True),
    "other_ban.given_ms": (NOW - 31 * DAY, NOW - 30 * DAY, NOW - DAY),
    "other_ban.purposes": _SOME_PURPOSES,
    "grant.here": BOTH,
    "consent.here": BOTH,
    "episode.here": BOTH,
}
GRANTS: Block = {
    "clocks": CLOCKS,
    "reader.own": BOTH,
    "purpose": (*(Purpose.ETREAT,) * 5, Purpose.TREAT),
    "reader.kind": (*KINDS[1:2] * 5, *KINDS),
    "reader.roles": (*READERS[:1] * 3, *READERS),
    "patient": (ADULT, ADULT, CHILD, DEAD),
    "target.category": (*CATEGORIES[:3], *CATEGORIES),
    "target.level": LEVELS,
    "target.special": (Special.NONE, *FLAGS[:3]),
    "grant.member": (*(MINE,) * 5, OTHER),
    "grant.account": (*(ME,) * 5, OTHER),
    "grant.level": _NEAR,
    "grant.special": FLAGS[:3],
    "grant.blocked": (False, False, False, True),
    "grant.from_ms": (NOW - DAY // 4, NOW - DAY, NOW - DAY + 1, NOW - 10_000, NOW),
    "grant.until_ms": (NOW + DAY // 4, NOW + 1, NOW),
    "duty.here": (False, False, True),
    "duty.article": (Article.COURT,),
    "duty.level": (Level.PUBLIC,),
    "consent.here": (False, False, True),
    "patient_default": PATIENT_DEFAULTS,
}
CARE: Block = {
    "clocks": CLOCKS,
    "reader.own": (True, True, False),
    "purpose": _TREAT,
    "reader.roles": (*READERS[:1] * 4, *READERS),
    "patient": (ADULT, DEAD),
    "target.category": (*CATEGORIES[:4], *CATEGORIES),
    "target.level": LEVELS,
    "target.special": (Special.NONE, *FLAGS[:2]),
    "episode.from_ms": (NOW - DAY, NOW - DAY, NOW - DAY, NOW - 5_000, NOW, NOW + 1),
    "episode.until_ms": (None, None, None, NOW + 1, NOW, NOW - 5_000),
    "episode.accounts": (frozenset({ME, OTHER}), frozenset({OTHER}), frozenset[bytes]()),
    "action": _READS,
    "target.state": STATES[:2],
    "patient_default": PATIENT_DEFAULTS[:2],
}
DEFAULTS: Block = {
    "purpose": (*PURPOSES, *(Purpose.TREAT, Purpose.ETREAT) * 4, Purpose.HOPERAT, Purpose.LEGAL),
    "patient": (*PATIENTS, ADULT, CHILD, CHILD),
    "reader.own": BOTH,
    "reader.kind": (*KINDS, *KINDS[1:2] * 5),
    "reader.roles": (*READERS, *READERS[:2]),
    "target.category": (*CATEGORIES[:3], *CATEGORIES),
    "target.level": LEVELS,
    "target.special": (Special.NONE, *FLAGS[:2]),
    "target.state": (STATES[0], STATES[1]),
    "action": _READS,
    "patient_default": PATIENT_DEFAULTS,
    "default_guardian": (b"", HOLDS, *GUARDIANS),
    "institution_default": INSTITUTION_DEFAULTS,
    "consent.here": (False, False, True),
    "consent.revoked_ms": (NOW,),
}
# Each dated thing before, at and after both clocks.
MOMENTS_AROUND: Block = {
    "clocks": CLOCKS,
    "reader.own": _OWN,
    "consent.acknowledged_ms": (*MOMENTS, *MOMENTS[:2] * 2),
    "consent.revoked_ms": (*(None,) * 5, *MOMENTS),
    "consent.from_ms": (*MOMENTS, *MOMENTS[:2] * 2),
    "consent.until_ms": (*MOMENTS, *MOMENTS[-1:] * 3),
    "ban.here": (False, False, True),
    "ban.from_ms": MOMENTS,
    "ban.until_ms": MOMENTS,
    "order.here": (False, False, True),
    "order.from_ms": MOMENTS,
    "order.until_ms": MOMENTS,
    "purpose": (Purpose.HRESCH, Purpose.LEGAL),
}
# Everything at once; what stops early is listed once, what lets the later rules speak several times.
EVERYTHING: Block = {
    "clocks": (FRESH, FRESH, *CLOCKS),
    "action": (Action.READ, Action.READ, Action.READ, *ACTIONS),
    "purpose": PURPOSES,
    "reader.member_standing": (Standing.IN_FORCE,) * 4 + MEMBER_STANDINGS,
    "reader.account_standing": (Standing.IN_FORCE,) * 4 + ACCOUNT_STANDINGS,
    "reader.key_standing": (Standing.IN_FORCE,) * 4 + KEY_STANDINGS,
    "reader.over_quota": (False,) * 4 + BOTH,
    "reader.own": BOTH,
    "reader.kind": KINDS,
    "reader.roles": (*READERS, *ROLES),
    "target.state": (*STATES[:1] * 4, *STATES),
    "target.category": CATEGORIES,
    "target.level": LEVELS,
    "target.special": (*FLAGS[:1] * 3, *FLAGS),
    "patient": PATIENTS,
    "patient_default": PATIENT_DEFAULTS,
    "default_guardian": GUARDIANS,
    "institution_default": INSTITUTION_DEFAULTS,
    "consent.here": BOTH,
    "consent.grantees": GRANTEES,
    "consent.level": LEVELS,
    "consent.copy": COPIES,
    "consent.special": FLAGS,
    "consent.guardian": GUARDIANS,
    "consent.purposes": (ALL_PURPOSES, *_SOME_PURPOSES),
    "consent.until_ms": (NOW + DAY, NOW),
    "consent.acknowledged_ms": (NOW - DAY, NOW - DAY, None),
    "second.here": BOTH,
    "second.grantees": GRANTEES,
    "second.given_ms": (NOW - 30 * DAY, NOW - 3 * DAY),
    "second.revoked_ms": (None, NOW - DAY),
    "ban.here": (False, False, True),
    "ban.grantees": GRANTEES,
    "ban.level": LEVELS,
    "ban.purposes": _SOME_PURPOSES,
    "grant.here": BOTH,
    "grant.level": LEVELS,
    "grant.special": FLAGS,
    "grant.blocked": (False, False, True),
    "grant.until_ms": (NOW + DAY, NOW),
    "order.here": (False, False, True),
    "order.grantees": GRANTEES,
    "order.level": LEVELS,
    "duty.here": BOTH,
    "duty.article": tuple(Article)[1:],
    "duty.grantees": GRANTEES,
    "duty.from_ms": (NOW - DAY, NOW - 90 * DAY, NOW + DAY),
    "duty.level": LEVELS,
    "episode.here": BOTH,
    "episode.accounts": (frozenset({ME}), frozenset({OTHER})),
    "episode.until_ms": (None, NOW),
}

_ROWS: Mapping[str, Block] = {
    "court": _mandates(Article.COURT, KINDS, Purpose.LEGAL),
    "patient_request": _mandates(Article.PATIENT_REQUEST, KINDS[1:2], Purpose.PATRQT),
    "guardian_request": _mandates(
        Article.GUARDIAN_REQUEST, KINDS[1:2], Purpose.FAMRQT, patients=(CHILD, FOURTEEN_WHEN_GIVEN)
    ),
    "relative_request": _mandates(Article.RELATIVE_REQUEST, KINDS[1:2], Purpose.FAMRQT, patients=(DEAD, DEAD_CHILD)),
    "official_inquiry": _mandates(
        Article.OFFICIAL_INQUIRY, (KINDS[0], KINDS[4]), Purpose.LEGAL, Purpose.COVERAGE, Purpose.HPAYMT
    ),
    "public_health": _mandates(Article.PUBLIC_HEALTH, KINDS[4:], Purpose.PUBLICHLTH),
    "supervision": _mandates(Article.SUPERVISION, KINDS[4:], Purpose.HQUALIMP, Purpose.HOPERAT),
}
BLOCKS: Mapping[str, Block] = {
    "gates": GATES,
    "acts": ACTS,
    "tables": TABLES,
    "core": CORE,
    "terms": TERMS,
    "nearest": NEAREST,
    **_ROWS,
    "bans": BANS,
    "grants": GRANTS,
    "care": CARE,
    "defaults": DEFAULTS,
    "moments": MOMENTS_AROUND,
    "everything": EVERYTHING,
}
