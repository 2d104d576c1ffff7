"""Patients in China, and what a second hospital writes down of the same person.

What is of a patient's life stays (sex, birth, death, marital status); what is of a country (race, language) is China's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from xinglin.cli.demo.persons_zh import ChineseName, Draw, identity_number, mobile_number, name_of, region_of, street_of
from xinglin.cli.demo.resources_zh import address, human_name, id_card, insurance, record_number, telecom
from xinglin.service.basic.patient_index.names import pinyin, surname_reading

_XHTML: Final = "http://www.w3.org/1999/xhtml"
_EXTENSIONS: Final = "http://hl7.org/fhir/StructureDefinition/"
_MAIDEN, _BIRTHPLACE = f"{_EXTENSIONS}patient-mothersMaidenName", f"{_EXTENSIONS}patient-birthPlace"
_REWRITTEN: Final = frozenset(
    ("text", "identifier", "name", "telecom", "address", "contact", "photo", "communication", "extension", "birthDate")
)
_SEXES: Final = {"male": "男", "female": "女"}
_LANGUAGE: Final = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "zh-CN"}], "text": "中文"}}]


class Habit(NamedTuple):
    """What a registration desk writes down of a patient who is known elsewhere.

    Attributes:
        name: ``characters``, ``pinyin`` (as a passport has it), ``heard`` (as it was heard on the telephone) or
            ``surname`` (no more was known).
        card: the identity card was shown.
        insurance: the insurance number was given.
        birth: ``whole``, ``month`` (without day), ``year``, ``turned`` (day and month, where both can be), or
            ``estimated`` (the year, a little off, from an age that was told).
        phone: the number that the first hospital has; otherwise another one.
        address: it was asked for.
    """

    name: str = "characters"
    card: bool = True
    insurance: bool = True
    birth: str = "whole"
    phone: bool = True
    address: bool = True


COMPLETE: Final = Habit()
HABITS: Final = (
    Habit(phone=False, address=False),
    Habit("pinyin", insurance=False),
    Habit(card=False, insurance=False, phone=False),
    Habit("heard", card=False, insurance=False, birth="turned", phone=False, address=False),
    Habit(card=False, insurance=False, birth="estimated", phone=False, address=False),
    Habit("pinyin", card=False, insurance=False, birth="estimated", phone=False, address=False),
    Habit("surname", card=False, insurance=False, birth="year", phone=False, address=False),
)
"""What the second hospital's desk does: three say who it is, three leave a doubt, the last tells too little."""


class _Who(NamedTuple):
    """A person as drawn: the same at both hospitals."""

    name: ChineseName
    card: str
    insurance: str
    phone: str
    address: dict[str, Any]


def patient(resource: Mapping[str, Any], draw: Draw, hospital: str, habit: Habit) -> dict[str, Any]:
    """Return a Patient as a hospital in China has it.

    Args:
        resource: the original.
        draw: of the person.
        hospital: whose record number it gets.
        habit: what its desk writes down.
    """
    sex, birth = str(resource.get("gender")), resource.get("birthDate")
    stated = birth if isinstance(birth, str) else ""
    who = _who(draw, sex, stated)
    told = {name: value for name, value in resource.items() if name not in _REWRITTEN}
    identifiers = [record_number(hospital, draw.digits(hospital, 8))]
    identifiers += [id_card(who.card)] if who.card and habit.card else []
    identifiers += [insurance(who.insurance)] if habit.insurance else []
    told["identifier"] = identifiers
    told["name"] = [_named(who.name, habit.name, draw)]
    told["telecom"] = telecom(who.phone if habit.phone else mobile_number(draw.part(hospital)))
    if stated:
        told["birthDate"] = _birth(stated, habit.birth, draw)
    if habit.address:
        told["address"] = [who.address]
    told["communication"] = _LANGUAGE
    if habit.address and (extensions := _extensions(resource.get("extension"), draw)):
        told["extension"] = extensions
    if contacts := _contacts(resource.get("contact"), draw):
        told["contact"] = contacts
    told["text"] = _narrative(told)
    return told


def year_of(birth: Any) -> int:
    """Return the year of a FHIR date, 0 where there is none."""
    return int(birth[:4]) if isinstance(birth, str) and re.match(r"[0-9]{4}(-|\Z)", birth) else 0


