"""The patient index of one home: finds or makes the person of a registration, and keeps what people decide (H1).

A registration is what one source says of one patient, known by (source, subject). It is compared with those that
share a block; a match makes it the same person's, a possible match makes it a person of its own and a task for
people. Person ids are random and mean nothing outside the node (D10). What people decide is one transaction each and
can be undone; nothing else may follow from a merge until someone confirms it, so consents are no business of this
module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.patient_index.errors import PersonNotFound
from xinglin.service.basic.patient_index.features import features
from xinglin.service.basic.patient_index.identity.ports import PrivateChain
from xinglin.service.basic.patient_index.identity.recording import Recording, differences
from xinglin.service.basic.patient_index.links import Links
from xinglin.service.basic.patient_index.merges import Merges
from xinglin.service.basic.patient_index.model import Decision, Match, Registration, Traits
from xinglin.service.basic.patient_index.taking import Taking
from xinglin.service.lifecycle.storage.database import Version
from xinglin.service.lifecycle.storage.disk import writing


class PatientIndex(Merges, Links):
    """The patient index of one home; from any thread, one call at a time.

    Args:
        folder: the home's ``patient_index`` folder.
        keys: of the home's keyring.
        randomness: where person ids and ids of decisions come from.
        clock: says when something was decided.
    """

    def create(self) -> None:
        """Make an empty index and open it.

        Raises:
            StorageExists: there is one.
            StorageUnwritable: the disk refuses.
        """
        with writing(self._folder):
            self._folder.mkdir(mode=0o700, exist_ok=True)
        self._store.database.create()

    def open(self) -> None:
        """Read the index into memory.

        Raises:
            StorageMissing: there is none.
            StorageVersionUnknown: another version wrote it.
            IndexRowDamaged, DecisionsMissing, DatabaseDamaged: it was altered.
        """
        self._store.database.check()
        for decision in self._store.decisions():
            self._apply(decision)
        for number, row in self._store.registrations():
            self._blocks.add(row.person, features(row.traits), number)

    def close(self) -> None:
        """Close the file; the index in memory is gone with this object."""
        self._store.database.close()

    # -- registrations -----------------------------------------------------------------------------------------------

    def find_or_create(self, source: bytes, subject: bytes, traits: Traits) -> tuple[bytes, Match]:
        """Return the person of one registration; see ``take_many``."""
        return self.take_many([(source, subject, traits)])[0]

    def take_many(self, registrations: Sequence[tuple[bytes, bytes, Traits]]) -> list[tuple[bytes, Match]]:
        """Find or make the persons of registrations, durably and all or none.

        What is there already with the same traits is not written again, so a call may be repeated after any crash.
        Other traits replace those known, and never move a registration to another person.

        Args:
            registrations: (source, subject, traits) of each, in the order of coming.

        Returns: for each the person's id, 16 bytes, and the match that it rests on: grade MATCH with whom it was
        matched or with itself, POSSIBLE where people have to look, NONE where it is someone new.

        Raises:
            TraitsInvalid: some traits break a bound of their form; nothing was taken.
            StorageUnwritable: the disk refuses; nothing was taken.
            IndexRowDamaged: a row that was needed was altered.
        """
        with self._lock:
            known = self._store.find([(source, subject) for source, subject, _ in registrations])
            taking = Taking(self._blocks, self._decisions, self._randomness, self._clock.now_ms(), self._year())
            try:
                answers = [taking.take(*one, row) for one, row in zip(registrations, known, strict=True)]
                self._write(taking.new, taking.changed, taking.decisions)
            except BaseException:
                taking.undo()
                raise
            return answers

    def forget(self, source: bytes, subject: bytes) -> bool:
        """Remove one registration for good; tells whether it was there. Decisions keep the bare person ids."""
        with self._lock:
            row = self._store.find([(source, subject)])[0]
            if row is None:
                return False
            with self._store.database.transaction() as connection:
                self._store.remove(connection, row[0])
            self._blocks.remove(row[0])
            return True

    def scrub(self) -> None:
        """Rebuild the file, so that no page of it keeps what rows said before; see ``Database.scrub``."""
        with self._lock:
            self._store.database.scrub()

    # -- questions ---------------------------------------------------------------------------------------------------

    def match(self, traits: Traits, limit: int = 10) -> list[Match]:
        """Return the persons whom traits may be of, the likeliest first; changes nothing.

        Args:
            traits: what is known.
            limit: how many at most.
        """
        with self._lock:
            return self._finder.find(features(traits), self._year())[:limit]

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        """Return the person of a registration as found now, 16 bytes; None if it is not there."""
        row = self._store.find([(source, subject)])[0]
        with self._lock:
            return self._decisions.root(row[1].person) if row else None

    def found_as(self, person: bytes) -> bytes:
        """Return whom a person is found as now: the same, or who it was merged into."""
        with self._lock:
            return self._decisions.root(person)

    def assigned(self, source: bytes, subject: bytes) -> bytes | None:
        """Return the person that a registration was first assigned to, whoever it was merged into; None as above."""
        row = self._store.find([(source, subject)])[0]
        return row[1].person if row else None

    def followed(self, person: bytes) -> list[tuple[bytes, int]]:
        """Return a person and all whom it was merged into, each with the time (ms) since when; 0 for itself."""
        with self._lock:
            return self._decisions.followed(person)

    def joined(self, person: bytes) -> list[bytes]:
        """Return all ids under which a person was ever kept, its own first: those merged into it too."""
        with self._lock:
            return list(self._decisions.tree(self._decisions.root(person)))

    def parted(self, person: bytes) -> list[tuple[bytes, int, int]]:
        """Return everyone who was taken for a person until a merge was undone or a registration parted.

        Returns: for each the id, from when and until when (ms).
        """
        with self._lock:
            return self._decisions.parted(person)

    def subjects_of(self, person: bytes) -> list[tuple[bytes, bytes]]:
        """Return the (source, subject) of everything that is of a person, those merged into it included.

        Raises:
            PersonNotFound: there is no such person.
        """
        return [(row.source, row.subject) for row in self.registrations_of(person)]

    def traits_of(self, person: bytes) -> list[Traits]:
        """Return what each source says of a person; raises as ``subjects_of``."""
        return [row.traits for row in self.registrations_of(person)]

    def registrations_of(self, person: bytes) -> list[Registration]:
        """Return the registrations of a person, the oldest first; raises as ``subjects_of``."""
        with self._lock:
            rows = self._rows_of(self._decisions.root(person))
        if not rows:
            raise PersonNotFound(person=identifier(person))
        return [row for _, row in rows]

    def persons(self) -> Iterator[bytes]:
        """Yield every person once, as found now, in the order of coming."""
        seen: set[bytes] = set()
        for number in range(self._blocks.end):
            with self._lock:
                person = self._decisions.root(self._blocks.person(number))
                there = self._blocks.features(number) is not None
            if there and person not in seen:
                seen.add(person)
                yield person

    def version(self) -> Version:
        """Return what changes with every registration and decision; compare it and no more (``Database.version``)."""
        with self._lock:  # what is written counts from when it is in memory too
            return self._store.database.version()

    @property
    def size(self) -> int:
        """How many registrations there are."""
        return self._blocks.size

    # -- the record --------------------------------------------------------------------------------------------------

    def keep_record(self, chain: PrivateChain, service: str) -> None:
        """Put what people decide on record on the institution's private chain, from now on and what is missing there.

        Args:
            chain: whose engine runs by the time that something is decided.
            service: the service account, named for what the node did by itself.
        """
        self._recording = Recording(self._store, self._acts, chain, service)

    def settle(self) -> None:
        """Put on record what a crash or an outage left; nothing where no record is kept.

        Raises:
            IdentityBehind, IdentityDiffers: index and private chain contradict each other.
            PlatformError: the chain takes nothing now.
        """
        if self._recording is not None:
            self._recording.ready()
            self._recording.settle()

    @property
    def decided(self) -> int:
        """How many decisions were ever taken."""
        return self._written

    def record(self) -> list[Decision]:
        """Return every decision ever taken, in order; raises as ``open``."""
        return self._store.decisions()

    def differences(self, chain: PrivateChain) -> Iterator[PlatformError]:
        """Yield how the decisions contradict the private chain; the index need not be open. Raises as ``open``."""
        yield from differences(self._store, chain)

    def damage(self) -> Iterator[PlatformError]:
        """Yield everything that is wrong with the file and its rows."""
        yield from self._store.damage()
