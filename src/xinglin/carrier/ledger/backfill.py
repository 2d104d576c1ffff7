"""The log before a home's beginning, fetched from others and checked (docs/spec/history.md; design D5.6, D7).

Tiles are fetched from the top down: the right edge of the log came with the snapshot, and what lies left of it is
proven by the tile above. Entries are proven by the tile of their leaves. What was checked is written with the blocks,
a slice with each; so it is whole or not there, like a block. When the last entry is there, all leaves are hashed once
more from the first on and compared with the log root of the head that the home began from. Before that none of it is
used.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import HistoryInvalid, StoreDamaged
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.log import WIDTH, Tile, TileLog
from xinglin.carrier.ledger.model import Leaf
from xinglin.carrier.ledger.past import TILE_BYTES, PastEntry, checked_page, hashes_of
from xinglin.carrier.ledger.records import (
    PAST_KEY,
    EntryRecord,
    PastRecord,
    block_record,
    read_leaf,
    read_past,
    stored,
)
from xinglin.carrier.ledger.store import Write, body_key, number_key, tile_key
from xinglin.kernel.encoding import pack

SLICE_ENTRIES = 2_048
SLICE_BYTES = 2 << 20
"""With one block so much is written, and a page more at most."""
SLICE_SECONDS = 60.0
"""After which no further page is asked for: what a slow source has given is written, and another can be asked."""
_CHECKED_AT_ONCE = 4_096


class Source(Protocol):
    """Another node's log, of which nothing is believed."""

    def page(self, first: int, below: int) -> bytes:
        """Return a page of entries from one on, none of index ``below`` or higher."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """Return a complete tile."""
        ...


@dataclass(slots=True)
class _Slice:
    """What was fetched and checked, and is not written yet."""

    entries: list[PastEntry] = field(default_factory=list)
    tiles: dict[Tile, bytes] = field(default_factory=dict)
    bytes: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is as much as goes with one block."""
        return len(self.entries) >= SLICE_ENTRIES or self.bytes >= SLICE_BYTES

    def write(self, next_: int) -> Write:
        """Return the rows; ``next_`` is the index of the first entry that is missing after them."""
        leaves = [one.leaf for one in self.entries]
        rows = {
            "entry": [
                (
                    number_key(one.leaf.index),
                    pack(EntryRecord(one.logged.leaf, one.logged.receipt, one.logged.transaction)),
                )
                for one in self.entries
            ],
            "body": sorted((body_key(leaf.valid_until, leaf.body), number_key(leaf.index)) for leaf in leaves),
            "tile": sorted((tile_key(*tile), hashes) for tile, hashes in self.tiles.items()),
            "meta": [(PAST_KEY, pack(PastRecord(next_)))],
        }
        return Write(puts=rows, appends={}, deletes={})


