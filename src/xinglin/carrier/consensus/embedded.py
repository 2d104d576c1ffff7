"""The embedded engine: group commit on one thread (design D7).

Whatever has arrived since the last commit becomes the next block; while nothing arrives, an empty block every two
seconds lets block time go on. For development, single institutions and private chains; Byzantine faults are not its
matter. Nothing here knows what a transaction says.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from xinglin.carrier.consensus.errors import ClockBehind, EngineClosed, EngineFailed, QueueFull
from xinglin.carrier.consensus.group import EmbeddedGroup
from xinglin.carrier.consensus.ports import Committed, TxResult
from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import Invalid, PlatformError, Unavailable

HEARTBEAT_SECONDS = 2.0
MAX_CLOCK_DIFFERENCE_MS = 10_000
MAX_BLOCK_TRANSACTIONS = 2_000
MAX_WAITING = 100_000

Outcome = Committed | PlatformError
"""What became of one submitted transaction."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One submission: its transactions, and the future that ends when all are durable or refused.

    The futures that are given out can't be cancelled: what was handed in may be in a block already.
    """

    transactions: Sequence[bytes]
    future: Future[list[Outcome]]


class EmbeddedEngine:
    """Runs blocks of a group of homes (often of one) on a thread of its own.

    Args:
        group: the homes, caught up.
        clock: gives block time; blocks never go back in time.
        max_block_bytes: a block is closed at this size.
        heartbeat_seconds: time between empty blocks on an idle chain; 0 for none.
    """

    def __init__(
        self,
        group: EmbeddedGroup,
        clock: Clock,
        max_block_bytes: int,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self.group = group
        self._clock = clock
        self._max_block_bytes = max_block_bytes
        self._heartbeat = heartbeat_seconds or None
        self._waiting: deque[_Waiting] = deque()
        self._count = 0
        self._changed = threading.Condition()
        self._closing = False
        self._failure: PlatformError | None = None
        self._thread = threading.Thread(target=self._run, name=f"engine-{group.tip.chain[:8]}", daemon=True)
        self._thread.start()

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
        """Hand in several transactions, each on its own merits, for the cost of one future.

        Returns: ends when each is durable or refused; outcomes in order. Its exception is StoreFull when there is no
            room, EngineClosed, or what stopped the engine.

        Raises:
            ClockBehind: block time is too far from this machine's clock.
            QueueFull: too many are waiting.
            EngineClosed: the engine is closed.
        """
        ahead = self.group.tip.time - self._clock.now_ms()
        if ahead > MAX_CLOCK_DIFFERENCE_MS:
            raise ClockBehind(difference=ahead)
        waiting = _Waiting(tuple(transactions), Future())
        waiting.future.set_running_or_notify_cancel()
        with self._changed:
            if self._closing or self._failure is not None:
                raise self._failure or EngineClosed()
            if self._count + len(transactions) > MAX_WAITING:
                raise QueueFull(waiting=self._count)
            self._count += len(transactions)
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting.future

    def close(self) -> None:
        """Stop after the block in hand."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._closing:
                    self._changed.wait(self._heartbeat)
                if self._closing or self._failure is not None:
                    break
                batch = self._take()
            self._block(batch)
        self._fail_waiting()

    def _take(self) -> list[_Waiting]:
        """Take whole submissions up to the size of a block, at least one."""
        taken: list[_Waiting] = []
        count = size = 0
        while self._waiting:
            one = self._waiting[0]
            count += len(one.transactions)
            size += sum(map(len, one.transactions))
            if taken and (count > MAX_BLOCK_TRANSACTIONS or size > self._max_block_bytes):
                break
            taken.append(self._waiting.popleft())
            self._count -= len(one.transactions)
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
        try:
            outcomes = iter(self._outcomes(transactions))
        except PlatformError as failure:
            self._failure = failure
            _fail(batch, failure)
            return
        except Exception as fault:  # noqa: BLE001  (whatever it is, nobody may be left waiting)
            self._failure = EngineFailed(fault=type(fault).__name__)
            self._failure.__cause__ = fault
            _fail(batch, self._failure)
            return
        for one in batch:
            one.future.set_result([next(outcomes) for _ in one.transactions])

    def _outcomes(self, transactions: Sequence[bytes]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for block in self._split(transactions):
            outcomes += self._commit(block)
        return outcomes

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
        return [_outcome(result, self.group.tip.height, time) for result in answer.results]

    def _without_malformed(self, transactions: Sequence[bytes], time: int, block_refusal: Invalid) -> list[Outcome]:
        """Find what made the block invalid, refuse it, and commit the rest."""
        refusals = self.group.check_txs(transactions, time)
        good = [raw for raw, refusal in zip(transactions, refusals, strict=True) if refusal is None]
        if len(good) == len(transactions):
            raise block_refusal
        committed = iter(self._outcomes(good) if good else [])
        return [refusal or next(committed) for refusal in refusals]

    def _fail_waiting(self) -> None:
        with self._changed:
            left, self._count = list(self._waiting), 0
            self._waiting.clear()
        _fail(left, self._failure or EngineClosed())


def _fail(waiting: Sequence[_Waiting], failure: PlatformError) -> None:
    for one in waiting:
        one.future.set_exception(failure)


def _outcome(result: TxResult, height: int, time: int) -> Outcome:
    if result.refusal is not None:
        return result.refusal
    return Committed(height, time, result.index, result.code, result.data)
