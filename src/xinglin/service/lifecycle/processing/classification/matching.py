"""Finds the coded and written hints in one resource, and the rules that they meet (docs/spec/labels.md).

Looks at every coding wherever it stands, contained resources included, and at written words where FHIR has people
write. Built once for a set of rules; asks nothing and keeps nothing of a resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from xinglin.service.lifecycle.processing.classification.model import Rule
from xinglin.service.lifecycle.processing.classification.tables import TEXT, systems

WRITTEN: Final = frozenset(
    {"text", "display", "title", "div", "comment", "conclusion", "contentString", "description", "name", "summary",
     "patientInstruction", "reason", "valueString", "valueMarkdown", "details", "shortDescription"}
)  # fmt: skip
"""Elements in which words are looked for; ``display`` is that of codings and references."""
SHORTEST: Final = 3
"""Letters of the shortest Latin word that can be looked for."""
WORD_BEGINNINGS: Final = re.compile(r"([a-z0-9]{3})[a-z0-9]*").findall


class CodeTable:
    """Rules by code of one code system.

    Attributes:
        exact: positions of rules by code.
        beginnings: positions of rules by beginning.
        lengths: of the beginnings, each once.
    """

    __slots__ = ("beginnings", "exact", "lengths")

    def __init__(self) -> None:
        self.exact: dict[str, tuple[int, ...]] = {}
        self.beginnings: dict[str, tuple[int, ...]] = {}
        self.lengths: tuple[int, ...] = ()

    def add(self, code: str, position: int) -> None:
        """Enter one code, or a beginning that ends with ``*``."""
        table = self.beginnings if code.endswith("*") else self.exact
        key = code.removesuffix("*").upper()
        table[key] = (*table.get(key, ()), position)
        self.lengths = tuple(sorted({len(one) for one in self.beginnings}))

    def find(self, code: str, found: set[int]) -> None:
        """Add the positions of the rules that a code meets."""
        code = code.upper()
        if code in self.exact:
            found.update(self.exact[code])
        for length in self.lengths:
            beginning = code[:length]
            if beginning in self.beginnings:
                found.update(self.beginnings[beginning])


class Matcher:
    """The rules of any coding and of words, ready for looking up.

    Args:
        rules: all rules; their positions are what is found.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        by_system: dict[str, CodeTable] = {}
        words: list[tuple[str, int]] = []
        for position, rule in enumerate(rules):
            if rule.element != ("*",):
                continue
            if rule.system == TEXT:
                words.extend((word, position) for word in rule.codes)
            else:
                table = by_system.setdefault(rule.system, CodeTable())
                for code in rule.codes:
                    table.add(code, position)
        self._systems, self._beginnings = addresses(by_system)
        self._starts = tuple(start for start, _ in self._beginnings)
        self._words = Words(words)

    def find(self, resource: Mapping[str, Any], found: set[int]) -> None:
        """Add the positions of all rules that a resource meets; runs for each resource, so it is written for speed."""
        stack: list[Any] = [resource]
        while stack:
            node = stack.pop()
            if node.__class__ is list:
                stack += [one for one in node if one.__class__ is dict or one.__class__ is list]
                continue
            for name, value in node.items():
                kind = value.__class__
                if kind is str:
                    if name in WRITTEN:
                        self._words.find(value, found)
                    elif name == "system":
                        self._code(value, node.get("code"), found)
                elif kind is dict or kind is list:
                    stack.append(value)

    def _code(self, system: str, code: object, found: set[int]) -> None:
        table = self._systems.get(system)
        if table is None and system.startswith(self._starts):
            table = next(one for start, one in self._beginnings if system.startswith(start))
        if table is not None and isinstance(code, str):
            table.find(code, found)


class Words:
    """Words to be found in what people wrote, whatever the case; Latin ones as whole words or, with ``*``, beginnings.

    Args:
        words: with the positions of their rules.
    """

    def __init__(self, words: Iterable[tuple[str, int]]) -> None:
        self._positions: dict[str, set[int]] = {}
        latin, other = [], []
        for word, position in words:
            key = word.removesuffix("*").lower()
            self._positions.setdefault(key, set()).add(position)
            pattern = re.escape(key)
            if not key.isascii():
                other.append(pattern)
            else:
                latin.append(pattern if word.endswith("*") else f"{pattern}(?![a-z0-9])")
        # Longest first, so that a word is not cut short by another that begins it.
        self._latin = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(sorted(latin, key=len, reverse=True)) or '(?!)'})")
        self._other = re.compile("|".join(sorted(other, key=len, reverse=True)) or "(?!)")
        self._beginnings = frozenset(key[:SHORTEST] for key in self._positions if key.isascii())

    def find(self, text: str, found: set[int]) -> None:
        """Add the positions of the rules whose words a text has."""
        text = text.lower()
        # Most texts have no word that even begins like one that is looked for, and this tells at a quarter of the cost.
        if not self._beginnings.isdisjoint(WORD_BEGINNINGS(text)):
            for match in self._latin.finditer(text):
                found.update(self._positions[match[0]])
        if not text.isascii():
            for match in self._other.finditer(text):
                found.update(self._positions[match[0]])


def addresses(tables: Mapping[str, CodeTable]) -> tuple[dict[str, CodeTable], list[tuple[str, CodeTable]]]:
    """Return the tables by whole address, and by beginning of an address.

    Args:
        tables: by name of the code system.
    """
    whole: dict[str, CodeTable] = {}
    beginnings: list[tuple[str, CodeTable]] = []
    for name, table in tables.items():
        for address in systems()[name]:
            if address.endswith("*"):
                beginnings.append((address[:-1], table))
            else:
                whole[address] = table
    return whole, beginnings


def values_at(node: object, element: Sequence[str]) -> Iterator[Any]:
    """Yield what stands at an element: each item of a list by itself; FHIR has no lists in lists.

    Args:
        node: a decoded resource.
        element: names from the resource down.
    """
    if not element:
        yield node
    elif isinstance(node, dict) and element[0] in node:
        value = node[element[0]]
        for one in value if isinstance(value, list) else (value,):
            yield from values_at(one, element[1:])
