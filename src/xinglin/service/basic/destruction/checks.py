"""Whether a record may be destroyed: holds, retention, what else is counted from it (DE3, DE8; S7.1f). Reads only."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.destruction.errors import (
    EncounterNeeded,
    PatientNeeded,
    RecordHeld,
    RecordSealed,
    RetentionRuns,
    RetentionUnknown,
)
from xinglin.service.basic.destruction.facts import ENCOUNTER, PATIENT, encounter_of, occasion_of
from xinglin.service.basic.destruction.holds import Holds
from xinglin.service.basic.destruction.model import Encounter, Term
from xinglin.service.basic.destruction.ports import Patients
from xinglin.service.basic.destruction.rules import kept_until, may_be_destroyed
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord, Vault

_Patient = tuple[bytes, bytes]


@dataclass(slots=True)
class Checks:
    """The checks of one run; what is read of a patient is read once.

    Args:
        vault: the home's, open.
        holds: of the institution.
        patients: whose records are.
        table: how long records are kept.
    """

    vault: Vault
    holds: Holds
    patients: Patients
    table: Sequence[Term]
    _records: dict[_Patient, Sequence[StoredRecord]] = field(default_factory=dict)
    _encounters: dict[_Patient, list[Encounter]] = field(default_factory=dict)

    def held(self, stored: StoredRecord) -> None:
        """Refuse a record that a hold or a sealed episode keeps.

        Raises:
            RecordHeld, RecordSealed: so it is.
            HoldOpeningMissing, PatientUnknown, EpisodeDiffers: it can't be told.
        """
        holds = self.holds.on(stored)
        if holds:
            raise RecordHeld(record=identifier(stored.record), hold=holds[0])
        episodes = self.holds.sealed(stored)
        if episodes:
            raise RecordSealed(record=identifier(stored.record), episode=episodes[0])

    def until(self, stored: StoredRecord) -> datetime.date:
        """Return the last day on which a record must be kept.

        Raises:
            RetentionUnknown: it can't be told.
            PlatformError: an encounter of the patient can't be read.
        """
        record, details = identifier(stored.record), stored.details
        if not details.subject:
            raise RetentionUnknown(record=record, why="it belongs to no patient", why_zh="该记录不属于任何患者")
        type_ = details.type.decode("ascii", "replace")
        return kept_until(self.table, type_, occasion_of(stored), self._encounters_of(stored), record)

    def ended(self, stored: StoredRecord, now_ms: int) -> None:
        """Refuse a record that must be kept longer.

        Raises:
            RetentionRuns: with the last day; and as ``until``.
        """
        until = self.until(stored)
        if not may_be_destroyed(until, now_ms):
            raise RetentionRuns(record=identifier(stored.record), until=until.isoformat())

    def counted_from(self, stored: StoredRecord, besides: Collection[bytes]) -> None:
        """Refuse an encounter from which the retention of records is counted that stay, and whose records they are.

        Args:
            stored: any record.
            besides: commitments of records that don't stay.

        Raises:
            EncounterNeeded, PatientNeeded: with how many there are.
        """
        if stored.details.type not in (ENCOUNTER, PATIENT):
            return
        others = [
            one
            for one in self._records_of(stored)
            if one.number != stored.number and one.details.commitment not in besides
        ]
        if stored.details.type == PATIENT:
            _still_needed(stored, others)
            return
        own = occasion_of(stored)
        versions = [one for one in others if one.details.type == ENCOUNTER and occasion_of(one) == own]
        if any(one.details.version > stored.details.version for one in versions):
            return  # superseded: everything is counted from the newest version
        others = [one for one in others if one not in versions]
        last = all(one.details.type != ENCOUNTER for one in others)
        count = sum(occasion == own or (last and not occasion) for occasion in map(occasion_of, others))
        if count:
            raise EncounterNeeded(record=identifier(stored.record), count=count)

    def _records_of(self, stored: StoredRecord) -> Sequence[StoredRecord]:
        patient = (stored.details.source, stored.details.subject)
        if patient not in self._records:
            self._records[patient] = self.patients.records_of(stored)
        return self._records[patient]

    def _encounters_of(self, stored: StoredRecord) -> list[Encounter]:
        patient = (stored.details.source, stored.details.subject)
        if patient not in self._encounters:
            newest: dict[_Patient, StoredRecord] = {}
            for one in self._records_of(stored):
                if one.details.type == ENCOUNTER:
                    name = (one.details.source, one.details.logical_id)
                    known = newest.setdefault(name, one)
                    newest[name] = max(known, one, key=lambda row: row.details.version)
            self._encounters[patient] = [_encounter(one) for one in self.vault.open_many(list(newest.values()))]
        return self._encounters[patient]


def _still_needed(stored: StoredRecord, others: Sequence[StoredRecord]) -> None:
    """Refuse the newest Patient of a registration whose records stay: the index tells by it whose they are."""
    own = (stored.details.source, stored.details.subject)
    stay = [one for one in others if (one.details.source, one.details.subject) == own]
    newer = any(one.details.type == PATIENT and one.details.version > stored.details.version for one in stay)
    if stay and not newer:
        raise PatientNeeded(record=identifier(stored.record), count=len(stay))


def _encounter(opened: OpenedRecord | PlatformError) -> Encounter:
    if isinstance(opened, PlatformError):
        raise opened
    return encounter_of(occasion_of(opened.stored), opened.parts.original[1])
