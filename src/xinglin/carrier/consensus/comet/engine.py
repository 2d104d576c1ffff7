"""CometBFT as the engine of one home: transactions go in over its RPC, futures end with the home's own commit (D7).

A transaction is answered when the home's application has made its block durable, whoever proposed it, or when the
mempool or a block refuses it. Nothing is lost by the engine's death: what waits is handed in again, and the ledger
takes each transaction once.
"""

from __future__ import annotations

import logging
import threading
import time as clock_time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import takewhile

from xinglin.carrier.consensus.errors import EngineClosed, QueueFull
from xinglin.carrier.consensus.outcomes import FOR_GOOD, outcome_of
from xinglin.carrier.consensus.pace import Pace
from xinglin.carrier.consensus.ports import Application, BlockAnswer, Committed, Outcome, hand_in_one
from xinglin.carrier.ledger.errors import TransactionReplayed, TransactionTooLarge
from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import PlatformError, Unavailable

MAX_WAITING = 100_000
MAX_WAITING_BYTES = 256 << 20
MAX_CALL_TRANSACTIONS = 500
MAX_CALL_BYTES = 2 << 20
AGAIN_SECONDS = 5.0
"""A transaction that has waited so long is handed in again: the engine may have died with it, or dropped it."""
_LONGEST_PAUSE = 2.0
_MEMPOOL_FULL = "mempool is full"
_KNOWN = "tx already exists in cache"

logger = logging.getLogger(__name__)
Broadcast = Callable[[Sequence[bytes]], Sequence[str]]
"""Hands transactions to the engine: returns for each what the engine says against it, empty for nothing.

Raises OSError when the engine can't be reached.
"""


@dataclass(slots=True, eq=False)
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

    def end(self) -> None:
        """Answer it, whose outcomes are all there."""
        self.future.set_result([one for one in self.outcomes if one is not None])

    def fail(self, failure: PlatformError) -> None:
        """Answer it with what ended the engine; what became of some of it before is said."""
        if self.open == len(self.outcomes):
            self.future.set_exception(failure)
        else:
            self.future.set_result([one or failure for one in self.outcomes])


@dataclass(slots=True)
class _Waiting:
    """One transaction on its way, and whose it is.

    ``since``: when it was queued last, by a clock that never goes back. ``queued``: it is to be handed in. ``handed``:
    an engine had nothing against it. ``taken``: it waited long after that, so that it may be in somebody's mempool and
    come in a block, whatever is said of it now.
    """

    since: float
    owners: list[tuple[_Submission, int]]
    queued: bool = True
    handed: bool = False
    taken: bool = False


