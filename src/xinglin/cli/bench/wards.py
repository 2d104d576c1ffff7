"""Invented patients with their records, for benchmarks of what happens in a full vault: made fast, taken in as any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from xinglin.cli.bench.people import people
from xinglin.node.chains import SystemClock
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.records.archive import Archive
from xinglin.node.records.serving import Serving
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource, Processed
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

PER_PATIENT = 50
"""Records of each patient, the patient's own among them."""
_SOURCE = "bench"
_YEAR_MS = 365 * 86_400_000


def fill(archive: Archive, patients: int) -> None:
    """Take in so many patients with their records."""
    archive.take_in(_SOURCE, _bundles(patients))


def consenting(serving: Serving, patients: int, count: int) -> Sequence[bytes]:
    """Have some of the patients consent, spread over all of them; return the commitments that they open."""
    archive, commitments = serving.archive, list[bytes]()
    for number in range(0, patients, max(1, patients // count)):
        subject = (_SOURCE.encode(), _id(number).encode())
        person = archive.persons.person_of(*subject)
        if person is None:
            raise AssertionError("a patient was not taken in")
        given = give_by_own_key(archive.node, _wanted(serving.member), [(serving.node, person)])
        acknowledge(serving, given.consent)
        rows = archive.vault.records_of([subject])
        commitments += [row.details.commitment for row in rows if row.details.type == b"Observation"]
    return commitments


def _wanted(member: str) -> WantedConsent:
    now = SystemClock().now_ms()
    return WantedConsent(
        purposes=(Purpose.TREAT,),
        categories=(Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION),
        level=Level.NARROW,
        given_ms=now - 1_000,
        from_ms=now - 1_000,
        until_ms=now + _YEAR_MS,
        members=(member,),
    )


def _id(number: int) -> str:
    return f"p{number}"


def _bundles(patients: int) -> Iterator[Incoming]:
    for number, one in zip(range(patients), people(patients), strict=False):
        resources = [_patient(number, one.traits.birth)]
        resources += [_observation(number, position) for position in range(1, PER_PATIENT)]
        yield Incoming(resources)


def _patient(number: int, birth: int) -> CollectedResource:
    year, month, day = birth // 10_000, birth // 100 % 100, birth % 100
    identifier = {"system": "urn:bench", "value": _id(number)}
    born = f"{min(year, 1990):04d}-{month:02d}-{day:02d}"
    resource = {"resourceType": "Patient", "id": _id(number), "identifier": [identifier], "birthDate": born}
    return _collected(0, "Patient", _id(number), _id(number), resource, Category.PERSONAL_ATTRIBUTES)


def _observation(number: int, position: int) -> CollectedResource:
    name = f"{_id(number)}-{position}"
    resource = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2951-2", "display": "Sodium in serum or plasma"}]},
        "subject": {"reference": f"Patient/{_id(number)}"},
        "effectiveDateTime": f"20{number % 20:02d}-{position % 12 + 1:02d}-03T08:00:00+08:00",
        "valueQuantity": {"value": 100 + position, "unit": "mmol/L", "system": "http://unitsofmeasure.org"},
        "note": [{"text": "Taken at the bedside in the morning, before breakfast; repeated in the evening. " * 8}],
    }
    return _collected(position, "Observation", name, _id(number), resource, Category.HEALTH_STATUS)


def _collected(
    position: int, type_: str, name: str, subject: str, resource: Mapping[str, object], category: Category
) -> CollectedResource:
    original = json.dumps(resource).encode()
    return CollectedResource(
        position=position,
        resource_type=type_,
        logical_id=name,
        original=original,
        subject=subject,
        processed=Processed(int(category), int(Level.NARROW), 0, original),
    )
