"""The labels of a record, with the rules that gave them. Values only."""

from __future__ import annotations

import msgspec

from xinglin.stakeholders.labels import Category, Level, Special, confidentiality


class Labels(msgspec.Struct, frozen=True, gc=False):
    """What classification and grading say of one resource.

    Attributes:
        category: of GB/T 39725-2020, 6.1.
        level: of GB/T 39725-2020, 6.2.
        special: why it is above the ordinary; several may hold.
        rules: ids of all rules that apply, in order of the file, the one of its type first; the first one that has
            the level decided it.
        decided: id of that rule.
    """

    category: Category
    level: Level
    special: Special
    rules: tuple[str, ...]
    decided: str

    @property
    def confidentiality(self) -> str:
        """Code of FHIR's v3-Confidentiality."""
        return confidentiality(self.level, self.special)


class Rule(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One rule of a file, checked.

    Attributes:
        id: stable name.
        types: resource types, empty for all.
        element: names from the resource down, empty for the type itself, ``("*",)`` for any coding.
        system: name of a code system of ``systems.tsv``, ``text`` for words, empty for plain values.
        codes: as written, without ranges: codes, ``A*`` for beginnings, words.
        category: None where the rule says nothing of it.
        level: None where the rule says nothing of it.
        special: labels that it adds.
        source: the clause behind it.
    """

    id: str
    types: tuple[str, ...]
    element: tuple[str, ...]
    system: str
    codes: tuple[str, ...]
    category: Category | None
    level: Level | None
    special: Special
    source: str
