"""The table of R4 elements that have something to check: references, required codes, dates.

Loaded once from ``r4_elements.tsv``, which ``tools/fhir_elements.py`` makes from HL7's definition files. An element
that is not in the table is not thereby unknown: structure, cardinality and forms of values are the validator's work.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Final

TABLE: Final = "r4_elements.tsv"


class Element:
    """What is checked at one element.

    Attributes:
        children: elements below it by JSON name, shared between all elements of one type.
        targets: types that a Reference here may lead to; an empty set for any; None where it is no Reference.
        codes: codes of the required value set, ``system code`` pairs for a CodeableConcept or Coding; else None.
        is_date: it is a date, dateTime or instant.
        is_markup: it is the XHTML of a narrative; ``codes`` is then empty, so that each value is looked at.
    """

    __slots__ = ("children", "codes", "is_date", "is_markup", "targets")

    def __init__(self) -> None:
        self.children: Mapping[str, Element] = PLAIN
        self.targets: frozenset[str] | None = None
        self.codes: frozenset[str] | None = None
        self.is_date = False
        self.is_markup = False


PLAIN: Final[dict[str, Element]] = {}
"""Children of an element of which the table says nothing: its extensions."""


class Definitions:
    """The table, ready for looking up.

    Attributes:
        types: children of each resource and data type by name.
        resources: names of all resource types.
        names: every name that an element of R4 can have in JSON.
    """

    def __init__(self, table: str) -> None:
        self._paths: dict[str, dict[str, Element]] = {}
        self.names: frozenset[str] = frozenset()
        rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
        value_sets = {row[0]: frozenset(row[2].split("|")) for row in rows if row[1] == "valueset"}
        self.resources = value_sets["resource-types#code"]
        for path, kind, argument in rows:
            if kind == "names":
                self.names = frozenset(argument.split("|"))
            elif kind != "valueset":
                self._enter(path, kind, argument, value_sets)
        self._with_extensions()
        self.types: Mapping[str, Mapping[str, Element]] = self._paths

    def _enter(self, path: str, kind: str, argument: str, value_sets: Mapping[str, frozenset[str]]) -> None:
        parent, name = path.rsplit(".", 1)
        element = self._paths.setdefault(parent, {}).setdefault(name, Element())
        if kind == "type":
            element.children = self._paths.setdefault(argument, {})
        elif kind == "reference":
            element.targets = frozenset() if argument == "*" else frozenset(argument.split("|"))
            element.children = self._paths.setdefault("Reference", {})
        elif kind == "date":
            element.is_date = True
        elif kind == "markup":
            element.codes, element.is_markup = frozenset(), True
        else:
            element.codes = value_sets[argument]

    def _with_extensions(self) -> None:
        """Enter extensions below every type, and below elements of which the table says nothing else."""
        extension = Element()
        extension.children = self._paths.setdefault("Extension", {})
        for children in (PLAIN, *self._paths.values()):
            children.update(extension=extension, modifierExtension=extension)


@functools.cache
def definitions() -> Definitions:
    """Return the definitions of FHIR R4 (4.0.1)."""
    return Definitions(resources.files(__package__).joinpath(TABLE).read_text(encoding="utf-8"))
