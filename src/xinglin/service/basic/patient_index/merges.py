"""What people decide on persons: candidates confirmed or declined, merges and their undoing, moves (H1).

Each is one transaction and one line of the record of decisions, and can be undone; nothing else follows from a merge
until someone confirms it, so consents are no business of this module.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.patient_index.core import IndexCore
from xinglin.service.basic.patient_index.errors import (
    AlreadyOne,
    DecisionNotFound,
    OnlyRegistration,
    SubjectNotFound,
)
from xinglin.service.basic.patient_index.model import (
    Dismissed,
    Joined,
    Merged,
    Moved,
    Parted,
    Registration,
    Review,
    Subject,
    Unmerged,
)


class Merges(IndexCore):
    """Decisions of people on who is one person; part of ``PatientIndex``."""

    def reviews(self) -> list[Review]:
        """Return the pairs that wait for people, the oldest first."""
        with self._lock:
            return list(self._decisions.reviews())

    def merges(self) -> list[Merged]:
        """Return the merges in force, the oldest first."""
        with self._lock:
            return list(self._decisions.merges.values())

    def confirm(self, review: bytes, reason: str, by: str) -> Joined:
        """Settle a review: they are one person. As ``merge``.

        Raises:
            DecisionNotFound: no such review waits.
        """
        with self._deciding():
            found = self._review(review)
            return self._merge(found.one, found.other, reason, by, review)

    def dismiss(self, review: bytes, reason: str, by: str) -> None:
        """Settle a review: they are two persons, and are not proposed again; raises as ``confirm``."""
        with self._deciding():
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
        with self._deciding():
            for person in (one, other):
                self._must_be(person)
            return self._merge(one, other, reason, by, b"")

    def unmerge(self, merge: bytes, reason: str, by: str) -> Parted:
        """Undo a merge: every registration is found as before it.

        Returns: the two persons, what is of each, and the time during which a read of one may have shown the other.

        Raises:
            DecisionNotFound: no merge of that id is in force.
        """
        with self._deciding():
            merged = self._decisions.merges.get(merge)
            if merged is None:
                raise DecisionNotFound(decision=identifier(merge))
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
        with self._deciding():
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

    def _review(self, review: bytes) -> Review:
        found = self._decisions.review(review)
        if found is None:
            raise DecisionNotFound(decision=identifier(review))
        return found

    def _merge(self, one: bytes, other: bytes, reason: str, by: str, review: bytes) -> Joined:
        kept, gone = self._decisions.root(one), self._decisions.root(other)
        if kept == gone:
            raise AlreadyOne(one=identifier(one), other=identifier(other))
        others = tuple(self._decisions.tree(gone))
        merged = Merged(self._randomness(16), kept, gone, reason, by, self._clock.now_ms(), review)
        self._decide(merged)
        return Joined(merged.merge, kept, others)


def _subjects(rows: Sequence[Registration]) -> tuple[Subject, ...]:
    return tuple(Subject(row.source, row.subject) for row in rows)
