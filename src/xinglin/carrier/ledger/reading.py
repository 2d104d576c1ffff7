"""What a chain of one home has committed: state, log and proofs at recent heights, from any thread (design D5, D6).

Nothing is given that was not compared with the tree or the log, except where a method says so. Nothing is written here.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.compared import ComparedValues
from xinglin.carrier.ledger.errors import CheckpointUnavailable, StoreDamaged, ValueDamaged
from xinglin.carrier.ledger.log_reading import LogReading
from xinglin.carrier.ledger.model import Genesis
from xinglin.carrier.ledger.records import BlockRecord, read_block, read_entry, read_tip, stored
from xinglin.carrier.ledger.state.errors import TreeVersionUnknown
from xinglin.carrier.ledger.store import Snapshot, StateView, Store, chain_folder
from xinglin.carrier.ledger.transition import app_hash
from xinglin.carrier.ledger.undo import complete_since, replaced_since
from xinglin.carrier.ledger.versions import StateVersions
from xinglin.carrier.ledger.whole_state import WholeState, state_after

KEPT_UNDO_HEIGHTS = 512
"""How many recent heights can be proven; pinned ones stay longer."""
_HELD_VERSIONS = 4
"""Tree versions of pinned heights that stay in memory: a version costs what has changed since, up to a whole tree."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The last committed block: height, time in ms, and what its app hash is made of."""

    height: int
    time: int
    state_root: bytes
    log_size: int
    log_root: bytes
    app_hash: bytes


