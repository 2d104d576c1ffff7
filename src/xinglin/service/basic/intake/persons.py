"""Enters the patients of what comes in into the patient index, before their records are stored (H1).

A Patient resource brings traits; whoever is only referred to gets a registration without any, so that every record's
subject has a person. Entering again changes nothing, so a chunk may come again after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.kernel.errors import Invalid
from xinglin.service.basic.patient_index.fhir import traits_of_patient
from xinglin.service.basic.patient_index.model import Traits
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.lifecycle.collection.fhir.entries import decode
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource

_NOBODY = Traits()


class PersonsOfSource:
    """Enters the patients of one source system; implements the port ``Persons`` of intake.

    Args:
        index: the home's patient index, opened.
        source: name of the source system.
    """

    def __init__(self, index: PatientIndex, source: str) -> None:
        self._index = index
        self._source = source.encode()
        self._entered: set[str] = set()

    def enter(self, resources: Sequence[CollectedResource]) -> None:
        """See ``Persons.enter``."""
        patients = {one.subject: one for one in resources if one.resource_type == "Patient" and one.subject}
        others = {one.subject for one in resources} - self._entered - {""}
        given = [
            (self._source, subject.encode(), traits)
            for subject, one in patients.items()
            if (traits := traits_said(one.original, self._source)) is not None
        ]
        told = {subject for _, subject, _ in given}
        left = [one for one in sorted(others) if one.encode() not in told]
        unknown = [one for one in left if self._index.person_of(self._source, one.encode()) is None]
        given += [(self._source, subject.encode(), _NOBODY) for subject in unknown]
        if given:
            self._index.take_many(given)
        self._entered |= patients.keys() | others


def traits_said(original: bytes, source: bytes) -> Traits | None:
    """Return what a Patient resource of a source system says of the patient, None where it can't be understood."""
    try:
        return traits_of_patient(decode(original), source.decode())
    except Invalid:
        return None  # what is known of the patient stays as it is
