"""What a records office asks of the rest of its home: whose records are, who has them, what seals and corrects them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xinglin.kernel.identifiers import identifier
from xinglin.node.private import PrivateCalls
from xinglin.node.records.archive import Archive
from xinglin.service.basic.audit.projection import AccessProjection
from xinglin.service.basic.correction.rules import versions_of
from xinglin.service.basic.destruction.errors import PatientUnknown
from xinglin.service.basic.patient_index.errors import PersonNotFound
from xinglin.service.basic.patient_index.model import Decision
from xinglin.service.basic.patient_index.reach import reach
from xinglin.service.lifecycle.storage.model import StoredRecord

_APART_MS = 60_000
"""How far the clock of the index and the blocks' time may be apart, and more."""
_NEVER = 1 << 62


class IndexedPatients:
    """Whose records are, by the patient index; implements the port ``Patients`` of destruction.

    Args:
        archive: the home's, opened.
    """

    def __init__(self, archive: Archive) -> None:
        self._vault = archive.vault
        self._archive = archive
        self._decided, self._decisions = -1, list[Decision]()
        self._reached: dict[tuple[bytes, int], frozenset[bytes]] = {}

    def person_of(self, stored: StoredRecord) -> bytes:
        """See ``Patients.person_of``."""
        details = stored.details
        person = self._archive.persons.person_of(details.source, details.subject) if details.subject else None
        if person is None:
            raise PatientUnknown(record=identifier(stored.record))
        return person

    def is_of(self, stored: StoredRecord, person: bytes, since: int) -> bool:
        """See ``Patients.is_of``."""
        if not stored.details.subject:
            return False
        return self.person_of(stored) in self._reach(person, since - _APART_MS)

    def records_of(self, stored: StoredRecord) -> Sequence[StoredRecord]:
        """See ``Patients.records_of``."""
        if not stored.details.subject:
            return [stored]
        index, found = self._archive.persons, dict[tuple[bytes, bytes], None]()
        for person in {index.found_as(one) for one in self._reach(self.person_of(stored), _NEVER)}:
            try:
                found.update(dict.fromkeys(index.subjects_of(person)))
            except PersonNotFound:
                continue  # all that was of it was destroyed or moved
        return self._vault.records_of(sorted(found))

    def _reach(self, person: bytes, since: int) -> frozenset[bytes]:
        index = self._archive.persons
        if self._decided != index.decided:
            for behind in index.differences(PrivateCalls(self._archive.node)):
                raise behind
            self._decided, self._decisions = index.decided, index.record()
            self._reached.clear()
        asked = (person, since)
        if asked not in self._reached:
            self._reached[asked] = reach(person, self._decisions, index.reviews(), since)
        return self._reached[asked]


def versions_in(archive: Archive) -> Callable[[bytes], list[bytes]]:
    """Return what gives the versions of a record, by the home's private chain."""
    value = archive.node.private_ledger().value
    return lambda commitment: versions_of(value, commitment)


def given_by(trace: AccessProjection) -> Callable[[bytes], list[str]]:
    """Return what gives the members that were given a record, by the home's access entries."""
    return lambda commitment: sorted({one.member for one in trace.recipients(commitment)})
