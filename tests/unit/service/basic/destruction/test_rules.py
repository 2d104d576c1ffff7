"""How long a record is kept: the table, leap years, what is missing, against a rule of thumb written apart."""

from __future__ import annotations

import calendar
import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xinglin.node.office.destruction import retention_table
from xinglin.service.basic.destruction.errors import RetentionUnknown, TermShorter
from xinglin.service.basic.destruction.facts import encounter_of
from xinglin.service.basic.destruction.model import Encounter, Stay, Term
from xinglin.service.basic.destruction.rules import (
    CLASSES,
    LAST_YEAR,
    MAX_YEARS,
    TABLE,
    date_of,
    first_free_ms,
    kept_until,
    last_day,
    may_be_destroyed,
    retention_end,
    table_with,
    years,
    years_after,
)
from xinglin.settings import RetentionSettings

DATES = st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 12, 31))
CODES = st.sampled_from(sorted(CLASSES))
ENCOUNTERS = st.lists(
    st.builds(Encounter, id=st.uuids().map(lambda one: one.bytes), class_code=CODES, ended=DATES),
    min_size=1,
    max_size=8,
)
INPATIENT = {"IMP", "ACUTE", "NONAC", "SS"}


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.requirement("S8.1", part="retention, holds and who decides on them; other duties not yet")
def test_the_table_is_the_regulation_s() -> None:
    assert {(term.stay, term.type, term.years) for term in TABLE} == {
        (Stay.INPATIENT, "", 30),
        (Stay.OUTPATIENT, "", 15),
    }
    assert all("art. 29" in term.source for term in TABLE)


@pytest.mark.parametrize("end", ["9999-12-31", "9999", "9970-01-01"])
def test_an_end_that_stands_for_none_is_no_end(end: str) -> None:
    stay = encounter_of(b"1", f'{{"class":{{"code":"AMB"}},"period":{{"end":"{end}"}}}}'.encode())
    with pytest.raises(RetentionUnknown):
        kept_until(TABLE, "Observation", b"1", [stay])


def test_the_longest_term_after_the_last_year_is_a_date() -> None:
    longest = RetentionSettings(inpatient_years=MAX_YEARS, outpatient_years=MAX_YEARS)
    stay = Encounter(b"1", "IMP", datetime.date(LAST_YEAR, 12, 31))
    assert first_free_ms(kept_until(retention_table(longest), "Observation", b"1", [stay])) > 0
    with pytest.raises(ValidationError):
        RetentionSettings(types={"Immunization": MAX_YEARS + 1})


@given(DATES, st.integers(0, 200))
def test_years_are_never_short(date: datetime.date, count: int) -> None:
    later = years_after(date, count)
    assert later.year == date.year + count
    assert (later.month, later.day) == (date.month, date.day) or (
        (date.month, date.day, later.month, later.day) == (2, 29, 3, 1) and not calendar.isleap(later.year)
    )


@given(ENCOUNTERS, st.data())
def test_a_record_is_kept_as_long_as_its_stay_asks(encounters: list[Encounter], data: st.DataObject) -> None:
    """The oracle: 15 years after the last of all days, or 30 after the last inpatient one, by adding up."""
    own = data.draw(st.sampled_from(encounters))
    until = kept_until(TABLE, "Observation", own.id, encounters)
    inpatient = own.class_code in INPATIENT
    days = [one.ended for one in encounters if one.ended and (not inpatient or one.class_code in INPATIENT)]
    newest = max(days)
    expected = newest.year + (30 if inpatient else 15)
    assert until.year == expected
    assert (until.month, until.day) in ((newest.month, newest.day), (3, 1))
    whole = kept_until(TABLE, "Patient", b"", encounters)
    assert whole == max(kept_until(TABLE, "Observation", one.id, encounters) for one in encounters)


@given(ENCOUNTERS, st.builds(Encounter, id=st.just(b"new"), class_code=CODES, ended=DATES), st.data())
def test_a_further_encounter_never_shortens(encounters: list[Encounter], new: Encounter, data: st.DataObject) -> None:
    own = data.draw(st.sampled_from(encounters)).id
    before = kept_until(TABLE, "Observation", own, encounters)
    assert kept_until(TABLE, "Observation", own, [*encounters, new]) >= before


