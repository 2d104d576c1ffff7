"""What a home keeps of records outside vault and keyring, removed before they are shredded (S7.1f; DE11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xinglin.kernel.errors import Invalid
from xinglin.service.basic.patient_index.fhir import traits_of_patient
from xinglin.service.basic.patient_index.model import Traits
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.lifecycle.collection.fhir.entries import decode
from xinglin.service.lifecycle.collection.quarantine import Quarantine
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord, Vault

_PATIENT = b"Patient"


class HomeElsewhere:
    """Implements the port ``Elsewhere`` of destruction on quarantine and patient index.

    Args:
        vault: the home's, open for writing.
        quarantine: the home's.
        persons: gives the patient index, opened, when it is needed.
    """

    def __init__(self, vault: Vault, quarantine: Quarantine, persons: Callable[[], PatientIndex]) -> None:
        self._vault = vault
        self._quarantine = quarantine
        self._persons = persons

    def forget(self, records: Sequence[StoredRecord]) -> None:
        """See ``Elsewhere.forget``.

        Raises:
            StorageUnwritable: the disk refuses.
            IndexRowDamaged: a row of the patient index was altered.
        """
        for one in self._vault.open_many(records):
            if isinstance(one, OpenedRecord):  # what can't be read any more was looked for before it was shredded
                self._quarantine.remove(one.parts.original[1])
        gone = {one.number for one in records}
        patients = {(one.details.source, one.details.subject) for one in records if one.details.subject}
        changed = [self._forget(*patient, gone) for patient in sorted(patients)]
        if any(changed):
            self._persons().scrub()

    def _forget(self, source: bytes, subject: bytes, gone: set[int]) -> bool:
        """Let the index know of a registration what the records that stay say, and nothing where none stays."""
        here = [one for one in self._vault.records_of([(source, subject)]) if not one.details.destroyed]
        stay = [one for one in here if one.number not in gone]
        if not stay:
            return self._persons().forget(source, subject)
        if not any(one.details.type == _PATIENT for one in here if one.number in gone):
            return False
        said = [one for one in stay if one.details.type == _PATIENT]
        traits = self._traits(max(said, key=lambda one: one.details.version)) if said else Traits()
        self._persons().take_many([(source, subject, traits)])
        return True

    def _traits(self, patient: StoredRecord) -> Traits:
        opened = self._vault.open_many([patient])[0]
        if not isinstance(opened, OpenedRecord):
            raise opened
        try:
            return traits_of_patient(decode(opened.parts.original[1]), patient.details.source.decode())
        except Invalid:
            return Traits()
