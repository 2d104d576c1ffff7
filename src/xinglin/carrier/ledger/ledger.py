"""One chain of one home: blocks are executed here and committed whole (design D5, D6; S9.1).

The path of a block: ``execute`` checks and applies it, updates the tree and log in memory and returns a candidate with
its app hash; ``commit`` writes everything in one durable transaction, then the head file. A candidate that is not
committed is discarded and leaves no trace. What the engines agree on is the app hash; when and which blocks is theirs
to say. One thread executes and commits; any thread may read.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.check import Checked, LookAhead, SignatureCache, check_forms, check_signatures
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import (
    BlockInvalid,
    StoreDamaged,
    ValueDamaged,
)
from xinglin.carrier.ledger.head import HeadFile, HeadSlot, check_head
from xinglin.carrier.ledger.log import Tile, TileLog
from xinglin.carrier.ledger.model import Header
from xinglin.carrier.ledger.overlay import ReadMemory
from xinglin.carrier.ledger.reading import LedgerReading, Tip, tip_of
from xinglin.carrier.ledger.records import EntryRecord, block_record, read_tip
from xinglin.carrier.ledger.store import (
    DEFAULT_MAP_BYTES,
    GENESIS_NAME,
    Snapshot,
    StateView,
    Store,
    Write,
    body_key,
    chain_folder,
    number_key,
    tile_key,
)
from xinglin.carrier.ledger.transition import Outcome, Result, Seen, admissions, apply_block, check_order
from xinglin.carrier.ledger.undo import stale_undo, undo_record
from xinglin.carrier.ledger.versions import StateVersions
from xinglin.carrier.ledger.watching import Watch
from xinglin.carrier.ledger.window import check_window, stale_leaves
from xinglin.kernel.encoding import pack
from xinglin.kernel.errors import Invalid, PlatformError


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
class PastWrite:
    """Rows that go with the next block; ``done`` is set once they are durable."""

    write: Write
    whole: bool
    done: threading.Event = field(default_factory=threading.Event)


class Ledger(LedgerReading):
    """One open chain. Create with ``Ledger.create`` or ``Ledger.open``."""

    def __init__(
        self, rules: ChainRules, store: Store, head_file: HeadFile, versions: StateVersions, version: int
    ) -> None:
        super().__init__(rules, store, versions, version)
        self._head_file = head_file
        self._cache = SignatureCache()
        self._ahead = LookAhead()
        self._past: PastWrite | None = None
        self._watches: list[Watch] = []
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
        folder = home / "chain" / rules.chain
        with ExitStack() as undo:
            versions = StateVersions(rules.suite)
            undo.callback(versions.close)
            version = versions.load(founding.items())
            head = Head(rules.chain, 0, rules.suite.hash(b""), versions.root(version), 0, rules.genesis.time)
            store = Store(folder, rules.chain, map_bytes, sync=sync)
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
            head_file = HeadFile(folder / "head", rules.suite.hash)
            undo.callback(head_file.close)
            ledger = cls(rules, store, head_file, versions, version)
            ledger._write_head(transaction)
            if sync:
                write_durably(folder / GENESIS_NAME, pack(rules.genesis))
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

        Quotas are looked at before signatures, which are the dear part. What passes is held for its block.
        """
        ahead = [self._ahead.get(raw) for raw in raws]
        forms = self._forms(raws, ahead)
        with self.store.snapshot() as view:
            refusals = admissions(self.rules, StateView(view), _seen(view), time, forms)
        fresh = [
            one
            for held, one, refusal in zip(ahead, forms, refusals, strict=True)
            if held is None and refusal is None and isinstance(one, Checked)
        ]
        signed = self._hold_good(fresh)
        return [refusal or signed.get(id(one)) or one for one, refusal in zip(forms, refusals, strict=True)]

    def formed(self, raws: Sequence[bytes]) -> list[bool]:
        """Tell of each transaction whether it passes stage (a), so that a block may hold it, logged or passed over."""
        ahead = [self._ahead.get(raw) for raw in raws]
        forms = self._forms(raws, ahead)
        fresh = [one for one, held in zip(forms, ahead, strict=True) if held is None and isinstance(one, Checked)]
        forged = self._hold_good(fresh)
        return [isinstance(one, Checked) and id(one) not in forged for one in forms]

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
        self.formed(raws)

    def _hold_good(self, forms: Sequence[Checked]) -> dict[int, Invalid]:
        """Verify signatures and hold what is good; return the refusals by the identity of what is refused."""
        refused: dict[int, Invalid] = {}
        for one, refusal in zip(forms, check_signatures(self.rules, SignatureCache(), forms), strict=True):
            if refusal is None:
                self._ahead.hold(one)
            else:
                refused[id(one)] = refusal
        return refused

    def _forms(self, raws: Sequence[bytes], ahead: Sequence[Checked | None]) -> list[Checked | Invalid]:
        """Check the forms of those transactions that are not held."""
        forms = iter(check_forms(self.rules, [raw for raw, one in zip(raws, ahead, strict=True) if one is None]))
        return [one or next(forms) for one in ahead]

    def _check_block(self, height: int, raws: Sequence[bytes]) -> list[Checked]:
        ahead = [self._ahead.take(raw) for raw in raws]
        checked: list[Checked] = []
        fresh: list[Checked] = []
        for held, one in zip(ahead, self._forms(raws, ahead), strict=True):
            if not isinstance(one, Checked):
                raise BlockInvalid(height=height, reason=one.code)
            checked.append(one)
            if held is None:
                fresh.append(one)
            else:
                self._cache.add(one.hash)  # its block may come again in another round
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
        return Candidate(tip_of(self.rules, head), outcome.results, outcome, replaced, version, log, tiles)

    def commit(self, candidate: Candidate) -> Tip:
        """Write an executed block durably, then its head; the ledger's tip is the candidate's from then on.

        Raises:
            BlockInvalid, StoreFull, StoreDamaged: nothing was written, the ledger is as before and the candidate is
            gone;
                but when only the head file can't be written, the block stands.
        """
        try:
            check_order(candidate.tip.height, candidate.tip.time, self.tip.height, self.tip.time)
            write = self._write(candidate)
            with self._swap:
                # What goes is looked up here, so that no height is pinned between that and its going.
                write = replace(write, deletes={**write.deletes, **self._stale(candidate)})
                transaction = self.store.commit(write if self._past is None else write.with_puts(self._past.write))
                self._past_written()
                former, self._version = self._version, candidate.version
                try:
                    self._compared.move(candidate.version, candidate.outcome.changes)
                finally:  # the block is durable, whatever fails from here on
                    self._log, self.tip = candidate.log, candidate.tip
                    for watch in self._watches:
                        watch.note(candidate.outcome.changes)
        except PlatformError:
            self.discard(candidate)
            raise
        self._versions.drop(former)
        self._write_head(transaction)
        return self.tip

    def discard(self, candidate: Candidate) -> None:
        """Drop a candidate that will not be committed."""
        self._versions.drop(candidate.version)

    def watch(self, prefix: bytes) -> Watch:
        """Return what collects the keys under a prefix that blocks change from now on; for as long as this is open."""
        watch = Watch(prefix)
        self._watches.append(watch)
        return watch

    # --- the log before the beginning ---

    def write_past(self, write: Write, *, whole: bool = False) -> threading.Event:
        """Have rows of the log before the beginning written with the next block; see ``backfill.py``. From any thread.

        So they are durable with it, and its commit is the only writer; nothing is told apart from it.

        Args:
            write: the rows, which were checked; one slice at a time.
            whole: with them all of the log is here and counts.

        Returns: what is set once they are durable.
        """
        past = PastWrite(write, whole)
        with self._swap:
            self._past = past
        return past.done

    def _past_written(self) -> None:
        """Tell that the rows of the past are durable; ``_swap`` is held."""
        past, self._past = self._past, None
        if past is not None:
            self.log_start = 0 if past.whole else self.log_start
            past.done.set()

    def _write(self, candidate: Candidate) -> Write:
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
        return Write(
            puts={
                "state": sorted((key, value) for key, value in changes.items() if value is not None),
                "body": sorted(
                    (body_key(leaf.valid_until, leaf.body), number_key(leaf.index)) for _, _, leaf in logged
                ),
                "tile": sorted((tile_key(*tile), hashes) for tile, hashes in candidate.tiles.items()),
            },
            appends=appends,
            deletes={"state": [key for key, value in changes.items() if value is None]},
        )

    def _stale(self, candidate: Candidate) -> Mapping[str, list[bytes]]:
        """Return what has had its time and goes with the block; ``_swap`` is held."""
        with self.store.snapshot() as view:
            return {
                "undo": stale_undo(view, self._needed_since(candidate.tip.height)),
                "leaf": stale_leaves(self.rules, view, self.tip.time),
            }

    def _write_head(self, transaction: int) -> None:
        tip = self.tip
        try:
            self._head_file.write(HeadSlot(tip.height, tip.app_hash, tip.log_size, transaction))
        except OSError as error:
            what = f"its head file can't be written ({error.strerror})"
            raise StoreDamaged(chain=self.rules.chain, what=what) from None


def _compared(rules: ChainRules, store: Store, head_file: HeadFile, versions: StateVersions) -> int:
    """Compare a store with genesis, head file, replay window and state root; return the tree's version of its tip."""
    with store.snapshot(in_place=True) as view:
        if view.get("meta", b"genesis") != pack(rules.genesis):
            raise StoreDamaged(chain=rules.chain, what="it has no genesis of this chain")
        head = read_tip(rules.suite.hash, view, rules.chain)
        tip = tip_of(rules, head)
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


def _head(rules: ChainRules, tip: Tip) -> Head:
    return Head(rules.chain, tip.log_size, tip.log_root, tip.state_root, tip.height, tip.time)
