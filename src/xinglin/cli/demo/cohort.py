"""Invented patients for the demonstration: 40 people with visits over some thirty years, made by ``carebundle``.

Deterministic: the same seed and version of ``carebundle`` give the same bytes. Who provided the care is set here: four
organisations, and every fourth patient goes to another one half way through, so that several have been at both
hospitals. Children, deaths, inpatient stays and some records are added (``cohort_stays``). No real person is in it.
``carebundle`` is needed only here and comes with the extra ``demo``.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from xinglin.cli.demo.cohort_stays import CHILDREN, DEAD, DIED, STAYS, complete
from xinglin.kernel.errors import Unavailable

PATIENTS: Final = 40
SEED: Final = 20260101
_VISITS, _INTERVAL_DAYS = 12, 900
_PROFILES = ("hypertension", "type2_diabetes", "ckd_stage3", "anaemia", "healthy")
_ORGANISATIONS = ("Riverside General", "Northgate Clinic", "Lakeview Hospital", "Old Town Surgery")
_NAMESPACE = uuid.UUID("5f2a1b1e-93f6-5d0c-9a51-0f6f3f6a7c11")
_CHECKUP_BRINGS = ("Encounter", "Observation", "DiagnosticReport", "MedicationRequest")


class CohortUnavailable(Unavailable):
    """The package that invents patients is not installed."""

    code, number, clause = "demo.cohort_unavailable", 6152, "H3"
    en = "Invented patients need the package carebundle, which is not installed."
    zh = "生成虚构患者需要 carebundle 包，但未安装。"
    hint_en = "Install xinglin[demo], or name a folder of FHIR bundles with --data."
    hint_zh = "请安装 xinglin[demo]，或用 --data 指定 FHIR Bundle 目录。"


def write_cohort(folder: Path, patients: int = PATIENTS, seed: int = SEED) -> list[Path]:
    """Write one FHIR transaction bundle for each patient and return the files, in order.

    Args:
        folder: an existing folder.
        patients: how many.
        seed: of everything that is drawn.

    Raises:
        CohortUnavailable: ``carebundle`` is not installed.
    """
    carebundle = _carebundle()
    files = []
    for index in range(patients):
        path = folder / f"patient-{index:03d}.json"
        path.write_text(json.dumps(_bundle(carebundle, index, seed), ensure_ascii=False, indent=1), encoding="utf-8")
        files.append(path)
    return files


def _carebundle() -> ModuleType:
    try:
        import carebundle  # noqa: PLC0415 - a node without the extra has to start
    except ImportError:
        raise CohortUnavailable from None
    return carebundle


def _bundle(carebundle: ModuleType, index: int, seed: int) -> dict[str, Any]:
    """Return one patient's bundle: visits over the years, the last of them followed by a check-up."""
    person = {
        "profile": _PROFILES[index % len(_PROFILES)],
        "seed": seed,
        "sex": "F" if index % 2 else "M",
        "age_range": (55, 80),
        "index": index,
    }
    bundle = _made(carebundle, index, person)
    encounters = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Encounter"]
    chosen = list(_providers(index, len(encounters)))
    for encounter, name in zip(encounters, chosen, strict=True):
        encounter["serviceProvider"] = {"reference": f"urn:uuid:{_organisation_id(name)}"}
    complete(bundle["entry"], index, uuid.uuid5(_NAMESPACE, str(seed)))
    bundle["entry"] = [_organisation_entry(name) for name in sorted(set(chosen))] + bundle["entry"]
    return bundle


def _made(carebundle: ModuleType, index: int, person: dict[str, Any]) -> dict[str, Any]:
    """Return what ``carebundle`` makes: visits and a check-up; of a child the check-up, of who has died the visits."""
    if index in CHILDREN:
        child: dict[str, Any] = json.loads(
            carebundle.to_json(carebundle.generate_bundle(**person | {"age_range": (11, 12)}))
        )
        return child
    count = STAYS.get(index, (_VISITS, 0))[0]
    until = {"reference_date": DIED - timedelta(days=40)} if index in DEAD else {}
    visits = carebundle.generate_history(**person, visits=count, interval_days=_INTERVAL_DAYS, **until)
    bundle: dict[str, Any] = json.loads(carebundle.to_json(visits))
    if index not in DEAD:
        checkup = json.loads(carebundle.to_json(carebundle.generate_bundle(**person)))["entry"]
        bundle["entry"] += [one for one in checkup if one["resource"]["resourceType"] in _CHECKUP_BRINGS]
    return bundle


def _providers(index: int, encounters: int) -> Iterator[str]:
    """Yield the organisation of each encounter, in order of time."""
    first = _ORGANISATIONS[index % len(_ORGANISATIONS)]
    second = _ORGANISATIONS[1 + index // 4 % 3] if index % 4 == 0 else first
    for number in range(encounters):
        yield first if number < encounters // 2 else second


def _organisation_id(name: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, name)


def _organisation_entry(name: str) -> dict[str, Any]:
    resource = {"resourceType": "Organization", "id": str(_organisation_id(name)), "active": True, "name": name}
    return {
        "fullUrl": f"urn:uuid:{_organisation_id(name)}",
        "resource": resource,
        "request": {"method": "POST", "url": "Organization"},
    }
