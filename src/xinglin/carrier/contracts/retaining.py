"""From which height on an engine keeps its blocks: ``RetainHeight`` of CometBFT (design D7; docs/spec/recovery.md).

The chain's own log keeps every transaction. An engine's blocks are for others who catch up and for evidence of double
signing, so they are let go only when evidence about them counts no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.carrier.ledger.errors import CheckpointUnavailable
from xinglin.carrier.ledger.ledger import Ledger

_EVERY = 100
"""Blocks from one look to the next: what is let go at once holds a block up for some milliseconds."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How many blocks an engine keeps, and for how long at least.

    ``blocks``: so many of the newest; ``ms``: and all that are younger by the blocks' time.
    """

    blocks: int
    ms: int

    def height(self, ledger: Ledger) -> int:
        """Return the first height to keep after the newest block of a ledger, 0 to let nothing go now."""
        tip = ledger.tip
        highest = tip.height - self.blocks
        if tip.height % _EVERY or highest < 1:
            return 0
        low, high = 0, highest  # low is old enough, or 0
        while low < high:
            middle = (low + high + 1) // 2
            if _old_enough(ledger, middle, tip.time - self.ms):
                low = middle
            else:
                high = middle - 1
        return low


def _old_enough(ledger: Ledger, height: int, time: int) -> bool:
    """Tell whether a block is of a time or before; so is every block before a snapshot that the chain began from."""
    try:
        return ledger.head_at(height).time <= time
    except CheckpointUnavailable:
        return True
