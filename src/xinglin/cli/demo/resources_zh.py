"""FHIR elements of people in China: names, addresses, telephones, identifiers, as hospitals there write them."""

from __future__ import annotations

from typing import Any, Final

from xinglin.cli.demo.persons_zh import ChineseName, Region

_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
_ID_CARD: Final = "urn:oid:2.16.156.10011.1.3"  # WS/T 500


def human_name(name: ChineseName) -> dict[str, Any]:
    """Return a HumanName in characters."""
    return {"use": "official", "text": name.whole, "family": name.family, "given": [name.given]}


def address(region: Region, street: str) -> dict[str, Any]:
    """Return an Address, from the province down to the flat."""
    city = "" if region.city == region.province else region.city
    return {
        "use": "home",
        "text": f"{region.province}{city}{region.county}{street}",
        "line": [street],
        "city": region.city,
        "district": region.county,
        "state": region.province,
        "postalCode": region.postcode,
        "country": "CN",
    }


def telecom(phone: str) -> list[dict[str, Any]]:
    """Return the one ContactPoint of a mobile telephone."""
    return [{"system": "phone", "value": phone, "use": "mobile"}]


def id_card(number: str) -> dict[str, Any]:
    """Return the Identifier of a resident identity card."""
    return _identifier("NNCHN", "居民身份证", _ID_CARD, number)


def insurance(number: str) -> dict[str, Any]:
    """Return the Identifier of a person with the medical insurance."""
    return _identifier("MB", "医保个人编号", "urn:xinglin:demo:insurance", number)


def record_number(hospital: str, number: str) -> dict[str, Any]:
    """Return the Identifier of a patient within a hospital."""
    return _identifier("MR", "病案号", f"urn:xinglin:demo:{hospital}:record-number", number)


def _identifier(code: str, words: str, system: str, value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": _TYPES, "code": code}], "text": words}, "system": system, "value": value}
