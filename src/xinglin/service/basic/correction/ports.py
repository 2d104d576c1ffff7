"""What corrections need from outside: whose record it is, and who is to know what a Patient says now (H12, H10, H1)."""

from __future__ import annotations

from typing import Protocol


class Persons(Protocol):
    """Whose record it is, by the institution's patient index."""

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        """Return the person id (16 bytes) of a source system's patient, None where it isn't known."""
        ...

    def corrected(self, source: bytes, subject: bytes, original: bytes) -> None:
        """Take up, durably, what a corrected Patient resource says of a source system's patient.

        MUST change nothing when it is done again.
        """
        ...
