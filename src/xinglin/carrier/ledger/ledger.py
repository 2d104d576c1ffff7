"""One chain of one home: blocks are executed here and committed whole (design D5, D6; S9.1).

The path of a block: ``execute`` checks and applies it, updates the tree and log in memory and returns a candidate with
its app hash; ``commit`` writes everything in one durable transaction, then the head file. A candidate that is not
committed is discarded and leaves no trace. What the engines agree on is the app hash; when and which blocks is theirs to
say. One thread executes and commits; any thread may read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.check import Checked, SignatureCache, check_forms, check_signatures
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import (
    BlockInvalid,
    ChainNotFound,
    CheckpointUnavailable,
    LogEntryNotFound,
    StoreDamaged,
    ValueDamaged,
)
from xinglin.carrier.ledger.head import HeadFile, HeadSlot, check_head
from xinglin.carrier.ledger.log import Tile, TileLog, TileReader
from xinglin.carrier.ledger.model import Genesis, Header, Leaf, Receipt, Transaction
from xinglin.carrier.ledger.state.native_tree import NativeTree
from xinglin.carrier.ledger.state.tree import StateTree
from xinglin.carrier.ledger.store import (
    DEFAULT_MAP_BYTES,
    MAX_KEY_BYTES,
    Snapshot,
    StateView,
    Store,
    Write,
    body_key,
    number_key,
    tile_key,
)
from xinglin.carrier.ledger.transition import (
    Outcome,
    Result,
    Seen,
    admitted,
    app_hash,
    apply_block,
    check_order,
    leaf_names,
)
from xinglin.kernel.encoding import ChainObject, Digest, Milliseconds, Natural, decode, pack
from xinglin.kernel.errors import Invalid, PlatformError

KEPT_UNDO_HEIGHTS = 512
"""How many recent heights can be proven; pinned ones stay longer."""
_LOAD_SLICE = 100_000


class BlockRecord(ChainObject, frozen=True):
    """What the store keeps of a block: its time, its log entries and the roots after it."""

    time: Milliseconds
    first: Natural
    count: Natural
    state_root: Digest
    log_root: Digest


class EntryRecord(ChainObject, frozen=True):
    """What the store keeps of a logged transaction: canonical bytes of leaf, receipt and transaction."""

    leaf: bytes
    receipt: bytes
    transaction: bytes


class Replaced(ChainObject, frozen=True):
    """A key that a block changed and its value before (empty: it was absent)."""

    key: bytes
    value: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Tip:
    """The last committed block: height, time in ms, and what its app hash is made of."""

    height: int
    time: int
    state_root: bytes
    log_size: int
    log_root: bytes
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """An executed block that is not committed: its tip, results, and what a commit would write."""

    tip: Tip
    results: list[Result]
    outcome: Outcome
    tree_version: int
    log: TileLog
    tiles: Mapping[Tile, bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """A logged transaction: its leaf, its receipt and the transaction."""

    leaf: Leaf
    receipt: Receipt
    transaction: Transaction


class Ledger:
    """One open chain. Create with ``Ledger.create`` or ``Ledger.open``."""

    def __init__(self, rules: ChainRules, store: Store, head_file: HeadFile, tree: StateTree, version: int) -> None:
        self.rules = rules
        self.store = store
        self._head_file = head_file
        self._tree = tree
        self._version = version
        self._cache = SignatureCache()
        self._pinned: dict[int, int] = {}
        self.tip = _read_tip(rules, store)
        self._log = TileLog.load(rules.suite, self.tip.log_size, self._read_tile)

    # --- opening and closing ---

    @classmethod
    def create(
        cls, home: Path, rules: ChainRules, map_bytes: int = DEFAULT_MAP_BYTES, *, sync: bool = True
    ) -> Ledger:
        """Make the store of a chain at height 0 and open it; without ``sync`` for a scratch store only.

        Raises:
            StoreDamaged: there is a store of this chain already.
        """
        folder = home / "chain" / rules.chain
        store = Store(folder, rules.chain, map_bytes, sync=sync)
        if store.get("meta", b"genesis") is not None:
            store.close()
            raise StoreDamaged(chain=rules.chain, what="it exists already")
        tree = NativeTree(rules.suite)
        founding = dict(rules.executor.founding(rules.chain, rules.genesis))
        version = _load(rules, tree, founding.items())
        record = BlockRecord(rules.genesis.time, 0, 0, tree.root(version), rules.suite.hash(b""))
        store.commit(
            Write(
                puts={
                    "meta": [(b"genesis", pack(rules.genesis))],
                    "state": sorted(founding.items()),
                    "block": [(number_key(0), pack(record))],
                },
                appends={},
                deletes={},
            )
        )
        head_file = HeadFile(folder / "head", rules.suite.hash)
        ledger = cls(rules, store, head_file, tree, version)
        ledger._write_head(store.last_transaction)
        return ledger

    @classmethod
    def open(cls, home: Path, rules: ChainRules, map_bytes: int = DEFAULT_MAP_BYTES) -> Ledger:
        """Open a chain and compare its tip with its head file and its tree with its root.

        Raises:
            ChainNotFound: the home has no such chain.
            StoreBehindHead, StoreDamaged: the store is not what was committed; it is not served.
            StoreLocked: another process has it open.
        """
        folder = home / "chain" / rules.chain
        if not (folder / "data").is_dir():
            raise ChainNotFound(chain=rules.chain)
        store = Store(folder, rules.chain, map_bytes)
        head_file = HeadFile(folder / "head", rules.suite.hash)
        try:
            tip = _read_tip(rules, store)
            check_head(rules.chain, head_file.read(), tip.height, tip.app_hash, store.last_transaction)
            tree = NativeTree(rules.suite)
            with store.snapshot() as view:
                version = _load(rules, tree, view.items("state"))
            if tree.root(version) != tip.state_root:
                raise StoreDamaged(chain=rules.chain, what="its state does not have the committed root")
            ledger = cls(rules, store, head_file, tree, version)
            if ledger._log.root() != tip.log_root:
                raise StoreDamaged(chain=rules.chain, what="its log does not have the committed root")
        except PlatformError:
            head_file.close()
            store.close()
            raise
        return ledger

    def close(self) -> None:
        """Close the store; nothing that was committed is lost."""
        self._tree.close()
        self._head_file.close()
        self.store.close()

    # --- blocks ---

    def check(self, raws: Sequence[bytes], time: int) -> list[Checked | PlatformError]:
        """Look at transactions as for a block at ``time`` (CheckTx): (a) form, (b) admission, (a) signatures.

        Quotas are looked at before signatures, which are the dear part.
        """
        forms = check_forms(self.rules, raws)
        with self.store.snapshot() as view:
            state = StateView(view)
            answers: list[Checked | PlatformError] = [
                (admitted(self.rules, state, _seen(view), time, one) or one) if isinstance(one, Checked) else one
                for one in forms
            ]
        signed = [one for one in answers if isinstance(one, Checked)]
        refusals = iter(check_signatures(self.rules, self._cache, signed))
        return [(next(refusals) or one) if isinstance(one, Checked) else one for one in answers]

    def execute(self, height: int, time: int, raws: Sequence[bytes]) -> Candidate:
        """Check and apply one block on the committed state (ProcessProposal, FinalizeBlock).

        Args:
            height: must be the tip's plus 1.
            time: block time in ms, later than the tip's.
            raws: the transactions' bytes in block order.

        Returns: a candidate; give it to ``commit`` or ``discard``.

        Raises:
            BlockInvalid: the block breaks T1; nothing changed.
        """
        check_order(height, time, self.tip.height, self.tip.time)
        if sum(map(len, raws)) > self.rules.parameters.max_block_bytes:
            raise BlockInvalid(height=height, reason="it is too large")
        checked = self._check_block(height, raws)
        with self.store.snapshot() as view:
            outcome = apply_block(
                self.rules, StateView(view), _seen(view), self.tip.log_size, height, time, checked
            )
        return self._candidate(height, time, outcome)

    def _check_block(self, height: int, raws: Sequence[bytes]) -> list[Checked]:
        checked: list[Checked] = []
        for one in check_forms(self.rules, raws):
            if not isinstance(one, Checked):
                raise BlockInvalid(height=height, reason=one.code)
            checked.append(one)
        for refusal in check_signatures(self.rules, self._cache, checked):
            if refusal is not None:
                raise BlockInvalid(height=height, reason=refusal.code)
        return checked

    def _candidate(self, height: int, time: int, outcome: Outcome) -> Candidate:
        """T4: the tree and log after the outcome, and the app hash."""
        suite = self.rules.suite
        version = _update(self.rules, self._tree, self._version, outcome.changes)
        log = self._log.copy()
        tiles = log.append(suite.leaf_hashes([pack(leaf) for _, _, leaf in outcome.logged]))
        state_root, log_root = self._tree.root(version), log.root()
        hash_ = app_hash(self.rules, state_root, log.size, log_root)
        tip = Tip(height, time, state_root, log.size, log_root, hash_)
        return Candidate(tip, outcome.results, outcome, version, log, tiles)

    def commit(self, candidate: Candidate) -> Tip:
        """Write an executed block durably, then its head; the ledger's tip is the candidate's from then on.

        Raises:
            StoreFull, StoreDamaged: nothing was written and the ledger is as before.
        """
        check_order(candidate.tip.height, candidate.tip.time, self.tip.height, self.tip.time)
        with self.store.snapshot() as view:
            write = self._write(candidate, view)
        transaction = self.store.commit(write)
        if candidate.tree_version != self._version and self._version not in self._pinned.values():
            self._tree.drop(self._version)
        self._version, self._log, self.tip = candidate.tree_version, candidate.log, candidate.tip
        self._write_head(transaction)
        return self.tip

    def discard(self, candidate: Candidate) -> None:
        """Drop a candidate that will not be committed."""
        if candidate.tree_version != self._version:
            self._tree.drop(candidate.tree_version)

    def _write(self, candidate: Candidate, view: Snapshot) -> Write:
        tip, changes, logged = candidate.tip, candidate.outcome.changes, candidate.outcome.logged
        record = BlockRecord(tip.time, self.tip.log_size, len(logged), tip.state_root, tip.log_root)
        appends = {
            "block": [(number_key(tip.height), pack(record))],
            "entry": [
                (number_key(leaf.index), pack(EntryRecord(pack(leaf), pack(receipt), checked.raw)))
                for checked, receipt, leaf in logged
            ],
        }
        if changes:
            appends["undo"] = [(number_key(tip.height), _undo(view, changes))]
        return Write(
            puts={
                "state": sorted((key, value) for key, value in changes.items() if value is not None),
                "body": sorted((body_key(leaf.valid_until, leaf.body), number_key(leaf.index)) for _, _, leaf in logged),
                "tile": sorted((tile_key(*tile), hashes) for tile, hashes in candidate.tiles.items()),
            },
            appends=appends,
            deletes={
                "state": [key for key, value in changes.items() if value is None],
                "undo": self._stale_undo(view, tip.height),
            },
        )

    def _stale_undo(self, view: Snapshot, height: int) -> list[bytes]:
        oldest = min([height - KEPT_UNDO_HEIGHTS, *self._pinned])
        stale = []
        for key, _ in view.items("undo"):
            if key > number_key(max(oldest, 0)) or len(stale) == 4:
                break
            stale.append(key)
        return stale

    def _write_head(self, transaction: int) -> None:
        self._head_file.write(HeadSlot(self.tip.height, self.tip.app_hash, self.tip.log_size, transaction))

    # --- reading ---

    def check_room(self) -> None:
        """Raise StoreFull when the store is at 80 % of its map."""
        self.store.check_room()

    @contextmanager
    def state(self) -> Iterator[StateView]:
        """Give the committed state for a few seconds; values are not compared with the tree."""
        with self.store.snapshot() as view:
            yield StateView(view)

    def value(self, key: bytes) -> bytes | None:
        """Return a value of the committed state, compared with the tree.

        Raises:
            ValueDamaged: the stored value is not the one that was committed.
        """
        return self._verified(self.tip, self._version, key, self.store.get("state", key))

    def head_at(self, height: int) -> Head:
        """Return the head that the chain had after a height.

        Raises:
            CheckpointUnavailable: there is no such block yet.
        """
        stored = self.store.get("block", number_key(height))
        if stored is None:
            raise CheckpointUnavailable(chain=self.rules.chain, height=height)
        record = decode(BlockRecord, stored)
        size = record.first + record.count
        return Head(self.rules.chain, size, record.log_root, record.state_root, height, record.time)

    def find(self, valid_until: int, body: bytes) -> int | None:
        """Return the log index of a body id, None while it is not logged."""
        found = self.store.get("body", body_key(valid_until, body))
        return int.from_bytes(found, "big") if found is not None else None

    def entry(self, index: int) -> Entry:
        """Return a logged transaction, compared with the log.

        Raises:
            LogEntryNotFound: no such index.
            StoreDamaged: what is stored is not what was logged.
        """
        stored = self.store.get("entry", number_key(index))
        if stored is None:
            raise LogEntryNotFound(chain=self.rules.chain, entry=index)
        try:
            record = decode(EntryRecord, stored)
            entry = Entry(
                decode(Leaf, record.leaf), decode(Receipt, record.receipt), decode(Transaction, record.transaction)
            )
        except Invalid:
            raise StoreDamaged(chain=self.rules.chain, what=f"log entry {index} does not decode") from None
        check_entry(self.rules, entry)
        if self.tiles().leaf_hash(index) != self.rules.suite.leaf_hash(record.leaf):
            raise StoreDamaged(chain=self.rules.chain, what=f"log entry {index} is not the one in the log")
        return entry

    def blocks(self, first: int = 1) -> Iterator[tuple[int, int, list[bytes]]]:
        """Yield (height, time, logged transactions) of each block from ``first`` on, each read in its own snapshot."""
        for height in range(first, self.tip.height + 1):
            with self.store.snapshot() as view:
                record = decode(BlockRecord, view.get("block", number_key(height)) or b"")
                entries = [
                    decode(EntryRecord, view.get("entry", number_key(index)) or b"").transaction
                    for index in range(record.first, record.first + record.count)
                ]
            yield height, record.time, entries

    def tiles(self) -> TileReader:
        """Return what makes roots and paths of the log; read anew for each piece of work."""
        return TileReader(self.rules.suite, self._read_tile)

    def _read_tile(self, tile: Tile) -> bytes:
        stored = self.store.get("tile", tile_key(*tile))
        if stored is None:
            raise StoreDamaged(chain=self.rules.chain, what=f"tile {tile} of its log is missing")
        return stored

    def subtree(self, prefix: bytes, bits: int) -> bytes:
        """Return all keys of the tip's state under a prefix, proven (``state.proof.StateSubtree``)."""
        return self._tree.subtree(self._version, prefix, bits)

    # --- proofs at a height ---

    def pin(self, height: int) -> None:
        """Keep a height provable until ``unpin``: for a checkpoint that waits for cosignatures, or the last anchored."""
        if height not in self._pinned:
            self._pinned[height] = self._version_at(height)

    def unpin(self, height: int) -> None:
        """Let a height go."""
        version = self._pinned.pop(height, None)
        if version is not None and version != self._version and version not in self._pinned.values():
            self._tree.drop(version)

    def prove_state(self, height: int, keys: Sequence[bytes]) -> list[tuple[bytes | None, bytes]]:
        """Return (value or None, proof) of each key as of a height, under that height's state root.

        Raises:
            CheckpointUnavailable: the height is no longer kept.
            ValueDamaged: a stored value is not the one that was committed.
        """
        version = self._pinned.get(height)
        passing = version is None
        if version is None:
            version = self._version_at(height)
        try:
            head = self.head_at(height)
            tip = Tip(height, head.time, head.state_root, head.size, head.log_root, b"")
            values = [self._verified(tip, version, key, self._value_at(height, key)) for key in keys]
            proofs = self._tree.prove_many(version, self.rules.suite.hash_many(list(keys)))
            return list(zip(values, proofs, strict=True))
        finally:
            if passing and version != self._version:
                self._tree.drop(version)

    def _version_at(self, height: int) -> int:
        """Return the tree's version after a height, made from the undo records when it is not the tip's."""
        if self.head_at(height).state_root == self.tip.state_root:
            return self._version
        with self.store.snapshot() as view:
            older = [key for key, _ in view.items("undo", start=number_key(height + 1))]
            first = view.items("undo")
            oldest = next(first, (b"", b""))[0]
            first.close()  # type: ignore[attr-defined]
            if height < self.tip.height - KEPT_UNDO_HEIGHTS and (not oldest or number_key(height) < oldest):
                raise CheckpointUnavailable(chain=self.rules.chain, height=height)
            changes: dict[bytes, bytes | None] = {}
            for key in reversed(older):
                for replaced in decode(tuple[Replaced, ...], view.get("undo", key) or b""):
                    changes[replaced.key] = replaced.value[0] if replaced.value else None
        version = _update(self.rules, self._tree, self._version, changes)
        if self._tree.root(version) != self.head_at(height).state_root:
            self._tree.drop(version)
            raise StoreDamaged(chain=self.rules.chain, what=f"its undo records don't lead to height {height}")
        return version

    def _value_at(self, height: int, key: bytes) -> bytes | None:
        with self.store.snapshot() as view:
            for _, undo in view.items("undo", start=number_key(height + 1)):
                for replaced in decode(tuple[Replaced, ...], undo):
                    if replaced.key == key:
                        return replaced.value[0] if replaced.value else None
            return view.get("state", key)

    def _verified(self, tip: Tip, version: int, key: bytes, value: bytes | None) -> bytes | None:
        if not self._tree.holds(version, key, value):
            raise ValueDamaged(chain=self.rules.chain)
        return value


