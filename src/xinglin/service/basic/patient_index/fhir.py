"""Traits from a FHIR R4 Patient: what of a resource says who somebody is (H1).

Reads what is there and takes no offence at the rest: a Patient that was validated may still lack everything, and one
from another node was not validated here. Knows the ways in which Chinese and Taiwanese systems write identifiers,
names and addresses. Never refuses anything but what is no Patient at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

from xinglin.service.basic.patient_index.errors import NotAPatient
from xinglin.service.basic.patient_index.model import (
    Address,
    Identifier,
    IdentifierKind,
    Mother,
    Name,
    Sex,
    Traits,
)

MOST: Final = 32
"""How many of each element are read; a Patient with more is a mistake or an attack."""
_TEXT: Final = 512
_SYSTEMS: Final = {
    "urn:oid:2.16.156.10011.1.3": IdentifierKind.ID_CARD,  # WS/T 500
    "urn:oid:2.16.156.10011.1.11": IdentifierKind.RECORD_NUMBER,
    "urn:oid:2.16.156.10011.1.12": IdentifierKind.RECORD_NUMBER,
    "urn:oid:2.16.156.10011.1.13": IdentifierKind.RECORD_NUMBER,
    "urn:oid:2.16.156.10011.1.19": IdentifierKind.HEALTH_CARD,
    "http://www.moi.gov.tw": IdentifierKind.TAIWAN_ID,  # TW Core
    "http://www.immigration.gov.tw": IdentifierKind.TAIWAN_ID,
    "http://www.boca.gov.tw": IdentifierKind.PASSPORT,
    "http://hl7.org/fhir/sid/us-ssn": IdentifierKind.NATIONAL,
}
_CODES: Final = {  # v2-0203
    "NNCHN": IdentifierKind.ID_CARD,
    "NNTWN": IdentifierKind.TAIWAN_ID,
    "NI": IdentifierKind.NATIONAL,
    "SS": IdentifierKind.NATIONAL,
    "PPN": IdentifierKind.PASSPORT,
    "PRC": IdentifierKind.PERMANENT_RESIDENCE,
    "HC": IdentifierKind.HEALTH_CARD,
    "MB": IdentifierKind.INSURANCE,
    "MC": IdentifierKind.INSURANCE,
    "MA": IdentifierKind.INSURANCE,
    "NIIP": IdentifierKind.INSURANCE,
    "MR": IdentifierKind.RECORD_NUMBER,
    "PI": IdentifierKind.RECORD_NUMBER,
    "PT": IdentifierKind.RECORD_NUMBER,
}
_CHINESE_CODES: Final = {  # CV02.01.101 身份证件类别代码
    "01": IdentifierKind.ID_CARD,
    "03": IdentifierKind.PASSPORT,
    "06": IdentifierKind.HONG_KONG_MACAO_PERMIT,
    "07": IdentifierKind.TAIWAN_PERMIT,
}
_WORDS: Final = (  # the first that is found
    ("永久居留", IdentifierKind.PERMANENT_RESIDENCE),
    ("居住证", IdentifierKind.RESIDENCE_PERMIT),
    ("港澳", IdentifierKind.HONG_KONG_MACAO_PERMIT),
    ("回乡证", IdentifierKind.HONG_KONG_MACAO_PERMIT),
    ("台胞证", IdentifierKind.TAIWAN_PERMIT),
    ("台湾居民", IdentifierKind.TAIWAN_PERMIT),
    ("身份证", IdentifierKind.ID_CARD),
    ("身分證", IdentifierKind.TAIWAN_ID),
    ("护照", IdentifierKind.PASSPORT),
    ("護照", IdentifierKind.PASSPORT),
    ("健康卡", IdentifierKind.HEALTH_CARD),
    ("医保", IdentifierKind.INSURANCE),
    ("医疗保险", IdentifierKind.INSURANCE),
    ("社会保障", IdentifierKind.INSURANCE),
    ("病案", IdentifierKind.RECORD_NUMBER),
    ("病历", IdentifierKind.RECORD_NUMBER),
    ("门诊号", IdentifierKind.RECORD_NUMBER),
    ("住院号", IdentifierKind.RECORD_NUMBER),
)
_SCOPED: Final = frozenset((IdentifierKind.OTHER, IdentifierKind.NATIONAL, IdentifierKind.RECORD_NUMBER))
"""Kinds whose values are unique only within the system that gives them."""
_SEXES: Final = {"male": Sex.MALE, "female": Sex.FEMALE, "other": Sex.OTHER}
_MAIDEN: Final = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T.*)?\Z")


def traits_of_patient(patient: Any, source: str) -> Traits:
    """Return what a Patient says of the person.

    Args:
        patient: the resource as parsed from JSON.
        source: the system that it comes from; identifiers without a system of their own are of it.

    Raises:
        NotAPatient: it is no object, or a resource of another type.
    """
    if not isinstance(patient, Mapping):
        raise NotAPatient(reason="no JSON object")
    if patient.get("resourceType") != "Patient":
        raise NotAPatient(reason="resourceType is not Patient")
    deceased = _date(patient.get("deceasedDateTime")) or int(patient.get("deceasedBoolean") is True)
    order = patient.get("multipleBirthInteger")
    return Traits(
        identifiers=_identifiers(patient, source),
        names=tuple(_names(patient.get("name"))),
        birth=_date(patient.get("birthDate")),
        sex=_SEXES.get(_text(patient.get("gender")), Sex.UNKNOWN),
        phones=tuple(dict.fromkeys(_phones(patient))),
        addresses=tuple(_address(one) for one in _objects(patient.get("address"))),
        mother=Mother(tuple(_mothers(patient))),
        birth_order=order if isinstance(order, int) and not isinstance(order, bool) and 0 < order <= 20 else 0,
        deceased=deceased,
    )


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (one for one in value[:MOST] if isinstance(one, Mapping))


def _text(value: Any) -> str:
    return unicodedata.normalize("NFC", value.strip()[:_TEXT])[:_TEXT] if isinstance(value, str) else ""


def _joined(value: Any, separator: str = " ") -> str:
    parts = [_text(one) for one in value[:MOST]] if isinstance(value, list) else [_text(value)]
    return separator.join(part for part in parts if part)[:_TEXT]


def _date(value: Any) -> int:
    found = _DATE.match(value) if isinstance(value, str) else None
    if found is None:
        return 0
    year, month, day = (int(part or 0) for part in found.groups())
    return year * 1_00_00 + month * 1_00 + day


def _identifiers(patient: Mapping[str, Any], source: str) -> tuple[Identifier, ...]:
    found: dict[Identifier, None] = {}
    for one in _objects(patient.get("identifier")):
        value, system = _text(one.get("value")), _text(one.get("system"))
        if value:
            kind = identifier_kind(one)
            scope = (system or f"source:{source}"[:_TEXT]) if kind in _SCOPED else ""
            found[Identifier(kind, value, scope)] = None
    return tuple(found)


def identifier_kind(identifier: Mapping[str, Any]) -> IdentifierKind:
    """Return what sort of identifier a FHIR Identifier is: by its system, its type's code, its type's words."""
    system = _text(identifier.get("system")).rstrip("/")
    if system in _SYSTEMS:
        return _SYSTEMS[system]
    kind = identifier.get("type")
    if not isinstance(kind, Mapping):
        return IdentifierKind.OTHER
    words = _text(kind.get("text"))
    for coding in _objects(kind.get("coding")):
        code = _text(coding.get("code"))
        if "CV02.01.101" in _text(coding.get("system")) and code in _CHINESE_CODES:
            return _CHINESE_CODES[code]
        if code in _CODES:
            return _CODES[code]
        if code.startswith("NN"):
            return IdentifierKind.NATIONAL
        words += _text(coding.get("display"))
    return next((found for word, found in _WORDS if word in words), IdentifierKind.OTHER)


def _names(value: Any) -> Iterator[Name]:
    for one in _objects(value):
        name = Name(
            family=_text(one.get("family")),
            given=_joined(one.get("given")),
            text=_text(one.get("text")),
            use=_text(one.get("use"))[:32],
        )
        if name.family or name.given or name.text:
            yield name


def _phones(patient: Mapping[str, Any]) -> Iterator[str]:
    for one in _objects(patient.get("telecom")):
        value = _text(one.get("value"))
        if value and one.get("system") in ("phone", "sms", None):
            yield value


def _address(address: Mapping[str, Any]) -> Address:
    return Address(
        line=_joined(address.get("line"), "\n") or _text(address.get("text")),
        district=_text(address.get("district")),
        city=_text(address.get("city")),
        state=_text(address.get("state")),
        postcode=_text(address.get("postalCode")) or _coded_postcode(address.get("_postalCode")),
        country=_text(address.get("country")),
    )


def _coded_postcode(element: Any) -> str:
    """The postcode that TW Core keeps as a code in an extension."""
    for extension in _objects(element.get("extension") if isinstance(element, Mapping) else None):
        concept = extension.get("valueCodeableConcept")
        for coding in _objects(concept.get("coding") if isinstance(concept, Mapping) else None):
            if code := _text(coding.get("code")):
                return code
    return ""


def _mothers(patient: Mapping[str, Any]) -> Iterator[Name]:
    for contact in _objects(patient.get("contact")):
        codes = {
            coding.get("code")
            for relationship in _objects(contact.get("relationship"))
            for coding in _objects(relationship.get("coding"))
            if isinstance(coding.get("code"), str)
        }
        if codes & {"MTH", "NMTH"}:
            yield from _names([contact.get("name")])
    for extension in _objects(patient.get("extension")):
        if extension.get("url") == _MAIDEN and (maiden := _text(extension.get("valueString"))):
            yield Name(text=maiden, use="maiden")
