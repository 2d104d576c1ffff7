"""The terms that the rules of permits share (docs/spec/permit.md T1 to T10). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TypeVar

from xinglin.service.basic.protection.model import (
    Asking,
    Grantees,
    Guardianship,
    Held,
    Mandate,
    Patient,
    Reader,
    Situation,
    Target,
)
from xinglin.stakeholders.labels import Special
from xinglin.stakeholders.purposes import Copy

T = TypeVar("T", Held, Mandate)
_CHINA = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def happened(s: Situation, when_ms: int | None) -> bool:
    """Tell whether something dated has happened (T1)."""
    return when_ms is not None and when_ms <= s.high_ms


def running(s: Situation, from_ms: int, until_ms: int | None) -> bool:
    """Tell whether a period is running by both clocks (T2)."""
    return from_ms <= s.low_ms and (until_ms is None or s.high_ms < until_ms)


def dead(s: Situation) -> bool:
    """Tell whether the patient is dead (T3)."""
    return happened(s, s.patient.died_ms)


def stale(s: Asking) -> bool:
    """Tell whether the chain's newest block is too old (PM1)."""
    return s.now_ms - s.chain_ms > s.stale_after_ms


def holds(s: Situation, relation: Guardianship) -> bool:
    """Tell whether a guardianship holds (T4): it ends with the 18th birthday, whatever it says."""
    of_age = s.patient.adult_ms is not None and s.high_ms >= s.patient.adult_ms
    return running(s, relation.from_ms, relation.until_ms) and not of_age


def has_guardian(s: Situation) -> bool:
    """Tell whether some guardianship of the patient holds."""
    return any(holds(s, one) for one in s.patient.guardianships)


def under_guardian(s: Situation, guardian: bytes) -> bool:
    """Tell whether the guardianship of that id is the patient's and holds."""
    return any(one.id == guardian and holds(s, one) for one in s.patient.guardianships)


def validly_given(s: Situation, held: Held) -> bool:
    """Tell whether who gave a consent or prohibition could, and still stands behind it (T5)."""
    if held.guardian:
        return under_guardian(s, held.guardian)
    return held.prohibits or old_enough(s.patient, held.given_ms)


def old_enough(patient: Patient, given_ms: int) -> bool:
    """Tell whether the patient could consent alone at a time: not under 14, as far as the birth date is known (T5)."""
    return patient.fourteen_ms is None or given_ms >= patient.fourteen_ms


def names(grantees: Grantees, reader: Reader) -> bool:
    """Tell whether something names the reader (T6)."""
    return (
        (not grantees.members or reader.member in grantees.members)
        and (not grantees.accounts or reader.account in grantees.accounts)
        and (not grantees.roles or not grantees.roles.isdisjoint(reader.roles))
    )


def opening(level: int, highest: int, copy: Copy) -> Copy:
    """Return which copy of a record of ``level`` opens under a highest level and copy (T7)."""
    if copy is Copy.ORIGINAL and highest >= 4 and level <= highest:
        return Copy.ORIGINAL
    if (highest >= 3) if level == 4 else (level <= highest):
        return Copy.DEIDENTIFIED
    return Copy.NONE


def named(target: Target, special: Special) -> bool:
    """Tell whether every special flag of a record is named (T8)."""
    return not target.special & ~special


def newest_first(several: Iterable[T]) -> list[T]:
    """Return consents by when they were given, mandates by when they begin, newest first (T9)."""
    return sorted(several, key=lambda one: (-_dated(one), one.id))


def _dated(one: Held | Mandate) -> int:
    return one.given_ms if isinstance(one, Held) else one.from_ms


def birthday_ms(born: date, years: int) -> int:
    """Return when the birthday ``years`` after a birth begins, 00:00 China time; 29 February counts as 1 March."""
    year = born.year + years
    leap_day = (born.month, born.day) == (2, 29)
    whole = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    month, day = (3, 1) if leap_day and not whole else (born.month, born.day)
    return (datetime(year, month, day, tzinfo=_CHINA) - _EPOCH) // timedelta(milliseconds=1)