def check_entry(rules: ChainRules, entry: Entry) -> None:
    """Compare an entry's leaf with its transaction and receipt.

    Raises:
        StoreDamaged: the leaf does not name them.
    """
    if not leaf_names(rules.suite.hash, entry.leaf, entry.transaction.header, entry.transaction.signatures, entry.receipt):
        raise StoreDamaged(chain=rules.chain, what=f"log entry {entry.leaf.index} is not what its leaf names")


def stored_genesis(home: Path, chain: str) -> Genesis:
    """Return the genesis that a home keeps of a chain.

    Raises:
        ChainNotFound: the home has no such chain.
        StoreDamaged: it does not decode.
    """
    folder = home / "chain" / chain
    if not (folder / "data").is_dir():
        raise ChainNotFound(chain=chain)
    store = Store(folder, chain, writable=False)
    try:
        stored = store.get("meta", b"genesis")
        return decode(Genesis, stored or b"")
    except Invalid:
        raise StoreDamaged(chain=chain, what="its genesis does not decode") from None
    finally:
        store.close()


def _seen(view: Snapshot) -> Seen:
    def seen(header: Header, body: bytes) -> bool:
        return view.get("body", body_key(header.valid_until, body)) is not None

    return seen


def _read_tip(rules: ChainRules, store: Store) -> Tip:
    with store.snapshot() as view:
        last = view.last("block")
        if last is None or view.get("meta", b"genesis") != pack(rules.genesis):
            raise StoreDamaged(chain=rules.chain, what="it has no genesis of this chain")
        height = int.from_bytes(last[0], "big")
        try:
            record = decode(BlockRecord, last[1])
        except Invalid:
            raise StoreDamaged(chain=rules.chain, what="its last block does not decode") from None
    size = record.first + record.count
    hash_ = app_hash(rules, record.state_root, size, record.log_root)
    return Tip(height, record.time, record.state_root, size, record.log_root, hash_)


