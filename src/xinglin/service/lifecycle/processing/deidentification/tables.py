"""Reads the tables of de-identification: types of elements, rules, regions, units; and an institution's own rules.

An institution may list code systems of its own, and have more removed; it can't keep what the product's rules remove.
What a rule does to a value is decided in ``values.py`` and ``rules.py``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Final

import msgspec

from xinglin.service.lifecycle.processing.deidentification.forms import FORMS
from xinglin.service.lifecycle.processing.errors import RuleLaxer
from xinglin.service.lifecycle.processing.lines import Line, read_lines

OWN_FILE: Final = "rules.tsv"
HOME_FILE: Final = "rules/deidentification.tsv"
"""An institution's own rules, below its home."""
COLUMNS: Final = 6
ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    "type": frozenset({"keep", "remove", "generalise", "shift", "pseudonym"}),
    "element": frozenset({"keep", "remove", "shift", "pseudonym", "withhold"}),
    "resource": frozenset({"shared"}),
    "extension": frozenset({"keep", "remove"}),
    "system": frozenset({"keep", "remove"}),
    "otherwise": frozenset({"remove"}),
}
ARGUMENT_FREE: Final = "-"


class Rule(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One rule of a file, checked.

    Attributes:
        id: stable name, by which what it removes is counted.
        kind: what its subjects are, a key of ``ACTIONS``.
        subjects: names of types, paths of elements, addresses of extensions or code systems.
        action: what becomes of them.
        argument: form of a code (``forms.py``), parts of an extension, ``mask``; empty for none.
        source: the clause behind it.
    """

    id: str
    kind: str
    subjects: tuple[str, ...]
    action: str
    argument: str
    source: str


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@functools.cache
def types() -> Mapping[str, Mapping[str, str]]:
    """Return the type of each element: by type or path, then by JSON name."""
    rows = (line.split("\t") for line in _text("r4_types.tsv").splitlines() if not line.startswith("#"))
    return {path: dict(pair.split(":", 1) for pair in elements.split(" ")) for path, elements in rows}


@functools.cache
def own_rules() -> tuple[Rule, ...]:
    """Return the rules that come with Xinglin, in order."""
    return tuple(_rule(line) for line in read_lines(_text(OWN_FILE), OWN_FILE, COLUMNS))


def with_institution(text: str) -> tuple[Rule, ...]:
    """Return the product's rules with an institution's after them; of several for one subject the last counts.

    Args:
        text: of the institution's file.

    Raises:
        RuleMalformed, RuleRepeated, RuleLaxer: a line is at fault.
    """
    known = {rule.id for rule in own_rules()}
    removed = [one for rule in own_rules() if (rule.kind, rule.action) == ("system", "remove") for one in rule.subjects]
    starts = tuple(subject.removesuffix("*") for subject in removed)
    added = []
    for line in read_lines(text, HOME_FILE, COLUMNS):
        rule = _rule(line)
        if rule.id in known:
            raise line.fault(f"'{rule.id}' is a rule of Xinglin's own; choose another id")
        if rule.kind in ("resource", "otherwise"):
            raise line.fault(f"rules of kind '{rule.kind}' are Xinglin's own")
        if rule.action != "remove" and (rule.kind != "system" or any(one.startswith(starts) for one in rule.subjects)):
            raise RuleLaxer(file=line.file, line=line.number, reason="it keeps what goes by Xinglin's rules")
        if rule.action != "remove" and any(_is_too_wide(subject) for subject in rule.subjects):
            raise RuleLaxer(file=line.file, line=line.number, reason="the address of the code system is not its own")
        added.append(rule)
    return (*own_rules(), *added)


def _is_too_wide(subject: str) -> bool:
    """Return whether an address with ``*`` takes in more than one publisher's code systems."""
    return subject.endswith("*") and len(subject) < len("urn:oid:1.2.3.4*")


def _rule(line: Line) -> Rule:
    name, kind, subjects, action, argument, source = line.columns
    if kind not in ACTIONS:
        raise line.fault(f"'{kind}' is not a kind of rule")
    if action not in ACTIONS[kind]:
        raise line.fault(f"'{action}' can't be done with a {kind}")
    rule = Rule(
        id=name,
        kind=kind,
        subjects=tuple(subjects.split("|")),
        action=action,
        argument="" if argument == ARGUMENT_FREE else argument,
        source=source,
    )
    _check(line, rule)
    return rule


def _check(line: Line, rule: Rule) -> None:
    """Refuse a rule whose parts do not fit together, or whose subject is none."""
    if not rule.source or rule.source == "-":
        raise line.fault("no source is named")
    needs_form = rule.action == "keep" and rule.kind in ("system", "element")
    if needs_form and rule.argument not in FORMS:
        raise line.fault(f"'{rule.argument}' is not a form of codes")
    if (
        rule.argument
        and not needs_form
        and (rule.kind, rule.action) not in {("extension", "keep"), ("element", "shift")}
    ):
        raise line.fault("the rule takes no argument")
    for subject in rule.subjects:
        if not subject or subject == "*" or not _is_subject(rule.kind, subject):
            raise line.fault(f"'{subject}' is not a {rule.kind}")


def _is_subject(kind: str, subject: str) -> bool:
    if kind == "element":
        path, _, name = subject.rpartition(".")
        return path == "*" or name in types().get(path, {})
    if kind == "type":
        return subject in _all_types()
    if kind == "resource":
        return subject in types()
    return kind == "otherwise" or ":" in subject


@functools.cache
def _all_types() -> frozenset[str]:
    return frozenset(kind for elements in types().values() for kind in elements.values()) | types().keys()


class Regions:
    """Names of countries and of their first-level regions, and what is kept of postcodes.

    Args:
        lines: of ``regions.tsv``.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._countries: dict[str, str] = {}
        self._regions: dict[str, tuple[str, str]] = {}
        self._digits: dict[str, int] = {}
        self._small: dict[str, frozenset[str]] = {}
        for line in lines:
            _, country, kind, name, others, digits = line.columns
            names = [name, *([] if others == "-" else others.split("|"))]
            if kind == "country":
                self._countries.update(dict.fromkeys(map(str.casefold, names), country))
                self._digits[country] = 0 if digits == "-" else int(digits)
            elif kind == "region":
                for one in names:
                    # A short code counts in its own country only: GA is not Georgia everywhere.
                    self._regions.setdefault(f"{country}/{one}".casefold(), (country, name))
                    if len(one) > 2 or not one.isascii():
                        self._regions.setdefault(one.casefold(), (country, name))
            else:
                self._small[country] = frozenset(others.split("|"))
        self._written = [name for name in self._regions if not name.isascii() and "/" not in name]

    def country(self, text: str) -> str:
        """Return the two letters of a country, empty for one that is not listed."""
        return self._countries.get(text.strip().casefold(), "")

    def region(self, text: str, country: str) -> tuple[str, str]:
        """Return country and name of a first-level region, empty where it is none that is listed.

        Args:
            text: name as written.
            country: two letters, empty where none is stated.
        """
        name = text.strip().casefold()
        found = self._regions.get(f"{country}/{name}".casefold()) if country else self._regions.get(name)
        return found or ("", "")

    def region_of_text(self, text: str) -> tuple[str, str]:
        """Return country and region that begin a Chinese address, empty where none does."""
        text = text.strip().lstrip("0123456789 ").casefold()
        for country in self._countries:
            if not country.isascii():
                text = text.removeprefix(country)
        name = max((one for one in self._written if text.startswith(one)), key=len, default="")
        return self._regions.get(name, ("", ""))

    def postcode(self, text: str, country: str) -> str:
        """Return what is kept of a postcode, possibly empty."""
        digits = self._digits.get(country, 0)
        kept = text.strip()[:digits]
        if not digits or len(kept) < digits or not (kept.isascii() and kept.isdigit()):
            return ""
        return "0" * digits if kept in self._small.get(country, ()) else kept


@functools.cache
def regions() -> Regions:
    """Return the table of regions."""
    return Regions(read_lines(_text("regions.tsv"), "regions.tsv", 6))


class Unit(msgspec.Struct, frozen=True, gc=False):
    """A unit: its UCUM code, and how many of it make a year, 0 where it does not tell time."""

    code: str
    in_year: float


@functools.cache
def units() -> Mapping[str, Unit]:
    """Return units by UCUM code and by other spelling."""
    found: dict[str, Unit] = {}
    for line in read_lines(_text("units.tsv"), "units.tsv", 4):
        _, code, spellings, in_year = line.columns
        unit = Unit(code, 0.0 if in_year == "-" else float(in_year))
        found.update(dict.fromkeys((code, *spellings.split("|")), unit))
    return found
