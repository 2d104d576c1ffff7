"""What the application must be told by the layers above it: whose engines count, and how block 1 begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from xinglin.carrier.ledger.ports import StateReader


class Membership(Protocol):
    """Knows from a state whose engines make blocks and whose are let in. MUST answer from the arguments alone."""

    def validators(self, state: StateReader) -> Mapping[bytes, int]:
        """Return the power of each engine key that validates under a state."""
        ...

    def admits(self, state: StateReader, peer: bytes) -> bool:
        """Tell whether a peer id is let in under a state."""
        ...

    def changed(self, changes: Iterable[bytes]) -> bool:
        """Tell whether a block that changed these keys of the state may have changed validators or peers."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """How a chain on an engine begins: the founding transactions of block 1, checked, and what they register.

    ``validators``: the power of each engine key; ``peers``: addresses by peer id, let in while there is no block.
    """

    transactions: Sequence[bytes]
    validators: Mapping[bytes, int]
    peers: Mapping[bytes, str]
