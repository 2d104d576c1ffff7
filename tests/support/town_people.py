"""The invented patients of a town with two hospitals, and what each hospital has recorded of them.

Some have been at both. One is a child, one is older than 14, one has died, one lies at A now, and one had a stay that
ended in 1983, so that its records may be destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stdnum.cn.ric import calc_check_digit

from tests.support.fhir_bundles import Resource, collection

HOSPITALS = ("a", "b")
_ICD10 = "http://hl7.org/fhir/sid/icd-10"


@dataclass(frozen=True)
class Patient:
    """Who somebody is: name, digits of the id card before the check digit, where records are, and what is special."""

    name: str
    card: str
    hospitals: Sequence[str] = HOSPITALS
    died: str = ""
    here_now: bool = False
    stays: Sequence[tuple[str, str]] = (("AMB", "2021-03-04"),)

    @property
    def birth(self) -> str:
        """The birth date that the card says."""
        return f"{self.card[6:10]}-{self.card[10:12]}-{self.card[12:14]}"

    @property
    def died_ms(self) -> int | None:
        """When the patient died, ms; None for the living."""
        return int(datetime.fromisoformat(self.died).replace(tzinfo=UTC).timestamp() * 1000) if self.died else None


PATIENTS = (
    Patient("李明", "11010119700307451"),
    Patient("赵敏", "11010119850612332"),
    Patient("陈小雨", "31010420160519001"),
    Patient("孙浩", "31010420091123007", ("a",)),
    Patient("周老", "33010619401001003", died="2023-05-06"),
    Patient("吴芳", "33010619780808004", ("a",), here_now=True),
    Patient("何旧", "44010619500203005", ("a",), stays=(("IMP", "1983-10-28"), ("AMB", "2020-11-02"))),
)


def bundle_of(hospital: str, patient: Patient, number: int | None = None, stay: int | None = None) -> bytes:
    """Return what a hospital has recorded of a patient, as one bundle.

    Args:
        hospital: of the two.
        patient: whom it is about.
        number: the patient's number in the logical ids; by default the place in ``PATIENTS``.
        stay: only this one; by default all.
    """
    who = f"{hospital}-{PATIENTS.index(patient) if number is None else number}"
    stays = [(f"{who}-{at}", *one, "finished") for at, one in enumerate(patient.stays) if stay in (None, at)]
    if patient.here_now:
        stays.append((f"{who}-now", "IMP", "2026-01-02", "in-progress"))
    resources: list[Resource] = [_person(who, patient)]
    for name, kind, day, status in stays:
        resources += _stay(who, name, kind, day, status)
    return collection(*resources)


def _person(who: str, patient: Patient) -> Resource:
    card = patient.card + calc_check_digit(patient.card)
    person: Resource = {
        "resourceType": "Patient",
        "id": who,
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": card}],
        "name": [{"text": patient.name}],
        "gender": "male" if int(patient.card[-1]) % 2 else "female",
        "birthDate": patient.birth,
    }
    return person | ({"deceasedDateTime": patient.died} if patient.died else {})


def _stay(who: str, stay: str, kind: str, day: str, status: str) -> list[Resource]:
    subject, encounter = {"reference": f"Patient/{who}"}, {"reference": f"Encounter/{stay}"}
    period = {"start": f"{day}T08:00:00+08:00"} | ({"end": f"{day}T17:00:00+08:00"} if status == "finished" else {})
    at = {"subject": subject, "encounter": encounter}
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return [
        {
            "resourceType": "Encounter",
            "id": stay,
            "status": status,
            "class": {"system": act, "code": kind},
            "subject": subject,
            "period": period,
        },
        *(
            {
                "resourceType": "Observation",
                "id": f"{stay}-o{number}",
                "status": "final",
                "code": {"text": "Sodium"},
                "effectiveDateTime": f"{day}T09:00:00+08:00",
                "valueQuantity": {"value": 131 + number, "unit": "mmol/L"},
                **at,
            }
            for number in range(2)
        ),
        {
            "resourceType": "Condition",
            "id": f"{stay}-hiv",
            "code": {"coding": [{"system": _ICD10, "code": "B20"}]},
            "recordedDate": f"{day}T10:00:00+08:00",
            **at,
        },
        {
            "resourceType": "MedicationRequest",
            "id": f"{stay}-m",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {"text": "Aspirin"},
            "authoredOn": f"{day}T11:00:00+08:00",
            **at,
        },
        {
            "resourceType": "Coverage",
            "id": f"{stay}-c",
            "status": "active",
            "beneficiary": subject,
            "payor": [{"display": "Fund"}],
            "period": {"start": day},
        },
    ]


def born_ms(patient: Patient, years: int) -> int:
    """Return when a patient is so many years old, ms: 00:00 China time of the birthday."""
    year, month, day = map(int, patient.birth.split("-"))
    return int(datetime(year + years, month, day, tzinfo=UTC).timestamp() * 1000) - 8 * 3_600_000
