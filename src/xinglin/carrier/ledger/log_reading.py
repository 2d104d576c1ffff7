"""The log of a chain of one home, as it is read: entries, the index of body ids, tiles (design D5.5, D5.6).

A home that began from a snapshot has the log from there on, and the older part only once all of it was fetched and
checked (``backfill.py``). What is not here is said to be not here, never not to have been logged.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.check import Checked, check_forms
from xinglin.carrier.ledger.errors import LogBegunLate, LogEntryNotFound, StoreDamaged
from xinglin.carrier.ledger.log import Tile, TileReader
from xinglin.carrier.ledger.model import Leaf, Receipt, Transaction
from xinglin.carrier.ledger.records import EntryRecord, read_entry, read_past, stored
from xinglin.carrier.ledger.store import Store, body_key, number_key, tile_key
from xinglin.carrier.ledger.window import first_entry, first_head, first_height
from xinglin.kernel.hashing import Tag, tagged


@dataclass(frozen=True, slots=True)
class Entry:
    """A logged transaction: its leaf, its receipt and the transaction."""

    leaf: Leaf
    receipt: Receipt
    transaction: Transaction


class LogReading:
    """The log of an open chain. ``begun`` is the head of the snapshot that it began from here, None at genesis.

    ``log_start``: index of the first entry that is here and may be used; 0 where nothing is missing.
    """

    def __init__(self, rules: ChainRules, store: Store) -> None:
        self.rules = rules
        self.store = store
        with store.snapshot() as view:
            self.begun = first_head(rules, view) if first_height(view) else None
            self.log_start = first_entry(rules, view)

    @property
    def log_missing(self) -> int:
        """How many entries of the log are not here yet; 1 when all are and are not checked together yet."""
        if self.log_start == 0:
            return 0
        with self.store.snapshot() as view:
            return max(1, self.log_start - read_past(view, self.rules.chain).next)

    def require_here(self, index: int) -> None:
        """Refuse where a log entry may have been logged and is not here yet.

        Raises:
            LogBegunLate: it is so.
        """
        start = self.log_start
        if index < start:
            raise LogBegunLate(chain=self.rules.chain, entry=start)

    def find(self, valid_until: int, body: bytes) -> int | None:
        """Return the log index of a body id, None while it is not logged.

        That it is not logged rests on an index that is compared when the store is opened (as far as a transaction can
        be replayed) and by ``recheck`` (all of it).

        Raises:
            StoreDamaged: the index names another log entry.
            LogBegunLate: it may have been logged before what is known here.
        """
        chain, what = self.rules.chain, "a log entry that the index of body ids names"
        start = self.log_start  # before the look: what comes meanwhile is found
        with self.store.snapshot() as view:
            found = view.get("body", body_key(valid_until, body))
            raw = None
            if found is not None and found >= number_key(start):
                raw = stored(EntryRecord, view.get("entry", found), chain, what).leaf
            elif found is not None:  # it came with the snapshot that this home began from
                raw = view.get("leaf", found)
        if raw is None:
            # What was logged before the snapshot's window can't have lived beyond the snapshot's time (SN5).
            if start and self.begun is not None and valid_until <= self.begun.time:
                raise LogBegunLate(chain=chain, entry=start)
            return None if found is None else int.from_bytes(found, "big")
        leaf = stored(Leaf, raw, chain, what)
        if leaf.body != body:
            raise StoreDamaged(chain=chain, what="the index of body ids names another log entry")
        return leaf.index

    def entry(self, index: int) -> Entry:
        """Return a logged transaction, compared with the log.

        Raises:
            LogEntryNotFound: no such index, or not here.
            StoreDamaged: what is stored is not what was logged.
        """
        leaf, receipt, raw = self._logged(index, self.tiles())
        checked = check_forms(self.rules, [raw])[0]
        if not isinstance(checked, Checked) or (leaf.body, leaf.transaction) != (checked.body, checked.hash):
            raise self._entry_damaged(index)
        return Entry(leaf, receipt, checked.transaction)

    def prove_entry(self, index: int, size: int, tiles: TileReader) -> tuple[Leaf, Receipt, tuple[bytes, ...]]:
        """Return leaf and receipt of a logged transaction, compared with the log, and the leaf's path to a root.

        The transaction itself is not looked at.

        Args:
            index: its log index, below ``size``.
            size: of the log under whose root it is proven.
            tiles: the log's; one reader serves for several entries.

        Raises:
            LogEntryNotFound, StoreDamaged: see ``entry``.
        """
        leaf, receipt, _ = self._logged(index, tiles)
        return leaf, receipt, tiles.inclusion(index, size)

    def _logged(self, index: int, tiles: TileReader) -> tuple[Leaf, Receipt, bytes]:
        """Return leaf, receipt and transaction bytes; the first two compared with the log."""
        chain, suite = self.rules.chain, self.rules.suite
        if index < self.log_start:
            raise LogEntryNotFound(chain=chain, entry=index)
        with self.store.snapshot() as view:
            if view.get("entry", number_key(index)) is None:
                raise LogEntryNotFound(chain=chain, entry=index)
            record = read_entry(view, chain, index)
        if tiles.leaf_hash(index) != suite.leaf_hash(record.leaf):
            raise StoreDamaged(chain=chain, what=f"log entry {index} is not the one in the log")
        leaf = stored(Leaf, record.leaf, chain, f"log entry {index}")
        receipt = stored(Receipt, record.receipt, chain, f"log entry {index}")
        if leaf.receipt != tagged(suite.hash, Tag.RECEIPT, receipt):
            raise self._entry_damaged(index)
        return leaf, receipt, record.transaction

    def _entry_damaged(self, index: int) -> StoreDamaged:
        return StoreDamaged(chain=self.rules.chain, what=f"log entry {index} is not what its leaf names")

    def tiles(self) -> TileReader:
        """Return what makes roots and paths of the log; read anew for each piece of work."""
        return TileReader(self.rules.suite, self._read_tile, self.rules.chain)

    def _read_tile(self, tile: Tile) -> bytes:
        found = self.store.get("tile", tile_key(*tile))
        if found is None:
            raise StoreDamaged(chain=self.rules.chain, what=f"tile {tile} of its log is missing")
        return found
