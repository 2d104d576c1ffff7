"""Situations of the policy of permits from points: a point gives some dimensions a value, the rest is a plain case.

A dimension is named as ``part.field`` (``consent.level``) or, of the situation itself, as ``field``. A part that no
dimension of the point names is absent. Two fields belong together in one dimension: ``clocks`` is (now, chain).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xinglin.service.basic.protection.model import (
    Article,
    BreakGlassGrant,
    Episode,
    Grantees,
    Guardianship,
    Held,
    InstitutionDefault,
    Mandate,
    Patient,
    PatientDefault,
    Reader,
    RecordState,
    Situation,
    Standing,
    Target,
)
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Copy, Purpose

Point = Mapping[str, Any]

NOW = 1_800_000_000_000
DAY = 86_400_000
STALE_AFTER = 10_000


def some_id(number: int) -> bytes:
    """Return the id of this number; ids ascend with their numbers."""
    return number.to_bytes(16, "big")


ME, MINE, OTHER = some_id(1), some_id(2), some_id(3)
HOLDS, OVER, LATER, NOWHERE = some_id(20), some_id(21), some_id(22), some_id(23)

FRESH, EDGE, STALE, AHEAD = (NOW, NOW), (NOW, NOW - STALE_AFTER), (NOW, NOW - STALE_AFTER - 1), (NOW - 5_000, NOW)
ALL_PURPOSES, ALL_CATEGORIES, ALL_FLAGS = frozenset(Purpose), frozenset(Category), Special(255)
GUARDIANSHIPS = (
    Guardianship(HOLDS, NOW - 90 * DAY),
    Guardianship(OVER, NOW - 90 * DAY, NOW),
    Guardianship(LATER, NOW + DAY),
)
CHILD = Patient(NOW + 900 * DAY, NOW + 2_000 * DAY, None, GUARDIANSHIPS)
ADULT = Patient(NOW - 9_000 * DAY, NOW - 8_000 * DAY, None, GUARDIANSHIPS)
TEEN = Patient(NOW - 50 * DAY, NOW + 900 * DAY, None, GUARDIANSHIPS)
UNKNOWN_AGE = Patient(None, None, None, GUARDIANSHIPS)
DEAD = Patient(NOW - 9_000 * DAY, NOW - 8_000 * DAY, NOW - 5 * DAY, GUARDIANSHIPS)
DEAD_CHILD = Patient(NOW + 900 * DAY, NOW + 2_000 * DAY, NOW, GUARDIANSHIPS)
DIES_LATER = Patient(None, None, NOW + 1)
FOURTEEN_WHEN_GIVEN = Patient(NOW - 30 * DAY, NOW, None, GUARDIANSHIPS)
"""Was 14 at the moment when a plain consent is given, and is 18 just now."""
DEAD_WHEN_GIVEN = Patient(NOW - 9_000 * DAY, NOW - 8_000 * DAY, NOW - 30 * DAY)

_HELD: dict[str, Any] = {
    "grantees": Grantees(),
    "purposes": ALL_PURPOSES,
    "categories": ALL_CATEGORIES,
    "level": Level.STRICT,
    "given_ms": NOW - 30 * DAY,
    "from_ms": NOW - 30 * DAY,
    "until_ms": NOW + 30 * DAY,
    "acknowledged_ms": NOW - 29 * DAY,
}
_BAN = _HELD | {"prohibits": True, "purposes": frozenset(), "categories": frozenset(), "level": Level.PUBLIC}
_MANDATE: dict[str, Any] = {
    "grantees": Grantees(),
    "purposes": ALL_PURPOSES,
    "categories": ALL_CATEGORIES,
    "level": Level.STRICT,
    "from_ms": NOW - 2 * DAY,
    "until_ms": NOW + 2 * DAY,
    "special": ALL_FLAGS,
}
_PARTS: dict[str, tuple[type, dict[str, Any]]] = {
    "consent": (Held, _HELD | {"id": some_id(31), "prohibits": False}),
    "second": (Held, _HELD | {"id": some_id(30), "prohibits": False}),
    "ban": (Held, _BAN | {"id": some_id(41)}),
    "other_ban": (Held, _BAN | {"id": some_id(40)}),
    "order": (Mandate, _MANDATE | {"id": some_id(51), "article": Article.COURT, "document": b"\x51" * 32}),
    "duty": (Mandate, _MANDATE | {"id": some_id(53), "article": Article.OFFICIAL_INQUIRY, "document": b"\x53" * 32}),
    "other_mandate": (Mandate, _MANDATE | {"id": some_id(52), "article": Article.COURT, "document": b"\x52" * 32}),
    "grant": (
        BreakGlassGrant,
        {
            "id": some_id(60),
            "member": MINE,
            "account": ME,
            "level": Level.STRICT,
            "from_ms": NOW - DAY // 4,
            "until_ms": NOW + DAY // 4,
        },
    ),
    "episode": (Episode, {"reference": some_id(70), "from_ms": NOW - DAY, "accounts": frozenset({ME})}),
}
_READER: dict[str, Any] = {
    "account": ME,
    "member": MINE,
    "kind": MemberKind.MEDICAL_INSTITUTION,
    "roles": frozenset({Role.PRACTITIONER}),
    "own": False,
}
_TARGET: dict[str, Any] = {"category": Category.HEALTH_STATUS, "level": Level.NARROW, "current": b"\x77" * 32}


def build(point: Point) -> Situation:
    """Return the situation of a point."""
    fields: dict[str, dict[str, Any]] = {"": {}, "reader": {}, "target": {}}
    for name, value in point.items():
        part, _, field = name.rpartition(".")
        fields.setdefault(part, {})[field] = value
    own = dict(fields.pop(""))
    now_ms, chain_ms = own.pop("clocks", FRESH)
    reader = Reader(**_READER | fields.pop("reader"))
    target = Target(**_TARGET | fields.pop("target"))
    here = {part: given for part, given in fields.items() if given.pop("here", True)}
    made = {part: _PARTS[part][0](**_PARTS[part][1] | given) for part, given in here.items()}
    plain: dict[str, Any] = {
        "action": Action.READ,
        "purpose": Purpose.TREAT,
        "patient": ADULT,
        "patient_default": PatientDefault.UNSET,
        "institution_default": InstitutionDefault.CLOSED,
    }
    return Situation(
        now_ms=now_ms,
        chain_ms=chain_ms,
        reader=reader,
        target=target,
        held=tuple(made[part] for part in ("consent", "ban", "second", "other_ban") if part in made),
        mandates=tuple(made[part] for part in ("order", "duty", "other_mandate") if part in made),
        grant=made.get("grant"),
        episode=made.get("episode"),
        stale_after_ms=STALE_AFTER,
        **plain | own,
    )


# Values of dimensions

BOTH = (False, True)
READERS = tuple(frozenset(roles) for roles in ((Role.PRACTITIONER,), (Role.AUDITOR,), (Role.COMPLIANCE_OFFICER,),
                (Role.SERVICE,), (Role.PRACTITIONER, Role.AUDITOR), (Role.AUDITOR, Role.SERVICE)))  # fmt: skip
ROLES = (*READERS, frozenset(), frozenset({Role.SUPER_ADMINISTRATOR}), frozenset({Role.ADMINISTRATOR, Role.DEVICE}))
READER_AND_DEVICE = frozenset({Role.PRACTITIONER, Role.DEVICE})
GRANTEES = (
    Grantees(),
    Grantees(frozenset({MINE, OTHER}), frozenset({Role.PRACTITIONER}), frozenset({ME})),
    Grantees(roles=frozenset({Role.AUDITOR, Role.SERVICE})),
    Grantees(members=frozenset({OTHER})),
    Grantees(members=frozenset({MINE}), accounts=frozenset({OTHER})),
)
FOR_DEVICES = Grantees(roles=frozenset({Role.DEVICE}))
FLAGS = (Special.NONE, Special.HIV, Special.HIV | Special.PSYCHIATRY, Special.BY_SOURCE, ALL_FLAGS)
CLOCKS = (FRESH, EDGE, STALE, AHEAD)
PATIENTS = (ADULT, CHILD, TEEN, UNKNOWN_AGE, DEAD, DEAD_CHILD, DIES_LATER, FOURTEEN_WHEN_GIVEN, DEAD_WHEN_GIVEN)
GUARDIANS = (b"", HOLDS, OVER, LATER, NOWHERE)
PURPOSES = tuple(Purpose)
CATEGORIES = tuple(Category)
LEVELS = tuple(Level)
KINDS = tuple(MemberKind)
COPIES = (Copy.ORIGINAL, Copy.DEIDENTIFIED)
ACTIONS = tuple(Action)
STATES = tuple(RecordState)
MEMBER_STANDINGS = (Standing.IN_FORCE, Standing.SUSPENDED, Standing.ENDED, Standing.UNKNOWN)
ACCOUNT_STANDINGS = (Standing.IN_FORCE, Standing.ENDED, Standing.UNKNOWN)
KEY_STANDINGS = (Standing.IN_FORCE, Standing.ENDED, Standing.COMPROMISED, Standing.UNKNOWN)
PATIENT_DEFAULTS = tuple(PatientDefault)
INSTITUTION_DEFAULTS = tuple(InstitutionDefault)
# Around both clocks: in AHEAD now is 5 s before the chain, in EDGE and STALE the chain is behind now.
MOMENTS = (NOW - 30 * DAY, NOW - STALE_AFTER - 1, NOW - STALE_AFTER, NOW - 5_000, NOW - 1, NOW, NOW + 1, NOW + DAY)
