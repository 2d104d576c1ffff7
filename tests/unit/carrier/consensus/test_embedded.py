"""The embedded engine: whatever arrives is in a block once, each on its own merits, and nobody is left waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.chain import Chain, found_chain
from tests.support.counters import Count
from tests.support.damage import alter, data_file
from tests.support.homes import Homes, SetClock, engine_of
from tests.support.loose import loose, parsed, put
from tests.support.waiting import until
from xinglin.carrier.consensus import embedded
from xinglin.carrier.consensus.embedded import EmbeddedEngine
from xinglin.carrier.consensus.errors import (
    ClockBehind,
    EngineClosed,
    EngineFailed,
    MajorityLost,
    PassedOver,
    QueueFull,
)
from xinglin.carrier.consensus.group import EmbeddedGroup
from xinglin.carrier.consensus.ports import Committed, Outcome
from xinglin.carrier.contracts.api import ArgumentsInvalid, Context, Contract, Method
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.ledger.errors import OverQuota, StoreDamaged, StoreFull, TransactionTooLarge, ValueDamaged
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import ChainObject, encode, state_key
from xinglin.kernel.errors import PlatformError

SECONDS = 120


@pytest.fixture
def homes(chain: Chain, tmp_path: Path) -> Iterator[Homes]:
    """Give one home at height 0."""
    homes = Homes(chain, tmp_path, ("a",)).create()
    yield homes
    homes.close()


@pytest.fixture
def clock(chain: Chain) -> SetClock:
    """Return a clock a second after genesis."""
    return SetClock(chain.start + 1000)


@pytest.fixture
def engine(homes: Homes, clock: SetClock, chain: Chain) -> Iterator[EmbeddedEngine]:
    """Give an engine without heartbeat."""
    with engine_of(homes.group(), clock, chain) as running:
        yield running


@pytest.fixture
def ledger(homes: Homes) -> Ledger:
    """Return the home's ledger."""
    return homes.ledgers["a"]


def codes(outcomes: list[Outcome]) -> list[int | str]:
    return [one.code for one in outcomes]


def submitted(engine: EmbeddedEngine, *raws: bytes) -> list[int | str]:
    """Return what became of transactions handed in together: receipt number or code."""
    return codes(engine.submit_many(raws).result(SECONDS))


