"""The engine's port in front of CometBFT: every submission ends, with what became of it, whoever makes the block.

The engine is played: ``Mempool`` takes what is broadcast and says what it is told to; blocks come from the test,
through the handler, as from a process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as futures_wait
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.abci import timestamp
from tests.support.chain import BLOCK_MS, Chain, found_chain
from tests.support.homes import SetClock
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.consensus.comet import engine as engine_module
from xinglin.carrier.consensus.comet.engine import CometEngine
from xinglin.carrier.consensus.comet.handler import AbciHandler
from xinglin.carrier.consensus.comet.messages import Request
from xinglin.carrier.consensus.errors import ChainStands, ClockBehind, EngineClosed, PassedOver, QueueFull
from xinglin.carrier.consensus.ports import Committed, Engine, Outcome
from xinglin.carrier.contracts.api import ArgumentsInvalid
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.ledger.errors import StoreDamaged, StoreFull, TransactionTooLarge
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.errors import PlatformError

SECONDS = PATIENCE
KNOWN = "tx already exists in cache"
FULL = "mempool is full: number of txs 5000 (max: 5000), total txs bytes 1 (max: 2)"


@dataclass
class Mempool:
    """An engine's mempool: what was broadcast, and in vain; ``down`` and ``says`` are what it does."""

    calls: list[list[bytes]] = field(default_factory=list)
    vain: list[list[bytes]] = field(default_factory=list)
    down: Exception | None = None
    says: Callable[[bytes], str] = lambda _: ""

    def __call__(self, batch: Sequence[bytes]) -> list[str]:
        """Take a batch."""
        if self.down is not None:
            self.vain.append(list(batch))
            raise self.down
        self.calls.append(list(batch))
        return [self.says(raw) for raw in batch]

    def had(self, raw: bytes) -> int:
        """Count how often a transaction came."""
        return sum(call.count(raw) for call in list(self.calls))


@dataclass
class Rig:
    """An engine in front of a real application, and the hand that makes blocks."""

    chain: Chain
    application: LedgerApplication
    clock: SetClock
    mempool: Mempool
    engine: CometEngine
    handler: AbciHandler

    def block(self, *raws: bytes, tell: bool = True) -> None:
        """Bring a block of anybody's from decision to commit."""
        height = self.application.ledger.tip.height + 1
        at = self.application.ledger.tip.time + BLOCK_MS
        self.handler.answer(Request(finalize_block={"height": height, "time": timestamp(at), "txs": raws}))
        self.handler.answer(Request(commit={}))
        self.clock.now = at
        if tell:
            self.handler.tell()

    def check(self, *raws: bytes) -> None:
        """Let the engine ask for CheckTx."""
        self.handler.check([Request(check_tx={"tx": raw}) for raw in raws])

    def arrived(self, raw: bytes, times: int = 1) -> None:
        """Wait until a transaction has been handed in."""
        until(lambda: self.mempool.had(raw) >= times)

    def noted(self) -> None:
        """Wait until the answers on all that was handed in are noted."""
        until(lambda: not any(one.queued for one in list(self.engine._waiting.values())))


def make(chain: Chain, ledger: Ledger, folder: Path, again_seconds: float = 60.0) -> Rig:
    """Return a rig."""
    application = LedgerApplication(ledger)
    clock, mempool = SetClock(chain.start), Mempool()
    largest = chain.rules.parameters.max_transaction_bytes
    engine = CometEngine(application, clock, mempool, max_transaction_bytes=largest, again_seconds=again_seconds)
    return Rig(chain, application, clock, mempool, engine, AbciHandler(application, engine))


@pytest.fixture
def rig(chain: Chain, ledger: Ledger, tmp_path: Path) -> Iterator[Rig]:
    """Give an engine that hands in once."""
    made = make(chain, ledger, tmp_path)
    yield made
    made.engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "engine-submit"]
    assert (made.engine._count, made.engine._bytes) == (0, 0)


@pytest.fixture
def quick(chain: Chain, ledger: Ledger, tmp_path: Path) -> Iterator[Rig]:
    """Give an engine that hands in again after a twentieth of a second."""
    made = make(chain, ledger, tmp_path, 0.05)
    yield made
    made.engine.close()


