"""Rechecks a chain from genesis: every block is executed again and everything stored is compared (S6.2c2, S9.1, S9.2).

The stored transactions are run through the same check and transition into a scratch store, signatures included; then
every table of the two stores must be equal, byte for byte, read in order and key by key, and the head file must name
the tip. Works on a store that another process has open: blocks are read one by one, only the comparison at the end
holds one snapshot. A damaged store can crash LMDB, so whoever calls this does it in a child process and counts a
crash as found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import ChainBegunLate, StoreDamaged
from xinglin.carrier.ledger.head import HeadFile, SlotReading, check_head
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.past import past_blocks
from xinglin.carrier.ledger.reading import KEPT_UNDO_HEIGHTS, read_transactions
from xinglin.carrier.ledger.records import EntryRecord, read_tip
from xinglin.carrier.ledger.store import Snapshot, Store, chain_folder, number_key
from xinglin.carrier.ledger.window import first_entry, first_head, first_height
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError

_SLICE = 500
_EQUAL = ("meta", "block", "entry", "body", "tile", "leaf", "state")
"""Tables that must be equal; of ``undo`` the scratch store keeps all, the node only the newest rows."""
Progress = Callable[[int, int], None]
"""Called with (blocks done, blocks in all)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was committed: an error code, where it is, and a sentence."""

    code: str
    where: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Recheck:
    """The outcome: heights and log entries that were executed again, and what was found (nothing, when clean)."""

    chain: str
    height: int
    entries: int
    app_hash: bytes
    findings: list[Finding]


def recheck(home: Path, rules: ChainRules, scratch: Path, progress: Progress | None = None) -> Recheck:
    """Execute a chain again from its genesis and compare.

    Args:
        home: the node's home.
        rules: the chain's rules, from the genesis that the home keeps.
        scratch: an empty folder for the second store; may be deleted afterwards.
        progress: told of each slice of blocks.

    Raises:
        ChainNotFound: the home has no such chain.
        StoreDamaged: LMDB can't open the store.
        ChainBegunLate: it began from a snapshot and has not all of the log before it.
    """
    store = Store(chain_folder(home, rules.chain), rules.chain, writable=False)
    try:
        with store.snapshot() as view:
            begun = first_head(rules, view) if first_height(view) else None
            if begun is not None and first_entry(rules, view) > 0:
                raise ChainBegunLate(chain=rules.chain, height=begun.height)
        with_scratch = Ledger.create(scratch, rules, sync=False)
        try:
            return _Recheck(home, rules, store, with_scratch, begun).run(progress)
        finally:
            with_scratch.close()
    finally:
        store.close()


class _Recheck:
    """One recheck while it runs."""

    def __init__(self, home: Path, rules: ChainRules, store: Store, again: Ledger, begun: Head | None) -> None:
        self._folder = home / "chain" / rules.chain
        self._rules, self._store, self._again, self._begun = rules, store, again, begun
        self._past = iter(()) if begun is None else past_blocks(rules, store, begun)
        self._findings: list[Finding] = []

    def run(self, progress: Progress | None) -> Recheck:
        report = progress or (lambda done, total: None)
        self._again.pin("recheck", [0])
        try:
            with self._store.snapshot() as view:
                height = self._tip_height(view)
            self._execute(height, report)
            head = self._read_head_file()  # before the last look at the store, which a node may have open
            with self._store.snapshot() as view:
                self._execute(self._tip_height(view), report)
                self._compare(view)
                self._compare_head(head, view.transaction)
        except PlatformError as refusal:
            self._found(refusal, f"height {self._again.tip.height + 1}")
        tip = self._again.tip
        return Recheck(self._rules.chain, tip.height, tip.log_size, tip.app_hash, self._findings)

    def _tip_height(self, view: Snapshot) -> int:
        return read_tip(self._rules.suite.hash, view, self._rules.chain).height

    def _execute(self, height: int, progress: Progress) -> None:
        for next_height in range(self._again.tip.height + 1, height + 1):
            time, raws = self._block(next_height)
            candidate = self._again.execute(next_height, time, raws)
            if len(candidate.outcome.logged) != len(raws):
                self._again.discard(candidate)
                raise StoreDamaged(chain=self._rules.chain, what=f"height {next_height} logs a refused transaction")
            self._again.commit(candidate)
            if next_height % _SLICE == 0 or next_height == height:
                progress(next_height, height)

    def _block(self, height: int) -> tuple[int, list[bytes]]:
        """Return time and transactions of the next block: before the beginning, from the log alone."""
        if self._begun is not None and height <= self._begun.height:
            for _, time, raws in self._past:
                return time, raws
            raise StoreDamaged(chain=self._rules.chain, what=f"height {height} is missing in its log")
        with self._store.snapshot() as view:
            return read_transactions(self._rules, view, height)

    def _compare(self, theirs: Snapshot) -> None:
        """Compare every table; the first difference of each is reported."""
        begun, tip = 0 if self._begun is None else self._begun.height, self._again.tip.height
        with self._again.store.snapshot() as ours:
            for table in _EQUAL:
                compare = _late_difference if begun else _difference
                self._report(table, compare(theirs, ours, table, begun))
            first = next((key for key, _ in theirs.items("undo")), number_key(tip + 1))
            needed = number_key(max(tip - KEPT_UNDO_HEIGHTS + 1, begun + 1 if begun else 0))
            self._report("undo", _first_difference(theirs, ours, "undo", min(first, needed)))

    def _report(self, table: str, key: bytes | None) -> None:
        if key is not None:
            damage = StoreDamaged(chain=self._rules.chain, what=f"table {table} is not what the blocks make it")
            self._found(damage, f"table {table}, key {key.hex()}")

    def _read_head_file(self) -> SlotReading | None:
        """Read the head file; once more if a slot is damaged, for a node may be writing it."""
        path = self._folder / "head"
        if not path.exists():
            return None
        head_file = HeadFile(path, self._rules.suite.hash)
        try:
            reading = head_file.read()
            return head_file.read() if reading.damaged else reading
        finally:
            head_file.close()

    def _compare_head(self, reading: SlotReading | None, store_transaction: int) -> None:
        tip, chain = self._again.tip, self._rules.chain
        if reading is None:
            self._found(StoreDamaged(chain=chain, what="its head file is missing"), "head file")
            return
        try:
            check_head(chain, reading, tip.height, tip.app_hash, store_transaction)
            if reading.damaged:
                raise StoreDamaged(chain=chain, what="a slot of its head file is damaged")
        except PlatformError as refusal:
            self._found(refusal, "head file")

    def _found(self, refusal: PlatformError, where: str) -> None:
        self._findings.append(Finding(refusal.code, where, refusal.sentence()))


def _difference(theirs: Snapshot, ours: Snapshot, table: str, _: int) -> bytes | None:
    """Return the first key at which a table differs, None for none."""
    return _first_difference(theirs, ours, table, b"")


def _late_difference(theirs: Snapshot, ours: Snapshot, table: str, begun: int) -> bytes | None:
    """Return the first key at which a table of a home that began at a height differs from what it must have.

    It has no blocks before that height, and may still have leaves that came with the snapshot.
    """
    if table == "meta":
        return None if theirs.get(table, b"genesis") == ours.get(table, b"genesis") else b"genesis"
    if table == "leaf":
        return next((key for key, leaf in theirs.items(table) if _leaf(ours, key) != leaf), None)
    return _first_difference(theirs, ours, table, number_key(begun) if table == "block" else b"")


def _leaf(view: Snapshot, key: bytes) -> bytes | None:
    entry = view.get("entry", key)
    return None if entry is None else decode(EntryRecord, entry).leaf


def _first_difference(theirs: Snapshot, ours: Snapshot, table: str, start: bytes) -> bytes | None:
    """Return the first key from ``start`` on at which two tables differ, None when they are equal.

    Each key is also looked up: on a damaged page a key can be passed in order, and yet not be found.
    """
    for one, other in zip_longest(theirs.items(table, start=start), ours.items(table, start=start)):
        if one != other:
            return min(item[0] for item in (one, other) if item is not None)
        if theirs.get(table, one[0]) != one[1]:
            return one[0]
    return None
