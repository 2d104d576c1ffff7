"""A chain in memory, for tests of what submits to one: the port ``ChainClient`` with the faults that a chain can have.

It logs transactions at once, each at its own height, ten milliseconds apart, and knows one contract call,
``records.register``, which accepts a batch id once. It checks body ids, replays and ``valid_until`` as a ledger does,
but neither signatures nor the items of a batch. Faults are ordered beforehand: ``lose`` drops transactions without an
answer, ``break_off`` answers with an error without logging, ``answer_late`` logs but answers with an error,
``refuse`` logs receipts with a number. With a path the log is kept in a file, so that it outlives a process.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.errors import TransactionExpired, TransactionReplayed
from xinglin.carrier.ledger.model import Transaction
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.coordination.errors import BatchExists
from xinglin.service.basic.coordination.model import RegisterBatch
from xinglin.service.basic.coordination.ports import AcceptedBatch, Outcome

GENESIS_MS = 1_800_000_000_000
STEP_MS = 10


class FakeChain:
    """See the module.

    ``transactions`` are those logged, in order; ``batches`` maps batch id to its items. The next block is not earlier
    than ``next_time``. With ``heartbeat`` time goes on each time it is asked for, and not with a refusal.
    """

    def __init__(self, suite: Suite, path: Path | None = None) -> None:
        self.chain = "c" + "a" * 26
        self.time = GENESIS_MS
        self.transactions: list[Transaction] = []
        self.batches: dict[str, tuple[bytes, ...]] = {}
        self.submitted = 0
        self.next_time = 0
        self.heartbeat = False
        self._suite = suite
        self._path = path
        self._log: dict[tuple[int, bytes], Outcome] = {}
        self._accepted: dict[str, AcceptedBatch] = {}
        self._lost = self._broken = self._late = 0
        self._refusals: list[int] = []
        for raw in _records(path):
            self._apply(decode(Transaction, raw))

    # --- faults ---

    def lose(self, count: int) -> None:
        """Drop the next transactions: their futures never end."""
        self._lost = count

    def break_off(self, count: int) -> None:
        """Refuse the next transactions without logging them, as an engine does that closes."""
        self._broken = count

    def answer_late(self, count: int) -> None:
        """Log the next transactions, but answer as if they had not been."""
        self._late = count

    def refuse(self, *numbers: int) -> None:
        """Give the next transactions receipts with these numbers."""
        self._refusals.extend(numbers)

    # --- the port ---

    def time_ms(self) -> int:
        self.time += STEP_MS if self.heartbeat else 0
        return self.time

    def submit(self, transaction: bytes) -> Future[Outcome]:
        self.submitted += 1
        future: Future[Outcome] = Future()
        if self._lost:
            self._lost -= 1
            return future
        if self._broken:
            self._broken -= 1
            future.set_exception(Unavailable())
            return future
        try:
            outcome = self._logged(transaction)
        except PlatformError as refusal:
            future.set_exception(refusal)
            return future
        if self._late:
            self._late -= 1
            future.set_exception(Unavailable())
        else:
            future.set_result(outcome)
        return future

    def find(self, valid_until: int, body: bytes) -> Outcome | None:
        return self._log.get((valid_until, body))

    def accepted(self, batch: str) -> AcceptedBatch | None:
        return self._accepted.get(batch)

    def _logged(self, raw: bytes) -> Outcome:
        transaction = decode(Transaction, raw)
        header = transaction.header
        time = max(self.time + STEP_MS, self.next_time)
        if time > header.valid_until:
            self.time = self.time if self.heartbeat else time
            raise TransactionExpired(valid_until=header.valid_until, time=self.time)
        if (header.valid_until, tagged(self._suite.hash, Tag.BODY, header)) in self._log:
            raise TransactionReplayed
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(len(raw).to_bytes(4, "big") + raw)
        return self._apply(transaction)

    def _apply(self, transaction: Transaction) -> Outcome:
        self.time = max(self.time + STEP_MS, self.next_time)
        number = self._refusals.pop(0) if self._refusals else self._run(transaction)
        index = len(self.transactions)
        outcome = Outcome(number, index, index + 1)
        header = transaction.header
        self._log[header.valid_until, tagged(self._suite.hash, Tag.BODY, header)] = outcome
        self.transactions.append(transaction)
        if number == 0:
            for operation in transaction.operations:
                batch = decode(RegisterBatch, operation.head.arguments).batch
                self.batches[batch] = operation.items
                self._accepted[batch] = AcceptedBatch(operation.head.batch[0].root, outcome)
        return outcome

    def _run(self, transaction: Transaction) -> int:
        calls = [decode(RegisterBatch, operation.head.arguments).batch for operation in transaction.operations]
        return BatchExists.number if any(batch in self._accepted for batch in calls) else 0


def _records(path: Path | None) -> list[bytes]:
    """Return the whole records of a log file; a last one that was cut is none."""
    data = path.read_bytes() if path is not None and path.exists() else b""
    found, at = [], 0
    while at + 4 <= len(data) and at + 4 + int.from_bytes(data[at : at + 4], "big") <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : end])
        at = end
    return found
