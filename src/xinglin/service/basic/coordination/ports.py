"""What coordination needs of a chain: submit, look up, the time (design D5). The node's client implements it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from xinglin.kernel.encoding import ChainObject


@dataclass(frozen=True, slots=True)
class Outcome:
    """A logged transaction: the number of its receipt (0: done), its log index, its height."""

    number: int
    index: int
    height: int


@dataclass(frozen=True, slots=True)
class AcceptedBatch:
    """A record batch that the chain holds: the root over its items, and the transaction that registered it."""

    root: bytes
    outcome: Outcome


class ChainClient(Protocol):
    """A chain as one member's account sees it. MUST be usable from several threads."""

    chain: str
    """The chain's id."""

    def time_ms(self) -> int:
        """Return the time of the last committed block, in ms. What is not logged yet MUST be logged later than that."""
        ...

    def submit(self, transaction: bytes) -> Future[Outcome]:
        """Hand in a transaction.

        Returns: a future that ends when the transaction is logged durably, whatever its receipt says. Its exception
            is the PlatformError by which it was refused without being logged.
        """
        ...

    def find(self, valid_until: int, body: bytes) -> Outcome | None:
        """Return what became of a body id, None while it is not logged."""
        ...

    def accepted(self, batch: str) -> AcceptedBatch | None:
        """Return the member's batch of that id, None when the chain has none. MAY read the whole log."""
        ...


class PrivateChain(Protocol):
    """An institution's private chain as its service account sees it. MUST be usable from several threads."""

    chain: str
    """The chain's id."""

    def time_ms(self) -> int:
        """Return the time of the last committed block, in ms."""
        ...

    def value(self, key: bytes) -> bytes | None:
        """Return a value of the committed state by its key, compared with the tree."""
        ...

    def call(self, contract: str, method: str, arguments: ChainObject) -> None:
        """Call a contract and return when it is durable.

        Raises:
            PlatformError: the refusal, whether before a block or in the receipt.
        """
        ...
