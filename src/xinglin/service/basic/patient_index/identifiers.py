"""Identifiers by kind: their normal form, what vouches for them, and what they say of birth and sex (H1).

Pure. Numbers with a check digit that is wrong are kept as weak evidence: someone mistyped them, and a neighbour's
number may be one digit off. Placeholders (无, 000000) are none at all.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from enum import IntEnum
from functools import lru_cache
from typing import Final

from stdnum.cn import ric

from xinglin.service.basic.patient_index.model import Identifier, IdentifierKind, Sex, Value


class Standing(IntEnum):
    """How far an identifier may be trusted."""

    WEAK = 0  # its check digit is wrong, or what it says of the person is not what was stated
    PLAIN = 1  # nothing to check it by
    SOUND = 2  # its check digit is right


class Known(Value, frozen=True):
    """An identifier in its normal form; two are the same if kind, scope and value are."""

    kind: int
    scope: str
    value: str
    standing: int


class Content(Value, frozen=True):
    """What an identity number says of its holder; zeros where it says nothing."""

    birth: int = 0
    sex: int = 0


_NOTHING: Final = Content()
_SEPARATORS = re.compile(r"[\s\-‐‑–—_./·,:;()\[\]]+")
_PROVINCES: Final = frozenset(
    (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83)
)
_TAIWAN_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_TAIWAN = re.compile(r"[A-Z][1289]\d{8}")
_HONG_KONG_MACAO = re.compile(r"([HM]\d{8})(\d{2})?")
_TAIWAN_PERMIT = re.compile(r"(\d{8})([A-Z0-9]{2})?")
_OLD_PERMANENT_RESIDENCE = re.compile(r"[A-Z]{3}\d{12}")
_EMPTY: Final = frozenset(
    ("", "无", "無", "不详", "不詳", "未知", "NA", "NONE", "NULL", "UNKNOWN", "NIL", "暂无", "XX")
)
CONTRADICTING: Final = frozenset(
    (
        IdentifierKind.ID_CARD,
        IdentifierKind.RESIDENCE_PERMIT,
        IdentifierKind.PERMANENT_RESIDENCE,
        IdentifierKind.TAIWAN_ID,
    )
)
"""Kinds of which a person has one for life: two different sound ones are two persons."""
NATIONAL: Final = CONTRADICTING | {IdentifierKind.NATIONAL}
"""Kinds that a state numbers persons by."""


def normal(identifier: Identifier) -> tuple[Known, Content] | None:
    """Return an identifier in its normal form with what it says of its holder; None for a placeholder.

    An insurance or health card number that is an identity number counts as that: the mainland's social security
    number is the number of the id card.
    """
    return _normal(int(identifier.kind), identifier.value, identifier.scope)


@lru_cache(maxsize=4096)
def _normal(kind: int, stated: str, scope: str) -> tuple[Known, Content] | None:
    value = _SEPARATORS.sub("", unicodedata.normalize("NFKC", stated)).upper()
    if value in _EMPTY or len(set(value)) == 1:
        return None
    if kind in _IDENTITY or (kind in _PERHAPS_IDENTITY and len(value) == 18 and _identity_content(value)):
        return _identity(kind, value)
    if kind == IdentifierKind.TAIWAN_ID:
        return _taiwan(value)
    if kind in _PERMITS:
        found = _PERMITS[IdentifierKind(kind)].fullmatch(value)
        return Known(kind, "", found[1] if found else value, int(Standing.PLAIN if found else Standing.WEAK)), _NOTHING
    return Known(kind, scope, value, int(Standing.PLAIN)), _NOTHING


_IDENTITY: Final = frozenset(
    (IdentifierKind.ID_CARD, IdentifierKind.RESIDENCE_PERMIT, IdentifierKind.PERMANENT_RESIDENCE)
)
_PERHAPS_IDENTITY: Final = frozenset(
    (IdentifierKind.OTHER, IdentifierKind.HEALTH_CARD, IdentifierKind.INSURANCE, IdentifierKind.NATIONAL)
)
_PERMITS: Final = {
    IdentifierKind.HONG_KONG_MACAO_PERMIT: _HONG_KONG_MACAO,  # the last two of eleven count the cards issued
    IdentifierKind.TAIWAN_PERMIT: _TAIWAN_PERMIT,
}


def _identity(kind: int, value: str) -> tuple[Known, Content]:
    """An 18-digit number of GB 11643, a 15-digit one made one of 18, or the old permanent residence card."""
    if kind == IdentifierKind.PERMANENT_RESIDENCE and _OLD_PERMANENT_RESIDENCE.fullmatch(value):
        # Its last digit is a check digit of its own; nobody outside the issuing office has the rule.
        return Known(kind, "", value, int(Standing.PLAIN)), _NOTHING
    if len(value) == 15 and value.isdecimal() and value.isascii():
        value = longer(value)
        content = _identity_content(value)
        return Known(_issued(value), "", value, int(Standing.PLAIN if content else Standing.WEAK)), content or _NOTHING
    content = _identity_content(value)
    if content is None:
        return Known(kind, "", value, int(Standing.WEAK)), _NOTHING
    return Known(_issued(value), "", value, int(Standing.SOUND)), content


def longer(value: str) -> str:
    """Return the 18-digit number of a 15-digit one: the century put in and the check digit put on (GB 11643-1999)."""
    body = f"{value[:6]}19{value[6:]}"
    return body + ric.calc_check_digit(body + "0")


def _issued(value: str) -> int:
    """Which card a sound number of 18 digits is on, by how it begins."""
    if value[0] == "9":
        return int(IdentifierKind.PERMANENT_RESIDENCE)
    return int(IdentifierKind.RESIDENCE_PERMIT if value[0] == "8" else IdentifierKind.ID_CARD)


def _identity_content(value: str) -> Content | None:
    """What an 18-digit number says, None if it is not a sound one. Regions are looked at by province only.

    Counties come and go, and a table that lacks one would make strangers of its people.
    """
    if len(value) != 18 or not (value.isascii() and value[:17].isdecimal()) or value[17] != ric.calc_check_digit(value):
        return None
    if value[0] != "9" and int(value[:2]) not in _PROVINCES:
        return None
    birth = int(value[6:14])
    if not is_date(birth) or birth < 1850_00_00:
        return None
    return Content(birth, int(Sex.MALE if int(value[16]) % 2 else Sex.FEMALE))


def _taiwan(value: str) -> tuple[Known, Content]:
    kind = int(IdentifierKind.TAIWAN_ID)
    if not _TAIWAN.fullmatch(value) or not _taiwan_sound(value):
        return Known(kind, "", value, int(Standing.WEAK)), _NOTHING
    sex = Sex.MALE if value[1] in "18" else Sex.FEMALE
    return Known(kind, "", value, int(Standing.SOUND)), Content(0, int(sex))


def _taiwan_sound(value: str) -> bool:
    letter = _TAIWAN_LETTERS.index(value[0]) + 10
    digits = [letter // 10, letter % 10, *map(int, value[1:])]
    weights = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 10 == 0


def is_date(value: int) -> bool:
    """Tell whether YYYYMMDD is a day of the calendar."""
    try:
        date(value // 1_00_00, value // 1_00 % 1_00, value % 1_00)
    except ValueError:
        return False
    return True
