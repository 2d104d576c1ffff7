"""Patient indexes on the real disk, and people to put into them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from xinglin.carrier.crypto.suite import suite
from xinglin.service.basic.patient_index.blocks import Blocks
from xinglin.service.basic.patient_index.features import features
from xinglin.service.basic.patient_index.identifiers import longer
from xinglin.service.basic.patient_index.model import Address, Identifier, IdentifierKind, Match, Name, Sex, Traits
from xinglin.service.basic.patient_index.rules import decide
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys

ROOT = bytes(31) + b"\x09"
"""The institution key of the tests: fixed, so that an index can be opened again."""
YEAR = 2026
CARD = longer("110101900307451")
OTHER_CARD = longer("310104850612332")
NAMESAKES_CARD = longer("110101900307853")
"""A card of someone else who was born in the same place on the same day."""


class Ticking:
    """A clock (port ``Clock``) that goes on by a second with each look: 2026-03-01 and later."""

    def __init__(self) -> None:
        self.now = 1_772_323_200_000

    def now_ms(self) -> int:
        """See ``Clock``."""
        self.now += 1000
        return self.now


def index_at(folder: Path, clock: Ticking | None = None) -> PatientIndex:
    """Return the index of a folder, not opened."""
    keys = InstitutionKeys(suite("gm"), ROOT)
    return PatientIndex(folder / "patient_index", keys, os.urandom, clock or Ticking())


def new_index(folder: Path, clock: Ticking | None = None) -> PatientIndex:
    """Return a new index, open."""
    index = index_at(folder, clock)
    index.create()
    index.open()
    return index


def reopened(folder: Path) -> PatientIndex:
    """Return the index of a folder, opened anew."""
    index = index_at(folder)
    index.open()
    return index


def chinese(text: str, birth: int, *, card: str = "", **more: Any) -> Traits:
    """Return a person with a name in characters."""
    identifiers = (Identifier(IdentifierKind.ID_CARD, card),) if card else ()
    return Traits(identifiers=identifiers, names=(Name(text=text),), birth=birth, **more)


def latin(family: str, given: str, birth: int, **more: Any) -> Traits:
    """Return a person with a name in Latin letters."""
    return Traits(names=(Name(family, given),), birth=birth, **more)


HOME = {"phones": ("13800138001",), "addresses": (Address("文三路12号3栋501室", city="杭州市", postcode="310012"),)}
"""A phone and an address that a household shares."""
WANG = chinese("王芳", 1990_03_07, card=CARD, sex=Sex.MALE, **HOME)  # the card's last digit but one is odd
NOBODY = Blocks()
"""An index with no one in it, as a population."""


def compared(one: Traits, other: Traits) -> Match:
    """Return the decision on two, in an empty index."""
    return decide(features(one), features(other), NOBODY, YEAR)


def codes(match: Match) -> set[str]:
    """Return the codes of a match's reasons."""
    return {reason.code for reason in match.reasons}
