"""What sealed episodes need from outside: that their records are not destroyed meanwhile (S1.1, S7.1f)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Holds(Protocol):
    """Forbids the destruction of records while an episode is sealed; the contract ``hold`` implements it."""

    def place(self, episode: str, commitments: Sequence[bytes]) -> None:
        """Forbid the destruction of records; MUST be durable when it returns and harmless to call again."""
        ...

    def lift(self, episode: str, commitments: Sequence[bytes]) -> None:
        """Take back what ``place`` did for this episode and nothing else; as ``place``."""
        ...


class NoHolds:
    """A home whose destruction asks ``Episodes.sealed_with`` itself."""

    def place(self, episode: str, commitments: Sequence[bytes]) -> None:
        """Do nothing; see ``Holds.place``."""
        del episode, commitments

    def lift(self, episode: str, commitments: Sequence[bytes]) -> None:
        """Do nothing; see ``Holds.lift``."""
        del episode, commitments
