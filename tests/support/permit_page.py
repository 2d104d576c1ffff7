"""Tables (L, U, K, R), terms (T1 to T10) and answers of docs/spec/permit.md for its oracle, as plain values."""

from __future__ import annotations

from typing import NamedTuple

from xinglin.service.basic.protection.model import Guardianship, Held, Mandate, Situation

DAY_MS = 86_400_000
PRACTITIONER, AUDITOR, COMPLIANCE, SERVICE = 3, 4, 5, 7
READS = ("read", "history", "search")
ALL_FLAGS = 255
NOTHING, ORIGINAL, COPY = 0, 1, 2


class Answer(NamedTuple):
    """A decision as plain values; ``nearest`` is (id, code) or None."""

    permit: bool
    rule: int
    basis: str
    reference: bytes
    copy: int
    code: str
    nearest: tuple[bytes, str] | None


class Row(NamedTuple):
    """A row of table L; ``kinds`` None: only own readers, empty: any; ``flags``: those that may be named."""

    kinds: tuple[int, ...] | None
    roles: tuple[int, ...]
    purposes: tuple[str, ...]
    level: int
    flags: int
    days: int


TABLE_L = {
    "court": Row((), (3, 4, 5, 7), ("legal",), 5, ALL_FLAGS, 366),
    "patient_request": Row(None, (3, 5, 7), ("patrqt",), 5, ALL_FLAGS, 30),
    "guardian_request": Row(None, (3, 5, 7), ("famrqt",), 5, ALL_FLAGS, 30),
    "relative_request": Row(None, (3, 5, 7), ("famrqt",), 4, 0, 30),
    "official_inquiry": Row((1, 5), (3, 4, 5, 7), ("legal", "coverage", "hpaymt"), 4, ALL_FLAGS, 90),
    "public_health": Row((5,), (3, 4, 5, 7), ("publichlth",), 4, 1 + 16, 366),
    "supervision": Row((5,), (4, 5), ("hqualimp", "hoperat"), 3, 0, 366),
}
TABLE_U = {
    "treat": 5, "etreat": 5, "hpaymt": 4, "hoperat": 3, "hresch": 3, "publichlth": 4,
    "coverage": 4, "legal": 5, "patrqt": 5, "famrqt": 5, "hqualimp": 3, "hsysadmin": 2,
}  # fmt: skip
TABLE_K: dict[int, tuple[tuple[str, ...], int]] = {
    1: (("hpaymt", "coverage", "hresch", "legal", "patrqt"), 4),
    2: (tuple(purpose for purpose in TABLE_U if purpose != "hsysadmin"), 5),
    3: (("hresch", "publichlth"), 3),
    4: (("hresch", "hsysadmin"), 3),
    5: (("publichlth", "coverage", "hpaymt", "legal", "hqualimp", "hoperat"), 4),
}
TABLE_R = {PRACTITIONER: 5, SERVICE: 4, COMPLIANCE: 4, AUDITOR: 3}


def refuse(rule: int, code: str, reference: bytes = b"", nearest: tuple[bytes, str] | None = None) -> Answer:
    return Answer(False, rule, "none", reference, NOTHING, code, nearest)


def permit(rule: int, basis: str, reference: bytes, copy: int) -> Answer:
    return Answer(True, rule, basis, reference, copy, "", None)


def low(s: Situation) -> int:
    return min(s.chain_ms, s.now_ms)  # T1


def high(s: Situation) -> int:
    return max(s.now_ms, s.chain_ms)  # T1


def happened(s: Situation, when: int | None) -> bool:
    return when is not None and when <= high(s)  # T1


def running(s: Situation, start: int, until: int | None) -> bool:
    return start <= low(s) and (until is None or high(s) < until)  # T2


def dead(s: Situation) -> bool:
    return happened(s, s.patient.died_ms)  # T3


def holds(s: Situation, guardianship: Guardianship) -> bool:
    adult = s.patient.adult_ms
    return running(s, guardianship.from_ms, guardianship.until_ms) and (adult is None or high(s) < adult)  # T4


def holding(s: Situation) -> list[bytes]:
    """Return the ids of the patient's guardianships that hold."""
    return [each.id for each in s.patient.guardianships if holds(s, each)]


def validly_given(s: Situation, held: Held) -> bool:
    if held.guardian != b"":  # T5
        return held.guardian in holding(s)
    fourteen = s.patient.fourteen_ms
    return held.prohibits or fourteen is None or held.given_ms >= fourteen


def names_the_reader(s: Situation, thing: Held | Mandate) -> bool:
    names = thing.grantees  # T6
    return (
        (len(names.members) == 0 or s.reader.member in names.members)
        and (len(names.accounts) == 0 or s.reader.account in names.accounts)
        and (len(names.roles) == 0 or bool(set(names.roles) & set(s.reader.roles)))
    )


def opening(record: int, highest: int, copy: int) -> int:
    if copy == ORIGINAL and highest >= 4 and record <= highest:  # T7.1
        return ORIGINAL
    if record == 4:  # T7.2
        return COPY if highest >= 3 else NOTHING
    return COPY if record <= highest else NOTHING  # T7.3


def all_named(s: Situation, flags: int) -> bool:
    return int(s.target.special) & ~int(flags) & ALL_FLAGS == 0  # T8


def newest_held(many: list[Held]) -> Held:
    return min(many, key=lambda held: (-held.given_ms, held.id))  # T9


def newest_mandate(many: list[Mandate]) -> Mandate:
    return min(many, key=lambda mandate: (-mandate.from_ms, mandate.id))  # T9


def has(s: Situation, *roles: int) -> bool:
    return any(role in s.reader.roles for role in roles)


def stale(s: Situation) -> bool:
    return s.now_ms - s.chain_ms > s.stale_after_ms