class TestWaiters:
    """Whoever waits for a block that is durable is told, whatever fails after it; then the engine ends as it does."""

    @pytest.mark.parametrize("fault", [StoreDamaged(chain="c", what="-"), ZeroDivisionError()])
    @pytest.mark.parametrize("failing", ["a", "b", "ab"])
    def test_a_step_after_the_commit_that_fails(
        self, chain: Chain, tmp_path: Path, clock: SetClock, fault: Exception, failing: str
    ) -> None:
        class Failing(LedgerApplication):
            def commit(self) -> int:
                super().commit()
                raise fault

        homes = Homes(chain, tmp_path, ("a", "b")).create()
        members = [
            replace(one, application=Failing(homes.ledgers[one.name])) if one.name in failing else one
            for one in homes.members()
        ]
        with engine_of(EmbeddedGroup(members), clock, chain) as engine:
            assert submitted(engine, chain.sign(), chain.sign()) == [0, 0]
            with pytest.raises(PlatformError):
                engine.submit(chain.sign()).result(SECONDS)
            assert isinstance(engine.failure, MajorityLost)
        assert homes.heights() == [1, 1]
        homes.close()

    def test_a_home_of_its_own_whose_head_file_can_not_be_written(
        self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger
    ) -> None:
        ledger._head_file.close()
        assert submitted(engine, chain.sign()) == [0]
        assert isinstance(engine.failure, StoreDamaged)
        with pytest.raises(StoreDamaged):
            engine.submit(chain.sign()).result(SECONDS)

    def test_what_was_durable_before_a_later_block_of_the_same_submission_fails(
        self, chain: Chain, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Failing(LedgerApplication):
            def commit(self) -> int:
                if self.ledger.tip.height == 1:
                    raise ZeroDivisionError
                return super().commit()

        monkeypatch.setattr(embedded, "MAX_BLOCK_TRANSACTIONS", 2)
        homes = Homes(chain, tmp_path, ("a",)).create()
        (member,) = homes.members()
        group = EmbeddedGroup([replace(member, application=Failing(homes.ledgers["a"]))])
        with engine_of(group, clock, chain) as engine:
            assert submitted(engine, *[chain.sign() for _ in range(5)]) == [0, 0, *["engine.failed"] * 3]
            assert isinstance(engine.failure, EngineFailed)
        homes.close()

    def test_a_cache_that_fails_does_not_hide_a_durable_block(
        self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(ledger._compared, "move", fail)
        assert submitted(engine, chain.sign()) == [0]
        assert isinstance(engine.failure, EngineFailed)


def test_what_is_passed_over_for_its_quota_is_open_and_can_come_later(tmp_path: Path) -> None:
    chain = found_chain(account_quota=1)
    homes = Homes(chain, tmp_path, ("a",)).create()
    clock = SetClock(chain.start + 1000)
    first, second = chain.sign(valid_until=chain.start + 300_000), chain.sign(valid_until=chain.start + 300_000)
    with engine_of(homes.group(), clock, chain) as engine:
        (done, over) = engine.submit_many([first, second]).result(SECONDS)
        assert isinstance(over, PassedOver)
        assert (done.code, over.facts) == (0, {"reason": OverQuota.code})
        clock.now += chain.rules.parameters.quota_window_ms
        assert submitted(engine, second) == [0]
    homes.close()


class TestSubmitting:
    """One future for each submission; each transaction on its own merits."""

    def test_where_a_transaction_went(self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger) -> None:
        committed = engine.submit(chain.sign()).result(SECONDS)
        entry = ledger.entry(committed.index)
        assert committed == Committed(1, chain.start + 1000, 0, 0, entry.leaf.receipt)
        assert ledger.tip.height == 1
        assert engine.submit(chain.sign(chain.add("a", 2000))).result(SECONDS).code == ArgumentsInvalid.number
        for raw, code in ((b"x", "transaction.malformed"), (chain.sign(valid_until=1), "transaction.expired")):
            with pytest.raises(PlatformError) as refusal:
                engine.submit(raw).result(SECONDS)
            assert refusal.value.code == code

    def test_malformed_among_good(self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger) -> None:
        good = [chain.sign(), chain.sign(chain.add("b"))]
        other_chain = chain.sign(chain=found_chain().rules.chain)
        forged = loose(put(parsed(good[0]), (1, 0), bytes(64)))
        late, early = chain.sign(valid_until=chain.start), chain.sign(valid_until=chain.start + 900_000)
        found = submitted(engine, b"", good[0], other_chain, late, forged, good[0], good[1], early)
        assert found[0:3] == ["transaction.malformed", 0, "transaction.other_chain"]
        assert found[3] == "transaction.expired"
        assert found[4:] == ["transaction.signature", "transaction.replayed", 0, "transaction.too_far_ahead"]
        assert (ledger.tip.log_size, ledger.tip.height) == (2, 1)

    def test_what_is_judged_by_block_time_is_judged_by_that_of_its_block(
        self, chain: Chain, engine: EmbeddedEngine, clock: SetClock
    ) -> None:
        clock.now = chain.start + 3_600_000  # the chain has stood still for an hour
        good = chain.sign(valid_until=clock.now + 60_000)
        assert submitted(engine, b"malformed", good) == ["transaction.malformed", 0]

    def test_a_forged_transaction_that_is_refused_for_another_reason_too(
        self, chain: Chain, engine: EmbeddedEngine
    ) -> None:
        late = loose(put(parsed(chain.sign(valid_until=chain.start)), (1, 0), bytes(64)))
        found = submitted(engine, chain.sign(), late, b"x")
        assert found == [0, "transaction.expired", "transaction.malformed"]
        assert submitted(engine, chain.sign()) == [0]

    def test_a_transaction_that_fits_no_block(self, tmp_path: Path) -> None:
        chain = found_chain(max_block_bytes=2000)
        homes = Homes(chain, tmp_path, ("a",)).create()
        with engine_of(homes.group(), SetClock(chain.start + 1), chain) as engine:
            large = chain.sign(chain.batch(bytes(1000), bytes(1000)))
            assert submitted(engine, chain.sign(), large, chain.sign()) == [0, "transaction.too_large", 0]
            assert submitted(engine, large) == ["transaction.too_large"]
            assert submitted(engine, *[chain.sign(chain.batch(bytes(900))) for _ in range(6)]) == [0] * 6
            assert homes.heights()[0] >= 6 // 2 + 1
        homes.close()

    def test_one_submission_of_many_blocks(
        self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "MAX_BLOCK_TRANSACTIONS", 10)
        raws = [chain.sign(chain.add(f"c{number}")) for number in range(35)]
        outcomes = engine.submit_many([*raws[:20], b"x", *raws[20:]]).result(SECONDS)
        assert codes(outcomes) == [0] * 20 + ["transaction.malformed"] + [0] * 15
        indexes = [one.index for one in outcomes if isinstance(one, Committed)]
        assert indexes == list(range(35))
        assert ledger.tip.height == 4

    def test_nothing_is_a_submission_too(self, engine: EmbeddedEngine) -> None:
        assert engine.submit_many([]).result(SECONDS) == []

    def test_the_same_transaction_at_once_from_many_threads(
        self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger
    ) -> None:
        raw = chain.sign()
        again = [chain.sign_again(raw) for _ in range(20)]
        found: list[int | str] = []
        threads = [threading.Thread(target=lambda one=one: found.extend(submitted(engine, one))) for one in again]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, found)) == ["0"] + ["transaction.replayed"] * 19
        assert ledger.value(state_key("counter", "a")) == encode(Count(1))

    def test_many_threads(self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger) -> None:
        work = [[chain.sign(chain.add(f"t{thread}")) for _ in range(25)] for thread in range(8)]
        found: dict[int, list[int | str]] = {}

        def submit(thread: int) -> None:
            futures = [engine.submit(raw) for raw in work[thread][:10]]
            outcomes: list[Outcome] = [future.result(SECONDS) for future in futures]
            outcomes += engine.submit_many([*work[thread][10:], b"x", work[thread][0]]).result(SECONDS)
            found[thread] = codes(outcomes)

        threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(codes == [0] * 25 + ["transaction.malformed", "transaction.replayed"] for codes in found.values())
        assert len(found) == 8
        assert ledger.tip.log_size == 200
        assert all(ledger.value(state_key("counter", f"t{number}")) == encode(Count(25)) for number in range(8))
        assert ledger.tip.height < 200

    def test_more_than_the_engine_holds(
        self, chain: Chain, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "MAX_WAITING", 3)
        with pytest.raises(QueueFull):
            engine.submit_many([chain.sign() for _ in range(4)])
        assert submitted(engine, *[chain.sign() for _ in range(3)]) == [0, 0, 0]
        assert submitted(engine, chain.sign()) == [0]

    def test_what_no_longer_waits_takes_no_bytes(
        self, chain: Chain, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        size = len(chain.sign())
        monkeypatch.setattr(embedded, "MAX_WAITING_BYTES", 3 * size)
        for _ in range(5):
            assert submitted(engine, *[chain.sign() for _ in range(3)]) == [0, 0, 0]
        with pytest.raises(QueueFull) as full:
            engine.submit_many([chain.sign() for _ in range(4)])
        assert full.value.facts == {"waiting": 0, "size": 0}


class TestFutures:
    """Whoever waits may lose patience; that is no matter of the engine."""

    def test_a_future_cannot_be_cancelled(self, chain: Chain, engine: EmbeddedEngine) -> None:
        one, many = engine.submit(chain.sign()), engine.submit_many([chain.sign()])
        assert not one.cancel()
        assert not many.cancel()
        assert one.result(SECONDS).code == 0
        assert codes(many.result(SECONDS)) == [0]

    def test_a_task_that_waited_is_cancelled(self, chain: Chain, engine: EmbeddedEngine) -> None:
        async def impatient() -> None:
            for submit in (lambda: engine.submit(chain.sign()), lambda: engine.submit_many([chain.sign()])):
                task = asyncio.ensure_future(asyncio.wrap_future(submit()))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(impatient())
        assert submitted(engine, chain.sign()) == [0]

    def test_a_callback_that_fails(
        self, chain: Chain, engine: EmbeddedEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails(_: Future[Committed]) -> None:
            raise ZeroDivisionError

        future = engine.submit(chain.sign())
        future.add_done_callback(fails)
        assert future.result(SECONDS).code == 0
        assert submitted(engine, chain.sign()) == [0]


class TestTime:
    """Block time is this machine's, and never goes back."""

    def test_a_clock_that_goes_back(
        self, chain: Chain, engine: EmbeddedEngine, clock: SetClock, ledger: Ledger
    ) -> None:
        clock.now = chain.start + 20_000
        engine.submit(chain.sign()).result(SECONDS)
        clock.now = chain.start + 12_000
        assert submitted(engine, chain.sign()) == [0]
        assert ledger.tip.time == chain.start + 20_001
        clock.now = chain.start + 10_001
        assert submitted(engine, chain.sign()) == [0]
        for now in (chain.start + 10_001, 0):
            clock.now = now
            with pytest.raises(ClockBehind):
                engine.submit(chain.sign())
        clock.now = chain.start + 30_000
        assert submitted(engine, chain.sign()) == [0]
        assert ledger.tip.time == chain.start + 30_000

    def test_a_heartbeat_lets_time_go_on(self, homes: Homes, clock: SetClock, chain: Chain, ledger: Ledger) -> None:
        before = ledger.tip.app_hash
        with engine_of(homes.group(), clock, chain, heartbeat=0.01):

            def beaten() -> bool:
                clock.now += 10
                return ledger.tip.height >= 5

            until(beaten)
        assert ledger.tip.height >= 5
        assert ledger.tip.time > chain.start + 1000
        assert ledger.tip.app_hash == before

    def test_no_heartbeat_no_empty_blocks(self, chain: Chain, engine: EmbeddedEngine, ledger: Ledger) -> None:
        submitted(engine, chain.sign())
        time.sleep(0.2)
        assert ledger.tip.height == 1


class Slow(ChainObject, frozen=True):
    """Arguments of nothing."""


class Gate:
    """A contract that holds the engine in a block until the test lets it go."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.fault: Exception | None = None
        method = Method(Slow, self._run)
        self.contract = Contract("gate", 1, {"pass": method}, ("gate",))

    def _run(self, ctx: Context, call: Slow, items: object) -> None:
        self.entered.set()
        assert self.open.wait(SECONDS)
        if self.fault is not None:
            raise self.fault


class TestEnding:
    """Nobody is left waiting."""

    @pytest.fixture
    def gate(self) -> Gate:
        return Gate()

    @pytest.fixture
    def gated(self, gate: Gate, tmp_path: Path) -> Iterator[tuple[Chain, Homes, EmbeddedEngine]]:
        chain = found_chain(extra=[gate.contract])
        homes = Homes(chain, tmp_path / "gated", ("a",)).create()
        with engine_of(homes.group(), SetClock(chain.start + 1), chain) as engine:
            yield chain, homes, engine
        homes.close()

    def hold(
        self, chain: Chain, engine: EmbeddedEngine, gate: Gate
    ) -> tuple[Future[Committed], list[Future[Committed]]]:
        """Return the future of a block in hand, and those of what waits behind it."""
        first = engine.submit(chain.sign(chain.call("gate.pass", Slow())))
        assert gate.entered.wait(SECONDS)
        return first, [engine.submit(chain.sign()) for _ in range(5)]

    def test_closed_while_others_wait(self, gate: Gate, gated: tuple[Chain, Homes, EmbeddedEngine]) -> None:
        chain, homes, engine = gated
        first, behind = self.hold(chain, engine, gate)
        closing = threading.Thread(target=engine.close)
        closing.start()
        with pytest.raises(EngineClosed):  # noqa: PT012
            while True:
                engine.submit(chain.sign())
                time.sleep(0.001)
        gate.open.set()
        closing.join(SECONDS)
        assert first.result(SECONDS).code == 0
        wait(behind, SECONDS)
        assert {type(future.exception(0)) for future in behind} == {EngineClosed}
        assert homes.heights() == [1]
        engine.close()

    def test_only_what_has_a_block_before_it_is_looked_at_ahead(
        self, gate: Gate, gated: tuple[Chain, Homes, EmbeddedEngine], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chain, _, engine = gated
        seen: list[bytes] = []
        monkeypatch.setattr(engine.group, "look_ahead", seen.extend)
        forged = loose(put(parsed(chain.sign()), (1, 0), bytes(64)))
        while not engine._idle:
            time.sleep(0.001)
        assert submitted(engine, forged) == ["transaction.signature"]  # its block finds what nobody looked at
        while not engine._idle:
            time.sleep(0.001)
        assert submitted(engine, chain.sign()) == [0]
        assert seen == []
        while not engine._idle:
            time.sleep(0.001)
        first, behind = self.hold(chain, engine, gate)
        while len(seen) < len(behind):
            time.sleep(0.001)
        gate.open.set()
        assert [one.result(SECONDS).code for one in (first, *behind)] == [0] * 6
        assert len(seen) == len(behind)

    def test_the_bytes_that_wait_are_bounded(
        self, gate: Gate, gated: tuple[Chain, Homes, EmbeddedEngine], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However few transactions they are in."""
        chain, _, engine = gated
        first, behind = self.hold(chain, engine, gate)
        size = len(chain.sign())
        monkeypatch.setattr(embedded, "MAX_WAITING_BYTES", 7 * size)
        behind.append(engine.submit(chain.sign()))
        with pytest.raises(QueueFull) as full:
            engine.submit_many([chain.sign(), chain.sign()])
        assert full.value.facts == {"waiting": 6, "size": 6 * size}
        behind.append(engine.submit(chain.sign()))
        with pytest.raises(QueueFull):
            engine.submit(chain.sign())
        gate.open.set()
        assert [future.result(SECONDS).code for future in (first, *behind)] == [0] * 8

    def test_what_is_too_large_for_the_chain_never_waits(
        self, gate: Gate, gated: tuple[Chain, Homes, EmbeddedEngine]
    ) -> None:
        chain, homes, engine = gated
        limit = chain.rules.parameters.max_transaction_bytes
        first, behind = self.hold(chain, engine, gate)
        large, most = bytes(limit + 1), bytes(limit)
        refused = engine.submit(large).exception(0)
        assert isinstance(refused, TransactionTooLarge)
        assert refused.facts == {"limit": "max_transaction_bytes", "maximum": limit, "found": limit + 1}
        assert codes(engine.submit_many([large, large]).result(0)) == ["transaction.too_large"] * 2
        mixed = engine.submit_many([large, chain.sign(), most, large, chain.sign()])
        assert not mixed.done()
        until(lambda: len(engine._waiting) == len(behind) + 1)  # all were looked at: one block takes them
        gate.open.set()
        found = codes(mixed.result(SECONDS))
        assert found == ["transaction.too_large", 0, "transaction.malformed", "transaction.too_large", 0]
        assert [future.result(SECONDS).code for future in (first, *behind)] == [0] * 6
        assert homes.heights() == [2]

    def test_what_is_left_of_a_submission_fails_with_the_engine(
        self, gate: Gate, gated: tuple[Chain, Homes, EmbeddedEngine]
    ) -> None:
        chain, _, engine = gated
        gate.fault = ZeroDivisionError()
        self.hold(chain, engine, gate)
        mixed = engine.submit_many([bytes(chain.rules.parameters.max_transaction_bytes + 1), chain.sign()])
        gate.open.set()
        assert isinstance(mixed.exception(SECONDS), EngineFailed)

    def test_a_group_without_majority(self, chain: Chain, clock: SetClock, tmp_path: Path) -> None:
        homes = Homes(chain, tmp_path / "two", ("a", "b")).create()
        with engine_of(homes.group(), clock, chain) as engine:
            assert submitted(engine, chain.sign(chain.add("a", 200))) == [0]
            assert alter(data_file(tmp_path / "two" / "b", chain.rules.chain), encode(Count(200)), encode(Count(201)))
            for _ in range(2):
                with pytest.raises(MajorityLost):
                    submitted(engine, chain.sign(), chain.sign())
        assert homes.heights() == [1, 1]
        homes.close()

    def test_a_fault_of_a_contract(self, gate: Gate, gated: tuple[Chain, Homes, EmbeddedEngine]) -> None:
        chain, homes, engine = gated
        gate.fault = ZeroDivisionError()
        first, behind = self.hold(chain, engine, gate)
        gate.open.set()
        failures = [future.exception(SECONDS) for future in (first, *behind)]
        assert {type(failure) for failure in failures} == {EngineFailed}
        assert isinstance(failures[0].__cause__, ZeroDivisionError)  # type: ignore[union-attr]
        with pytest.raises(EngineFailed):
            engine.submit(chain.sign())
        assert homes.heights() == [0]
        assert homes.ledgers["a"]._versions._tree.stats().versions == 1

    def test_a_damaged_store(self, chain: Chain, engine: EmbeddedEngine, homes: Homes, tmp_path: Path) -> None:
        assert submitted(engine, chain.sign(chain.add("a", 200))) == [0]
        assert alter(data_file(tmp_path / "a", chain.rules.chain), encode(Count(200)), encode(Count(201)))
        with pytest.raises(ValueDamaged):
            submitted(engine, chain.sign(), chain.sign())
        with pytest.raises(ValueDamaged):
            engine.submit(chain.sign())
        assert homes.heights() == [1]

    def test_a_store_without_room_refuses_and_time_goes_on(self, tmp_path: Path) -> None:
        chain = found_chain()
        homes = Homes(chain, tmp_path, ("a",))
        homes.ledgers["a"] = chain.create(tmp_path / "a", map_bytes=1 << 20)
        clock = SetClock(chain.start + 1)
        with engine_of(homes.group(), clock, chain, heartbeat=0.01) as engine:
            with pytest.raises(StoreFull) as full:  # noqa: PT012
                while True:
                    submitted(engine, *[chain.sign(chain.batch(*[bytes(1000)] * 8)) for _ in range(4)])
            assert 80 <= int(full.value.facts["percent"]) < 100
            height = homes.heights()[0]
            until(lambda: homes.heights()[0] >= height + 2)
            with pytest.raises(StoreFull):
                submitted(engine, chain.sign())
        homes.close()

    def test_homes_of_an_engine(self, chain: Chain, clock: SetClock, tmp_path: Path) -> None:
        homes = Homes(chain, tmp_path / "three").create()
        with engine_of(EmbeddedGroup(homes.members()), clock, chain) as engine:
            assert submitted(engine, *[chain.sign() for _ in range(5)], b"x") == [0] * 5 + ["transaction.malformed"]
        assert homes.heights() == [1, 1, 1]
        assert len(homes.app_hashes()) == 1
        homes.close()
