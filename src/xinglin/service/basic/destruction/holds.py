"""Holds of an institution: which there are, what they keep, how they are placed and released (S8.1; HO1 to HO8).

A hold on a patient covers what comes in later too; whom it concerns is known to this home alone, and where that can't
be told nothing is destroyed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.reading import LedgerReading
from xinglin.kernel.encoding import ChainObject, decode, pack, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.destruction.contract import NAMESPACE
from xinglin.service.basic.destruction.errors import HoldOpeningMissing, HoldWithoutPatient
from xinglin.service.basic.destruction.model import (
    MAX_HELD,
    ConfirmRelease,
    HeldRecord,
    HoldState,
    PlaceHold,
    ReleaseHold,
    SubjectOpening,
)
from xinglin.service.basic.destruction.ports import Actor, Chain, Patients, Sealed, Versions
from xinglin.service.basic.destruction.store import DestructionStore
from xinglin.service.basic.protection.consents.rules import subject_commitment
from xinglin.service.lifecycle.storage.hierarchy import Randomness
from xinglin.service.lifecycle.storage.model import StoredRecord


def all_holds(ledger: LedgerReading) -> Iterator[tuple[str, HoldState]]:
    """Yield (hold id, state) of every hold of a private chain, by id, released ones among them."""
    prefix = b"\x93" + pack(NAMESPACE) + pack("hold")
    with ledger.state() as state:
        keys = [key for key, _ in state.scan(prefix)]
    for key in keys:
        value = ledger.value(key)
        if value is not None:
            yield decode(tuple[str, str, str], key)[2], decode(HoldState, value)


def person_held(ledger: LedgerReading, store: DestructionStore, hold: str, state: HoldState) -> bytes:
    """Return the person that a hold on a patient concerns.

    Raises:
        HoldOpeningMissing: the home does not have what opens its subject.
    """
    opening = store.opening(hold)
    if (subject_commitment(ledger.rules.suite.hash, opening.salt, opening.person),) != state.subject:
        raise HoldOpeningMissing(hold=hold)
    return opening.person


@dataclass(frozen=True, slots=True)
class Holds:
    """What holds of an institution say of its records; reads the private chain and the home.

    Args:
        ledger: the private chain's.
        store: the home's destruction database.
        patients: whose records are.
        sealed: which sealed episodes keep a record.
        versions: of a record: a hold on one version keeps all of them, those that come later too.
    """

    ledger: LedgerReading
    store: DestructionStore
    patients: Patients
    sealed: Sealed
    versions: Versions

    def on(self, stored: StoredRecord) -> list[str]:
        """Return the ids of the holds that keep a record, ascending.

        Raises:
            HoldOpeningMissing: it can't be told whom a hold on a patient concerns.
            PatientUnknown: it can't be told whose the record is.
        """
        found = set[str]()
        for commitment in self.versions(stored.details.commitment):
            held = self.ledger.value(state_key(NAMESPACE, "record", commitment))
            found |= set(decode(HeldRecord, held).holds) if held is not None else set()
        for hold, state in all_holds(self.ledger):
            if state.subject and not state.confirmed_by:
                person = person_held(self.ledger, self.store, hold, state)
                if self.patients.is_of(stored, person, state.placed):
                    found.add(hold)
        return sorted(found)


@dataclass(frozen=True, slots=True)
class HoldKeeping:
    """Places and releases holds on the private chain, whose engine runs."""

    chain: Chain
    holds: Holds
    randomness: Randomness

    def place_on_records(self, commitments: Sequence[bytes], ground: str, document: bytes, by: Actor) -> list[str]:
        """Hold records; return the ids of the holds, one for each 256 records.

        Args:
            commitments: of the records, at least one.
            ground: a code, as ``court`` or ``dispute``.
            document: hash of the paper that demands it, 32 bytes.
            by: who places it.

        Raises:
            HoldTooLate: one of them is being shredded or is destroyed; what comes before it in order may be held.
        """
        wanted = sorted(set(commitments))
        placed = []
        for start in range(0, len(wanted), MAX_HELD):
            part = tuple(wanted[start : start + MAX_HELD])
            placed.append(self._place(identifier(self.randomness(16)), ground, document, (), part, by))
        return placed

    def place_on_patient(self, stored: StoredRecord, ground: str, document: bytes, by: Actor) -> str:
        """Hold all records of a record's patient, those to come among them; return the hold's id.

        Raises:
            HoldWithoutPatient: the record belongs to no patient.
            PatientUnknown: it can't be told whose it is.
        """
        if not stored.details.subject:
            raise HoldWithoutPatient(record=identifier(stored.record))
        hold, salt = identifier(self.randomness(16)), self.randomness(16)
        person = self.holds.patients.person_of(stored)
        # Kept first: an opening without a hold forbids nothing, a hold without an opening everything.
        self.holds.store.put_opening(hold, SubjectOpening(salt, person))
        subject = subject_commitment(self.chain.ledger.rules.suite.hash, salt, person)
        return self._place(hold, ground, document, (subject,), (), by)

    def release(self, hold: str, document: bytes, by: Actor) -> None:
        """Begin to release a hold; raises the contract's refusals."""
        self._call("release", ReleaseHold(hold, document), by)

    def confirm_release(self, hold: str, by: Actor) -> None:
        """Confirm a release by another account; raises the contract's refusals."""
        self._call("confirm", ConfirmRelease(hold), by)

    def _place(
        self, hold: str, ground: str, document: bytes, subject: tuple[bytes, ...], records: tuple[bytes, ...], by: Actor
    ) -> str:
        self._call("place", PlaceHold(hold, ground, document, subject, records), by)
        return hold

    def _call(self, method: str, arguments: ChainObject, by: Actor) -> None:
        named = operation(self.chain.ledger.rules.suite, NAMESPACE, method, arguments)
        self.chain.call([named], [by.signer])