def codes(future: Future[list[Outcome]]) -> list[int | str]:
    """Return receipt numbers or codes."""
    return [one.code for one in future.result(SECONDS)]


def open_still(future: Future[list[Outcome]]) -> bool:
    """Tell whether a future has not ended, given a moment."""
    return bool(futures_wait([future], 0.15).not_done)


class TestAnswers:
    """What became of a transaction is what the home's own block says."""

    def test_it_is_an_engine(self, rig: Rig) -> None:
        engine: Engine = rig.engine
        assert engine.failure is None

    def test_whoever_proposed_the_block(self, rig: Rig) -> None:
        mine, other = rig.chain.sign(), rig.chain.sign(rig.chain.add("b"))
        future = rig.engine.submit(mine)
        rig.arrived(mine)
        assert not future.done()
        rig.block(other, mine)
        leaf = rig.application.ledger.entry(1).leaf
        assert future.result(SECONDS) == Committed(1, rig.chain.start + BLOCK_MS, 1, 0, leaf.receipt)

    def test_a_block_that_comes_before_it_was_handed_in(self, rig: Rig) -> None:
        """Another node had it too: it is not handed in any more."""
        rig.mempool.down = ConnectionRefusedError()
        raw = rig.chain.sign()
        future = rig.engine.submit_many([raw])
        rig.block(raw)
        assert codes(future) == [0]
        last = rig.chain.sign()
        rig.engine.submit_many([last])
        until(lambda: [last] in rig.mempool.vain)  # what was in hand when the block came has been put back
        rig.mempool.down = None
        rig.arrived(last)
        assert rig.mempool.had(raw) == 0

    def test_refused_by_check_tx(self, rig: Rig) -> None:
        raws = [b"x", rig.chain.sign(), rig.chain.sign(valid_until=rig.chain.start - 1)]
        future = rig.engine.submit_many(raws)
        rig.arrived(raws[2])
        rig.check(*raws)
        assert open_still(future)
        rig.block(raws[1])
        assert codes(future) == ["transaction.malformed", 0, "transaction.expired"]
        single = rig.engine.submit(b"y")
        rig.arrived(b"y")
        rig.check(b"y")
        with pytest.raises(PlatformError) as refusal:
            single.result(SECONDS)
        assert refusal.value.code == "transaction.malformed"

    def test_passed_over_and_refused_in_the_block(self, rig: Rig) -> None:
        late, refused = rig.chain.sign(valid_until=rig.chain.start), rig.chain.sign(rig.chain.add("a", 2000))
        future = rig.engine.submit_many([late, refused])
        rig.block(late, refused)
        assert codes(future) == ["transaction.expired", ArgumentsInvalid.number]
        outcome = future.result()[1]
        assert isinstance(outcome, Committed)
        assert outcome.receipt_hash == rig.application.ledger.entry(0).leaf.receipt

    def test_the_same_bytes_twice(self, rig: Rig) -> None:
        raw = rig.chain.sign()
        futures = [rig.engine.submit_many([raw, raw]), rig.engine.submit_many([raw])]
        rig.arrived(raw)
        rig.block(raw)
        assert [codes(future) for future in futures] == [[0, 0], [0]]
        assert rig.mempool.had(raw) == 1

    def test_nothing_ends_with_the_next_block(self, rig: Rig) -> None:
        future = rig.engine.submit_many([])
        assert open_still(future)
        rig.block()
        assert future.result(SECONDS) == []

    def test_too_large_for_the_chain(self, chain: Chain, rig: Rig) -> None:
        large = bytes(chain.rules.parameters.max_transaction_bytes + 1)
        assert [type(one) for one in rig.engine.submit_many([large, large]).result(SECONDS)] == [
            TransactionTooLarge
        ] * 2
        good = chain.sign()
        future = rig.engine.submit_many([large, good])
        rig.arrived(good)
        rig.block(good)
        assert codes(future) == ["transaction.too_large", 0]
        assert rig.mempool.had(large) == 0

    def test_many_threads_and_blocks(self, rig: Rig) -> None:
        work = [[rig.chain.sign(rig.chain.add(f"t{thread}")) for _ in range(20)] for thread in range(6)]
        futures: list[Future[list[Outcome]]] = []
        threads = [
            threading.Thread(target=lambda raws=raws: futures.extend(rig.engine.submit_many([raw]) for raw in raws))
            for raws in work
        ]
        for thread in threads:
            thread.start()
        done = 0
        while done < 120:
            fresh = [raw for call in list(rig.mempool.calls) for raw in call][done : done + 7]
            rig.block(*fresh)
            done += len(fresh)
        for thread in threads:
            thread.join()
        assert [codes(future) for future in futures] == [[0]] * 120