class LedgerReading(LogReading):
    """The reading half of an open chain; ``Ledger`` moves it on, block by block."""

    def __init__(self, rules: ChainRules, store: Store, versions: StateVersions, version: int) -> None:
        super().__init__(rules, store)
        self._versions = versions
        self._version = version
        self._compared = ComparedValues(version)
        self._pins: dict[str, frozenset[int]] = {}
        self._held: dict[int, int] = {}  # tree versions of pinned heights, the one used last at the end
        self._swap = threading.Lock()  # store and tree are of one block, and pins stay, while it is held
        with store.snapshot() as view:
            self.tip = tip_of(rules, read_tip(rules.suite.hash, view, rules.chain))

    def check_room(self) -> None:
        """Raise StoreFull when the store is at 80 % of its map."""
        self.store.check_room()

    @contextmanager
    def state(self) -> Iterator[StateView]:
        """Give the committed state for a few seconds; values are not compared with the tree."""
        with self.store.snapshot() as view:
            yield StateView(view)

    def keys(self, prefix: bytes, limit: int | None = None) -> list[bytes]:
        """Return the keys of the committed state under a prefix, ascending, at most so many.

        A store that has lost a row is not noticed: nothing may be decided on a key that is missing.
        """
        with self.store.snapshot() as view:
            return [key for key, _ in islice(StateView(view).scan(prefix), limit)]

    def value(self, key: bytes) -> bytes | None:
        """Return a value of the committed state, compared with the tree; see ``values``."""
        known = self._compared.get(key)
        return self.values((key,))[key] if known is ... else known

    def values(self, keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return values of the committed state, compared with the tree; None for what is not there.

        Each is as of the newest block or, where one is committed meanwhile, of the block before.

        Raises:
            ValueDamaged: a stored value is not the one that was committed.
        """
        known, unknown = self._compared.get_many(keys)
        if unknown:
            version, compared = self._looked_up(unknown)
            self._compared.keep(version, compared)
            known.update(compared)
        return known

    def _looked_up(self, keys: Sequence[bytes]) -> tuple[int, Mapping[bytes, bytes | None]]:
        """Return values as stored once they were compared, and the version of the tree that they have been with."""
        version = self._version
        try:
            with self.store.snapshot() as view:
                found = {key: view.get("state", key) for key in keys}
            if self._versions.hold(version, found):
                return version, found
        except TreeVersionUnknown:
            pass
        # A block may have been committed between the two looks: look again, at one block.
        with self._consistent() as (view, copy, _):
            return copy, self._verified(copy, {key: view.get("state", key) for key in keys})

    def head_at(self, height: int) -> Head:
        """Return the head that the chain had after a height.

        Raises:
            CheckpointUnavailable: there is no such block here.
            StoreDamaged: what is stored of it is not what was committed.
        """
        with self.store.snapshot() as view:
            record = read_block(self.rules.suite.hash, view, self.rules.chain, height)
        if record is None:
            raise CheckpointUnavailable(chain=self.rules.chain, height=height)
        return record.head(self.rules.chain, height)

    def app_hash_at(self, height: int) -> bytes:
        """Return the app hash that the chain had after a height; refused as by ``head_at``."""
        return tip_of(self.rules, self.head_at(height)).app_hash

    def blocks(self, first: int = 1) -> Iterator[tuple[int, int, list[bytes]]]:
        """Yield (height, time, logged transactions) of each block from ``first`` on, each read in its own snapshot."""
        for height in range(first, self.tip.height + 1):
            with self.store.snapshot() as view:
                time, raws = read_transactions(self.rules, view, height)
            yield height, time, raws

    # --- all of the state at a height ---

    @contextmanager
    def whole_state(self, height: int) -> Iterator[WholeState]:
        """Give all of the state after a height while blocks go on: for seconds, since the store keeps what it shows.

        Raises:
            CheckpointUnavailable: the height is no longer kept, or not there yet.
            StoreDamaged: the undo records don't lead to it.
        """
        with self._consistent(height) as (view, version, held):
            record = self._provable(view, height)
            if record is None:
                raise CheckpointUnavailable(chain=self.rules.chain, height=height)
            with state_after(record.head(self.rules.chain, height), view, self._versions, version, made=held) as state:
                yield state

    # --- proofs at a height ---

    def pin(self, owner: str, heights: Iterable[int]) -> frozenset[int]:
        """Keep heights provable for an owner (checkpoints, an anchor), in place of those that it named before.

        The undo records since the least of all pinned heights stay. Pins are not stored: an owner names its heights
        again after opening, before the next block.

        Returns: those of the heights that can be proven, and are kept.
        """
        with self._swap:
            with self.store.snapshot() as view:
                kept = frozenset(height for height in heights if self._provable(view, height) is not None)
            self._pins[owner] = kept
            gone = [self._held.pop(height) for height in list(self._held) if not self._is_pinned(height)]
        for version in gone:
            self._versions.drop(version)
        return kept

    def can_prove(self, height: int) -> bool:
        """Tell whether a height is kept, or needs nothing to be kept: nothing that was kept has changed since."""
        with self.store.snapshot() as view:
            return self._provable(view, height) is not None

    def prove_state(self, height: int, keys: Sequence[bytes]) -> list[tuple[bytes | None, bytes]]:
        """Return (value or None, proof) of each key as of a height, under that height's state root.

        Raises:
            CheckpointUnavailable: the height is no longer kept, or not there yet.
            ValueDamaged: a stored value is not the one that was committed.
        """
        with self._as_of(height, keys) as (version, said):
            self._verified(version, said)
            return list(zip((said[key] for key in keys), self._versions.prove(version, keys), strict=True))

    def _is_pinned(self, height: int) -> bool:
        return any(height in heights for heights in self._pins.values())

    def _needed_since(self, height: int) -> int:
        """Return the least height that must be provable when the tip is at ``height``; ``_swap`` is held."""
        return min([height - KEPT_UNDO_HEIGHTS, *(min(heights) for heights in self._pins.values() if heights)])

    def _provable(self, view: Snapshot, height: int) -> BlockRecord | None:
        """Return the record of a block whose state can be made from the undo records that are there, else None.

        That is each block since the oldest record, and an earlier one if nothing had changed up to then.
        """
        record = read_block(self.rules.suite.hash, view, self.rules.chain, height)
        since = complete_since(view)
        if record is None or height >= since:
            return record
        oldest = read_block(self.rules.suite.hash, view, self.rules.chain, since)
        return record if oldest is not None and oldest.state_root == record.state_root else None

    @contextmanager
    def _consistent(self, height: int | None = None) -> Iterator[tuple[Snapshot, int, bool]]:
        """Give a view of the store and our own copy of the tree's version, of one block.

        The version is that of the given height if it is held, which the third tells, else the tip's.
        """
        with ExitStack() as stack:
            with self._swap:
                view = stack.enter_context(self.store.snapshot())
                held = None if height is None else self._held.get(height)
                version = self._versions.copy(self._version if held is None else held)
            stack.callback(self._versions.drop, version)
            yield view, version, held is not None

    @contextmanager
    def _as_of(self, height: int, keys: Collection[bytes]) -> Iterator[tuple[int, Mapping[bytes, bytes | None]]]:
        """Give the tree's version after a height, and the values that keys had then, not yet compared."""
        chain = self.rules.chain
        with ExitStack() as stack:
            with self._consistent(height) as (view, near, held):
                record = self._provable(view, height)
                if record is None:
                    raise CheckpointUnavailable(chain=chain, height=height)
                replaced = replaced_since(view, chain, height, keys if held else None)
                said = {key: replaced[key] if key in replaced else view.get("state", key) for key in keys}
                version = self._versions.copy(near)
                stack.callback(self._versions.drop, version)
            # The view is closed: the way back can be long.
            if self._versions.root(version) != record.state_root:
                version = self._versions.change(version, replaced)
                stack.callback(self._versions.drop, version)
            if self._versions.root(version) != record.state_root:
                raise StoreDamaged(chain=chain, what=f"its undo records don't lead to height {height}")
            self._hold(height, version)
            yield version, said

    def _hold(self, height: int, version: int) -> None:
        """Keep a pinned height's version for the next proof; the one that was not used for longest makes room."""
        with self._swap:
            if not self._is_pinned(height):
                return
            held = self._held.pop(height, None)
            self._held[height] = self._versions.copy(version) if held is None else held
            gone = self._held.pop(next(iter(self._held))) if len(self._held) > _HELD_VERSIONS else None
        if gone is not None:
            self._versions.drop(gone)

    def _verified(self, version: int, said: Mapping[bytes, bytes | None]) -> Mapping[bytes, bytes | None]:
        if not self._versions.hold(version, said):
            raise ValueDamaged(chain=self.rules.chain)
        return said


class CommittedState:
    """The committed state as a ``StateReader``, each value compared with the tree. Usable from any thread."""

    __slots__ = ("_ledger",)

    def __init__(self, ledger: LedgerReading) -> None:
        self._ledger = ledger

    def get(self, key: bytes) -> bytes | None:
        """Return the value under a key, None when absent; raises as ``LedgerReading.value``."""
        return self._ledger.value(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) of every key with the prefix, in bytewise order; a lost row is not noticed."""
        with self._ledger.state() as view:
            found = [key for key, _ in view.scan(prefix)]
        values = self._ledger.values(found)
        return iter([(key, value) for key in found if (value := values[key]) is not None])


def read_transactions(rules: ChainRules, view: Snapshot, height: int) -> tuple[int, list[bytes]]:
    """Return block time and logged transactions of a block, as stored.

    Raises:
        StoreDamaged: the block or one of its entries is missing, or is not what was committed.
    """
    record = read_block(rules.suite.hash, view, rules.chain, height)
    if record is None:
        raise StoreDamaged(chain=rules.chain, what=f"block {height} is missing")
    entries = range(record.first, record.log_size)
    return record.time, [read_entry(view, rules.chain, index).transaction for index in entries]


def stored_genesis(home: Path, chain: str) -> Genesis:
    """Return the genesis that a home keeps of a chain.

    Raises:
        ChainNotFound: the home has no such chain.
        StoreDamaged: it does not decode.
    """
    store = Store(chain_folder(home, chain), chain, writable=False)
    try:
        return stored(Genesis, store.get("meta", b"genesis"), chain, "its genesis")
    finally:
        store.close()


def tip_of(rules: ChainRules, head: Head) -> Tip:
    """Return a head with the app hash of its height."""
    hash_ = app_hash(rules, head.state_root, head.size, head.log_root)
    return Tip(head.height, head.time, head.state_root, head.size, head.log_root, hash_)