def _who(draw: Draw, sex: str, birth: str) -> _Who:
    day = _day(birth, draw)
    return _Who(
        name=name_of(draw, sex, year_of(birth)),
        card=identity_number(draw, day, sex) if day is not None else "",
        insurance=f"YB{draw.digits('insurance', 14)}",
        phone=mobile_number(draw),
        address=address(region_of(draw), street_of(draw)),
    )


def _day(birth: str, draw: Draw) -> date | None:
    """Return the day of birth; where only year or month are stated, one in it."""
    year, month, day = [*birth.split("-"), "", ""][:3]
    month = month or f"{1 + draw.number('month', 12):02d}"
    day = day or f"{1 + draw.number('day', 28):02d}"
    try:
        found = date.fromisoformat(f"{year}-{month}-{day}")
    except ValueError:
        return None
    return found if found.year >= 1850 else None


def _named(name: ChineseName, how: str, draw: Draw) -> dict[str, Any]:
    """Return a name as a desk writes it."""
    if how == "characters":
        return human_name(name)
    family, given = surname_reading(name.family).upper(), pinyin(name.given).upper().split()
    if how == "surname":
        return {"use": "official", "text": family, "family": family}
    if how == "heard":
        family, given = _heard(family), [_heard(one) for one in given]
    parts = ("".join(given), " ".join(given), "-".join(given))[draw.number("spelling", 3)]
    return {"use": "official", "text": f"{family} {parts}", "family": family, "given": [parts]}


def _heard(syllable: str) -> str:
    """Return a syllable as speakers of the south say it: no retroflex, no final ng."""
    for initial in ("ZH", "CH", "SH"):
        if syllable.startswith(initial):
            syllable = initial[0] + syllable[2:]
    return syllable.removesuffix("G") if syllable.endswith("NG") else syllable


def _birth(stated: str, how: str, draw: Draw) -> str:
    """Return a birth date as a desk writes it; one that is no date stays as it is."""
    year, _, rest = stated.partition("-")
    month, _, day = rest.partition("-")
    if how == "estimated" and year.isdecimal() and len(year) == 4:
        return f"{int(year) - 1 - draw.number('estimate', 2):04d}"
    if how == "year":
        return year
    if how == "month" or (how == "turned" and day > "12"):
        return stated[:7]
    return f"{year}-{day}-{month}" if how == "turned" and day else stated


def _extensions(value: Any, draw: Draw) -> list[dict[str, Any]]:
    """Return the mother's name and the place of birth; other extensions are of another country's statistics."""
    found = []
    for one in value if isinstance(value, list) else ():
        url = one.get("url") if isinstance(one, dict) else None
        if url == _MAIDEN:
            found.append({"url": url, "valueString": name_of(draw.part("mother"), "female", 0).whole})
        elif url == _BIRTHPLACE:
            place = region_of(draw.part("born"))
            where = {"city": place.city, "district": place.county, "state": place.province, "country": "CN"}
            found.append({"url": url, "valueAddress": where})
    return found


def _contacts(value: Any, draw: Draw) -> list[dict[str, Any]]:
    """Return the people to be told, each with a name and a number of their own."""
    contacts = []
    for number, one in enumerate(value if isinstance(value, list) else ()):
        if not isinstance(one, dict):
            continue
        own = draw.part(f"contact{number}")
        kept = {name: part for name, part in one.items() if name in ("relationship", "gender", "period")}
        kept["name"] = human_name(name_of(own, str(one.get("gender")), 0))
        kept["telecom"] = telecom(mobile_number(own))
        contacts.append(kept)
    return contacts


def _narrative(told: Mapping[str, Any]) -> dict[str, str]:
    """Return what the registration form would print: the very identifiers, in free text."""
    said = [told["name"][0]["text"], _SEXES.get(str(told.get("gender")), "性别不详")]
    said += [f"{told['birthDate']}出生"] if "birthDate" in told else []
    said += [f"{one['type']['text']}{one['value']}" for one in told["identifier"]]
    said += [f"电话{one['value']}" for one in told["telecom"]]
    said += [f"住址{one['text']}" for one in told.get("address", ())]
    words = "，".join(said)
    return {"status": "generated", "div": f'<div xmlns="{_XHTML}"><p>虚构患者，并非真人。</p><p>{words}。</p></div>'}
