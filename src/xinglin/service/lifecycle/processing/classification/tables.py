"""Reads files of classification rules: the product's own, and an institution's that may only make it stricter.

Knows the form of the file, not what a rule does to a resource (``rules.py``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Final

from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.processing.classification.model import Rule
from xinglin.service.lifecycle.processing.errors import RuleLaxer
from xinglin.service.lifecycle.processing.lines import Line, read_lines
from xinglin.stakeholders.labels import Category, Level, Special

OWN_FILE: Final = "rules.tsv"
HOME_FILE: Final = "rules/classification.tsv"
"""An institution's own rules, below its home."""
COLUMNS: Final = 9
SPECIALS: Final = {one.name.lower(): one for one in Special if one.name}
RANGE: Final = re.compile(r"([A-Z]?)(\d{2,3})\.\.\1(\d{2,3})")
ELEMENT: Final = re.compile(r"[a-zA-Z]+(?:\.[a-zA-Z]+){0,7}")
TEXT: Final = "text"
WORD: Final = re.compile(r"[A-Za-z0-9]{3}[ -~]*|.*[^ -~].*")
DEFAULT: Final = "default"


@functools.cache
def systems() -> Mapping[str, tuple[str, ...]]:
    """Return the addresses of each code system that rules may name; ``*`` at the end: begins with."""
    text = resources.files(__package__).joinpath("systems.tsv").read_text(encoding="utf-8")
    return {line.columns[0]: tuple(line.columns[1].split()) for line in read_lines(text, "systems.tsv", 3)}


@functools.cache
def own_rules() -> tuple[Rule, ...]:
    """Return the rules that come with Xinglin, in order."""
    text = resources.files(__package__).joinpath(OWN_FILE).read_text(encoding="utf-8")
    return tuple(rule for _, rule in parse(text, OWN_FILE))


def with_institution(text: str) -> tuple[Rule, ...]:
    """Return the product's rules with an institution's: one with a known id replaces it, others come after.

    Args:
        text: of the institution's file.

    Raises:
        RuleMalformed, RuleRepeated, RuleLaxer: a line is at fault.
    """
    rules = {rule.id: rule for rule in own_rules()}
    for line, rule in parse(text, HOME_FILE):
        before = rules.get(rule.id)
        if before is not None:
            _check_stricter(line, before, rule)
        rules[rule.id] = rule
    return tuple(rules.values())


def _check_stricter(line: Line, before: Rule, after: Rule) -> None:
    """Refuse a replacement that catches less, or labels it lower."""
    laxer = ""
    if not set(before.types) <= set(after.types) and after.types:
        laxer = "it leaves out a type of resource"
    elif (before.element, before.system) != (after.element, after.system) or not set(before.codes) <= set(after.codes):
        laxer = "it leaves out a code or element"
    elif (after.level or 0) < (before.level or 0):
        laxer = f"its level is below {before.level}"
    elif before.special & ~after.special:
        laxer = "it leaves out a special label"
    if laxer or (not before.types and after.types):
        raise RuleLaxer(file=line.file, line=line.number, reason=laxer or "it leaves out a type of resource")


def parse(text: str, file: str) -> Iterator[tuple[Line, Rule]]:
    """Yield the rules of a file, each with its line.

    Args:
        text: of the file.
        file: name for messages.

    Raises:
        RuleMalformed, RuleRepeated: a line is at fault.
    """
    for line in read_lines(text, file, COLUMNS):
        yield line, _rule(line)


def _rule(line: Line) -> Rule:
    name, types, element, system, codes, category, level, special, source = line.columns
    rule = Rule(
        id=name,
        types=_types(line, types),
        element=_element(line, element),
        system="" if system == "-" else system,
        codes=tuple(_codes(line, codes)),
        category=None if category == "-" else _category(line, category),
        level=None if level == "-" else _level(line, level),
        special=_special(line, special),
        source=source,
    )
    _check_whole(line, rule)
    return rule


def _check_whole(line: Line, rule: Rule) -> None:
    """Refuse a rule whose parts do not fit together."""
    if not rule.source or rule.source == "-":
        raise line.fault("no source is named")
    if rule.system and rule.system != TEXT and rule.system not in systems():
        raise line.fault(f"code system '{rule.system}' has no row in systems.tsv")
    if not rule.element:
        if rule.system or rule.codes or rule.category is None or rule.level is None:
            raise line.fault("a rule of a type has category and level, and no codes")
    elif not rule.codes:
        raise line.fault("a rule of an element has codes")
    elif rule.element == ("*",) and (not rule.system or rule.types):
        raise line.fault("a rule of any coding names a code system and holds for all types")
    elif rule.system == TEXT and rule.element != ("*",):
        raise line.fault("words are looked for in any element")
    elif rule.system == TEXT and not all(map(WORD.fullmatch, rule.codes)):
        raise line.fault("a word has three Latin letters or digits to begin with, or a character of another script")
    elif not rule.system and any(code.endswith("*") for code in rule.codes):
        raise line.fault("plain values are written out")


def _types(line: Line, text: str) -> tuple[str, ...]:
    if text == "*":
        return ()
    names = tuple(text.split("|"))
    for name in names:
        if name not in definitions().resources:
            raise line.fault(f"R4 has no resource type '{name}'")
    return names


def _element(line: Line, text: str) -> tuple[str, ...]:
    if text in ("-", "*"):
        return () if text == "-" else ("*",)
    if not ELEMENT.fullmatch(text):
        raise line.fault(f"'{text}' is not an element")
    return tuple(text.split("."))


def _codes(line: Line, text: str) -> Iterator[str]:
    """Yield codes with ranges written out: ``B20..B22`` is ``B20*``, ``B21*``, ``B22*``."""
    for code in [] if text == "-" else text.split("|"):
        span = RANGE.fullmatch(code)
        if span is not None:
            first, last, width = int(span[2]), int(span[3]), len(span[2])
            if first > last:
                raise line.fault(f"the range {code} is empty")
            yield from (f"{span[1]}{number:0{width}}*" for number in range(first, last + 1))
        elif not code or code == "*" or ".." in code or "*" in code[:-1]:
            raise line.fault(f"'{code}' is neither a code, a beginning nor a range")
        else:
            yield code


def _category(line: Line, text: str) -> Category:
    try:
        return Category(int(text))
    except ValueError:
        raise line.fault(f"'{text}' is not a category from 1 to 6") from None


def _level(line: Line, text: str) -> Level:
    try:
        return Level(int(text))
    except ValueError:
        raise line.fault(f"'{text}' is not a level from 1 to 5") from None


def _special(line: Line, text: str) -> Special:
    special = Special.NONE
    for name in [] if text == "-" else text.split("|"):
        if name not in SPECIALS:
            raise line.fault(f"'{name}' is not a special label")
        special |= SPECIALS[name]
    return special
