"""How long a record is kept: the table and what follows from it (docs/spec/destruction.md DE1 to DE6; S8.1). Pure.

The table is the law's minimum; an institution's own terms are longer or refused. Where a date is missing nothing is
guessed: the record stays.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from xinglin.service.basic.destruction.errors import RetentionUnknown, TermShorter
from xinglin.service.basic.destruction.model import Encounter, Stay, Term

_REGULATION = "医疗机构病历管理规定(2013), art. 29"
TABLE = (
    Term(Stay.INPATIENT, "", 30, _REGULATION),
    Term(Stay.OUTPATIENT, "", 15, _REGULATION),
)
"""Inpatient: at least 30 years after the patient's last discharge; outpatient and emergency: at least 15 after the
last visit."""
CLASSES: Mapping[str, Stay] = {
    "IMP": Stay.INPATIENT,
    "ACUTE": Stay.INPATIENT,
    "NONAC": Stay.INPATIENT,
    "SS": Stay.INPATIENT,
    "AMB": Stay.OUTPATIENT,
    "EMER": Stay.OUTPATIENT,
    "OBSENC": Stay.OUTPATIENT,
    "HH": Stay.OUTPATIENT,
    "VR": Stay.OUTPATIENT,
}
"""The v3-ActCode classes of an Encounter: inpatient, acute, non-acute and short stays; ambulatory, emergency,
observation, home and virtual visits. Another class is not guessed at."""
MAX_YEARS = 1000
"""The longest term that settings take."""
LAST_YEAR = datetime.MAXYEAR - MAX_YEARS - 1
"""The last year in which a stay can end: sources write 9999-12-31 where they know no end."""


def table_with(overrides: Sequence[Term], table: Sequence[Term] = TABLE) -> tuple[Term, ...]:
    """Return the table with an institution's own terms behind it.

    Raises:
        TermShorter: one is shorter than what the table says for its stay and type.
    """
    for term in overrides:
        least = years(table, term.stay, term.type)
        if term.years < least:
            raise TermShorter(type=term.type or "*", years=term.years, least=least)
    return (*table, *overrides)


def years(table: Sequence[Term], stay: Stay, type_: str) -> int:
    """Return for how many years a record of a stay and a FHIR type is kept: the longest term that names it."""
    return max(term.years for term in table if term.stay is stay and term.type in ("", type_))


def years_after(date: datetime.date, count: int) -> datetime.date:
    """Return the same day of a later year; for 29 February in a common year 1 March, so that no day is lost.

    Args:
        date: no later than the year ``LAST_YEAR``.
        count: of years, up to ``MAX_YEARS``.
    """
    try:
        return date.replace(year=date.year + count)
    except ValueError:
        return datetime.date(date.year + count, 3, 1)


def retention_end(table: Sequence[Term], stay: Stay, last: datetime.date, type_: str) -> datetime.date:
    """Return the last day on which a record must be kept.

    Args:
        table: from ``table_with``.
        stay: the kind of stay that the record belongs to.
        last: the patient's last discharge (inpatient) or last visit (outpatient), the day itself.
        type_: the record's FHIR type.
    """
    return years_after(last, years(table, stay, type_))


def kept_until(
    table: Sequence[Term], type_: str, occasion: bytes, encounters: Sequence[Encounter], record: str = ""
) -> datetime.date:
    """Return the last day on which a record of a patient must be kept.

    A record belongs to the stay of its encounter. One that names no encounter belongs to every kind of stay that the
    patient had. The last visit is the patient's last encounter of any kind.

    Args:
        table: from ``table_with``.
        type_: the record's FHIR type.
        occasion: id of its encounter, empty for none.
        encounters: all of the patient's.
        record: its id, for refusals.

    Raises:
        RetentionUnknown: no encounter is known, the record's own is not among them, one is open, has no date or
            one that stands for no end, or its class is not in the table.
    """
    counting = [one for one in encounters if one.counts]
    if not counting:
        raise RetentionUnknown(
            record=record,
            why="the patient has no encounter here",
            why_zh="该患者在此没有就诊记录",
        )
    kinds = {one.id: _kind(one, record) for one in counting}
    ends = {one.id: _end(one, record) for one in counting}
    own = [one.id for one in encounters if one.id == occasion]
    if occasion and not own:
        raise RetentionUnknown(record=record, why="its encounter is not here", why_zh="其所属就诊不在此处")
    # What belongs to an encounter that was cancelled belongs, as far as the law goes, to all that took place.
    stays = {kinds[occasion]} if occasion in kinds else set(kinds.values())
    last = {
        Stay.INPATIENT: max((ends[one] for one, kind in kinds.items() if kind is Stay.INPATIENT), default=None),
        Stay.OUTPATIENT: max(ends.values()),
    }
    return max(retention_end(table, stay, end, type_) for stay in stays if (end := last[stay]) is not None)


def last_day(text: str) -> datetime.date | None:
    """Return the last day that a FHIR date or dateTime can mean, as it was written; None when it is none.

    Args:
        text: year, year and month, date, or dateTime, whose own day counts whatever its zone.
    """
    try:
        if len(text) == 4:
            return datetime.date(int(text), 12, 31)
        if len(text) == 7:
            first = datetime.date.fromisoformat(f"{text}-01")
            return (first.replace(day=28) + datetime.timedelta(days=4)).replace(day=1) - datetime.timedelta(days=1)
        return datetime.date.fromisoformat(text[:10])
    except ValueError:
        return None


def may_be_destroyed(until: datetime.date, now_ms: int) -> bool:
    """Tell whether retention has ended: its last day is over, by UTC."""
    return date_of(now_ms) > until


def date_of(time_ms: int) -> datetime.date:
    """Return the day of a time, by UTC."""
    return datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC).date()


def first_free_ms(until: datetime.date) -> int:
    """Return the first millisecond after a day, by UTC."""
    after = datetime.datetime.combine(until + datetime.timedelta(days=1), datetime.time(), datetime.UTC)
    return int(after.timestamp()) * 1000


def _kind(one: Encounter, record: str) -> Stay:
    if one.class_code not in CLASSES:
        raise RetentionUnknown(
            record=record,
            why=f"class of an encounter is '{one.class_code}'",
            why_zh=f"某次就诊的类别为“{one.class_code}”",
        )
    return CLASSES[one.class_code]


def _end(one: Encounter, record: str) -> datetime.date:
    if one.ended is None:
        raise RetentionUnknown(record=record, why="an encounter has no end", why_zh="某次就诊没有结束时间")
    if one.ended.year > LAST_YEAR:
        raise RetentionUnknown(
            record=record,
            why=f"the end of an encounter is {one.ended.isoformat()}",
            why_zh=f"某次就诊的结束时间为 {one.ended.isoformat()}",
        )
    return one.ended
