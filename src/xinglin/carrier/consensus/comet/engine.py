"""CometBFT as the engine of one home: transactions go in over its RPC, futures end with the home's own commit (D7).

A transaction is answered when the home's application has made its block durable, whoever proposed it, or when the
mempool or a block refuses it. Nothing is lost by the engine's death: what waits is handed in again, and the ledger
takes each transaction once.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time as clock_time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import takewhile

from xinglin.carrier.consensus.errors import ClockBehind, EngineClosed, QueueFull
from xinglin.carrier.consensus.ports import Application, BlockAnswer, Committed, TxResult
from xinglin.carrier.ledger.errors import TransactionReplayed, TransactionTooLarge
from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import PlatformError

MAX_CLOCK_DIFFERENCE_MS = 10_000
MAX_WAITING = 100_000
MAX_WAITING_BYTES = 256 << 20
MAX_CALL_TRANSACTIONS = 500
MAX_CALL_BYTES = 2 << 20
AGAIN_SECONDS = 5.0
"""A transaction that has waited so long is looked at, and handed in, again."""
DOUBT_SECONDS = 0.5

logger = logging.getLogger(__name__)
Outcome = Committed | PlatformError
Broadcast = Callable[[Sequence[bytes]], Sequence[str]]
"""Hands transactions to the engine: returns for each what the engine says against it, empty for nothing.