def _undo(view: Snapshot, changes: Iterable[bytes]) -> bytes:
    replaced = []
    for key in sorted(changes):
        old = view.get("state", key)
        replaced.append(Replaced(key, () if old is None else (old,)))
    return pack(replaced)


def _update(rules: ChainRules, tree: StateTree, base: int, changes: Mapping[bytes, bytes | None]) -> int:
    """Return the tree's version after changes; ``base`` itself when there are none."""
    if not changes:
        return base
    keys = list(changes)
    longest = max(map(len, keys))
    if longest > MAX_KEY_BYTES:
        raise StoreDamaged(chain=rules.chain, what=f"a state key has {longest} bytes")
    values = [changes[key] for key in keys]
    key_hashes = rules.suite.hash_many(keys)
    hashes = iter(rules.suite.hash_many([value for value in values if value is not None]))
    return tree.update(base, key_hashes, [None if value is None else next(hashes) for value in values])


def _load(rules: ChainRules, tree: StateTree, items: Iterable[tuple[bytes, bytes]]) -> int:
    """Build the tree from all keys and values, a slice at a time so that memory stays flat."""
    version = tree.empty()
    batch: dict[bytes, bytes | None] = {}
    for key, value in items:
        batch[key] = value
        if len(batch) == _LOAD_SLICE:
            version, batch = _next(rules, tree, version, batch), {}
    return _next(rules, tree, version, batch)


def _next(rules: ChainRules, tree: StateTree, version: int, batch: Mapping[bytes, bytes | None]) -> int:
    newer = _update(rules, tree, version, batch)
    if newer != version:
        tree.drop(version)
    return newer
