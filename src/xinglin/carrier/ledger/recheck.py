"""Rechecks a chain from genesis: every block is executed again and everything stored is compared (S6.2c2, S9.1, S9.2).

The stored transactions are run through the same check and transition into a scratch store, signatures included; then
every table of the two stores must be equal, byte for byte, and the head file must name the tip. Works on a store that
a node has open: blocks are read one by one, only the comparison at the end holds one snapshot. A damaged store can crash
LMDB, so whoever calls this does it in a child process and counts a crash as found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.errors import LogEntryNotFound, StoreDamaged
from xinglin.carrier.ledger.head import HeadFile, check_head
from xinglin.carrier.ledger.ledger import BlockRecord, EntryRecord, Ledger, Tip
from xinglin.carrier.ledger.store import Snapshot, Store, number_key
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError

_SLICE = 500
_EQUAL = ("meta", "block", "entry", "body", "tile", "state")
"""Tables that must be equal; of ``undo`` the scratch store keeps all, the node only what it may still need."""
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
    """
    store = Store(home / "chain" / rules.chain, rules.chain, writable=False)
    try:
        with_scratch = Ledger.create(scratch, rules, sync=False)
        try:
            return _Recheck(home, rules, store, with_scratch).run(progress)
        finally:
            with_scratch.close()
    finally:
        store.close()


class _Recheck:
    """One recheck while it runs."""

    def __init__(self, home: Path, rules: ChainRules, store: Store, again: Ledger) -> None:
        self._folder = home / "chain" / rules.chain
        self._rules, self._store, self._again = rules, store, again
        self._findings: list[Finding] = []

    def run(self, progress: Progress | None) -> Recheck:
        report = progress or (lambda done, total: None)
        self._again.pin(0)
        try:
            with self._store.snapshot() as view:
                height = _tip_height(view)
            self._execute(height, report)
            with self._store.snapshot() as view:
                self._execute(_tip_height(view), report)
                self._compare(view)
                self._check_head_file(self._store.last_transaction)
        except PlatformError as refusal:
            self._found(refusal, f"height {self._again.tip.height + 1}")
        tip = self._again.tip
        return Recheck(self._rules.chain, tip.height, tip.log_size, tip.app_hash, self._findings)

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
        """Return block time and transactions as stored."""
        with self._store.snapshot() as view:
            record = decode(BlockRecord, view.get("block", number_key(height)) or b"")
            raws = []
            for index in range(record.first, record.first + record.count):
                stored = view.get("entry", number_key(index))
                if stored is None:
                    raise LogEntryNotFound(chain=self._rules.chain, entry=index)
                raws.append(decode(EntryRecord, stored).transaction)
        return record.time, raws

    def _compare(self, theirs: Snapshot) -> None:
        """Compare every table; the first difference of each is reported."""
        with self._again.store.snapshot() as ours:
            for table in _EQUAL:
                self._report(table, _first_difference(theirs.items(table), ours.items(table)))
            wrong = (key for key, value in theirs.items("undo") if ours.get("undo", key) != value)
            self._report("undo", next(wrong, None))

    def _report(self, table: str, key: bytes | None) -> None:
        if key is not None:
            damage = StoreDamaged(chain=self._rules.chain, what=f"table {table} is not what the blocks make it")
            self._found(damage, f"table {table}, key {key.hex()}")

    def _check_head_file(self, store_transaction: int) -> None:
        path = self._folder / "head"
        if not path.exists():
            self._found(StoreDamaged(chain=self._rules.chain, what="its head file is missing"), "head file")
            return
        head_file = HeadFile(path, self._rules.suite.hash)
        try:
            reading = head_file.read()
        finally:
            head_file.close()
        tip: Tip = self._again.tip
        try:
            check_head(self._rules.chain, reading, tip.height, tip.app_hash, store_transaction)
        except PlatformError as refusal:
            self._found(refusal, "head file")
        if reading.damaged:
            self._found(StoreDamaged(chain=self._rules.chain, what="a slot of its head file is damaged"), "head file")

    def _found(self, refusal: PlatformError, where: str) -> None:
        self._findings.append(Finding(refusal.code, where, refusal.sentence()))


def _tip_height(view: Snapshot) -> int:
    last = view.last("block")
    return int.from_bytes(last[0][:8], "big") if last is not None else 0


def _first_difference(theirs: Iterator[tuple[bytes, bytes]], ours: Iterator[tuple[bytes, bytes]]) -> bytes | None:
    """Return the first key at which two tables differ, None when they are equal."""
    for one, other in zip_longest(theirs, ours):
        if one != other:
            return min(item[0] for item in (one, other) if item is not None)
    return None