Raises OSError when the engine can't be reached.
"""


@dataclass(slots=True)
class _Submission:
    """One submission: outcomes in order, how many are open, the future that ends with the last of them."""

    outcomes: list[Outcome | None]
    open: int
    future: Future[list[Outcome]] = field(default_factory=Future)

    def settle(self, position: int, outcome: Outcome) -> bool:
        """Note one outcome; tell whether it was the last."""
        if self.outcomes[position] is None:
            self.outcomes[position] = outcome
            self.open -= 1
        return self.open == 0


@dataclass(slots=True)
class _Waiting:
    """One transaction on its way, and whose it is; ``since`` by a clock that never goes back."""

    since: float
    owners: list[tuple[_Submission, int]]


class CometEngine:
    """Submits to a CometBFT process and answers from its own application; see ``ports.Engine``.

    Args:
        application: the home's; it is asked about transactions that wait long.
        clock: this machine's.
        broadcast: hands transactions to the engine.
        max_transaction_bytes: a larger transaction is in no block of the chain.
    """

    def __init__(
        self, application: Application, clock: Clock, broadcast: Broadcast, *, max_transaction_bytes: int
    ) -> None:
        self._application = application
        self._clock = clock
        self._broadcast = broadcast
        self._largest = max_transaction_bytes
        self.time = application.info().time
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: dict[bytes, _Waiting] = {}
        self._doubts: dict[bytes, float] = {}
        self._bytes = 0
        self._queue: deque[bytes] = deque()
        self._next_block: list[_Submission] = []
        self._closing = False
        self._thread = threading.Thread(target=self._send, name="engine-submit", daemon=True)
        self._thread.start()

    # --- in ---

    def submit(self, transaction: bytes) -> Future[Committed]:
        """Hand in one transaction; see ``Engine.submit``."""
        answer: Future[Committed] = Future()
        answer.set_running_or_notify_cancel()

        def finish(done: Future[list[Outcome]]) -> None:
            try:
                outcome = done.result()[0]
            except PlatformError as failure:
                outcome = failure
            if isinstance(outcome, PlatformError):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self.submit_many([transaction]).add_done_callback(finish)
        return answer

    def submit_many(self, transactions: Sequence[bytes]) -> Future[list[Outcome]]:
        """Hand in several transactions, each on its own merits; none at all ends with the next block.

        Raises:
            ClockBehind: block time is too far from this machine's clock.
            QueueFull: too many are waiting, or too many bytes.
            EngineClosed: the engine is closed.
        """
        difference = abs(self.time - self._clock.now_ms())
        if transactions and difference > MAX_CLOCK_DIFFERENCE_MS:
            raise ClockBehind(difference=difference)
        submission = _Submission([None] * len(transactions), len(transactions))
        submission.future.set_running_or_notify_cancel()
        with self._changed:
            if self._closing:
                raise EngineClosed
            if len(self._waiting) + len(transactions) > MAX_WAITING or self._bytes > MAX_WAITING_BYTES:
                raise QueueFull(waiting=len(self._waiting), size=self._bytes)
            if not transactions:
                self._next_block.append(submission)
            for position, raw in enumerate(transactions):
                self._wait(submission, position, raw)
            self._changed.notify()
            ended = transactions and submission.open == 0
        if ended:
            _end(submission)
        return submission.future

    def _wait(self, submission: _Submission, position: int, raw: bytes) -> None:
        """Let a transaction wait; the very same one is handed in once."""
        if len(raw) > self._largest:
            refusal = TransactionTooLarge(limit="max_transaction_bytes", maximum=self._largest, found=len(raw))
            submission.settle(position, refusal)
            return
        waiting = self._waiting.get(raw)
        if waiting is None:
            self._waiting[raw] = waiting = _Waiting(clock_time.monotonic(), [])
            self._bytes += len(raw)
            self._queue.append(raw)
        waiting.owners.append((submission, position))

    # --- to the engine ---

    def _send(self) -> None:
        """Hand what is queued to the engine, again and again while it can't be reached."""
        pause = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing, timeout=DOUBT_SECONDS)
                if self._closing:
                    return
                self._requeue()
                batch = self._take()
            self._settle_doubts()
            if not batch:
                continue
            try:
                answers = self._broadcast(batch)
            except OSError as failure:
                pause = min(2.0, pause * 2 or 0.05)
                logger.warning("the engine can't be reached: %s", type(failure).__name__)
                with self._changed:
                    self._queue.extendleft(reversed(batch))
                    self._changed.wait_for(lambda: self._closing, timeout=pause)
                continue
            pause = 0.0
            for raw, against in zip(batch, answers, strict=True):
                if against:
                    self._not_taken(raw, against)

    def _take(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        while self._queue and len(batch) < MAX_CALL_TRANSACTIONS:
            if batch and size + len(self._queue[0]) > MAX_CALL_BYTES:
                break
            raw = self._queue.popleft()
            if raw in self._waiting:
                batch.append(raw)
                size += len(raw)
        return batch

    def _requeue(self) -> None:
        """Queue again what has waited long: the engine may have died with it, or dropped it. The lock is held."""
        now = clock_time.monotonic()
        overdue = list(takewhile(lambda raw: now - self._waiting[raw].since >= AGAIN_SECONDS, self._waiting))
        for raw in overdue:  # they stand in the order of their times, and go to the end
            waiting = self._waiting.pop(raw)
            waiting.since = now
            self._waiting[raw] = waiting
            self._queue.append(raw)

    def _settle_doubts(self) -> None:
        """Answer as replayed what no block of this node has answered meanwhile: it was logged before it came here."""
        with self._lock:
            now = clock_time.monotonic()
            old = [raw for raw, since in self._doubts.items() if now - since >= DOUBT_SECONDS]
            settled = [
                (raw, TransactionReplayed())
                for raw in old
                if self._doubts.pop(raw) is not None and raw in self._waiting
            ]
        self._settle(settled)

    def _not_taken(self, raw: bytes, against: str) -> None:
        """Find out what it means that the engine did not take a transaction: it has it, is full, or it is refused."""
        if "mempool is full" in against:
            self.refused(raw, QueueFull(waiting=len(self._waiting), size=self._bytes))
            return
        refusal = self._application.check_txs([raw])[0].refusal
        if refusal is not None:
            self.refused(raw, refusal)

    # --- from the application ---

    def refused(self, transaction: bytes, refusal: PlatformError) -> None:
        """Answer a transaction that was not taken into the mempool.

        Called replayed, it may be in the block that has just become durable and is about to be answered: that is waited
        for.
        """
        if isinstance(refusal, TransactionReplayed):
            with self._lock:
                if transaction in self._waiting:
                    self._doubts.setdefault(transaction, clock_time.monotonic())
            return
        self._settle([(transaction, refusal)])

    def committed(self, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer) -> None:
        """Answer what a durable block holds, and whoever waited for a block."""
        self.time = time
        with self._lock:
            waiting, self._next_block = self._next_block, []
        self._settle(
            [(raw, _outcome(one, height, time)) for raw, one in zip(transactions, answer.results, strict=True)]
        )
        for submission in waiting:
            _end(submission)

    def _settle(self, outcomes: Sequence[tuple[bytes, Outcome]]) -> None:
        ended: list[_Submission] = []
        with self._lock:
            for raw, outcome in outcomes:
                waiting = self._waiting.pop(raw, None)
                if waiting is None:
                    continue
                self._bytes -= len(raw)
                ended += [one for one, position in waiting.owners if one.settle(position, outcome)]
        for submission in ended:
            _end(submission)

    def close(self) -> None:
        """Take no more; what was not committed fails with ``engine.closed``."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        with self._lock:
            left = {id(one): one for waiting in self._waiting.values() for one, _ in waiting.owners}
            left |= {id(one): one for one in self._next_block}
            self._waiting.clear()
            self._next_block.clear()
        for submission in left.values():
            submission.future.set_exception(EngineClosed())


def _end(submission: _Submission) -> None:
    submission.future.set_result([one for one in submission.outcomes if one is not None])


def _outcome(result: TxResult, height: int, time: int) -> Outcome:
    if result.refusal is not None:
        return result.refusal
    return Committed(height, time, result.index, result.code, result.data)


def broadcast_body(transactions: Sequence[bytes]) -> bytes:
    """Return the body of one RPC call that hands in transactions: an array of ``broadcast_tx_async``."""
    calls = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "broadcast_tx_async",
            "params": {"tx": base64.b64encode(raw).decode("ascii")},
        }
        for number, raw in enumerate(transactions)
    ]
    return json.dumps(calls).encode()
