"""The patient index of one home: finds or makes the person of a registration, and keeps what people decide (H1).

A registration is what one source says of one patient, known by (source, subject). It is compared with those that
share a block; a match makes it the same person's, a possible match makes it a person of its own and a task for
people. Person ids are random and mean nothing outside the node (D10). What people decide is one transaction each and
can be undone; nothing else may follow from a merge until someone confirms it, so consents are no business of this
module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.patient_index.blocks import Blocks
from xinglin.service.basic.patient_index.decisions import Decisions
from xinglin.service.basic.patient_index.errors import (
    AlreadyOne,
    DecisionNotFound,
    OnlyRegistration,
    PersonNotFound,
    SubjectNotFound,
)
from xinglin.service.basic.patient_index.features import features
from xinglin.service.basic.patient_index.finding import Finder
from xinglin.service.basic.patient_index.model import (
    Decision,
    Dismissed,
    Joined,
    Link,
    Linked,
    Match,
    Merged,
    Moved,
    Parted,
    Registration,
    Review,
    Subject,
    Traits,
    Unlinked,
    Unmerged,
)
from xinglin.service.basic.patient_index.store import IndexStore, Row
from xinglin.service.basic.patient_index.taking import Taking
from xinglin.service.lifecycle.storage.database import Version
from xinglin.service.lifecycle.storage.disk import writing
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys, Randomness


class PatientIndex:
    """The patient index of one home; from any thread, one call at a time.

    Args:
        folder: the home's ``patient_index`` folder.
        keys: of the home's keyring.
        randomness: where person ids and ids of decisions come from.
        clock: says when something was decided.
    """

    def __init__(self, folder: Path, keys: InstitutionKeys, randomness: Randomness, clock: Clock) -> None:
        self._store = IndexStore(folder, keys)
        self._folder = folder
        self._randomness = randomness
        self._clock = clock
        self._lock = RLock()
        self._blocks = Blocks()
        self._decisions = Decisions()
        self._written = 0
        self._finder = Finder(self._blocks, self._decisions)

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
            self._decisions.apply(decision)
            self._written += 1
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

    def joined(self, person: bytes) -> list[bytes]:
        """Return all ids under which a person was ever kept, its own first: those merged into it too."""
        with self._lock:
            return list(self._decisions.tree(self._decisions.root(person)))

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

    # -- decisions of people -----------------------------------------------------------------------------------------

    def reviews(self) -> list[Review]:
        """Return the pairs that wait for people, the oldest first."""
        with self._lock:
            return list(self._decisions.reviews())

    def confirm(self, review: bytes, reason: str, by: str) -> Joined:
        """Settle a review: they are one person. As ``merge``.

        Raises:
            DecisionNotFound: no such review waits.
        """
        with self._lock:
            found = self._review(review)
            return self._merge(found.one, found.other, reason, by, review)

    def dismiss(self, review: bytes, reason: str, by: str) -> None:
        """Settle a review: they are two persons, and are not proposed again; raises as ``confirm``."""
        with self._lock:
            self._review(review)
            self._decide(Dismissed(review, reason, by, self._clock.now_ms()))

    def merge(self, one: bytes, other: bytes, reason: str, by: str) -> Joined:
        """Make one person of two; ``one`` is kept, and both are found as it.

        Args:
            one: a person, 16 bytes.
            other: another.
            reason: in the words of who decides.
            by: the account that decides.

        Returns: the merge's id, by which it can be undone, and who is found under another id now: whose consents hold
        for the person only once someone has confirmed it.

        Raises:
            PersonNotFound: there is no such person.
            AlreadyOne: they are one already.
        """
        with self._lock:
            for person in (one, other):
                self._must_be(person)
            return self._merge(one, other, reason, by, b"")

    def unmerge(self, merge: bytes, reason: str, by: str) -> Parted:
        """Undo a merge: every registration is found as before it.

        Returns: the two persons, what is of each, and the time during which a read of one may have shown the other.

        Raises:
            DecisionNotFound: no merge of that id is in force.
        """
        with self._lock:
            merged = self._decisions.merges.get(merge)
            if merged is None:
                raise DecisionNotFound(what="merge", decision=merge)
            now = self._clock.now_ms()
            self._decide(Unmerged(merge, reason, by, now))
            kept = [row for person in self._decisions.tree(merged.kept) for _, row in self._rows(person)]
            gone = [row for person in self._decisions.tree(merged.gone) for _, row in self._rows(person)]
            unsure = [row for row in kept if row.at >= merged.at]
            return Parted(
                decision=merge,
                one=merged.kept,
                other=merged.gone,
                since=merged.at,
                until=now,
                of_one=_subjects(kept),
                of_other=_subjects(gone),
                unsure=_subjects(unsure),
            )

    def part(self, source: bytes, subject: bytes, reason: str, by: str) -> Parted:
        """Take a registration out of the person that the index had found for it; it becomes a person of its own.

        Returns: as ``unmerge``; the time begins when the registration came in.

        Raises:
            SubjectNotFound: there is no such registration.
            OnlyRegistration: it is all there is of the person.
        """
        with self._lock:
            row = self._store.find([(source, subject)])[0]
            if row is None:
                raise SubjectNotFound
            number, registration = row
            if len(self._rows(registration.person)) < 2:
                raise OnlyRegistration(person=identifier(registration.person))
            now, new = self._clock.now_ms(), self._randomness(16)
            moved = Moved(self._randomness(16), source, subject, registration.person, new, reason, by, now)
            changed = Registration(new, source, subject, registration.traits, registration.at)
            self._write({}, {number: changed}, [moved])
            self._blocks.assign(number, new)
            stay = self._rows_of(self._decisions.root(registration.person))
            return Parted(
                decision=moved.move,
                one=self._decisions.root(registration.person),
                other=new,
                since=registration.at,
                until=now,
                of_one=_subjects([one for _, one in stay]),
                of_other=(Subject(source, subject),),
                unsure=(),
            )

    # -- links between nodes -----------------------------------------------------------------------------------------

    def link(self, person: bytes, node: str, handle: bytes, by: str) -> Link:
        """Note that another node knows a person by a handle, after both have agreed on it (D10).

        Raises:
            PersonNotFound: there is no such person.
        """
        with self._lock:
            self._must_be(person)
            linked = Linked(self._randomness(16), person, node, handle, by, self._clock.now_ms())
            self._decide(linked)
            return Link(linked.link, person, node, handle, linked.at)

    def unlink(self, link: bytes, reason: str, by: str) -> Link:
        """Undo a link between nodes and return it: reads since its time rested on it.

        Raises:
            DecisionNotFound: no link of that id is in force.
        """
        with self._lock:
            found = self._decisions.link(link)
            if found is None:
                raise DecisionNotFound(what="link", decision=link)
            self._decide(Unlinked(link, reason, by, self._clock.now_ms()))
            return found

    def links(self, person: bytes) -> list[Link]:
        """Return the links in force of a person."""
        with self._lock:
            return self._decisions.links(self._decisions.root(person))

    def person_by_handle(self, node: str, handle: bytes) -> bytes | None:
        """Return whom another node's handle is linked to, None if no one."""
        with self._lock:
            return self._decisions.by_handle(node, handle)

    def record(self) -> list[Decision]:
        """Return every decision ever taken, in order; raises as ``open``."""
        return self._store.decisions()

    def damage(self) -> Iterator[PlatformError]:
        """Yield everything that is wrong with the file and its rows."""
        yield from self._store.damage()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _year(self) -> int:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).year

    def _rows(self, person: bytes) -> list[Row]:
        """The rows first assigned to a person."""
        return self._store.numbered(self._blocks.numbers_of(person))

    def _rows_of(self, person: bytes) -> list[Row]:
        """The rows of a person and of those merged into it."""
        numbers = [number for one in self._decisions.tree(person) for number in self._blocks.numbers_of(one)]
        return self._store.numbered(numbers)

    def _must_be(self, person: bytes) -> None:
        if not any(self._blocks.numbers_of(one) for one in self._decisions.tree(person)):
            raise PersonNotFound(person=identifier(person))

    def _review(self, review: bytes) -> Review:
        found = self._decisions.review(review)
        if found is None:
            raise DecisionNotFound(what="review", decision=review)
        return found

    def _merge(self, one: bytes, other: bytes, reason: str, by: str, review: bytes) -> Joined:
        kept, gone = self._decisions.root(one), self._decisions.root(other)
        if kept == gone:
            raise AlreadyOne(one=identifier(one), other=identifier(other))
        others = tuple(self._decisions.tree(gone))
        merged = Merged(self._randomness(16), kept, gone, reason, by, self._clock.now_ms(), review)
        self._decide(merged)
        return Joined(merged.merge, kept, others)

    def _decide(self, decision: Decision) -> None:
        self._write({}, {}, [decision])

    def _write(
        self, new: Mapping[int, Registration], changed: Mapping[int, Registration], decisions: Sequence[Decision]
    ) -> None:
        """Write everything in one transaction, then let the decisions count."""
        if not (new or changed or decisions):
            return
        numbered = list(enumerate(decisions, self._written))
        with self._store.database.transaction() as connection:
            self._store.write(connection, list(new.items()), list(changed.items()), numbered)
        self._written += len(decisions)
        for decision in decisions:
            self._decisions.apply(decision)


def _subjects(rows: Sequence[Registration]) -> tuple[Subject, ...]:
    return tuple(Subject(row.source, row.subject) for row in rows)