class CometEngine:
    """Submits to a CometBFT process and answers from its own application; see ``ports.Engine``.

    Args:
        application: the home's; it is asked about transactions that the engine did not take.
        clock: this machine's.
        broadcast: hands transactions to the engine; must end in a time that ``close`` can wait.
        max_transaction_bytes: a larger transaction is in no block of the chain.
        again_seconds: after so long a transaction is handed in again.
    """

    def __init__(
        self,
        application: Application,
        clock: Clock,
        broadcast: Broadcast,
        *,
        max_transaction_bytes: int,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        self._application = application
        self._clock = clock
        self._broadcast = broadcast
        self._largest = max_transaction_bytes
        self._again = again_seconds
        self._pace = Pace(application.info().time, lambda: clock_time.monotonic_ns() // 1_000_000)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: dict[bytes, _Waiting] = {}
        self._doubts: dict[bytes, int] = {}
        self._begun = self._told = 0
        self._count = self._bytes = 0
        self._queue: deque[bytes] = deque()
        self._next_block: list[_Submission] = []
        self._closing = False
        self._failure: PlatformError | None = None
        self._thread = threading.Thread(target=self._send, name="engine-submit", daemon=True)
        self._thread.start()

    # --- in ---

    def submit(self, transaction: bytes) -> Future[Committed]:
        """Hand in one transaction; see ``Engine.submit``."""
        return hand_in_one(self.submit_many, transaction)

    def submit_many(self, transactions: Sequence[bytes]) -> Future[list[Outcome]]:
        """Hand in several transactions, each on its own merits; none at all ends with the next block.

        Returns: see ``Engine.submit_many``; its exception is StoreFull when this home has no room, EngineClosed, or
            what stopped the engine.

        Raises:
            ClockBehind, ChainStands: block time is too far from this machine's clock, before or behind.
            QueueFull: too many are waiting, or too many bytes.
            EngineClosed: the engine is closed; or what stopped it.
        """
        if self._closing:
            raise self._failure or EngineClosed()
        if transactions:
            self._pace.check(self._clock.now_ms())
        submission = _Submission([None] * len(transactions), len(transactions))
        submission.future.set_running_or_notify_cancel()
        if transactions and (full := self._full()):
            submission.fail(full)
            return submission.future
        size = sum(map(len, transactions))
        with self._changed:
            if self._closing:
                raise self._failure or EngineClosed()
            # Each owner counts, also of a transaction that waits already; so do those who wait for a block.
            count = self._count + max(len(transactions), 1)
            if count > MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
                raise QueueFull(waiting=self._count, size=self._bytes)
            if not transactions:
                self._count += 1
                self._next_block.append(submission)
            for position, raw in enumerate(transactions):
                self._wait(submission, position, raw)
            self._changed.notify()
            ended = transactions and submission.open == 0
        if ended:
            submission.end()
        return submission.future

    @property
    def time(self) -> int:
        """Time of the newest block, ms."""
        return self._pace.time

    @property
    def failure(self) -> PlatformError | None:
        """What stopped the engine; see ``Engine.failure``."""
        return self._failure

    def _full(self) -> PlatformError | None:
        try:
            self._application.check_room()
        except Unavailable as full:
            return full
        return None

    def _wait(self, submission: _Submission, position: int, raw: bytes) -> None:
        """Let a transaction wait; the very same one is handed in once. The lock is held."""
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
        self._count += 1

    # --- to the engine ---

    def _send(self) -> None:
        """Hand what is queued to the engine, again and again while it can't be reached."""
        pause = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing, timeout=self._again / 4)
                if self._closing:
                    return
                self._requeue()
                batch = self._take()
            if not batch or self._hand_in(batch):
                pause = 0.0
                continue
            if not pause:
                logger.warning("the engine can't be reached; %s transactions wait", len(self._waiting))
            pause = min(_LONGEST_PAUSE, pause * 2 or 0.05)
            with self._changed:
                self._queue.extendleft(reversed(batch))
                self._changed.wait_for(lambda: self._closing, timeout=pause)

    def _hand_in(self, batch: Sequence[bytes]) -> bool:
        """Hand a batch to the engine; tell whether the engine was there."""
        try:
            answers = self._broadcast(batch)
            for raw, against in zip(batch, answers, strict=True):
                self._handed_in(raw, against)
        except OSError as failure:
            if not isinstance(failure, ConnectionRefusedError):
                self._half_handed_in(batch)
            return False
        except Exception as fault:  # noqa: BLE001  (nobody else would hand in anything any more)
            logger.error("handing in failed: %s", getattr(fault, "code", type(fault).__name__))
            return False
        return True

    def _take(self) -> list[bytes]:
        """Take what one call may have from the queue. The lock is held."""
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
        """Queue again what has waited long. The lock is held."""
        now = clock_time.monotonic()
        overdue = list(takewhile(lambda raw: now - self._waiting[raw].since >= self._again, self._waiting))
        for raw in overdue:  # they stand in the order of their times, and go to the end
            waiting = self._waiting.pop(raw)
            waiting.since = now
            waiting.taken = waiting.handed
            self._waiting[raw] = waiting
            if not waiting.queued:
                waiting.queued = True
                self._queue.append(raw)

    def _handed_in(self, raw: bytes, against: str) -> None:
        """Note what the engine says: it has the transaction, is full, or has something against it."""
        with self._lock:
            waiting = self._waiting.get(raw)
            if waiting is None:
                return
            waiting.queued = False
            waiting.handed = waiting.handed or not against
            waiting.taken = waiting.taken or _KNOWN in against  # others may have it, and propose it
        if not against:
            return
        if _MEMPOOL_FULL in against:
            self.refused(raw, QueueFull(waiting=self._count, size=self._bytes))
            return
        # It may be known: then it is in the mempool, or was in a block.
        refusal = self._application.check_txs([raw])[0].refusal
        if refusal is not None:
            self.refused(raw, refusal)

    def _half_handed_in(self, batch: Sequence[bytes]) -> None:
        """Note that an engine may have had a batch before it was gone."""
        with self._lock:
            for raw in batch:
                if raw in self._waiting:
                    self._waiting[raw].taken = self._waiting[raw].handed = True

    # --- from the application ---

    def refused(self, transaction: bytes, refusal: PlatformError) -> None:
        """Answer a transaction that was not taken into the mempool.

        Called replayed, it may be in the block that is just becoming durable: then that block answers it. One that was
        taken before may be in a block still: only what holds for every block to come is an answer.
        """
        with self._lock:
            waiting = self._waiting.get(transaction)
            if waiting is None or (waiting.taken and not isinstance(refusal, FOR_GOOD)):
                return
            if isinstance(refusal, TransactionReplayed) and self._told < self._begun:
                self._doubts[transaction] = self._begun
                return
        self._settle([(transaction, refusal)])

    def committing(self) -> None:
        """A block is becoming durable: from now on until it is told, whoever is called replayed may be in it."""
        with self._lock:
            self._begun += 1

    def not_committed(self) -> None:
        """The block that was becoming durable did not."""
        self._answered([])

    def committed(self, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer) -> None:
        """Answer what a durable block holds, and whoever waited for a block."""
        self._pace.block(time)
        with self._lock:
            waiting, self._next_block = self._next_block, []
            self._count -= len(waiting)
        self._answered(
            [(raw, outcome_of(one, height, time)) for raw, one in zip(transactions, answer.results, strict=True)]
        )
        for submission in waiting:
            submission.end()

    def _answered(self, outcomes: Sequence[tuple[bytes, Outcome]]) -> None:
        """Answer what a block says; what was called replayed while it became durable and is not in it, was before."""
        with self._lock:
            self._told += 1
            replayed = [raw for raw, block in self._doubts.items() if block <= self._told]
            for raw in replayed:
                del self._doubts[raw]
        self._settle([*outcomes, *((raw, TransactionReplayed()) for raw in replayed)])

    def _settle(self, outcomes: Sequence[tuple[bytes, Outcome]]) -> None:
        ended: list[_Submission] = []
        with self._lock:
            for raw, outcome in outcomes:
                waiting = self._waiting.pop(raw, None)
                if waiting is None:
                    continue
                self._bytes -= len(raw)
                self._count -= len(waiting.owners)
                ended += [one for one, position in waiting.owners if one.settle(position, outcome)]
        for submission in ended:
            submission.end()

    # --- the end ---

    def stop(self, failure: PlatformError) -> None:
        """Take no more, since the application can't go on: what waits fails with that, and so does what comes later."""
        self._end(failure)

    def close(self) -> None:
        """Take no more; what was not committed fails with ``engine.closed``."""
        self._end(None)

    def _end(self, failure: PlatformError | None) -> None:
        with self._changed:
            if not self._closing:
                self._failure = failure
            self._closing = True
            self._changed.notify_all()
            left = {one: None for waiting in self._waiting.values() for one, _ in waiting.owners}
            left |= dict.fromkeys(self._next_block)
            self._waiting.clear()
            self._next_block.clear()
            self._queue.clear()
            self._doubts.clear()
            self._count = self._bytes = 0
        for submission in left:
            submission.fail(failure or EngineClosed())
        if self._thread is not threading.current_thread():
            self._thread.join()
