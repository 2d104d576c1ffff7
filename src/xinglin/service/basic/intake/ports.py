"""What intake needs from outside: a place for what can't be taken, and the patient index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xinglin.service.lifecycle.collection.fhir.findings import Issue
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource


class Quarantine(Protocol):
    """Keeps what was refused, encrypted, with its findings."""

    def put(self, original: bytes, issues: Sequence[Issue]) -> str:
        """Keep an item durably and return its name. MUST give the same item once, however often it is put."""
        ...


class Persons(Protocol):
    """Where the patients of one source system are entered."""

    def enter(self, resources: Sequence[CollectedResource]) -> None:
        """Enter whom resources are about, durably. MUST change nothing when it is done again."""
        ...
