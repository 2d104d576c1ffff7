"""One chain of one home: blocks are executed here and committed whole (design D5, D6; S9.1).

The path of a block: ``execute`` checks and applies it, updates the tree and log in memory and returns a candidate with
its app hash; ``commit`` writes everything in one durable transaction, then the head file. A candidate that is not
committed is discarded and leaves no trace. What the engines agree on is the app hash; when and which blocks is theirs
to say. One thread executes and commits; any thread may read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.check import Checked, LookAhead, SignatureCache, check_forms, check_signatures
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import (
    BlockInvalid,
    CheckpointUnavailable,
    LogEntryNotFound,
    StoreDamaged,
    ValueDamaged,
)
from xinglin.carrier.ledger.head import HeadFile, HeadSlot, check_head
from xinglin.carrier.ledger.log import Tile, TileLog, TileReader
from xinglin.carrier.ledger.model import Genesis, Header, Leaf, Receipt, Transaction
from xinglin.carrier.ledger.overlay import ReadMemory
from xinglin.carrier.ledger.records import EntryRecord, block_record, read_block, read_entry, read_tip, stored
from xinglin.carrier.ledger.state.errors import TreeVersionUnknown
from xinglin.carrier.ledger.store import (
    DEFAULT_MAP_BYTES,
    Snapshot,
    StateView,
    Store,
    Write,
    body_key,
    chain_folder,
    number_key,
    tile_key,
)
from xinglin.carrier.ledger.transition import Outcome, Result, Seen, admitted, app_hash, apply_block, check_order
from xinglin.carrier.ledger.undo import replaced_since, stale_undo, undo_record
from xinglin.carrier.ledger.versions import StateVersions
from xinglin.carrier.ledger.window import check_window, first_entry
from xinglin.kernel.encoding import pack
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.kernel.hashing import Tag, tagged

KEPT_UNDO_HEIGHTS = 512
"""How many recent heights can be proven; pinned ones stay longer."""


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
    """An executed block that is not committed: its tip, results, and what a commit would write.

    ``replaced``: what its changes replace. It owns ``version`` of the tree.
    """

    tip: Tip
    results: list[Result]
    outcome: Outcome
    replaced: Mapping[bytes, bytes | None]
    version: int
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

    def __init__(
        self, rules: ChainRules, store: Store, head_file: HeadFile, versions: StateVersions, version: int
    ) -> None:
        self.rules = rules
        self.store = store
        self._head_file = head_file
        self._versions = versions
        self._version = version
        self._cache = SignatureCache()
        self._ahead = LookAhead()
        self._pinned: dict[int, int] = {}
        self._swap = threading.Lock()  # store and tree are of one block while it is held
        with store.snapshot() as view:
            self.tip = _tip(rules, read_tip(rules.suite.hash, view, rules.chain))
        self._log = TileLog.load(rules.suite, self.tip.log_size, self._read_tile)

    # --- opening and closing ---

    @classmethod
    def create(cls, home: Path, rules: ChainRules, map_bytes: int = DEFAULT_MAP_BYTES, *, sync: bool = True) -> Ledger:
        """Make the store of a chain at height 0 and open it; without ``sync`` for a scratch store only.

        Raises:
            StoreDamaged: there is a store of this chain already.
            StoreLocked: another process has it open.
        """
        founding = dict(rules.executor.founding(rules.chain, rules.genesis))
        with ExitStack() as undo:
            versions = StateVersions(rules.suite)
            undo.callback(versions.close)
            version = versions.load(founding.items())
            head = Head(rules.chain, 0, rules.suite.hash(b""), versions.root(version), 0, rules.genesis.time)
            store = Store(home / "chain" / rules.chain, rules.chain, map_bytes, sync=sync)
            undo.callback(store.close)
            if store.get("meta", b"genesis") is not None:
                raise StoreDamaged(chain=rules.chain, what="it exists already")
            transaction = store.commit(
                Write(
                    puts={
                        "meta": [(b"genesis", pack(rules.genesis))],
                        "state": sorted(founding.items()),
                        "block": [(number_key(0), pack(block_record(rules.suite.hash, head, 0)))],
                    },
                    appends={},
                    deletes={},
                )
            )
            head_file = HeadFile(home / "chain" / rules.chain / "head", rules.suite.hash)
            undo.callback(head_file.close)
            ledger = cls(rules, store, head_file, versions, version)
            ledger._write_head(transaction)
            if sync:
                head_file.sync()
            undo.pop_all()
        return ledger

    @classmethod
    def open(cls, home: Path, rules: ChainRules, map_bytes: int = DEFAULT_MAP_BYTES) -> Ledger:
        """Open a chain and compare its tip with its head file and its tree and log with their roots.

        Raises:
            ChainNotFound: the home has no such chain.
            StoreBehindHead, StoreDamaged: the store is not what was committed; it is not served.
            StoreLocked: another process has it open.
        """
        folder = chain_folder(home, rules.chain)
        with ExitStack() as undo:
            store = Store(folder, rules.chain, map_bytes)
            undo.callback(store.close)
            head_file = HeadFile(folder / "head", rules.suite.hash)
            undo.callback(head_file.close)
            versions = StateVersions(rules.suite)
            undo.callback(versions.close)
            try:
                ledger = cls(rules, store, head_file, versions, _compared(rules, store, head_file, versions))
                log_root = ledger._log.root()
            except Invalid:
                raise StoreDamaged(chain=rules.chain, what="its state or log does not decode") from None
            if log_root != ledger.tip.log_root:
                raise StoreDamaged(chain=rules.chain, what="its log does not have the committed root")
            undo.pop_all()
        return ledger

    def close(self) -> None:
        """Close the store; nothing that was committed is lost. Closing twice does nothing."""
        self._versions.close()
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
            ValueDamaged: a value that the block rests on is not the one that was committed; nothing changed.
        """
        check_order(height, time, self.tip.height, self.tip.time)
        if sum(map(len, raws)) > self.rules.parameters.max_block_bytes:
            raise BlockInvalid(height=height, reason="it is too large")
        checked = self._check_block(height, raws)
        with self.store.snapshot() as view:
            state = ReadMemory(StateView(view))
            outcome = apply_block(self.rules, state, _seen(view), self.tip.log_size, height, time, checked)
            replaced = {key: state.get(key) for key in outcome.changes}
        if not self._versions.hold(self._version, state.read):
            raise ValueDamaged(chain=self.rules.chain)
        return self._candidate(height, time, outcome, replaced)

    def look_ahead(self, raws: Sequence[bytes]) -> None:
        """Do stage (a) for transactions before their block is executed, from any thread; changes no answer."""
        forms = [one for one in check_forms(self.rules, raws) if isinstance(one, Checked)]
        for one, refusal in zip(forms, check_signatures(self.rules, SignatureCache(), forms), strict=True):
            if refusal is None:
                self._ahead.hold(one)

    def _check_block(self, height: int, raws: Sequence[bytes]) -> list[Checked]:
        ahead = [self._ahead.take(raw) for raw in raws]
        forms = iter(check_forms(self.rules, [raw for raw, one in zip(raws, ahead, strict=True) if one is None]))
        checked: list[Checked] = []
        fresh: list[Checked] = []
        for held in ahead:
            one = held or next(forms)
            if not isinstance(one, Checked):
                raise BlockInvalid(height=height, reason=one.code)
            checked.append(one)
            if held is None:
                fresh.append(one)
        for refusal in check_signatures(self.rules, self._cache, fresh):
            if refusal is not None:
                raise BlockInvalid(height=height, reason=refusal.code)
        return checked

    def _candidate(self, height: int, time: int, outcome: Outcome, replaced: Mapping[bytes, bytes | None]) -> Candidate:
        """T4: the tree and log after the outcome, and the app hash."""
        log = self._log.copy()
        tiles = log.append(self.rules.suite.leaf_hashes([pack(leaf) for _, _, leaf in outcome.logged]))
        version = self._versions.change(self._version, outcome.changes)
        head = Head(self.rules.chain, log.size, log.root(), self._versions.root(version), height, time)
        return Candidate(_tip(self.rules, head), outcome.results, outcome, replaced, version, log, tiles)

    def commit(self, candidate: Candidate) -> Tip:
        """Write an executed block durably, then its head; the ledger's tip is the candidate's from then on.

        Raises:
            BlockInvalid, StoreFull, StoreDamaged: nothing was written, the ledger is as before and the candidate is
            gone;
                but when only the head file can't be written, the block stands.
        """
        try:
            check_order(candidate.tip.height, candidate.tip.time, self.tip.height, self.tip.time)
            with self.store.snapshot() as view:
                write = self._write(candidate, view)
            with self._swap:
                transaction = self.store.commit(write)
                former, self._version = self._version, candidate.version
                self._log, self.tip = candidate.log, candidate.tip
        except PlatformError:
            self.discard(candidate)
            raise
        self._versions.drop(former)
        self._write_head(transaction)
        return self.tip

    def discard(self, candidate: Candidate) -> None:
        """Drop a candidate that will not be committed."""
        self._versions.drop(candidate.version)

    def _write(self, candidate: Candidate, view: Snapshot) -> Write:
        tip, changes, logged = candidate.tip, candidate.outcome.changes, candidate.outcome.logged
        record = block_record(self.rules.suite.hash, _head(self.rules, tip), len(logged))
        appends = {
            "block": [(number_key(tip.height), pack(record))],
            "entry": [
                (number_key(leaf.index), pack(EntryRecord(pack(leaf), pack(receipt), checked.raw)))
                for checked, receipt, leaf in logged
            ],
        }
        if changes:
            appends["undo"] = [(number_key(tip.height), undo_record(candidate.replaced))]
        oldest = min([tip.height - KEPT_UNDO_HEIGHTS, *list(self._pinned)])
        return Write(
            puts={
                "state": sorted((key, value) for key, value in changes.items() if value is not None),
                "body": sorted(
                    (body_key(leaf.valid_until, leaf.body), number_key(leaf.index)) for _, _, leaf in logged
                ),
                "tile": sorted((tile_key(*tile), hashes) for tile, hashes in candidate.tiles.items()),
            },
            appends=appends,
            deletes={
                "state": [key for key, value in changes.items() if value is None],
                "undo": stale_undo(view, oldest),
            },
        )

    def _write_head(self, transaction: int) -> None:
        tip = self.tip
        try:
            self._head_file.write(HeadSlot(tip.height, tip.app_hash, tip.log_size, transaction))
        except OSError as error:
            what = f"its head file can't be written ({error.strerror})"
            raise StoreDamaged(chain=self.rules.chain, what=what) from None

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
        try:
            found = self.store.get("state", key)
            if self._versions.hold(self._version, {key: found}):
                return found
        except TreeVersionUnknown:
            pass
        # A block may have been committed between the two looks: look again, at one block.
        with self._consistent() as (view, version, _):
            return self._verified(version, {key: view.get("state", key)})[key]

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

    def find(self, valid_until: int, body: bytes) -> int | None:
        """Return the log index of a body id, None while it is not logged.

        That it is not logged rests on an index that is compared when the store is opened (as far as a transaction can
        be replayed) and by ``recheck`` (all of it).

        Raises:
            StoreDamaged: the index names another log entry.
        """
        chain, what = self.rules.chain, "a log entry that the index of body ids names"
        with self.store.snapshot() as view:
            found = view.get("body", body_key(valid_until, body))
            if found is None:
                return None
            entry = view.get("entry", found)
            if entry is None and found < number_key(first_entry(self.rules, view)):
                return int.from_bytes(found, "big")  # it came with the snapshot that this home began from
        leaf = stored(Leaf, stored(EntryRecord, entry, chain, what).leaf, chain, what)
        if leaf.body != body:
            raise StoreDamaged(chain=chain, what="the index of body ids names another log entry")
        return leaf.index

    def entry(self, index: int) -> Entry:
        """Return a logged transaction, compared with the log.

        Raises:
            LogEntryNotFound: no such index.
            StoreDamaged: what is stored is not what was logged.
        """
        chain, suite = self.rules.chain, self.rules.suite
        with self.store.snapshot() as view:
            if view.get("entry", number_key(index)) is None:
                raise LogEntryNotFound(chain=chain, entry=index)
            record = read_entry(view, chain, index)
        if self.tiles().leaf_hash(index) != suite.leaf_hash(record.leaf):
            raise StoreDamaged(chain=chain, what=f"log entry {index} is not the one in the log")
        leaf = stored(Leaf, record.leaf, chain, f"log entry {index}")
        receipt = stored(Receipt, record.receipt, chain, f"log entry {index}")
        checked = check_forms(self.rules, [record.transaction])[0]
        named = (leaf.body, leaf.transaction, leaf.receipt)
        if not isinstance(checked, Checked) or named != (
            checked.body,
            checked.hash,
            tagged(suite.hash, Tag.RECEIPT, receipt),
        ):
            raise StoreDamaged(chain=chain, what=f"log entry {index} is not what its leaf names")
        return Entry(leaf, receipt, checked.transaction)

    def blocks(self, first: int = 1) -> Iterator[tuple[int, int, list[bytes]]]:
        """Yield (height, time, logged transactions) of each block from ``first`` on, each read in its own snapshot."""
        for height in range(first, self.tip.height + 1):
            with self.store.snapshot() as view:
                time, raws = read_transactions(self.rules, view, height)
            yield height, time, raws

    def tiles(self) -> TileReader:
        """Return what makes roots and paths of the log; read anew for each piece of work."""
        return TileReader(self.rules.suite, self._read_tile)

    def _read_tile(self, tile: Tile) -> bytes:
        found = self.store.get("tile", tile_key(*tile))
        if found is None:
            raise StoreDamaged(chain=self.rules.chain, what=f"tile {tile} of its log is missing")
        return found

    def subtree(self, prefix: bytes, bits: int) -> bytes:
        """Return all keys of the tip's state under a prefix, proven (``state.proof.StateSubtree``)."""
        return self._versions.subtree(self._version, prefix, bits)

    # --- proofs at a height ---

    def pin(self, height: int) -> None:
        """Keep a height provable until ``unpin``: for a checkpoint that waits for cosignatures, or the last anchored.

        Raises:
            CheckpointUnavailable: the height is no longer kept, or not there yet.
        """
        with self._as_of(height) as (_, version, _), self._swap:
            if height not in self._pinned:
                self._pinned[height] = self._versions.copy(version)

    def unpin(self, height: int) -> None:
        """Let a height go."""
        with self._swap:
            version = self._pinned.pop(height, None)
        if version is not None:
            self._versions.drop(version)

    def prove_state(self, height: int, keys: Sequence[bytes]) -> list[tuple[bytes | None, bytes]]:
        """Return (value or None, proof) of each key as of a height, under that height's state root.

        Raises:
            CheckpointUnavailable: the height is no longer kept, or not there yet.
            ValueDamaged: a stored value is not the one that was committed.
        """
        with self._as_of(height) as (view, version, replaced):
            said = {key: replaced[key] if key in replaced else view.get("state", key) for key in keys}
            self._verified(version, said)
            return list(zip((said[key] for key in keys), self._versions.prove(version, keys), strict=True))

    @contextmanager
    def _consistent(self, height: int | None = None) -> Iterator[tuple[Snapshot, int, int]]:
        """Give a view of the store and our own copy of the tree's version, of one block.

        The version is that of the given height if it is pinned, else the tip's. The third is the least height since
        which all undo records are there.
        """
        with ExitStack() as stack:
            with self._swap:
                view = stack.enter_context(self.store.snapshot())
                pinned = None if height is None else self._pinned.get(height)
                version = self._versions.copy(self._version if pinned is None else pinned)
                kept = min([self.tip.height - KEPT_UNDO_HEIGHTS, *self._pinned])
            stack.callback(self._versions.drop, version)
            yield view, version, kept

    @contextmanager
    def _as_of(self, height: int) -> Iterator[tuple[Snapshot, int, Mapping[bytes, bytes | None]]]:
        """Give a view of the store, the tree's version after a height, and the values of what changed since."""
        chain = self.rules.chain
        with self._consistent(height) as (view, version, kept):
            record = read_block(self.rules.suite.hash, view, chain, height)
            if record is None or height < kept:
                raise CheckpointUnavailable(chain=chain, height=height)
            replaced = replaced_since(view, chain, height)
            if self._versions.root(version) == record.state_root:
                yield view, version, replaced
                return
            older = self._versions.change(version, replaced)
            try:
                if self._versions.root(older) != record.state_root:
                    raise StoreDamaged(chain=chain, what=f"its undo records don't lead to height {height}")
                yield view, older, replaced
            finally:
                self._versions.drop(older)

    def _verified(self, version: int, said: Mapping[bytes, bytes | None]) -> Mapping[bytes, bytes | None]:
        if not self._versions.hold(version, said):
            raise ValueDamaged(chain=self.rules.chain)
        return said


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


