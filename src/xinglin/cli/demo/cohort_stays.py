"""What invented patients lack and the demonstration shows: inpatient stays long ago, a child, a death, bills, level 5.

Set on bundles of ``carebundle`` after they were made; deterministic, as these are.
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, Final

Resource = dict[str, Any]
STAYS: Final = {1: (18, 0), 2: (12, 8)}
"""Patients with an inpatient stay: how many visits they have, and which of them it is. They ended in 1984 and 2018."""
DEAD, CHILDREN = frozenset(range(32, 36)), frozenset(range(36, 40))
"""Patients who died a few weeks after the last visit; children, with one check-up. Each hospital has some."""
DIED: Final = date(2016, 2, 10)
_BILL_EVERY, _STRICT_EVERY = 4, 5
_SYSTEM = "http://terminology.hl7.org/CodeSystem"


def complete(entries: list[dict[str, Any]], index: int, namespace: uuid.UUID) -> None:
    """Add to one patient's entries what this patient is to show.

    Args:
        entries: of the bundle, with their fullUrls and providers; changed.
        index: of the patient.
        namespace: where ids are made in.
    """
    encounters = [one for one in entries if one["resource"]["resourceType"] == "Encounter"]
    patient = next(one for one in entries if one["resource"]["resourceType"] == "Patient")
    if index in STAYS:
        inpatient = {"system": f"{_SYSTEM}/v3-ActCode", "code": "IMP", "display": "inpatient encounter"}
        encounters[STAYS[index][1]]["resource"]["class"] = inpatient
    if index in DEAD:
        patient["resource"]["deceasedDateTime"] = DIED.isoformat()
    if index % _BILL_EVERY == 0:
        _add(entries, _bill(patient["fullUrl"], encounters[0]["resource"]), namespace, index)
    if index % _STRICT_EVERY == 0:
        _add(entries, _hiv(patient["fullUrl"], encounters[0]["fullUrl"]), namespace, index)


def _add(entries: list[dict[str, Any]], resource: Resource, namespace: uuid.UUID, index: int) -> None:
    name = uuid.uuid5(namespace, f"{resource['resourceType']}-{index}")
    entry = {
        "fullUrl": f"urn:uuid:{name}",
        "resource": {**resource, "id": str(name)},
        "request": {"method": "POST", "url": resource["resourceType"]},
    }
    entries.append(entry)


def _bill(patient: str, encounter: Resource) -> Resource:
    return {
        "resourceType": "Claim",
        "status": "active",
        "type": {"coding": [{"system": f"{_SYSTEM}/claim-type", "code": "professional"}]},
        "use": "claim",
        "patient": {"reference": patient},
        "created": encounter["period"]["end"],
        "provider": encounter["serviceProvider"],
        "priority": {"coding": [{"system": f"{_SYSTEM}/processpriority", "code": "normal"}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "basic medical insurance"}}],
        "total": {"value": 128.5, "currency": "CNY"},
    }


def _hiv(patient: str, encounter: str) -> Resource:
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": f"{_SYSTEM}/condition-clinical", "code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "86406008", "display": "HIV infection"}]},
        "subject": {"reference": patient},
        "encounter": {"reference": encounter},
    }
