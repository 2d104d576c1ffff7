"""What protection needs from outside: the consortium chain, the patient index, episodes, quotas (design D9).

Implemented by ``chain.py`` (the ledger of this home), by the patient index and the episodes of the node, and by fakes
in tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Protocol

from xinglin.carrier.access.registry.model import AccountState, KeyState, MemberState, NodeState
from xinglin.service.basic.protection.consents.model import ConsentState
from xinglin.service.basic.protection.model import Episode


class ConsortiumFacts(Protocol):
    """The consortium chain as this node has it at its newest block. MUST be usable from several threads."""

    chain: str
    """The chain's id."""

    def time_ms(self) -> int:
        """Return the block time of the newest block, in ms."""
        ...

    def member(self, member: str) -> MemberState | None:
        """Return a member, None when it was never registered."""
        ...

    def account(self, account: str) -> AccountState | None:
        """Return an account, None when it was never registered."""
        ...

    def key(self, key: bytes) -> KeyState | None:
        """Return whose a key is, None when it was never registered."""
        ...

    def node(self, node: str) -> NodeState | None:
        """Return a node, None when it was never registered."""
        ...

    def consents(self) -> Iterator[str]:
        """Yield the id of every consent on the chain."""
        ...

    def granted_since(self, time_ms: int) -> Sequence[str]:
        """Return the ids of consents that stand and were granted by a block of a time or later; nothing rests on it."""
        ...

    def consent(self, consent: str) -> ConsentState | None:
        """Return a consent, None when there is none of that id."""
        ...

    def proposed_ms(self, consent: str) -> int | None:
        """Return since when a consent waits for its approval (block time, ms), None when it does not."""
        ...

    def openings(self, consent: str) -> tuple[bytes, ...]:
        """Return a consent's sealed openings, none when there is no such consent."""
        ...

    def acknowledged(self, consent: str) -> Mapping[str, int]:
        """Return which nodes have acknowledged a consent, each with the block time (ms)."""
        ...

    def acknowledged_by(self, consent: str, node: str) -> int | None:
        """Return when a node acknowledged a consent (block time, ms), None while it has not."""
        ...


class Persons(Protocol):
    """The node's patient index, as far as permits need it. Persons are 16 bytes, local to the node."""

    def knows(self, person: bytes) -> bool:
        """Tell whether the index has this person."""
        ...

    def linked(self, member: str, handle: bytes) -> bytes | None:
        """Return the person whom this institution and another know by a handle of 16 bytes, None for nobody."""
        ...

    def joined(self, person: bytes) -> Sequence[bytes]:
        """Return the person and everyone who was merged into it: what they have forbidden goes on binding."""
        ...

    def followed(self, person: bytes) -> Sequence[tuple[bytes, int]]:
        """Return the person and everyone whom it was merged into, each with the time (ms) since when; 0 for itself.

        What one of these said after that time was said of the person too; what was said before was not.
        """
        ...

    def parted(self, person: bytes) -> Sequence[tuple[bytes, int, int]]:
        """Return everyone who was taken for the person for a time, each with from when until when (ms).

        What one of these forbade in that time, the person may have forbidden.
        """
        ...

    def born(self, person: bytes) -> date | None:
        """Return the whole date of birth, None where it is not known to the day."""
        ...

    def died_ms(self, person: bytes) -> int | None:
        """Return when the person died, in ms; 0 where only the fact is known; None for the living."""
        ...


class Episodes(Protocol):
    """The encounters of the custodian."""

    def of(self, person: bytes, at_ms: int) -> Episode | None:
        """Return an episode of the person that is open at that time, the newest where several are; else None."""
        ...


class Quotas(Protocol):
    """How much an account may read."""

    def over(self, account: str, at_ms: int) -> bool:
        """Tell whether the account has used up what it may read; takes nothing."""
        ...

    def take(self, account: str, at_ms: int) -> bool:
        """Take one request from what the account may read, and tell whether there was one left: in one step."""
        ...
