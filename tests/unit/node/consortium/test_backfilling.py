"""The keeper that fetches the old log: it goes from node to node, tells of liars, and stops when it is asked to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.late import Grown, Pair, Peer, grow, late_pair
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.ledger import backfill as backfill_module
from xinglin.carrier.ledger import past as past_module
from xinglin.carrier.ledger.backfill import Backfill, Source
from xinglin.carrier.ledger.errors import LogBegunLate, StoreDamaged, StoreFull
from xinglin.carrier.ledger.store import Write
from xinglin.node.consortium import backfilling
from xinglin.node.consortium.backfilling import BackfillKeeper
from xinglin.node.consortium.neighbours import Met
from xinglin.node.remote.errors import NodeAway
from xinglin.node.remote.forms import LOG_PER_MINUTE, HeadSaid


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """Return a chain on the disk."""
    return grow(tmp_path_factory.mktemp("grown"))


@pytest.fixture
def pair(grown: Grown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Give a late home and its peer; what rests does so for a moment."""
    monkeypatch.setattr(backfill_module, "SLICE_ENTRIES", 100)
    monkeypatch.setattr(backfill_module, "SLICE_SECONDS", 1_000.0)
    monkeypatch.setattr(past_module, "PAGE_BYTES", 10_000)
    monkeypatch.setattr(backfilling, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(backfilling, "PACE_SECONDS", 0.0)
    monkeypatch.setattr(backfilling, "AWAY_SECONDS", 0.01)
    monkeypatch.setattr(backfilling, "LONGEST_AWAY_SECONDS", 0.05)
    monkeypatch.setattr(backfilling, "_FULL_SECONDS", 0.05)
    with late_pair(grown, tmp_path) as found:
        yield found


@dataclass
class Next:
    """A neighbour without a network: who it says it is, what it gives, after how many requests it is gone."""

    address: str
    source: Source
    lives: int = 1 << 30
    met: int = 0
    asked: list[str] = field(default_factory=list)

    def meet(self, seconds: float = 1.0) -> Met:
        """Answer, while it lives."""
        self.met += 1
        if self.lives <= 0:
            raise NodeAway(address=self.address, reason="gone")
        head = HeadSaid("c", f"node-{self.address}", "m", 1, 1, "00" * 32, "00" * 32, 1, "00" * 32, 1)
        return Met(head, f"member-{self.address}")

    def asking(self, met: Met) -> Next:
        """Return what is asked."""
        return self

    def page(self, first: int, below: int) -> bytes:
        """Give a page, while it lives."""
        self._live()
        return self.source.page(first, below)

    def tile(self, level: int, index: int) -> bytes:
        """Give a tile, while it lives."""
        self._live()
        return self.source.tile(level, index)

    def _live(self) -> None:
        self.lives -= 1
        if self.lives <= 0:
            raise NodeAway(address=self.address, reason="gone")


class Without:
    """A node that began late itself."""

    def page(self, first: int, below: int) -> bytes:
        """Refuse."""
        raise LogBegunLate(chain="c", entry=9)

    def tile(self, level: int, index: int) -> bytes:
        """Refuse."""
        raise LogBegunLate(chain="c", entry=9)


def run(pair: Pair, keeper: BackfillKeeper, seconds: float = PATIENCE) -> None:
    """Run the keeper while blocks are made, until the log is whole."""
    keeper.start()
    deadline = time.monotonic() + seconds
    try:
        while pair.late.log_start and time.monotonic() < deadline:
            pair.block()
            time.sleep(0.005)
    finally:
        keeper.close()
    assert pair.late.log_start == 0


@pytest.mark.requirement("S9.1", part="the old log comes from whichever node gives it")
def test_it_goes_from_node_to_node_and_names_who_lies(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    honest = Peer(pair.peer.ledger)
    lying = Peer(pair.peer.ledger, page_as=lambda page: page[:-1] + bytes([page[-1] ^ 1]))
    away, without = Next("a", honest, lives=0), Next("b", Without())
    liar, stops, last = Next("c", lying), Next("d", honest, lives=12), Next("e", honest)
    keeper = BackfillKeeper(pair.late, [away, without, liar, stops, last])
    begun = keeper.status
    assert begun is not None
    assert (begun.entries, begun.size) == (0, pair.late.log_start)
    with caplog.at_level(logging.WARNING, "xinglin"):
        run(pair, keeper)
    done = keeper.status
    assert done is not None
    assert (done.entries, done.code, done.lied) == (begun.size, "", ("c",))
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert len(said) == 1, "a liar rests"
    assert said[0].startswith("[backfill.invalid] node node-c of member member-c at c")
    assert liar.met == 1
    assert stops.lives == 0
    assert last.lives < 1 << 30
    assert any("is whole" in one.getMessage() for one in caplog.records)


@dataclass
class Slow(Next):
    """One that gives true pages of one entry, each after a while."""

    def page(self, first: int, below: int) -> bytes:
        """Give one entry, late."""
        time.sleep(0.02)
        return super().page(first, first + 1)


@pytest.mark.requirement("S9.1", part="a slow node does not hold the old log up")
def test_who_gives_little_and_late_loses_nothing_and_comes_last(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_module, "SLICE_SECONDS", 0.1)
    slow, good = Slow("a", Peer(pair.peer.ledger)), Next("b", Peer(pair.peer.ledger))
    keeper, fill = BackfillKeeper(pair.late, [slow, good]), pair.backfill()
    for met in ((1, 0), (1, 1)):
        write = keeper._fetched(fill)  # its look waits for a block
        assert write is not None
        pair.late.write_past(write)
        pair.block()
        if met == (1, 0):
            assert 0 < fill.next < 10, "what was checked is written"
        assert (slow.met, good.met) == met
    run(pair, keeper)


def test_it_asks_no_faster_than_nodes_answer(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 60 / backfilling.PACE_SECONDS < LOG_PER_MINUTE
    monkeypatch.setattr(backfilling, "PACE_SECONDS", 1_000.0)
    waits: list[float] = []

    class Stop(threading.Event):
        """Notes how long it is waited for."""

        def wait(self, timeout: float | None = None) -> bool:
            """Note it, and wait no longer."""
            waits.append(timeout or 0.0)
            return False

    source = backfilling._Stoppable(Peer(pair.peer.ledger), Stop())
    pair.backfill().fetch(source)
    assert len(waits) > 2
    assert waits[0] == 0.0
    assert all(seconds > 900 for seconds in waits[1:])


def test_nothing_is_begun_where_nothing_is_missing(pair: Pair) -> None:
    keeper = BackfillKeeper(pair.peer.ledger, [])
    keeper.start()
    assert keeper.status is None
    assert keeper.look() > 0
    keeper.close()


def test_without_anybody_to_ask_it_waits_and_can_be_stopped(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    keeper = BackfillKeeper(pair.late, [Next("a", Without())])
    keeper.start()
    until(lambda: keeper.status and keeper.status.code)
    keeper.close()
    status = keeper.status
    assert status is not None
    assert (status.entries, status.code) == (0, "log.begun_late")
    alone = BackfillKeeper(pair.late, [])
    alone.start()
    alone.close()
    assert "listener.members" in caplog.text


def test_a_full_store_takes_none_of_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise StoreFull(chain="c", percent=80)

    source = Next("a", Peer(pair.peer.ledger))
    keeper = BackfillKeeper(pair.late, [source])
    with monkeypatch.context() as patch:
        patch.setattr(pair.late, "check_room", full)
        with pytest.raises(StoreFull):
            keeper.look()
        assert source.met == 0
        keeper.start()
        until(lambda: keeper.status and keeper.status.code)
    status = keeper.status
    assert status is not None
    assert status.code == "storage.full"
    run(pair, _started(keeper))


class _started(BackfillKeeper):  # noqa: N801
    """A keeper that runs already."""

    def __init__(self, keeper: BackfillKeeper) -> None:
        self.__dict__ = keeper.__dict__

    def start(self) -> None:
        """It does."""


def test_what_the_disk_has_altered_is_fetched_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    finish, damaged = Backfill.finish, []

    def once(fill: Backfill) -> Write:
        if not damaged:
            damaged.append(fill.next)
            raise StoreDamaged(chain="c", what="a test")
        return finish(fill)

    monkeypatch.setattr(Backfill, "finish", once)
    source = Next("a", Peer(pair.peer.ledger))
    run(pair, BackfillKeeper(pair.late, [source]))
    assert damaged == [pair.late.begun.size]  # type: ignore[union-attr]
    assert source.met > 2 * (damaged[0] // 140)
