"""One situation that a consent permits, for tests of permits: a practitioner of another hospital reads to treat."""

from __future__ import annotations

from xinglin.service.basic.protection.model import (
    Article,
    BreakGlassGrant,
    Episode,
    Grantees,
    Guardianship,
    Held,
    Mandate,
    Patient,
    Reader,
    Situation,
    Target,
)
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Action, Copy, Purpose

NOW = 1_700_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
ACCOUNT, MEMBER = b"a" * 16, b"m" * 16
CONSENT = Held(
    id=b"c" * 16,
    prohibits=False,
    grantees=Grantees(frozenset({MEMBER}), frozenset({Role.PRACTITIONER})),
    purposes=frozenset({Purpose.TREAT}),
    categories=frozenset({Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION}),
    level=Level.NARROW,
    given_ms=NOW - DAY,
    from_ms=NOW - DAY,
    until_ms=NOW + DAY,
    acknowledged_ms=NOW - DAY,
)
PROHIBITION = Held(
    id=b"x" * 16,
    prohibits=True,
    grantees=Grantees(),
    purposes=frozenset(),
    categories=frozenset(),
    level=Level.PUBLIC,
    given_ms=NOW - DAY,
    from_ms=NOW - DAY,
    until_ms=NOW + DAY,
    acknowledged_ms=NOW - DAY,
)
READER = Reader(ACCOUNT, MEMBER, MemberKind.MEDICAL_INSTITUTION, frozenset({Role.PRACTITIONER}), own=False)
TARGET = Target(Category.HEALTH_STATUS, Level.NARROW)
GRANT = BreakGlassGrant(b"g" * 16, MEMBER, ACCOUNT, Level.NARROW, NOW - HOUR, NOW + HOUR)
EPISODE = Episode(b"e" * 16, NOW - DAY)
GUARDIANSHIP = Guardianship(b"w" * 16, NOW - DAY)
ORDER = Mandate(
    id=b"o" * 16,
    article=Article.COURT,
    grantees=Grantees(frozenset({MEMBER})),
    purposes=frozenset({Purpose.LEGAL}),
    categories=frozenset(Category),
    level=Level.STRICT,
    from_ms=NOW - DAY,
    until_ms=NOW + DAY,
    document=b"d" * 32,
    copy=Copy.ORIGINAL,
)
COVERED = Situation(
    action=Action.READ,
    purpose=Purpose.TREAT,
    now_ms=NOW,
    chain_ms=NOW - 1_000,
    reader=READER,
    target=TARGET,
    patient=Patient(),
    held=(CONSENT,),
)
