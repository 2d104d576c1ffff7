"""What corrections need from outside: who was given a record, and whose record it is (H12, H10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Holder(Protocol):
    """Someone who was given a record: which copy, how often, first and last (ms); the access trace implements it."""

    @property
    def member(self) -> str:
        """The reader's member."""
        ...

    @property
    def account(self) -> str:
        """The reader's account."""
        ...

    @property
    def copy(self) -> int:
        """What was given: 1 the original, 2 the de-identified copy."""
        ...

    @property
    def times(self) -> int:
        """How often."""
        ...

    @property
    def first(self) -> int:
        """When first, ms."""
        ...

    @property
    def last(self) -> int:
        """When last, ms."""
        ...


class Readers(Protocol):
    """Who was given records, by the institution's access entries."""

    def recipients(self, commitment: bytes) -> Sequence[Holder]:
        """Return everyone who was given a record by this node; MUST know all that the private chain has logged."""
        ...


class Persons(Protocol):
    """Whose record it is, by the institution's patient index."""

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        """Return the person id (16 bytes) of a source system's patient, None where it isn't known."""
        ...


class NoReaders:
    """A home without an access trace: nobody was given anything."""

    def recipients(self, commitment: bytes) -> Sequence[Holder]:
        """Return nobody."""
        del commitment
        return ()


class NoPersons:
    """A home without a patient index: no patient is told by it."""

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        """Return nobody."""
        del source, subject
        return None
