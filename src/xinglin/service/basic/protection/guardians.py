"""Guardians of minors, and what patients decided by default (docs/spec/consent.md GU1 to GU4).

A guardianship is a dated relation with evidence; it ends at the 18th birthday by rule, so nothing has to be done on
that day. Relations and defaults are ended or followed by newer ones, never removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.protection.consents.drafts import Randomness
from xinglin.service.basic.protection.errors import GuardianAdult, GuardianPeriod, GuardianshipUnknown
from xinglin.service.basic.protection.model import Guardianship, Patient, PatientDefault
from xinglin.service.basic.protection.ports import Persons
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.basic.protection.store_model import KeptDefault, KeptGuardianship
from xinglin.service.basic.protection.terms import birthday_ms

CONSENTING_AGE = 14
MAJORITY = 18


@dataclass(frozen=True, slots=True)
class GuardianEvidence:
    """Who the guardian is, in which relation, from when until when (None: until majority), and the evidence's hash."""

    guardian: str
    relation: str
    evidence: bytes
    from_ms: int
    until_ms: int | None = None


class Guardians:
    """Guardianships and patients' defaults at one node."""

    def __init__(self, store: ProtectionStore, persons: Persons, randomness: Randomness) -> None:
        self._store = store
        self._persons = persons
        self._randomness = randomness

    def add(self, person: bytes, stated: GuardianEvidence, id_: str = "") -> str:
        """Enter a guardianship and return its id.

        Args:
            person: the minor, in the node's index.
            stated: the relation with its evidence.
            id_: the id that another node gave to the same relation, so that consents can name it at both.

        Raises:
            GuardianPeriod: it ends before it begins.
            GuardianAdult: the person is 18 by its beginning.
            StorageExists: the id is taken.
        """
        if stated.until_ms is not None and stated.until_ms <= stated.from_ms:
            raise GuardianPeriod
        born = self._persons.born(person)
        if born is not None and stated.from_ms >= birthday_ms(born, MAJORITY):
            raise GuardianAdult
        relation = identifier_bytes(id_) if id_ else self._randomness(16)
        kept = KeptGuardianship(
            id=relation,
            guardian=stated.guardian.encode(),
            relation=stated.relation.encode(),
            evidence=stated.evidence,
            from_ms=stated.from_ms,
            until_ms=() if stated.until_ms is None else (stated.until_ms,),
        )
        self._store.add(kept, relation, person)
        return identifier(relation)

    def end(self, relation: str, until_ms: int) -> None:
        """End a guardianship, or end it earlier than known.

        Raises:
            GuardianshipUnknown: there is none of that id.
            GuardianPeriod: it would end later than known, or before it begins.
        """
        row = self._store.by_id(KeptGuardianship, identifier_bytes(relation))
        if row is None:
            raise GuardianshipUnknown(guardianship=relation)
        known = row.value
        if until_ms <= known.from_ms or (known.until_ms and until_ms > known.until_ms[0]):
            raise GuardianPeriod
        self._store.replace(row, replace(known, until_ms=(until_ms,)))

    def patient(self, person: bytes) -> Patient:
        """Return what the policy looks at of a patient."""
        born = self._persons.born(person)
        return Patient(
            fourteen_ms=None if born is None else birthday_ms(born, CONSENTING_AGE),
            adult_ms=None if born is None else birthday_ms(born, MAJORITY),
            died_ms=self._persons.died_ms(person),
            guardianships=tuple(
                Guardianship(row.value.id, row.value.from_ms, row.value.until_ms[0] if row.value.until_ms else None)
                for row in self._store.of_person(KeptGuardianship, person)
            ),
        )

    def set_default(
        self, person: bytes, value: PatientDefault, now_ms: int, paper: bytes = b"", guardian: str = ""
    ) -> None:
        """Enter what a patient, or a guardian for the patient, decided by default; the newest counts.

        Raises:
            GuardianshipUnknown: the guardianship named is not one of this person.
        """
        relation = identifier_bytes(guardian) if guardian else b""
        if relation:
            row = self._store.by_id(KeptGuardianship, relation)
            if row is None or row.person != person:
                raise GuardianshipUnknown(guardianship=guardian)
        id_ = self._randomness(16)
        kept = KeptDefault(
            id=id_,
            value=value,
            guardian=(relation,) if relation else (),
            since_ms=now_ms,
            paper=(paper,) if paper else (),
        )
        self._store.add(kept, id_, person)

    def default(self, person: bytes, at_ms: int) -> tuple[PatientDefault, bytes]:
        """Return the default in force at a time, and the guardianship it was set under (empty: the patient's own)."""
        return default_at(self.defaults(person), at_ms)

    def defaults(self, person: bytes) -> tuple[KeptDefault, ...]:
        """Return every default that was ever entered for a person, oldest first."""
        return tuple(row.value for row in self._store.of_person(KeptDefault, person))


def default_at(defaults: Sequence[KeptDefault], at_ms: int) -> tuple[PatientDefault, bytes]:
    """Return which of a person's defaults is in force at a time, and its guardianship; see ``Guardians.default``."""
    known = [one for one in defaults if one.since_ms <= at_ms]
    if not known:
        return PatientDefault.UNSET, b""
    newest = max(known, key=lambda one: one.since_ms)
    return newest.value, newest.guardian[0] if newest.guardian else b""
