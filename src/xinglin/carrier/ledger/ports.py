"""Ports of the ledger: what ``contracts`` (Executor) and ``access`` (SignerDirectory) implement (design D2, D5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from xinglin.carrier.ledger.model import Genesis, Operation, ReceiptFact
from xinglin.stakeholders.caller import Caller


class StateReader(Protocol):
    """Reads one version of the state."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value under a canonical key, None when absent."""
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) of every key that begins with ``prefix``, in bytewise order.

        What is yielded can be compared with the state tree, what is missing cannot: a store that has lost a row is not
        noticed. So nothing may be decided on the absence of a key from a scan; ask ``get`` for the key.
        """
        ...


class StateOverlay(StateReader, Protocol):
    """Reads a version of the state with changes of one transaction on top, and takes more."""

    def put(self, key: bytes, value: bytes) -> None:
        """Write a value; visible to this transaction's later reads at once, to others once it succeeds."""
        ...

    def delete(self, key: bytes) -> None:
        """Remove a key; absent is no error."""
        ...


class SignerDirectory(Protocol):
    """Knows whose a key is. MUST answer from the given state and time alone."""

    def resolve(self, state: StateReader, key: bytes, time: int) -> Caller:
        """Return who a key is at block time ``time`` (ms).

        Raises:
            SignerUnknown: the key is not registered.
            SignerEnded: key, account or member is not in force at that time.
        """
        ...


class Executor(Protocol):
    """Runs operations. MUST be deterministic: no clock, no randomness, no I/O besides the overlay."""

    def founding(self, chain: str, genesis: Genesis) -> Mapping[bytes, bytes]:
        """Return the state of height 0: keys and values of the founders."""
        ...

    def execute(
        self,
        overlay: StateOverlay,
        height: int,
        time: int,
        callers: Sequence[Caller],
        operation: Operation,
    ) -> list[ReceiptFact]:
        """Run one operation on ``overlay`` and return the facts of its receipt.

        Items of a batch are what its head commits (checked before). MUST raise a PlatformError for every refusal and
        for nothing else; the caller drops the overlay then.
        """
        ...
