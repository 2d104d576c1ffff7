"""What becomes of single values and of the data types that are decided as a whole (docs/spec/deidentification.md).

Each function gives what stands in the copy, or None and a count of the rule that took it out. Whatever has not the
form that its type asks for goes: in a place for a number only a number is kept.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Iterable, Mapping
from re import Pattern
from typing import Any, Final

from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.processing.deidentification.forms import FORMS
from xinglin.service.lifecycle.processing.deidentification.model import OLDEST_AGE
from xinglin.service.lifecycle.processing.deidentification.run import Action, Run
from xinglin.service.lifecycle.processing.deidentification.tables import Rule, regions, units

NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,9})(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
TIME: Final = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,9})?", re.ASCII)
LARGEST: Final = 10**10
"""Numbers from here on have eleven digits or more, as telephones and cards have."""
USES: Final = frozenset({"home", "work", "temp", "old", "billing"})
UCUM: Final = "http://unitsofmeasure.org"
COMPARATORS: Final = frozenset({"<", "<=", ">=", ">"})
REST: Final = re.compile(r"(?!.*\d{9})[A-Za-z0-9._/-]{0,80}", re.ASCII)
MAX_FOUND: Final = 1024
"""Addresses of code systems that are remembered; there are some hundreds in use."""


def boolean(value: Any, run: Run, _: int) -> Any:
    """Keep true and false."""
    return value if value.__class__ is bool else run.drop("form.value")


def number(value: Any, run: Run, _: int) -> Any:
    """Keep a number of ordinary size; a decimal that came as text becomes a number again."""
    kind = value.__class__
    if kind is int:
        return value if -LARGEST < value < LARGEST else run.drop("form.value")
    if kind is str and NUMBER.fullmatch(value):
        return _ordinary(decimal.Decimal(value), run)
    if kind is float and math.isfinite(value) and abs(value) < LARGEST:
        return value
    if kind is decimal.Decimal and NUMBER.fullmatch(str(value)):
        return _ordinary(value, run)
    return run.drop("form.value")


def _ordinary(value: decimal.Decimal, run: Run) -> Any:
    return value if -LARGEST < value < LARGEST else run.drop("form.value")


def time(value: Any, run: Run, _: int) -> Any:
    """Keep a time of day."""
    return value if value.__class__ is str and TIME.fullmatch(value) else run.drop("form.value")


def date(value: Any, run: Run, _: int) -> Any:
    """Move a date."""
    return run.date(value)


def identifier(value: Any, run: Run, _: int) -> Any:
    """Replace an id."""
    return run.id(value)


def address_in_bundle(value: Any, run: Run, _: int) -> Any:
    """Replace a fullUrl."""
    return run.refer(value) if value.__class__ is str else run.drop("form.value")


def removing(rule: str) -> Action:
    """Return an action that takes everything out."""

    def remove(_: Any, run: Run, __: int) -> Any:
        return run.drop(rule)

    return remove


def of_form(form: Pattern[str]) -> Action:
    """Return an action that keeps text of a form."""

    def keep(value: Any, run: Run, _: int) -> Any:
        return value if value.__class__ is str and form.fullmatch(value) else run.drop("form.code")

    return keep


def of_codes(codes: frozenset[str]) -> Action:
    """Return an action that keeps the codes of a required value set."""

    def keep(value: Any, run: Run, _: int) -> Any:
        return value if value.__class__ is str and value in codes else run.drop("form.code")

    return keep


class Systems:
    """Code systems whose codes are kept, by address.

    Args:
        rules: of kind ``system``; of several for one address the last counts.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._whole: dict[str, Pattern[str] | None] = {}
        starts: dict[str, Pattern[str] | None] = {}
        for rule in rules:
            form = FORMS[rule.argument] if rule.action == "keep" else None
            for subject in rule.subjects:
                if subject.endswith("*"):
                    starts[subject[:-1]] = form
                else:
                    self._whole[subject] = form
        self._starts = sorted(starts.items(), key=lambda item: len(item[0]), reverse=True)
        self._found: dict[str, Pattern[str]] = {}

    def broken(self, system: object, code: object) -> str:
        """Return the id of the rule by which a code is not kept, empty if it is."""
        if not isinstance(system, str) or not isinstance(code, str):
            return "unknown.system"
        form = self._whole.get(system) or self._found.get(system) or self._by_start(system)
        if form is None:
            return "unknown.system"
        return "" if form.fullmatch(code) else "form.code"

    def _by_start(self, system: str) -> Pattern[str] | None:
        """Return the form of the longest beginning that is listed; what follows it must look like an address."""
        if system in self._whole:
            return None
        start, form = next((item for item in self._starts if system.startswith(item[0])), ("", None))
        if form is None or not REST.fullmatch(system[len(start) :]):
            return None
        if len(self._found) < MAX_FOUND:
            self._found[system] = form
        return form