class Backfill:
    """The backfill of one ledger; it is whole when ``ledger.log_start`` is 0. For one thread.

    Args:
        ledger: the chain.
        begun: the head of the snapshot that it began from.
    """

    def __init__(self, ledger: Ledger, begun: Head) -> None:
        self._ledger = ledger
        self.begun = begun
        self._rules = ledger.rules
        self._proven: dict[int, tuple[int, list[bytes]]] = {}
        self.size = begun.size

    @property
    def next(self) -> int:
        """Index of the first entry that is missing; ``size`` when only the last check is left."""
        with self._ledger.store.snapshot() as view:
            return min(read_past(view, self._rules.chain).next, self.size)

    def fetch(self, source: Source) -> Write:
        """Return the next slice, fetched and checked, to be given to ``Ledger.write_past``; it has one page at least.

        Raises:
            HistoryInvalid: the source gave something else than what was logged; nothing of this slice is kept.
            PlatformError: the source's own.
        """
        found, at, until = _Slice(), self.next, time.monotonic() + SLICE_SECONDS
        try:
            while at < self.size and not found.whole and (not found.entries or time.monotonic() < until):
                hashes = self._hashes(source, found, (0, at // WIDTH))[at % WIDTH :][: self.size - at]
                page = source.page(at, self.size)
                entries = checked_page(self._rules, at, page, hashes)
                found.entries += entries
                found.bytes += len(page)
                at += len(entries)
        except BaseException:
            self._proven.clear()  # tiles of this slice are not written
            raise
        return found.write(at)

    def finish(self) -> Write:
        """Compare all that was written with the log root of the beginning; return what makes it count.

        Raises:
            StoreDamaged: it does not lead there. What ``start_again`` returns has it fetched anew.
        """
        rules, begun = self._rules, self.begun
        log, last = TileLog(rules.suite), 0
        for start in range(0, self.size, _CHECKED_AT_ONCE):
            last += self._check_stored(log, start, min(self.size, start + _CHECKED_AT_ONCE))
        if log.root() != begun.log_root:
            raise StoreDamaged(chain=rules.chain, what="its log does not lead to where it began")
        rows = {
            # The snapshot did not tell how many entries are of its own height.
            "block": [(number_key(begun.height), pack(block_record(rules.suite.hash, begun, last)))],
            "meta": [(PAST_KEY, pack(PastRecord(self.size, 1)))],
        }
        return Write(puts=rows, appends={}, deletes={})

    @staticmethod
    def start_again() -> Write:
        """Return what has all of it fetched and checked anew."""
        return Write(puts={"meta": [(PAST_KEY, pack(PastRecord()))]}, appends={}, deletes={})

    def _check_stored(self, log: TileLog, start: int, stop: int) -> int:
        """Hash stored leaves onto a log, compare index and tiles; return how many are of the first height here."""
        rules, chain = self._rules, self._rules.chain
        with self._ledger.store.snapshot() as view:
            raws = [read_leaf(view, chain, index) for index in range(start, stop)]
            leaves = [stored(Leaf, raw, chain, "a log entry") for raw in raws]
            for leaf in leaves:
                if view.get("body", body_key(leaf.valid_until, leaf.body)) != number_key(leaf.index):
                    raise StoreDamaged(chain=chain, what=f"log entry {leaf.index} is not in the index of body ids")
            tiles: Mapping[Tile, bytes] = log.append(rules.suite.leaf_hashes(raws))
            for tile, hashes in tiles.items():
                if len(hashes) == TILE_BYTES and view.get("tile", tile_key(*tile)) != hashes:
                    raise StoreDamaged(chain=chain, what=f"tile {tile} of its log is not that of its entries")
        return sum(leaf.height == self.begun.height for leaf in leaves)

    def _hashes(self, source: Source, found: _Slice, tile: Tile) -> list[bytes]:
        """Return the hashes of a tile that the tile above proves; one at the right edge is the store's own."""
        level, index = tile
        known = self._proven.get(level)
        if known is not None and known[0] == index:
            return known[1]
        own = self._ledger.store.get("tile", tile_key(level, index))
        if (index + 1) * WIDTH ** (level + 1) > self._ledger.tip.log_size:
            if own is None:
                raise StoreDamaged(chain=self._rules.chain, what=f"tile {tile} of its log is missing")
            return hashes_of(own)
        wanted = self._hashes(source, found, (level + 1, index // WIDTH))[index % WIDTH]
        if own is None or not self._leads(own, wanted):
            own = source.tile(level, index)
            if not self._leads(own, wanted):
                first = index * WIDTH ** (level + 1)
                raise HistoryInvalid(chain=self._rules.chain, entry=first, reason="a tile is not that of the log")
            found.tiles[tile] = own
        hashes = hashes_of(own)
        self._proven[level] = (index, hashes)
        return hashes

    def _leads(self, tile: bytes, root: bytes) -> bool:
        return len(tile) == TILE_BYTES and self._rules.suite.merkle_root(hashes_of(tile)) == root
