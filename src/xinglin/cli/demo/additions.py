"""Resources that the demonstration adds to what the bundles brought: written as a bundle, taken in as any other."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from xinglin.cli.demo.stage import Stage
from xinglin.node.records.archive import Archive
from xinglin.service.basic.intake.files import Refusal, read_files, reader_of
from xinglin.service.basic.intake.processing import Processor
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator


def add(stage: Stage, archive: Archive, source: str, resources: Sequence[dict[str, Any]]) -> None:
    """Take resources in at a hospital: validated, labelled, copied, registered.

    Args:
        stage: keeps the file meanwhile.
        archive: the hospital's.
        source: name of the source system.
        resources: each with an id; references are ``Type/id``.
    """
    entries = [
        {
            "fullUrl": f"https://example.org/fhir/{one['resourceType']}/{one['id']}",
            "resource": one,
            "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
        }
        for one in resources
    ]
    path = stage.folder / "addition.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}), encoding="utf-8")
    refusals: list[Refusal] = []
    read = reader_of(FhirkitValidator(), process=Processor(archive.orders(source)))
    report = archive.take_in(source, read_files([path], read, refusals))
    path.unlink()
    stage.require(report.accepted == len(resources) and not refusals, "what is added later is taken in and registered")


def new_id() -> str:
    """Return an id for a resource."""
    return str(uuid.uuid4())


def encounter(patient: str, start: str, code: str = "IMP") -> dict[str, Any]:
    """Return an encounter that has begun and goes on."""
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return {
        "resourceType": "Encounter",
        "id": new_id(),
        "status": "in-progress",
        "class": {"system": system, "code": code},
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": start},
    }


def body_weight(patient: str, occasion: str, time: str, kilograms: float) -> dict[str, Any]:
    """Return an observation of an encounter."""
    return {
        "resourceType": "Observation",
        "id": new_id(),
        "status": "final",
        "category": [
            {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/{occasion}"},
        "effectiveDateTime": time,
        "valueQuantity": {"value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