class TestReplayed:
    """Logged earlier, or in the block that has just become durable."""

    def test_logged_earlier(self, rig: Rig) -> None:
        raw = rig.chain.sign()
        rig.block(raw)
        future = rig.engine.submit_many([raw])
        rig.arrived(raw)
        rig.check(raw)
        assert codes(future) == ["transaction.replayed"]

    def test_logged_earlier_and_known_to_the_mempool(self, rig: Rig) -> None:
        raw = rig.chain.sign()
        rig.block(raw)
        rig.mempool.says = lambda _: KNOWN
        assert codes(rig.engine.submit_many([raw])) == ["transaction.replayed"]

    def test_the_same_body_signed_again(self, rig: Rig) -> None:
        raw = rig.chain.sign()
        again = rig.chain.sign_again(raw)
        futures = [rig.engine.submit_many([raw]), rig.engine.submit_many([again])]
        rig.block(again, raw)
        assert [codes(future) for future in futures] == [["transaction.replayed"], [0]]

    def test_in_the_block_that_is_about_to_be_told(self, rig: Rig) -> None:
        """Durable but not told: whoever asks in between is not told that it was logged before."""
        raw, other = rig.chain.sign(), rig.chain.sign(rig.chain.add("b"))
        rig.block(other)
        future, replayed = rig.engine.submit_many([raw]), rig.engine.submit_many([other])
        rig.arrived(other)
        rig.block(raw, tell=False)
        rig.check(raw, other)
        assert open_still(future)
        assert open_still(replayed)
        rig.handler.tell()
        assert codes(future) == [0]
        assert codes(replayed) == ["transaction.replayed"]

    def test_while_the_block_becomes_durable(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        raw, commit = rig.chain.sign(), rig.application.commit
        future = rig.engine.submit_many([raw])
        rig.arrived(raw)

        def commit_and_check() -> int:
            retain = commit()
            rig.check(raw)
            return retain

        monkeypatch.setattr(rig.application, "commit", commit_and_check)
        rig.block(raw)
        assert codes(future) == [0]

    def test_a_block_that_does_not_become_durable(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        old, raw = rig.chain.sign(rig.chain.add("b")), rig.chain.sign()
        rig.block(old)
        future, replayed = rig.engine.submit_many([raw]), rig.engine.submit_many([old])
        rig.arrived(old)

        def full() -> int:
            rig.check(old)
            raise StoreFull(chain="c", percent=100)

        with monkeypatch.context() as broken:
            broken.setattr(rig.application, "commit", full)
            with pytest.raises(StoreFull):
                rig.block(raw)
        assert codes(replayed) == ["transaction.replayed"]
        assert open_still(future)
        rig.block(raw)
        assert codes(future) == [0]


class TestTheEngine:
    """It is full, away, forgets; nothing is lost."""

    def test_a_full_mempool(self, rig: Rig) -> None:
        rig.mempool.says = lambda _: FULL
        assert codes(rig.engine.submit_many([rig.chain.sign()])) == ["engine.queue_full"]

    def test_a_full_mempool_that_has_it_already(self, quick: Rig) -> None:
        """What was taken before may be in a block still; it is not called refused."""
        raw = quick.chain.sign()
        future = quick.engine.submit_many([raw])
        quick.arrived(raw)
        quick.noted()
        quick.mempool.says = lambda _: FULL
        quick.arrived(raw, 3)
        assert not future.done()
        quick.block(raw)
        assert codes(future) == [0]

    @pytest.mark.parametrize("failure", [ConnectionRefusedError(), TimeoutError(), OSError(5, "x"), ValueError("x")])
    def test_away_and_back(self, failure: Exception, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        rig.mempool.down = failure
        raws = [rig.chain.sign(rig.chain.add(f"c{number}")) for number in range(30)]
        futures = [rig.engine.submit_many([raw]) for raw in raws]
        until(lambda: caplog.records)
        rig.mempool.down = None
        rig.arrived(raws[-1])
        assert [raw for call in rig.mempool.calls for raw in call] == raws
        rig.block(*raws)
        assert [codes(future) for future in futures] == [[0]] * 30
        assert sum("can't be reached; " in message for message in caplog.messages) == 1

    def test_away_for_long_it_is_handed_in_once(self, quick: Rig) -> None:
        quick.mempool.down = ConnectionRefusedError()
        raw = quick.chain.sign()
        future = quick.engine.submit_many([raw])
        time.sleep(0.4)
        assert len(quick.engine._queue) <= 1
        quick.mempool.down = None
        quick.arrived(raw)
        quick.block(raw)
        assert codes(future) == [0]

    def test_dropped_from_the_mempool(self, quick: Rig) -> None:
        raws = [quick.chain.sign(), quick.chain.sign(quick.chain.add("b"))]
        future = quick.engine.submit_many(raws)
        quick.arrived(raws[0], 3)
        quick.arrived(raws[1], 3)
        quick.block(raws[0])
        assert not future.done()
        had = quick.mempool.had(raws[0])
        quick.arrived(raws[1], quick.mempool.had(raws[1]) + 3)
        assert quick.mempool.had(raws[0]) <= had + 1
        quick.block(raws[1])
        assert codes(future) == [0, 0]

    def test_expired_while_it_waited(self, quick: Rig) -> None:
        """A mempool that knows it says nothing more of it; the engine finds out by itself."""
        raw = quick.chain.sign(valid_until=quick.chain.start + 100)
        future = quick.engine.submit_many([raw])
        quick.arrived(raw)
        quick.mempool.says = lambda _: KNOWN
        quick.arrived(raw, 3)
        assert not future.done()
        quick.block()
        assert codes(future) == ["transaction.expired"]

    def test_a_refusal_that_may_pass_is_no_answer_on_what_was_taken(self, home: Path, tmp_path: Path) -> None:
        """Over quota now, logged by the next window's block: it would have been called refused, and happened."""
        chain = found_chain(account_quota=1, quota_window_ms=BLOCK_MS)
        ledger = chain.create(home)
        quick = make(chain, ledger, tmp_path, 0.05)
        first, second = chain.sign(), chain.sign(chain.add("b"))
        future = quick.engine.submit_many([second])
        quick.arrived(second)
        quick.noted()
        quick.block(first)
        quick.mempool.says = lambda _: KNOWN
        quick.arrived(second, 4)
        assert quick.application.check_txs([second])[0].code != 0
        assert not future.done()
        quick.block(second)
        assert codes(future) == [0]
        quick.mempool.says = lambda _: ""
        quick.engine._again = 60.0  # handed in again, it would count as taken
        later = chain.sign(chain.add("c"))
        future = quick.engine.submit_many([later])
        quick.check(later)  # refused at first sight, it is in nobody's mempool
        assert codes(future) == ["signer.over_quota"]
        quick.engine.close()
        ledger.close()

    def test_what_a_block_passes_over_is_open_and_can_come_later(self, tmp_path: Path) -> None:
        chain = found_chain(account_quota=1, quota_window_ms=5_000)
        ledger = chain.create(tmp_path)
        rig = make(chain, ledger, tmp_path)
        first, second = chain.sign(), chain.sign(chain.add("b"))
        future = rig.engine.submit_many([first, second])
        rig.block(first, second)
        (done, over) = future.result(SECONDS)
        assert isinstance(over, PassedOver)
        assert (done.code, over.facts["reason"]) == (0, "signer.over_quota")
        for _ in range(5):
            rig.block()
        future = rig.engine.submit_many([second])
        rig.block(second)
        assert codes(future) == [0]
        rig.engine.close()
        ledger.close()

    def test_what_the_mempool_has_from_others_is_not_refused_for_its_quota(self, tmp_path: Path) -> None:
        chain = found_chain(account_quota=1)
        ledger = chain.create(tmp_path)
        rig = make(chain, ledger, tmp_path)
        first, second = chain.sign(), chain.sign(chain.add("b"))
        rig.block(first)
        rig.mempool.says = lambda _: KNOWN  # another node's client has handed it in there
        future = rig.engine.submit_many([second])
        rig.arrived(second)
        rig.noted()
        assert not future.done()
        rig.block(second)
        assert codes(future) == ["submission.passed_over"]
        rig.engine.close()
        ledger.close()

    def test_calls_are_bounded(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine_module, "MAX_CALL_TRANSACTIONS", 4)
        raws = [rig.chain.sign(rig.chain.add(f"c{number}")) for number in range(10)]
        monkeypatch.setattr(engine_module, "MAX_CALL_BYTES", 2 * len(raws[0]) + 1)
        future = rig.engine.submit_many(raws)
        rig.arrived(raws[-1])
        assert {len(call) for call in rig.mempool.calls} == {2}
        rig.block(*raws)
        assert codes(future) == [0] * 10


class TestWaiters:
    """Whoever waits for a durable block is told, whatever fails after it; then the failure ends the connection."""

    @pytest.mark.parametrize("fault", [StoreDamaged(chain="c", what="-"), ZeroDivisionError()])
    def test_a_step_after_the_commit_that_fails(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch, fault: Exception
    ) -> None:
        def failing(application: LedgerApplication) -> int:
            commit(application)
            raise fault

        commit = LedgerApplication.commit
        raw = rig.chain.sign()
        future = rig.engine.submit_many([raw])
        monkeypatch.setattr(LedgerApplication, "commit", failing)
        with pytest.raises(type(fault)):
            rig.block(raw)
        rig.handler.tell()
        assert codes(future) == [0]

    def test_a_block_that_is_not_durable_is_not_told(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        def failing(application: LedgerApplication) -> int:
            raise ZeroDivisionError

        raw = rig.chain.sign()
        future = rig.engine.submit_many([raw])
        monkeypatch.setattr(LedgerApplication, "commit", failing)
        with pytest.raises(ZeroDivisionError):
            rig.block(raw)
        rig.handler.tell()
        assert not future.done()

    def test_a_watcher_that_fails_for_one_block_is_told_of_the_next(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        committed, heights = rig.engine.committed, []

        def failing(height: int, *more: object) -> None:
            heights.append(height)
            committed(height, *more)  # type: ignore[arg-type]
            if height == 1:
                raise ZeroDivisionError

        monkeypatch.setattr(rig.engine, "committed", failing)
        first, second = rig.chain.sign(), rig.chain.sign()
        future = rig.engine.submit_many([first, second])
        rig.block(first, tell=False)
        rig.block(second, tell=False)
        with pytest.raises(ZeroDivisionError):
            rig.handler.tell()
        assert (codes(future), heights) == ([0, 0], [1, 2])


class TestLimits:
    """What is not taken at all."""

    def test_the_clock_both_ways(self, rig: Rig) -> None:
        for difference, kind in ((10_001, ChainStands), (-10_001, ClockBehind)):
            rig.clock.now = rig.chain.start + difference
            with pytest.raises(kind) as refusal:
                rig.engine.submit_many([rig.chain.sign()])
            assert set(refusal.value.facts.values()) == {10_001 if kind is ClockBehind else 10}
        rig.clock.now = rig.chain.start + 10_000
        raw = rig.chain.sign()
        future = rig.engine.submit_many([raw])
        rig.block(raw)
        assert codes(future) == [0]

    def test_how_many_wait(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine_module, "MAX_WAITING", 3)
        raws = [rig.chain.sign() for _ in range(4)]
        with pytest.raises(QueueFull):
            rig.engine.submit_many(raws)
        future = rig.engine.submit_many([raws[0], raws[0], raws[1]])
        for more in ([raws[0]], []):  # the same bytes count each time, and so does waiting for a block
            with pytest.raises(QueueFull):
                rig.engine.submit_many(more)
        rig.block(*raws[:2])
        assert codes(future) == [0, 0, 0]
        waits = [rig.engine.submit_many([]) for _ in range(3)]
        with pytest.raises(QueueFull):
            rig.engine.submit_many([])
        rig.block()
        assert [one.result(SECONDS) for one in waits] == [[]] * 3

    def test_how_many_bytes_wait(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        raws = [rig.chain.sign() for _ in range(3)]
        monkeypatch.setattr(engine_module, "MAX_WAITING_BYTES", len(raws[0]) + len(raws[1]))
        future = rig.engine.submit_many(raws[:2])
        with pytest.raises(QueueFull):
            rig.engine.submit_many(raws[2:])
        rig.block(*raws[:2])
        assert codes(future) == [0, 0]
        with pytest.raises(QueueFull):
            rig.engine.submit_many(raws)

    def test_a_store_without_room(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        def full() -> None:
            raise StoreFull(chain="c", percent=80)

        monkeypatch.setattr(rig.application, "check_room", full)
        with pytest.raises(StoreFull):
            rig.engine.submit_many([rig.chain.sign()]).result(SECONDS)
        assert not rig.mempool.calls
        waiting = rig.engine.submit_many([])
        rig.block()
        assert waiting.result(SECONDS) == []


class TestEnds:
    """Nobody is left waiting."""

    def test_closed(self, rig: Rig) -> None:
        done, left = rig.chain.sign(), rig.chain.sign(rig.chain.add("b"))
        whole, part, none = (
            rig.engine.submit_many([left]),
            rig.engine.submit_many([done, left]),
            rig.engine.submit_many([]),
        )
        rig.arrived(left)
        rig.handler.answer(Request(finalize_block={"height": 1, "time": timestamp(rig.chain.start + 1), "txs": [done]}))
        rig.handler.answer(Request(commit={}))
        single = rig.engine.submit(left)
        rig.handler.tell()
        assert none.result(SECONDS) == []
        next_block = rig.engine.submit_many([])
        rig.engine.close()
        rig.engine.close()
        for future in (whole, single, next_block):
            with pytest.raises(EngineClosed):
                future.result(SECONDS)
        assert codes(part) == [0, "engine.closed"]
        with pytest.raises(EngineClosed):
            rig.engine.submit_many([left])
        assert rig.engine.failure is None
        rig.block(left)  # whoever has it may still commit it; nobody waits any more

    def test_stopped_by_a_failure(self, rig: Rig) -> None:
        failure = StoreDamaged(chain="c", what="w")
        future = rig.engine.submit_many([rig.chain.sign()])
        rig.engine.stop(failure)
        for ask in (lambda: future.result(SECONDS), lambda: rig.engine.submit_many([b"x"])):
            with pytest.raises(StoreDamaged):
                ask()
        rig.engine.close()
        assert rig.engine.failure is failure

    def test_from_within_an_answer(self, rig: Rig) -> None:
        future = rig.engine.submit_many([rig.chain.sign()])
        rig.mempool.says = lambda _: FULL
        closed = threading.Event()

        def close(_: object) -> None:
            rig.engine.close()
            closed.set()

        future.add_done_callback(close)
        assert closed.wait(SECONDS)

    def test_while_blocks_and_submissions_come(self, chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
        rig = make(chain, ledger, tmp_path, 0.01)
        futures: list[Future[list[Outcome]]] = []

        def submit(number: int) -> None:
            try:
                while True:
                    futures.append(rig.engine.submit_many([chain.sign(chain.add(f"t{number}"))]))
            except EngineClosed:
                return

        threads = [threading.Thread(target=submit, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for number in range(8):
            rig.block(*[raw for call in list(rig.mempool.calls)[number : number + 1] for raw in call][:50])
        rig.engine.close()
        for thread in threads:
            thread.join(SECONDS)
        assert not futures_wait(futures, SECONDS).not_done
        assert {type(future.exception()) for future in futures} <= {type(None), EngineClosed}