@given(st.sampled_from(Stay), DATES, st.integers(0, 60), st.sampled_from(["Observation", "Immunization"]))
def test_own_terms_only_lengthen(stay: Stay, last: datetime.date, more: int, type_: str) -> None:
    least = years(TABLE, stay, type_)
    table = table_with([Term(stay, type_, least + more, "own")])
    assert retention_end(table, stay, last, type_) == years_after(last, least + more)
    assert retention_end(table, stay, last, "Condition") == years_after(last, least)
    with pytest.raises(TermShorter):
        table_with([Term(stay, type_, least - 1, "own")])


def test_the_settings_make_the_table() -> None:
    table = retention_table(RetentionSettings(inpatient_years=40, types={"Immunization": 50}))
    assert years(table, Stay.INPATIENT, "Observation") == 40
    assert years(table, Stay.OUTPATIENT, "Observation") == 15
    assert years(table, Stay.OUTPATIENT, "Immunization") == 50
    with pytest.raises(TermShorter):  # long enough for a visit, not for a stay
        retention_table(RetentionSettings(types={"Immunization": 20}))


OPEN = Encounter(b"e", "IMP", None)
WHY = [
    ([], b"e", "no encounter here"),
    ([Encounter(b"e", "IMP", day("1983-10-28"), counts=False)], b"e", "no encounter here"),
    ([OPEN], b"e", "has no end"),
    ([Encounter(b"a", "AMB", day("1980-01-01")), OPEN], b"a", "has no end"),
    ([Encounter(b"e", "FLD", day("1983-10-28"))], b"e", "'FLD'"),
    ([Encounter(b"e", "", day("1983-10-28"))], b"e", "''"),
    ([Encounter(b"e", "IMP", day("1983-10-28"))], b"elsewhere", "is not here"),
]


@pytest.mark.parametrize(("encounters", "occasion", "why"), WHY)
def test_what_is_missing_is_not_guessed(encounters: list[Encounter], occasion: bytes, why: str) -> None:
    with pytest.raises(RetentionUnknown) as caught:
        kept_until(TABLE, "Observation", occasion, encounters, "r")
    assert why in str(caught.value.facts["why"])
    assert caught.value.facts["record"] == "r"
    assert not re.search(r"[a-z]+ [a-z]+|[?]", caught.value.sentence("zh")), (
        "the reason is in the language of the sentence"
    )


def test_a_cancelled_encounter_keeps_what_belongs_to_it_as_long_as_any_stay() -> None:
    encounters = [
        Encounter(b"x", "AMB", None, counts=False),
        Encounter(b"i", "IMP", day("1990-05-05")),
        Encounter(b"a", "AMB", day("2000-06-06")),
    ]
    assert kept_until(TABLE, "Observation", b"x", encounters) == day("2020-05-05")
    assert kept_until(TABLE, "Observation", b"a", encounters) == day("2015-06-06")


@given(DATES)
def test_the_last_day_is_kept_too(until: datetime.date) -> None:
    free = first_free_ms(until)
    assert may_be_destroyed(until, free)
    assert not may_be_destroyed(until, free - 1)
    assert date_of(free) == until + datetime.timedelta(days=1)


TEXTS = [
    ("1983-10-28", "1983-10-28"), ("1983-10-28T23:59:59+08:00", "1983-10-28"), ("1984-02", "1984-02-29"),
    ("1983-12", "1983-12-31"), ("1983", "1983-12-31"), ("", None), ("1983-13", None), ("1983-02-30", None),
    ("soon", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_a_date_without_a_day_counts_as_its_last(text: str, expected: str | None) -> None:
    assert last_day(text) == (day(expected) if expected else None)


RESOURCES = [
    (b'{"class": {"code": "IMP"}, "period": {"end": "1983-10-28"}, "status": "finished"}', "IMP", "1983-10-28", True),
    (b'{"class": {"code": "IMP"}, "period": {"start": "1983-10-20"}, "status": "in-progress"}', "IMP", None, True),
    (b'{"class": {"code": "AMB"}, "status": "cancelled"}', "AMB", None, False),
    (b'{"class": [1], "period": "x", "status": 3}', "", None, True),
    (b"[]", "", None, True),
    (b"{", "", None, True),
]


@pytest.mark.parametrize(("original", "code", "ended", "counts"), RESOURCES)
def test_an_encounter_says_no_more_than_it_states(original: bytes, code: str, ended: str | None, counts: bool) -> None:
    assert encounter_of(b"e", original) == Encounter(b"e", code, day(ended) if ended else None, counts)
