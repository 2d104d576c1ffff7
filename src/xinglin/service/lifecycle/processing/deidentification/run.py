"""One making of one copy: the person's shift and pseudonyms, and the count of what was left out."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any, Final

from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.collection.fhir.references import CONDITIONAL, LITERAL
from xinglin.service.lifecycle.processing.deidentification.model import Pseudonyms, Shift

DATE: Final = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))?)?)?", re.ASCII)
NOTHING: Final = None
"""Stands for a value that is not in the copy; JSON's null never is."""
MIDDLE: Final = {4: "-07-01", 7: "-15", 10: ""}
URN: Final = re.compile(r"urn:(?:uuid|oid):([A-Za-z0-9.\-]{1,128})", re.ASCII)
FRAGMENT: Final = re.compile(r"#[A-Za-z0-9.\-]{0,64}", re.ASCII)


class Run:
    """State of one copy being made.

    Args:
        shift: of the person.
        pseudonyms: of the person.
        shared: types of resources that have the home's pseudonyms.
    """

    __slots__ = ("_dates", "_oldest", "dropped", "pseudonyms", "shared", "shift")

    def __init__(self, shift: Shift, pseudonyms: Pseudonyms, shared: frozenset[str]) -> None:
        self.shift = shift
        self.pseudonyms = pseudonyms
        self.shared = shared
        self.dropped: dict[str, int] = {}
        self._oldest = shift.oldest
        self._dates: dict[str, str] = {}

    def drop(self, rule: str) -> Any:
        """Count one value that a rule took out, and return what stands in the copy for it."""
        self.dropped[rule] = self.dropped.get(rule, 0) + 1
        return NOTHING

    def date(self, text: object) -> Any:
        """Return a date, dateTime or instant moved by the shift, in its precision, time of day and zone kept."""
        if not isinstance(text, str):
            return self.drop("form.value")
        moved = self._dates.get(text)
        if moved is None:
            if not DATE.fullmatch(text):
                return self.drop("form.value")
            day = text[:10]
            if day <= self._oldest[: len(day)]:
                return self.drop("date.over_89")
            try:
                # A date without day counts from the middle of its month or year, so it moves as often as it should.
                middle = datetime.date.fromisoformat(day + MIDDLE[len(day)])
                moved = (middle + datetime.timedelta(self.shift.days)).isoformat()[: len(day)] + text[10:]
            except (ValueError, OverflowError):
                return self.drop("form.value")
            self._dates[text] = moved
        return moved

    def id(self, text: object, *, shared: bool = False) -> Any:
        """Return the pseudonym of a logical id."""
        if not isinstance(text, str) or not text:
            return self.drop("form.value")
        return self.pseudonyms.of(text, shared=shared)

    def refer(self, text: str, *, shared: bool = False) -> Any:
        """Return a reference that leads to the copy of what the reference led to, None where that can't be told.

        Args:
            text: ``Reference.reference``.
            shared: whether it leads to resources about nobody in particular only, where it does not say its type.
        """
        if text[:1] == "#" and FRAGMENT.fullmatch(text):
            return f"#{self.pseudonyms.of(text[1:])}" if len(text) > 1 else text
        urn = URN.fullmatch(text)
        if urn is not None:
            return f"urn:uuid:{self.pseudonyms.of(urn[1], shared=shared)}"
        literal = LITERAL.fullmatch(text)
        if literal is not None and literal[2] in definitions().resources:
            base, kind, name = literal[1] or "", literal[2], literal[3]
            target = name if not base or base in self.pseudonyms.own_bases else f"{base}{kind}/{name}"
            return f"{kind}/{self.pseudonyms.of(target, shared=kind in self.shared)}"
        conditional = CONDITIONAL.fullmatch(text)
        if conditional is not None and conditional[1] in definitions().resources:
            kind = conditional[1]
            return f"{kind}/{self.pseudonyms.of(text, shared=kind in self.shared)}"
        return self.drop("form.reference")


Action = Callable[[Any, Run, int], Any]
"""Takes a value, the run and how deep it may nest; returns what stands in the copy, None for nothing."""