def _compared(rules: ChainRules, store: Store, head_file: HeadFile, versions: StateVersions) -> int:
    """Compare a store with genesis, head file, replay window and state root; return the tree's version of its tip."""
    with store.snapshot() as view:
        if view.get("meta", b"genesis") != pack(rules.genesis):
            raise StoreDamaged(chain=rules.chain, what="it has no genesis of this chain")
        head = read_tip(rules.suite.hash, view, rules.chain)
        tip = _tip(rules, head)
        check_head(rules.chain, head_file.read(), tip.height, tip.app_hash, view.transaction)
        check_window(rules, view, head)
        version = versions.load(view.items("state"))
    if versions.root(version) != tip.state_root:
        raise StoreDamaged(chain=rules.chain, what="its state does not have the committed root")
    return version


def _seen(view: Snapshot) -> Seen:
    def seen(header: Header, body: bytes) -> bool:
        return view.get("body", body_key(header.valid_until, body)) is not None

    return seen


def _tip(rules: ChainRules, head: Head) -> Tip:
    hash_ = app_hash(rules, head.state_root, head.size, head.log_root)
    return Tip(head.height, head.time, head.state_root, head.size, head.log_root, hash_)


def _head(rules: ChainRules, tip: Tip) -> Head:
    return Head(rules.chain, tip.log_size, tip.log_root, tip.state_root, tip.height, tip.time)
