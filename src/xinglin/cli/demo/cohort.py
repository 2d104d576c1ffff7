"""Invented patients for the demonstration: 40 people with visits over some thirty years, made by ``carebundle``.

Deterministic: the same version of ``carebundle`` gives the same bytes. Who provided the care is set here: four
organisations, and every fourth patient goes to another one half way through, so that several have been at both
hospitals. No real person is in it.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import carebundle

PATIENTS = 40
SEED = 20260101
_VISITS, _INTERVAL_DAYS = 12, 900
_ORGANISATIONS = ("Riverside General", "Northgate Clinic", "Lakeview Hospital", "Old Town Surgery")
_NAMESPACE = uuid.UUID("5f2a1b1e-93f6-5d0c-9a51-0f6f3f6a7c11")


def write_cohort(folder: Path, patients: int = PATIENTS) -> list[Path]:
    """Write one FHIR transaction bundle for each patient and return the files, in order.

    Args:
        folder: an existing folder.
        patients: how many.
    """
    files = []
    for index in range(patients):
        path = folder / f"patient-{index:03d}.json"
        path.write_text(json.dumps(_bundle(index), ensure_ascii=False, indent=1), encoding="utf-8")
        files.append(path)
    return files


def _bundle(index: int) -> dict[str, Any]:
    profiles = ("hypertension", "type2_diabetes", "ckd_stage3", "anaemia", "healthy")
    made = carebundle.generate_history(
        profile=profiles[index % len(profiles)],
        seed=SEED,
        sex="F" if index % 2 else "M",
        age_range=(55, 80),
        index=index,
        visits=_VISITS,
        interval_days=_INTERVAL_DAYS,
    )
    bundle: dict[str, Any] = json.loads(carebundle.to_json(made))
    encounters = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Encounter"]
    chosen = _providers(index, len(encounters))
    for encounter, name in zip(encounters, chosen, strict=True):
        encounter["serviceProvider"] = {"reference": f"urn:uuid:{_organisation_id(name)}"}
    bundle["entry"] = [_organisation_entry(name) for name in sorted(set(chosen))] + bundle["entry"]
    return bundle


def _providers(index: int, visits: int) -> list[str]:
    """Return the organisation of each visit."""
    first = _ORGANISATIONS[index % len(_ORGANISATIONS)]
    second = _ORGANISATIONS[1 + index // 4 % 3] if index % 4 == 0 else first
    return [first if visit < visits // 2 else second for visit in range(visits)]


def _organisation_id(name: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, name)


def _organisation_entry(name: str) -> dict[str, Any]:
    resource = {"resourceType": "Organization", "id": str(_organisation_id(name)), "active": True, "name": name}
    return {
        "fullUrl": f"urn:uuid:{_organisation_id(name)}",
        "resource": resource,
        "request": {"method": "POST", "url": "Organization"},
    }
