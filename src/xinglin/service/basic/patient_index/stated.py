"""Reads what somebody states of a person, to look the person up: a FHIR Patient, or lines ``field: value`` (H1).

Identifiers and names never come as arguments of a command: whoever lists processes would see them. They come as the
bytes of a file or of a prompt, and this module makes traits of them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from xinglin.service.basic.patient_index.errors import StatedInvalid
from xinglin.service.basic.patient_index.fhir import traits_of_patient
from xinglin.service.basic.patient_index.model import Identifier, IdentifierKind, Name, Sex, Traits
from xinglin.service.basic.patient_index.names import is_han
from xinglin.service.basic.patient_index.taking import check

MAX_BYTES: Final = 65_536
_TAIWAN = re.compile(r"[A-Za-z][1289]\d{8}")
_DATE = re.compile(r"(\d{4})(?:[-./年]?(\d{1,2})(?:[-./月]?(\d{1,2})日?)?)?")
_SEXES: Final = {
    "male": Sex.MALE,
    "m": Sex.MALE,
    "男": Sex.MALE,
    "female": Sex.FEMALE,
    "f": Sex.FEMALE,
    "女": Sex.FEMALE,
    "other": Sex.OTHER,
}
KINDS: Final = {
    "id_card": IdentifierKind.ID_CARD,
    "身份证": IdentifierKind.ID_CARD,
    "passport": IdentifierKind.PASSPORT,
    "护照": IdentifierKind.PASSPORT,
    "taiwan_id": IdentifierKind.TAIWAN_ID,
    "身分證": IdentifierKind.TAIWAN_ID,
    "hong_kong_macao_permit": IdentifierKind.HONG_KONG_MACAO_PERMIT,
    "taiwan_permit": IdentifierKind.TAIWAN_PERMIT,
    "residence_permit": IdentifierKind.RESIDENCE_PERMIT,
    "permanent_residence": IdentifierKind.PERMANENT_RESIDENCE,
    "health_card": IdentifierKind.HEALTH_CARD,
    "健康卡": IdentifierKind.HEALTH_CARD,
    "insurance": IdentifierKind.INSURANCE,
    "医保": IdentifierKind.INSURANCE,
}
"""Fields that name an identifier of one kind."""


def stated_traits(data: bytes) -> Traits:
    """Return the traits that somebody states.

    Args:
        data: UTF-8; a FHIR Patient in JSON, or lines ``field: value`` with the fields name, birth, sex, phone,
            identifier, and those of ``KINDS``. An identifier of no named kind is told by its form.

    Raises:
        StatedInvalid: it is too long, no text, has an unknown field, or nothing to look for.
        NotAPatient: it is JSON, and no Patient.
        TraitsInvalid: a value is longer than a trait may be.
    """
    if len(data) > MAX_BYTES:
        raise StatedInvalid(reason=f"it has more than {MAX_BYTES} bytes", reason_zh=f"超过 {MAX_BYTES} 字节")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise StatedInvalid(reason="it is not UTF-8", reason_zh="不是 UTF-8 文本") from None
    traits = _patient(text) if text.lstrip().startswith("{") else _lines(text)
    check(traits)
    if not (traits.identifiers or traits.names or traits.birth or traits.phones):
        raise StatedInvalid(
            reason="there is no identifier, name, birth date or phone in it",
            reason_zh="其中没有证件号、姓名、出生日期或电话",
        )
    return traits


def _patient(text: str) -> Traits:
    try:
        return traits_of_patient(json.loads(text), "")
    except (ValueError, RecursionError):
        raise StatedInvalid(reason="it is not JSON", reason_zh="不是 JSON") from None


def _lines(text: str) -> Traits:
    traits = Traits()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        field, found, value = unicodedata.normalize("NFC", line).replace("：", ":", 1).partition(":")
        name = field.strip().lower()
        if not found or (name not in _FIELDS and name not in KINDS):
            raise StatedInvalid(
                reason=f"line {number} is no field that is known", reason_zh=f"第 {number} 行不是已知字段"
            )
        if value.strip():
            traits = _with(traits, name, value.strip(), number)
    return traits


def _with(traits: Traits, name: str, value: str, line: int) -> Traits:
    if name in KINDS:
        return replace(traits, identifiers=(*traits.identifiers, Identifier(KINDS[name], value)))
    try:
        return _FIELDS[name](traits, value)
    except (ValueError, KeyError):
        raise StatedInvalid(
            reason=f"line {line} has no {name} that can be read", reason_zh=f"第 {line} 行的“{name}”无法读取"
        ) from None


def _name(value: str) -> tuple[Name, ...]:
    """A name as stated; in Latin letters and without a comma also with the surname first, as in Chinese."""
    first, _, rest = value.partition(" ")
    if is_han(value) or "," in value or not rest.strip():
        return (Name(text=value),)
    return Name(text=value), Name(family=first, given=rest.strip())


def _birth(traits: Traits, value: str) -> Traits:
    found = _DATE.fullmatch(value)
    if found is None:
        raise ValueError
    year, month, day = (int(part or 0) for part in found.groups())
    return replace(traits, birth=year * 1_00_00 + month * 1_00 + day)


def _identifier(traits: Traits, value: str) -> Traits:
    kind = IdentifierKind.TAIWAN_ID if _TAIWAN.fullmatch(value) else IdentifierKind.OTHER
    if re.fullmatch(r"\d{15}|\d{17}[\dXx]", value):
        kind = IdentifierKind.ID_CARD
    return replace(traits, identifiers=(*traits.identifiers, Identifier(kind, value)))


_FIELDS: Final[dict[str, Callable[[Traits, str], Traits]]] = {
    "name": lambda traits, value: replace(traits, names=(*traits.names, *_name(value))),
    "birth": _birth,
    "sex": lambda traits, value: replace(traits, sex=_SEXES[value.lower()]),
    "phone": lambda traits, value: replace(traits, phones=(*traits.phones, value)),
    "identifier": _identifier,
}
for _chinese, _english in (
    ("姓名", "name"),
    ("出生日期", "birth"),
    ("性别", "sex"),
    ("电话", "phone"),
    ("证件号", "identifier"),
):
    _FIELDS[_chinese] = _FIELDS[_english]
