"""What the door for FHIR bundles takes: types of resource and, of people, elements that its purpose needs (S8.3b).

Pure. What is left out is never stored and is told by name and number, never by value. A clinical record is taken whole
or not at all, so that its original stays the bytes of its source; of resources about people, elements are cut out of
the bytes and nothing is written anew (docs/spec/intake.md, IN31 to IN36).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Final, NamedTuple

from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.processing.lines import Line, read_lines

OWN_FILE: Final = "doors.tsv"
HOME_FILE: Final = "rules/doors.tsv"
"""An institution's own rows, below its home."""
COLUMNS: Final = 4
PEOPLE: Final = frozenset(("Patient", "Person", "Practitioner", "PractitionerRole", "RelatedPerson"))
"""Types of which elements may be left out."""
ALWAYS: Final = frozenset(
    (
        "resourceType", "id", "meta", "implicitRules", "language", "contained", "extension", "modifierExtension",
        "active", "deceasedBoolean", "deceasedDateTime", "link", "patient",
    )
)  # fmt: skip
"""Elements of people that are never left out: required by R4, changing what the rest means, or leading to a person."""
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_read: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # numbers may be longer than Python's


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        id: of the row.
        types: of resource.
        elements: that are taken beside ``ALWAYS``; empty for the whole resource.
        purpose: that needs them.
    """

    id: str
    types: tuple[str, ...]
    elements: tuple[str, ...]
    purpose: str


class Taken(NamedTuple):
    """What a door takes of one resource: its bytes, and the names of the elements that it left out."""

    original: bytes
    left_out: tuple[str, ...] = ()


class Door:
    """Takes what its rows name.

    Args:
        rows: the table; a type stands in one of them at most.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self._types: dict[str, frozenset[str]] = {
            name: frozenset(row.elements) | ALWAYS if row.elements else frozenset()
            for row in self.rows
            for name in row.types
        }

    def take(self, kind: str, original: bytes) -> Taken | None:
        """Return what is taken of a resource, None where its type is not.

        Args:
            kind: type of the resource.
            original: its bytes, valid FHIR in JSON.
        """
        kept = self._types.get(kind)
        if kept is None:
            return None
        return without(original, kept) if kept else Taken(original)


def without(original: bytes, kept: frozenset[str]) -> Taken:
    """Cut out of a resource's bytes the elements that are not kept, with the extensions of their values."""
    text = original.decode()
    members = list(_members(text))
    stay = [one for one in members if one.name.removeprefix("_") in kept]
    if len(stay) == len(members):
        return Taken(original)
    parts = [text[: members[0].start]]
    for number, one in enumerate(stay):
        parts.append(text[one.before : one.end] if number else text[one.start : one.end])
    parts.append(text[members[-1].end :])
    names = dict.fromkeys(one.name.removeprefix("_") for one in members if one not in stay)
    return Taken("".join(parts).encode(), tuple(names))


class _Member(NamedTuple):
    """Where a member of an object stands: ``before`` is the end of the one before it."""

    name: str
    before: int
    start: int
    end: int


def _members(text: str) -> Iterator[_Member]:
    """Yield the members of the object that a text is; the text is known to be valid JSON."""
    before = start = _after_space(text, _after_space(text, 0) + 1)
    while text[start] == '"':
        name, end = _read(text, start)
        _, end = _read(text, _after_space(text, _after_space(text, end) + 1))
        yield _Member(name, before, start, end)
        before, comma = end, _after_space(text, end)
        if text[comma] != ",":
            return
        start = _after_space(text, comma + 1)


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return start if found is None else found.end()


@functools.cache
def own_door() -> Door:
    """Return the door as it comes with Xinglin."""
    return Door(parse(resources.files(__package__).joinpath(OWN_FILE).read_text(encoding="utf-8"), OWN_FILE).values())


def with_institution(text: str) -> Door:
    """Return the door with an institution's rows: one with a known id replaces it, others come after.

    Args:
        text: of the institution's file.

    Raises:
        RuleMalformed, RuleRepeated: a line is at fault, or two rows have one type.
    """
    own = {row.id: row for row in own_door().rows}
    return Door(parse(text, HOME_FILE, own).values())


def parse(text: str, file: str, before: Mapping[str, Row] | None = None) -> dict[str, Row]:
    """Return the rows of a file by their ids, after those that it adds to.

    Raises:
        RuleMalformed, RuleRepeated: a line is at fault.
    """
    rows = dict(before or {})
    for line in read_lines(text, file, COLUMNS):
        rows[line.columns[0]] = row = _row(line)
        others = {name for one in rows.values() if one is not row for name in one.types}
        if twice := sorted(others.intersection(row.types)):
            raise line.fault(f"{twice[0]} stands in another row too")
    return rows


def _row(line: Line) -> Row:
    name, kinds, elements, purpose = line.columns
    types = () if kinds == "-" else tuple(kinds.split("|"))
    for kind in types:
        if kind not in definitions().resources:
            raise line.fault(f"R4 has no resource type '{kind}'")
    if elements == "*":
        return Row(name, types, (), purpose)
    names = tuple(elements.split("|"))
    for one in names:
        if one not in definitions().names:
            raise line.fault(f"R4 has no element '{one}'")
    for kind in types:
        if kind not in PEOPLE:
            raise line.fault(f"{kind} is taken whole or not at all")
    return Row(name, types, names, purpose)
