"""What the audit needs of a private chain: build and submit; the node's client implements it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.ledger.build import Built, Signer
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.errors import PlatformError


class PrivateChain(Protocol):
    """The institution's private chain as its service account sees it. MUST be usable from several threads."""

    ledger: Ledger

    def build(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> Built:
        """Return a signed transaction that may wait for a block."""
        ...

    def submit(self, transaction: bytes) -> Future[Committed]:
        """Hand in a transaction; the future ends when its block is durable, or with the refusal."""
        ...

    def refusal(self, committed: Committed) -> PlatformError:
        """Return the error that a logged refusal stands for."""
        ...
