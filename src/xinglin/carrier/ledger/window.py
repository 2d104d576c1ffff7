"""The replay window: the leaves whose transactions have not run out (design D5.5).

The index of body ids is outside the state tree; a row of it that is lost would let a transaction take effect twice. So
a store is opened only when the index has every leaf of the window. Older rows are compared by ``recheck`` alone.
"""

from __future__ import annotations

from bisect import bisect_right

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import StoreDamaged
from xinglin.carrier.ledger.model import Leaf
from xinglin.carrier.ledger.records import read_block, read_entry, stored
from xinglin.carrier.ledger.store import Snapshot, body_key, number_key


def window_start(rules: ChainRules, view: Snapshot, tip: Head) -> int:
    """Return the index of the last leaf that can't be replayed after the tip any more, 0 when there is none.

    What was logged ``max_valid_ms`` before the tip or earlier has run out.
    """
    first = first_height(view)

    def time_of(height: int) -> int:
        record = read_block(rules.suite.hash, view, rules.chain, height)
        return record.time if record is not None else 0

    dead = bisect_right(range(first, tip.height + 1), tip.time - rules.parameters.max_valid_ms, key=time_of)
    record = read_block(rules.suite.hash, view, rules.chain, first + dead - 1) if dead else None
    return max(record.log_size - 1, 0) if record is not None else 0


def check_window(rules: ChainRules, view: Snapshot, tip: Head) -> None:
    """Compare the index of body ids with the leaves of the window.

    Raises:
        StoreDamaged: a leaf is not in the index, or under another place in the log.
    """
    start = max(window_start(rules, view, tip), first_entry(rules, view))
    for index in range(start, tip.size):
        leaf = stored(Leaf, read_entry(view, rules.chain, index).leaf, rules.chain, f"log entry {index}")
        if view.get("body", body_key(leaf.valid_until, leaf.body)) != number_key(index):
            raise StoreDamaged(chain=rules.chain, what=f"log entry {index} is not in the index of body ids")


def first_height(view: Snapshot) -> int:
    """Return the lowest height of the store: 0, or that of the snapshot it was restored from."""
    return next((int.from_bytes(key[:8], "big") for key, _ in view.items("block")), 0)


def first_entry(rules: ChainRules, view: Snapshot) -> int:
    """Return the index of the first log entry that the store can have."""
    record = read_block(rules.suite.hash, view, rules.chain, first_height(view))
    return record.log_size if record is not None else 0
