"""The replay window: the leaves whose transactions have not run out (design D5.5).

The index of body ids is outside the state tree; a row of it that is lost would let a transaction take effect twice. So
a store is opened only when the leaves of the window lead to the log root and the index has each of them. A home that
began from a snapshot has the leaves before its first log entry in a table of their own, a few of which go with each
block once the window has passed them. Older rows of the index are compared by ``recheck`` alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import StoreDamaged
from xinglin.carrier.ledger.log import Tile, TileLog, edge_tiles
from xinglin.carrier.ledger.model import Leaf
from xinglin.carrier.ledger.records import read_block, read_leaf, read_past, stored
from xinglin.carrier.ledger.store import Snapshot, body_key, number_key, tile_key
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Invalid, PlatformError

_SLICE = 4096
_STALE_A_BLOCK = 256


class LeafRun:
    """The leaves of a window, taken slice by slice in their order, and checked: what they lead to, and their beginning.

    Args:
        rules: the chain's rules.
        start: index of the first.
        edge: the partial tiles of the log before it, by level.
        dead: the time in ms at or before which the first was logged, so that none that can be replayed is left out.
        refuse: makes the error to raise from a reason.
    """

    def __init__(
        self, rules: ChainRules, start: int, edge: Sequence[bytes], dead: int, refuse: Callable[[str], PlatformError]
    ) -> None:
        self._suite, self._start, self._dead, self._refuse = rules.suite, start, dead, refuse
        self._log = TileLog.load(rules.suite, start, lambda tile: edge[tile[0]])

    @property
    def size(self) -> int:
        """Number of leaves of the log so far."""
        return self._log.size

    def take(self, raws: Sequence[bytes]) -> tuple[list[Leaf], dict[Tile, bytes]]:
        """Return the next leaves, and the tiles of the log that they changed.

        Raises:
            PlatformError: as ``refuse`` makes it: one has another form, or the first is too late.
        """
        try:
            leaves = [decode(Leaf, raw) for raw in raws]
        except Invalid:
            raise self._refuse("a leaf of the replay window does not decode") from None
        if self.size == self._start > 0 and leaves and leaves[0].time > self._dead:
            raise self._refuse("the replay window begins too late")
        return leaves, self._log.append(self._suite.leaf_hashes(raws))

    def finish(self, size: int, root: bytes) -> None:
        """Check that the leaves are all of the window: that they lead to the log's size and root.

        Raises:
            PlatformError: as ``refuse`` makes it.
        """
        if self.size == self._start > 0:
            raise self._refuse("the replay window begins too late")
        if (self.size, self._log.root()) != (size, root):
            raise self._refuse("the leaves of the replay window do not lead to the log root")


def check_window(rules: ChainRules, view: Snapshot, tip: Head) -> None:
    """Compare the leaves of the window with the log root, and the index of body ids with them.

    Raises:
        StoreDamaged: they do not lead to the log root, or one is not in the index, or under another place in the log.
    """
    start = window_start(rules, view, tip)
    run, rest = stored_run(rules, view, tip, start), read_leaves(rules, view, start, tip.size)
    while raws := list(islice(rest, _SLICE)):
        for leaf in run.take(raws)[0]:
            if view.get("body", body_key(leaf.valid_until, leaf.body)) != number_key(leaf.index):
                what = f"log entry {leaf.index} is not in the index of body ids"
                raise StoreDamaged(chain=rules.chain, what=what)
    run.finish(tip.size, tip.log_root)


def window_start(rules: ChainRules, view: Snapshot, tip: Head) -> int:
    """Return where the window begins: the last leaf that can't be replayed after the tip any more, 0 without one.

    What was logged ``max_valid_ms`` before the tip or earlier has run out. While a home that began from a snapshot has
    no such block of its own, the window begins with the first that is left of the snapshot's leaves.
    """
    first = first_height(view)

    def time_of(height: int) -> int:
        record = read_block(rules.suite.hash, view, rules.chain, height)
        return record.time if record is not None else 0

    dead = bisect_right(range(first, tip.height + 1), dead_time(rules, tip.time), key=time_of)
    record = read_block(rules.suite.hash, view, rules.chain, first + dead - 1) if dead else None
    if record is not None:
        return max(record.log_size - 1, 0)
    leaf = next((key for key, _ in view.items("leaf")), None)
    return first_entry(rules, view) if leaf is None else int.from_bytes(leaf, "big")


def dead_time(rules: ChainRules, time: int) -> int:
    """Return the block time, ms, up to which nothing that was logged can be replayed in blocks after ``time``."""
    return time - rules.parameters.max_valid_ms


def stored_run(rules: ChainRules, view: Snapshot, tip: Head, start: int) -> LeafRun:
    """Return the check of a store's own leaves from ``start`` on, which raises StoreDamaged."""
    return LeafRun(
        rules,
        start,
        edge_before(view, start),
        dead_time(rules, tip.time),
        lambda reason: StoreDamaged(chain=rules.chain, what=reason),
    )


def read_leaves(rules: ChainRules, view: Snapshot, start: int, stop: int) -> Iterator[bytes]:
    """Yield the leaves from ``start`` to before ``stop``, as stored, one after the other.

    Raises:
        StoreDamaged: one is missing.
    """
    first = first_entry(rules, view)
    for index in range(start, stop):
        if index >= first:
            yield read_leaf(view, rules.chain, index)
            continue
        leaf = view.get("leaf", number_key(index))
        if leaf is None:
            raise StoreDamaged(chain=rules.chain, what=f"leaf {index} of the replay window is missing")
        yield leaf


def edge_before(view: Snapshot, size: int) -> tuple[bytes, ...]:
    """Return the partial tile of each level of the first ``size`` leaves, empty where a level has none.

    They are cut from the tiles of today.
    """
    edge: list[bytes] = []
    for level, index in edge_tiles(size):
        edge += [b""] * (level - len(edge))
        count = (size >> (8 * level)) % 256
        tile = view.get("tile", tile_key(level, index)) or b""
        edge.append(tile[: 32 * count])
    return tuple(edge)


def stale_leaves(rules: ChainRules, view: Snapshot, time: int) -> list[bytes]:
    """Return the keys of a few leaves of a snapshot that the window has passed at a block time, ms.

    A leaf goes when the one after it can't be replayed either; so the last stays, and a window can begin with it.
    """
    stale: list[bytes] = []
    for (key, _), (_, following) in islice(pairwise(view.items("leaf")), _STALE_A_BLOCK):
        if stored(Leaf, following, rules.chain, "a leaf of the replay window").time > dead_time(rules, time):
            break
        stale.append(key)
    return stale


def first_height(view: Snapshot) -> int:
    """Return the lowest height of the store: 0, or that of the snapshot it was restored from."""
    return next((int.from_bytes(key[:8], "big") for key, _ in view.items("block")), 0)


def first_head(rules: ChainRules, view: Snapshot) -> Head:
    """Return the head of the lowest height of the store.

    Raises:
        StoreDamaged: it is missing, or is not what was committed.
    """
    height = first_height(view)
    record = read_block(rules.suite.hash, view, rules.chain, height)
    if record is None:
        raise StoreDamaged(chain=rules.chain, what=f"block {height} is missing")
    return record.head(rules.chain, height)


def first_entry(rules: ChainRules, view: Snapshot) -> int:
    """Return the index of the first log entry that may be used: 0, or where a home began whose older log is missing."""
    if read_past(view, rules.chain).whole:
        return 0
    record = read_block(rules.suite.hash, view, rules.chain, first_height(view))
    return record.log_size if record is not None else 0
