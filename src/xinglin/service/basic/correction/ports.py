"""What corrections need from outside: whose record it is (H12, H10)."""

from __future__ import annotations

from typing import Protocol


class Persons(Protocol):
    """Whose record it is, by the institution's patient index."""

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        """Return the person id (16 bytes) of a source system's patient, None where it isn't known."""
        ...


class NoPersons:
    """A home without a patient index: no patient is told by it."""

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        """Return nobody."""
        del source, subject
        return None
