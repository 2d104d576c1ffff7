"""FHIR bundles as hospitals in China would have them: other names, numbers and addresses, the same clinical content.

Pure: bytes in, bytes out. What tells of people and institutions is written anew (Patient, Practitioner, RelatedPerson,
Person, Organization, Location), their old names are replaced where other resources show them, and every other byte of
the bundle stays. Everything is drawn from the content of the resource itself, so the same person is the same in every
bundle. Hospital B knows a patient of hospital A as patients come to a second hospital: under another record number,
some without card, some in pinyin, some with half a birth date (``HABITS``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from xinglin.cli.demo.patients_zh import COMPLETE, HABITS, Habit, patient, year_of
from xinglin.cli.demo.persons_zh import Draw, institution_of, mobile_number, name_of, region_of, street_of
from xinglin.cli.demo.resources_zh import address, human_name, telecom

SECOND: Final = "hospital-b"
"""The hospital to which patients come second."""
_HABIT: Final = "habit8"
"""What habits are drawn for: so that all kinds come up among those patients who have been at both hospitals."""
_PEOPLE: Final = frozenset(("Patient", "Practitioner", "RelatedPerson", "Person"))
_PLACES: Final = frozenset(("Organization", "Location"))
_TITLES: Final = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?"
_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_entries: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
Resource = dict[str, Any]


def localise(data: bytes, hospital: str) -> bytes:
    """Return a bundle with Chinese people in it, as one of the two hospitals has them.

    Args:
        data: FHIR bundle in JSON; what can't be read as one is returned as it is, for the intake to refuse.
        hospital: name of the home that takes it in; it goes into record numbers, and ``SECOND`` knows less.
    """
    try:
        bundle = _entries.decode(data)
        entries = _list.decode(bundle["entry"])
        resources = [_decode(entry["resource"]) if "resource" in entry else {} for entry in entries]
        if not all(isinstance(one, dict) for one in resources):
            return data
    except (KeyError, RecursionError, UnicodeDecodeError, msgspec.MsgspecError):
        return data
    names = _Names(resources, hospital)
    for entry, resource in zip(entries, resources, strict=True):
        changed = names.localised(resource)
        if changed != resource:
            entry["resource"] = msgspec.Raw(_encode(changed))
    bundle["entry"] = msgspec.Raw(_encode(entries))
    return _encode(bundle)


class _Names:
    """The people of one bundle, and the names under which its texts show them."""

    def __init__(self, resources: list[Resource], hospital: str) -> None:
        self._hospital = hospital
        self._new: dict[str, str] = {}
        for resource in resources:
            for one in (resource, *_contained(resource)):
                if one.get("resourceType") in _PEOPLE:
                    self._note(one)
        known = sorted(self._new, key=len, reverse=True)
        self._old = re.compile(rf"{_TITLES}(?<!\w)({'|'.join(map(re.escape, known))})(?!\w)") if known else None

    def localised(self, resource: Resource) -> Resource:
        """Return a resource with what is of people in it written anew; an equal one where nothing is."""
        kind = resource.get("resourceType")
        if kind in _PEOPLE:
            resource = self._person(resource)
        elif kind in _PLACES:
            resource = _place(resource)
        if isinstance(resource.get("contained"), list):
            inner = [self.localised(one) if isinstance(one, dict) else one for one in resource["contained"]]
            resource = {**resource, "contained": inner}
        renamed: Resource = self._renamed(resource)
        return renamed

    def _person(self, resource: Resource) -> Resource:
        draw = _draw(resource)
        if resource["resourceType"] != "Patient":
            return _other_person(resource, draw)
        return patient(resource, draw, self._hospital, self._habit(draw))

    def _habit(self, draw: Draw) -> Habit:
        return HABITS[draw.number(_HABIT, len(HABITS))] if self._hospital == SECOND else COMPLETE

    def _note(self, resource: Resource) -> None:
        """Keep under which names the texts of the bundle may show a person."""
        new = self._person(resource).get("name")
        if new:
            for one in _objects(resource.get("name")):
                for old in _written(one):
                    self._new[old] = new[0]["text"]

    def _renamed(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {name: self._renamed(value) for name, value in node.items()}
        if isinstance(node, list):
            return [self._renamed(one) for one in node]
        if isinstance(node, str) and self._old is not None:
            return self._old.sub(lambda found: self._new[found[1]], node)
        return node


def _contained(resource: Resource) -> Iterator[Resource]:
    return _objects(resource.get("contained"))


def _objects(value: Any) -> Iterator[Resource]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one


def _list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _draw(resource: Resource) -> Draw:
    """Return what everything of a resource is drawn from: its content, without what a server says of its version."""
    said = {name: value for name, value in sorted(resource.items()) if name != "meta"}
    return Draw(_encode(said).decode())


def _written(name: Mapping[str, Any]) -> Iterator[str]:
    """Yield how a name may stand in a text: never the surname alone, which a disease may have as well."""
    family = name.get("family")
    given = [one for one in _list_of(name.get("given")) if isinstance(one, str) and one]
    if isinstance(name.get("text"), str) and " " in name["text"].strip():
        yield name["text"].strip()
    if isinstance(family, str) and family and given:
        for first in {given[0], " ".join(given)}:
            yield f"{first} {family}"
            yield f"{family} {first}"
            yield f"{family}, {first}"


def _other_person(resource: Resource, draw: Draw) -> Resource:
    """Return a practitioner or relative with a Chinese name, number, telephone and address."""
    kept = {name: value for name, value in resource.items() if name not in ("photo", "text")}
    name = name_of(draw, str(resource.get("gender")), year_of(resource.get("birthDate")))
    if "name" in kept:
        kept["name"] = [human_name(name)]
    if "identifier" in kept:
        number = draw.digits("licence", 15)
        kept["identifier"] = [{"system": "urn:xinglin:demo:staff", "value": number}]
    return _reachable(kept, draw)


def _place(resource: Resource) -> Resource:
    """Return an institution with a Chinese name and address; its id and identifiers lead to it as before."""
    draw = _draw(resource)
    kept = {name: value for name, value in resource.items() if name not in ("alias", "text", "contact")}
    if "name" in kept:
        kept["name"] = institution_of(draw)
    return _reachable(kept, draw)


def _reachable(resource: Resource, draw: Draw) -> Resource:
    """Write telephone and address anew where there are any."""
    if "telecom" in resource:
        resource["telecom"] = telecom(mobile_number(draw))
    if "address" in resource:
        new = address(region_of(draw), street_of(draw))
        resource["address"] = [new] if isinstance(resource["address"], list) else new
    return resource
