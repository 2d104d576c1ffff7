"""The embedded engine: group commit on one thread (design D7).

Whatever has arrived since the last commit becomes the next block; while nothing arrives, an empty block every two
seconds lets block time go on. A second thread checks forms and signatures of what arrives while the block before
commits; what arrives while there is none goes to its block at once. For development, single institutions and private
chains; Byzantine faults are not its matter. Nothing here knows what a transaction says.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from xinglin.carrier.consensus.errors import ClockBehind, EngineClosed, EngineFailed, QueueFull
from xinglin.carrier.consensus.group import EmbeddedGroup
from xinglin.carrier.consensus.outcomes import WHERE_NOBODY_ELSE_HAS_IT, outcome_of
from xinglin.carrier.consensus.pace import MAX_CLOCK_DIFFERENCE_MS
from xinglin.carrier.consensus.ports import Committed, Outcome, hand_in_one, hand_in_rest
from xinglin.carrier.ledger.errors import TransactionTooLarge
from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import Invalid, PlatformError, Unavailable

HEARTBEAT_SECONDS = 2.0
MAX_BLOCK_TRANSACTIONS = 2_000
MAX_WAITING = 100_000
MAX_WAITING_BYTES = 256 << 20
"""Sixteen full blocks of a chain with the default limits: 100,000 of its largest transactions would be 100 GiB."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One submission: its transactions, their bytes together, and the future that ends when all are durable or refused.

    The futures that are given out can't be cancelled: what was handed in may be in a block already.
    """

    transactions: Sequence[bytes]
    size: int
    future: Future[list[Outcome]]


class EmbeddedEngine:
    """Runs blocks of a group of homes (often of one) on a thread of its own.

    Args:
        group: the homes, caught up.
        clock: gives block time; blocks never go back in time.
        max_block_bytes: a block is closed at this size.
        heartbeat_seconds: time between empty blocks on an idle chain; 0 for none.
        max_transaction_bytes: a larger transaction is in no block of the chain; it is refused before it waits.
    """

    def __init__(
        self,
        group: EmbeddedGroup,
        clock: Clock,
        max_block_bytes: int,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        *,
        max_transaction_bytes: int,
    ) -> None:
        self.group = group
        self._clock = clock
        self._max_block_bytes = max_block_bytes
        self._limits = {"max_transaction_bytes": max_transaction_bytes, "max_block_bytes": max_block_bytes}
        self._largest = min(self._limits.values())
        self._heartbeat = heartbeat_seconds or None
        self._arrived: deque[_Waiting] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._count = self._bytes = 0
        self._lock = threading.Lock()
        self._arriving = threading.Condition(self._lock)
        self._changed = threading.Condition(self._lock)
        self._closing = False
        self._idle = self._looking = False
        self._failure: PlatformError | None = None
        name = f"engine-{group.tip.chain[:8]}"
        self._threads = [
            threading.Thread(target=self._look_ahead, name=f"{name}-ahead", daemon=True),
            threading.Thread(target=self._run, name=name, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, transaction: bytes) -> Future[Committed]:
        """Hand in one transaction; see ``Engine.submit``."""
        return hand_in_one(self.submit_many, transaction)

    def submit_many(self, transactions: Sequence[bytes]) -> Future[list[Outcome]]:
        """Hand in several transactions, each on its own merits, for the cost of one future.

        Returns: ends when each is durable or refused; outcomes in order. Its exception is StoreFull when there is no
            room, EngineClosed, or what stopped the engine.

        Raises:
            ClockBehind: block time is too far from this machine's clock.
            QueueFull: too many are waiting, or too many bytes; what is in a block in hand does not count.
            EngineClosed: the engine is closed.
        """
        ahead = self.group.tip.time - self._clock.now_ms()
        if ahead > MAX_CLOCK_DIFFERENCE_MS:
            raise ClockBehind(difference=ahead)
        sizes = list(map(len, transactions))
        if sizes and max(sizes) > self._largest:
            return hand_in_rest(self.submit_many, transactions, [self._too_large(size) for size in sizes])
        return self._wait(_Waiting(tuple(transactions), sum(sizes), Future()))

    def _wait(self, waiting: _Waiting) -> Future[list[Outcome]]:
        """Let a submission wait for its block."""
        waiting.future.set_running_or_notify_cancel()
        with self._changed:
            if self._ended():
                raise self._failure or EngineClosed()
            count, size = self._count + len(waiting.transactions), self._bytes + waiting.size
            if count > MAX_WAITING or size > MAX_WAITING_BYTES:
                raise QueueFull(waiting=self._count, size=self._bytes)
            self._count, self._bytes = count, size
            if self._idle and not self._arrived and not self._waiting:
                self._waiting.append(waiting)  # its block can begin at once: there is nothing to be ahead of
                self._changed.notify()
            else:
                self._arrived.append(waiting)
                self._arriving.notify()
        return waiting.future

    def _too_large(self, size: int) -> TransactionTooLarge | None:
        """Return the refusal that the chain has for a transaction of a size."""
        for limit, maximum in self._limits.items():
            if size > maximum:
                return TransactionTooLarge(limit=limit, maximum=maximum, found=size)
        return None

    @property
    def failure(self) -> PlatformError | None:
        """What stopped the engine; see ``Engine.failure``."""
        return self._failure

    def close(self) -> None:
        """Stop after the block in hand."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            self._arriving.notify()
        for thread in self._threads:
            thread.join()

    def _ended(self) -> bool:
        """Whether no further block is made; read under the lock."""
        return self._closing or self._failure is not None

    def _look_ahead(self) -> None:
        """Check what has arrived while the block before is executed and committed, then let it wait for its block."""
        while True:
            with self._lock:
                self._arriving.wait_for(lambda: self._arrived or self._ended())
                if self._ended():
                    return
                batch = self._take(self._arrived)
                self._looking, self._idle = True, False
            try:
                self.group.look_ahead([raw for one in batch for raw in one.transactions])
            except Exception as fault:  # noqa: BLE001  (the block meets it again, and answers for it)
                logger.warning("look-ahead failed: %s", type(fault).__name__)
            with self._lock:
                self._waiting.extend(batch)
                self._looking = False
                self._changed.notify()
                ended = self._ended()
            if ended:
                self._fail_waiting()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._ended():
                    self._idle = not self._looking
                    self._changed.wait(self._heartbeat)
                    self._idle = False
                if self._ended():
                    break
                batch = self._take(self._waiting)
                self._count -= sum(len(one.transactions) for one in batch)
                self._bytes -= sum(one.size for one in batch)
            self._block(batch)
        self._fail_waiting()

    def _take(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """Take whole submissions from a queue up to the size of a block, at least one where there is one."""
        taken: list[_Waiting] = []
        count = size = 0
        while queue:
            one = queue[0]
            count += len(one.transactions)
            size += one.size
            if taken and (count > MAX_BLOCK_TRANSACTIONS or size > self._max_block_bytes):
                break
            taken.append(queue.popleft())
        return taken

    def _block(self, batch: Sequence[_Waiting]) -> None:
        """Commit what was taken and answer it; a failure stops the engine, but a store without room refuses only."""
        transactions = [raw for one in batch for raw in one.transactions]
        try:
            if transactions:
                self.group.check_room()
        except Unavailable as full:
            _fail(batch, full)
            return
        outcomes: list[Outcome] = []
        failure = self._append(transactions, outcomes)
        self._failure = failure or self.group.ended
        for one in batch:
            count = len(one.transactions)
            told, outcomes = outcomes[:count], outcomes[count:]
            if failure is not None and not told:
                one.future.set_exception(failure)
            else:  # what is durable is told, whatever came after it
                one.future.set_result([*told, *([failure] * (count - len(told)) if failure else [])])

    def _append(self, transactions: Sequence[bytes], outcomes: list[Outcome]) -> PlatformError | None:
        """Commit transactions, in several blocks where need be, and note outcomes as they become durable.

        Returns: what stopped the engine before all were, None for nothing.
        """
        try:
            for block in self._split(transactions):
                outcomes += self._commit(block)
        except PlatformError as failure:
            return failure
        except Exception as fault:  # noqa: BLE001  (whatever it is, nobody may be left waiting)
            failed = EngineFailed(fault=type(fault).__name__)
            failed.__cause__ = fault
            return failed
        return None

    def _split(self, transactions: Sequence[bytes]) -> list[list[bytes]]:
        """Cut one large submission into blocks; no transactions are one empty block."""
        blocks: list[list[bytes]] = [[]]
        size = 0
        for raw in transactions:
            if blocks[-1] and (len(blocks[-1]) == MAX_BLOCK_TRANSACTIONS or size + len(raw) > self._max_block_bytes):
                blocks.append([])
                size = 0
            blocks[-1].append(raw)
            size += len(raw)
        return blocks

    def _commit(self, transactions: Sequence[bytes]) -> list[Outcome]:
        time = max(self._clock.now_ms(), self.group.tip.time + 1)
        try:
            answer = self.group.append(time, transactions)
        except Invalid as refusal:
            return self._without_malformed(transactions, time, refusal)
        height = self.group.tip.height
        return [outcome_of(result, height, time, WHERE_NOBODY_ELSE_HAS_IT) for result in answer.results]

    def _without_malformed(self, transactions: Sequence[bytes], time: int, block_refusal: Invalid) -> list[Outcome]:
        """Find what made the block invalid, refuse it, and commit the rest."""
        refusals = self.group.check_txs(transactions, time)
        good = [raw for raw, refusal in zip(transactions, refusals, strict=True) if refusal is None]
        if len(good) == len(transactions):
            raise block_refusal
        committed = iter(self._commit(good) if good else [])
        return [refusal or next(committed) for refusal in refusals]

    def _fail_waiting(self) -> None:
        with self._changed:
            left = [*self._waiting, *self._arrived]
            self._count = self._bytes = 0
            self._waiting.clear()
            self._arrived.clear()
            self._arriving.notify()
        _fail(left, self._failure or EngineClosed())


def _fail(waiting: Sequence[_Waiting], failure: PlatformError) -> None:
    for one in waiting:
        one.future.set_exception(failure)
