"""What services need of chains, and of the trace of who was given a record (design D5; H4). The node implements it."""

from __future__ import annotations

from collections.abc import Sequence
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
