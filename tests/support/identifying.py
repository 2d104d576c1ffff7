"""Scans de-identified copies for what identifies the people of the originals, without knowing the rules.

Collects names, numbers, telephones, addresses, free text and ids from originals by FHIR's data types alone, and looks
for each of them in the values of the copies. Addresses of code systems are no values here: they are public words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

WORD = re.compile(r"[^\W\d_]+|\d+")
NAME_PARTS = ("family", "given", "text", "prefix", "suffix")
ADDRESS_PARTS = ("line", "city", "district", "text")
FREE_TEXT = ("display", "text", "valueString", "description", "comment", "patientInstruction", "title", "data", "div")
LEAST_NAME, LEAST_CHINESE, LEAST_OTHER = 3, 2, 5
"""Letters of a name, of a Chinese one, and letters and digits of any other text that are looked for: shorter ones are
words and codes as well, and tell nobody from anybody."""


def identifying(node: Any, name: str = "") -> Iterator[str]:
    """Yield every identifying text in a decoded resource, contained ones included."""
    if isinstance(node, list):
        for one in node:
            yield from identifying(one, name)
    elif isinstance(node, dict):
        yield from _of_object(node, name)
        for key, value in node.items():
            if key not in ("coding", "valueCoding"):
                yield from identifying(value, key)


def _of_object(node: dict[str, Any], name: str) -> Iterator[str]:
    """Yield what one object itself says: a name, an address, a number, an id, free text."""
    if "family" in node or "given" in node or name == "name":
        yield from _texts(node, NAME_PARTS)
    if "line" in node or "city" in node or "district" in node or name == "address":
        yield from _texts(node, ADDRESS_PARTS)
    if not {"unit", "code", "comparator"} & node.keys():
        yield from _texts(node, ("value",))  # of an Identifier or ContactPoint
    yield from _texts(node, ("id", "name", *FREE_TEXT))


def _texts(node: dict[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        value = node.get(name)
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, str):
                yield one


def needles(resources: Iterable[dict[str, Any]]) -> set[str]:
    """Return what is looked for: the texts as they stand, and each name's words without the figures behind them."""
    texts: set[str] = set()
    words: set[str] = set()
    for resource in resources:
        texts.update(text.strip() for text in identifying(resource))
        for one in _names(resource):
            words.update(word for word in WORD.findall(one) if not word.isdigit())
    return {one for one in texts if _size(one) >= (LEAST_OTHER if one.isascii() else LEAST_CHINESE)} | {
        one for one in words if _size(one) >= (LEAST_NAME if one.isascii() else LEAST_CHINESE)
    }


def _size(text: str) -> int:
    return sum(map(str.isalnum, text))


def _names(node: Any) -> Iterator[str]:
    for one in node if isinstance(node, list) else [node]:
        if isinstance(one, dict):
            if "family" in one or "given" in one:
                yield from _texts(one, NAME_PARTS)
            for value in one.values():
                if isinstance(value, dict | list):
                    yield from _names(value)


def values(node: Any) -> Iterator[str]:
    """Yield every text in a copy, apart from addresses of code systems and extensions."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in ("system", "url", "resourceType"):
                yield from values(value)
    elif isinstance(node, list):
        for one in node:
            yield from values(one)
    elif isinstance(node, str):
        yield node


def survivors(copies: Iterable[dict[str, Any]], looked_for: Iterable[str]) -> set[str]:
    """Return which of the texts stand in a copy, as whole words where they are Latin, anywhere where they are not."""
    distinct = {text for copy in copies for text in values(copy)}
    words = {word for text in distinct for word in re.split(r"[^0-9A-Za-z]+", text)}
    whole = "\n".join(sorted(distinct))
    found = set()
    for one in looked_for:
        if re.fullmatch(r"[0-9A-Za-z]+", one):
            if one in words:
                found.add(one)
        elif one in whole and (
            not one.isascii() or re.search(rf"(?<![0-9A-Za-z]){re.escape(one)}(?![0-9A-Za-z])", whole)
        ):
            found.add(one)
    return found