def coding(systems: Systems) -> Action:
    """Return the action for a Coding: system and code of a listed system, and nothing that people wrote."""

    def keep(value: Any, run: Run, _: int) -> Any:
        if value.__class__ is not dict:
            return run.drop("form.value")
        system, code = value.get("system"), value.get("code")
        broken = systems.broken(system, code)
        if broken:
            return run.drop(broken)
        kept = {"system": system, "code": code}
        if value.get("userSelected").__class__ is bool:
            kept["userSelected"] = value["userSelected"]
        if len(value) > len(kept):
            run.drop("text.display")
        return kept

    return keep


def quantity(systems: Systems) -> Action:
    """Return the action for a Quantity: value with a unit that is known, ages of 90 or more as one."""

    def generalise(value: Any, run: Run, left: int) -> Any:
        if value.__class__ is not dict:
            return run.drop("form.value")
        kept: dict[str, Any] = {}
        if "value" in value:
            kept["value"] = number(value["value"], run, left)
            if kept["value"] is None:
                return None
        comparator = value.get("comparator")
        if comparator.__class__ is str and comparator in COMPARATORS:
            kept["comparator"] = comparator
        if not _unit(value, kept, systems):
            return run.drop("quantity.unit")
        _cap(kept, run)
        return kept or None

    return generalise


def _unit(value: Mapping[str, Any], kept: dict[str, Any], systems: Systems) -> bool:
    """Enter the unit; return whether nothing was lost with it."""
    system, code, written = value.get("system"), value.get("code"), value.get("unit")
    if code is not None and not systems.broken(system, code):
        kept["system"], kept["code"] = system, code
        if system == UCUM:
            kept["unit"] = code
        return True
    unit = units().get(written) if isinstance(written, str) else None
    if unit is None and isinstance(written, str) and FORMS["ucum"].fullmatch(written):
        kept.update(unit=written, system=UCUM, code=written)
        return True
    if unit is not None:
        kept.update(unit=unit.code, system=UCUM, code=unit.code)
        return True
    return code is None and written is None


def _cap(kept: dict[str, Any], run: Run) -> None:
    """Let no number of years above 89 stand."""
    unit = units().get(kept.get("code", "")) if kept.get("system") == UCUM else None
    if unit is not None and unit.in_year and "value" in kept and float(kept["value"]) >= OLDEST_AGE * unit.in_year:
        kept.update(value=OLDEST_AGE, comparator=">=", unit="a", system=UCUM, code="a")
        run.drop("quantity.over_89")


def reference(*, shared: bool) -> Action:
    """Return the action for a Reference: where it leads, by pseudonym.

    Args:
        shared: whether it may lead to resources about nobody in particular only.
    """

    def replace(value: Any, run: Run, _: int) -> Any:
        if value.__class__ is not dict:
            return run.drop("form.value")
        kept = {}
        target = value.get("reference")
        if target.__class__ is str:
            replaced = run.refer(target, shared=shared)
            if replaced is not None:
                kept["reference"] = replaced
        kind = value.get("type")
        if kind.__class__ is str and kind in definitions().resources:
            kept["type"] = kind
        if len(value) > len(kept):
            run.drop("text.display")
        return kept or None

    return replace


def address(value: Any, run: Run, _: int) -> Any:
    """Generalise an Address to its first-level region, its country and the first digits of its postcode."""
    if value.__class__ is not dict:
        return run.drop("form.value")
    texts = {name: one for name in ("country", "state", "city", "text") if isinstance(one := value.get(name), str)}
    stated = regions().country(texts.get("country", ""))
    country, region = regions().region(texts.get("state", ""), stated)
    if not region:
        country, region = regions().region(texts.get("city", ""), stated)
    if not region and not texts.get("state"):
        country, region = regions().region_of_text(texts.get("text", ""))
        country, region = (country, region) if stated in ("", country) else ("", "")
    country = country or stated
    postcode, use = value.get("postalCode"), value.get("use")
    kept = {
        "use": use if isinstance(use, str) and use in USES else "",
        "state": region,
        "country": country,
        "postalCode": regions().postcode(postcode, country) if isinstance(postcode, str) else "",
    }
    run.drop("address.finer")
    return {name: one for name, one in kept.items() if one} or None
