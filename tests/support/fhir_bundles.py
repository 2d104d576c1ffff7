"""Small FHIR bundles for tests, as a person would write them: one patient with an encounter and what belongs to it."""

from __future__ import annotations

import copy
import json
from typing import Any

Resource = dict[str, Any]

ORGANISATION: Resource = {"resourceType": "Organization", "id": "org", "name": "Riverside General"}
PRACTITIONER: Resource = {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Wu"}]}
PATIENT: Resource = {"resourceType": "Patient", "id": "pat", "gender": "female", "birthDate": "1970-02-28"}
ENCOUNTER: Resource = {
    "resourceType": "Encounter",
    "id": "enc",
    "status": "finished",
    "class": {"code": "AMB"},
    "subject": {"reference": "Patient/pat"},
    "participant": [{"individual": {"reference": "Practitioner/doc"}}],
    "period": {"start": "2020-05-01T10:00:00+08:00"},
    "serviceProvider": {"reference": "Organization/org"},
}
OBSERVATION: Resource = {
    "resourceType": "Observation",
    "id": "obs",
    "status": "final",
    "code": {"text": "pulse"},
    "subject": {"reference": "Patient/pat"},
    "encounter": {"reference": "Encounter/enc"},
    "performer": [{"reference": "Practitioner/doc"}],
    "effectiveDateTime": "2020-05-01T10:05:00.250+08:00",
    "valueQuantity": {"value": 72.50, "unit": "/min"},
}
EPISODE = (ORGANISATION, PRACTITIONER, PATIENT, ENCOUNTER, OBSERVATION)


def but(resource: Resource, **changes: object) -> Resource:
    """Return a copy with some elements changed; None removes one."""
    changed = {**copy.deepcopy(resource), **changes}
    return {name: value for name, value in changed.items() if value is not None}


def entry(resource: Resource, **elements: object) -> Resource:
    """Return a bundle entry with this resource; ``elements`` as in ``but``."""
    return but({"resource": resource}, **elements)


def posted(resource: Resource) -> Resource:
    """Return the entry of a transaction that stores this resource under a urn:uuid."""
    name = f"urn:uuid:00000000-0000-4000-8000-{resource['id']:0>12}"
    return {"fullUrl": name, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def bundle(*entries: Resource, kind: str = "collection", **elements: object) -> bytes:
    """Return the bytes of a bundle with these entries."""
    return text({"resourceType": "Bundle", "type": kind, **elements, "entry": list(entries)})


def collection(*resources: Resource) -> bytes:
    """Return the bytes of a collection of these resources."""
    return bundle(*(entry(resource) for resource in resources))


def text(value: object) -> bytes:
    """Return JSON as a source system would write it."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
