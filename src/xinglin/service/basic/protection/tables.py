"""The tables of docs/spec/permit.md as data: who, which purposes, which level, how long (S8.3).

What a deployment may change is not here: the patient's and the institution's defaults are parts of a situation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xinglin.service.basic.protection.model import Article
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Purpose

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
READING_ROLES = frozenset({Role.PRACTITIONER, Role.AUDITOR, Role.COMPLIANCE_OFFICER, Role.SERVICE})
SEALING_ROLES = frozenset({Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR, Role.COMPLIANCE_OFFICER})
CLINICAL = frozenset({Category.PERSONAL_ATTRIBUTES, Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION})
BILLING = frozenset({Category.PERSONAL_ATTRIBUTES, Category.MEDICAL_PAYMENT})
CARE_PURPOSES = frozenset({Purpose.TREAT, Purpose.ETREAT})
AFTER_DEATH = frozenset({Purpose.HPAYMT, Purpose.COVERAGE, Purpose.HRESCH})
"""Purposes for which a consent goes on after the patient's death."""
OVERSIGHT_ROLES = frozenset({Role.AUDITOR, Role.COMPLIANCE_OFFICER})
OVERSIGHT_PURPOSES = frozenset({Purpose.HOPERAT, Purpose.HQUALIMP, Purpose.LEGAL})
MAX_GRANT_MS = 24 * HOUR_MS
ANY_SPECIAL = Special(sum(Special))

ROLE_LEVEL: Mapping[Role, int] = MappingProxyType(
    {Role.PRACTITIONER: 5, Role.SERVICE: 4, Role.COMPLIANCE_OFFICER: 4, Role.AUDITOR: 3}
)
"""Table R: the highest level that a consent opens to a role; 0 for those not listed."""

PURPOSE_LEVEL: Mapping[Purpose, int] = MappingProxyType(
    {
        Purpose.TREAT: 5,
        Purpose.ETREAT: 5,
        Purpose.HPAYMT: 4,
        Purpose.HOPERAT: 3,
        Purpose.HRESCH: 3,
        Purpose.PUBLICHLTH: 4,
        Purpose.COVERAGE: 4,
        Purpose.LEGAL: 5,
        Purpose.PATRQT: 5,
        Purpose.FAMRQT: 5,
        Purpose.HQUALIMP: 3,
        Purpose.HSYSADMIN: 2,
    }
)
"""Table U: the highest level that a consent opens for a purpose."""


@dataclass(frozen=True, slots=True)
class KindLimit:
    """A row of table K: what a consent can open to a kind of member."""

    purposes: frozenset[Purpose]
    level: int


KINDS: Mapping[MemberKind, KindLimit] = MappingProxyType(
    {
        MemberKind.DATA_USER: KindLimit(
            frozenset({Purpose.HPAYMT, Purpose.COVERAGE, Purpose.HRESCH, Purpose.LEGAL, Purpose.PATRQT}), 4
        ),
        MemberKind.MEDICAL_INSTITUTION: KindLimit(frozenset(Purpose) - {Purpose.HSYSADMIN}, 5),
        MemberKind.SUPPLIER: KindLimit(frozenset({Purpose.HRESCH, Purpose.PUBLICHLTH}), 3),
        MemberKind.TECHNOLOGY_PROVIDER: KindLimit(frozenset({Purpose.HRESCH, Purpose.HSYSADMIN}), 3),
        MemberKind.REGULATOR: KindLimit(
            frozenset(
                {
                    Purpose.PUBLICHLTH,
                    Purpose.COVERAGE,
                    Purpose.HPAYMT,
                    Purpose.LEGAL,
                    Purpose.HQUALIMP,
                    Purpose.HOPERAT,
                }
            ),
            4,
        ),
    }
)
"""Table K."""


@dataclass(frozen=True, slots=True)
class ArticleLimit:
    """A row of table L: whom a mandate of an article admits, and how far it reaches.

    ``kinds`` empty with ``own`` means the custodian's own readers; ``special``: the flags that a mandate may name.
    """

    own: bool
    kinds: frozenset[MemberKind]
    roles: frozenset[Role]
    purposes: frozenset[Purpose]
    level: Level
    special: Special
    days: int


_COUNTER = frozenset({Role.PRACTITIONER, Role.COMPLIANCE_OFFICER, Role.SERVICE})
_NOBODY = frozenset[MemberKind]()
_AUTHORITIES = frozenset({MemberKind.REGULATOR})

ARTICLES: Mapping[Article, ArticleLimit] = MappingProxyType(
    {
        Article.COURT: ArticleLimit(
            own=False,
            kinds=frozenset(MemberKind),
            roles=READING_ROLES,
            purposes=frozenset({Purpose.LEGAL}),
            level=Level.STRICT,
            special=ANY_SPECIAL,
            days=366,
        ),
        Article.PATIENT_REQUEST: ArticleLimit(
            own=True,
            kinds=_NOBODY,
            roles=_COUNTER,
            purposes=frozenset({Purpose.PATRQT}),
            level=Level.STRICT,
            special=ANY_SPECIAL,
            days=30,
        ),
        Article.GUARDIAN_REQUEST: ArticleLimit(
            own=True,
            kinds=_NOBODY,
            roles=_COUNTER,
            purposes=frozenset({Purpose.FAMRQT}),
            level=Level.STRICT,
            special=ANY_SPECIAL,
            days=30,
        ),
        Article.RELATIVE_REQUEST: ArticleLimit(
            own=True,
            kinds=_NOBODY,
            roles=_COUNTER,
            purposes=frozenset({Purpose.FAMRQT}),
            level=Level.NARROW,
            special=Special.NONE,
            days=30,
        ),
        Article.OFFICIAL_INQUIRY: ArticleLimit(
            own=False,
            kinds=frozenset({MemberKind.DATA_USER, MemberKind.REGULATOR}),
            roles=READING_ROLES,
            purposes=frozenset({Purpose.LEGAL, Purpose.COVERAGE, Purpose.HPAYMT}),
            level=Level.NARROW,
            special=ANY_SPECIAL,
            days=90,
        ),
        Article.PUBLIC_HEALTH: ArticleLimit(
            own=False,
            kinds=_AUTHORITIES,
            roles=READING_ROLES,
            purposes=frozenset({Purpose.PUBLICHLTH}),
            level=Level.NARROW,
            special=Special.HIV | Special.SEXUALLY_TRANSMITTED,
            days=366,
        ),
        Article.SUPERVISION: ArticleLimit(
            own=False,
            kinds=_AUTHORITIES,
            roles=OVERSIGHT_ROLES,
            purposes=frozenset({Purpose.HQUALIMP, Purpose.HOPERAT}),
            level=Level.MEDIUM,
            special=Special.NONE,
            days=366,
        ),
    }
)
"""Table L."""
