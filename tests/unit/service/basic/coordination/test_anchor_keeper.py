"""The keeper anchors what has grown, goes on after faults, closes a chain that is not what was anchored (H11, D5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.support.waiting import PATIENCE, until
from xinglin.carrier.consensus.errors import EngineClosed
from xinglin.service.basic.coordination.anchor_keeper import MAX_WAIT_SECONDS, AnchorKeeper
from xinglin.service.basic.coordination.anchoring import ChainBehindAnchor, ChainRewritten

BEHIND = ChainBehindAnchor(chain="p" + "a" * 26, size=1, anchored=2)


@dataclass
class Steps:
    """An anchoring whose attempts end as the list says, the last for good (port ``Anchors``).

    With a ``gate`` each attempt is let through it before it ends, so that what the one before led to can be seen.
    """

    ends: Sequence[Exception | None] = (None,)
    checked: Exception | None = None
    times: list[float] = field(default_factory=list)
    gate: threading.Semaphore | None = None

    def check(self) -> None:
        if self.checked is not None:
            raise self.checked

    def step(self) -> bool:
        end = self.ends[min(len(self.times), len(self.ends) - 1)]
        self.times.append(time.monotonic())
        if self.gate is not None:
            assert self.gate.acquire(timeout=PATIENCE)
        if end is not None:
            raise end
        return True


@contextmanager
def keeping(steps: Steps, interval: float = 0.01) -> Iterator[AnchorKeeper]:
    keeper = AnchorKeeper(lambda: steps, interval)
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "anchor-keeper"]


def test_it_looks_again_and_again_and_once_more_at_the_end() -> None:
    steps = Steps()
    with keeping(steps) as keeper:
        until(lambda: len(steps.times) >= 3)
        assert keeper.status.failures == 0
    last = len(steps.times)
    steps = Steps()
    with keeping(steps, interval=3_600.0):
        until(lambda: len(steps.times) == 1)
    assert len(steps.times) == 2
    assert last >= 4


def test_a_fault_is_seen_and_tried_again_later_and_later_and_forgotten_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = EngineClosed(chain="c" + "a" * 26)
    gate = threading.Semaphore(2)
    steps = Steps((closed, closed, TimeoutError(), None), gate=gate)
    with caplog.at_level("INFO"), keeping(steps, interval=0.05) as keeper:
        until(lambda: keeper.status.failures == 2)
        assert (keeper.status.fault, keeper.status.closed) == (closed.code, False)
        keeper.require_open()
        gate.release()
        until(lambda: keeper.status.fault == "TimeoutError")
        gate.release(1_000)
        until(lambda: len(steps.times) >= 4 and keeper.status.failures == 0)
        waits = [after - before for before, after in zip(steps.times, steps.times[1:], strict=False)]
        assert waits[0] >= 0.1
        assert waits[1] >= 0.2
        assert waits[2] >= 0.4
    said = [record.getMessage() for record in caplog.records]
    assert [one for one in said if closed.code in one] == [f"the private chain is not anchored: {closed.code}"]
    assert any("TimeoutError" in one for one in said)
    assert any("goes on after 3 failures" in one for one in said)


def test_the_wait_between_attempts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Stop(threading.Event):
        def is_set(self) -> bool:
            return len(waits) > 40

        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            return False

    steps = Steps((EngineClosed(chain="c" + "a" * 26),))
    keeper = AnchorKeeper(lambda: steps, 2.0)
    monkeypatch.setattr(keeper, "_stop", Stop())
    keeper.start()
    keeper.close()
    assert waits[:3] == [4.0, 8.0, 16.0]
    assert max(waits) == waits[-1] == MAX_WAIT_SECONDS


@pytest.mark.parametrize("broken", [BEHIND, ChainRewritten(chain="p" + "a" * 26, anchored=2)])
@pytest.mark.parametrize("at_start", [True, False])
def test_a_chain_that_is_not_what_was_anchored_is_closed_for_good(broken: Exception, *, at_start: bool) -> None:
    steps = Steps(checked=broken) if at_start else Steps((None, broken, None))
    with keeping(steps) as keeper:
        until(lambda: keeper.status.closed)
        with pytest.raises(type(broken)):
            keeper.require_open()
        tried = len(steps.times)
        time.sleep(0.05)
    assert len(steps.times) == tried == (0 if at_start else 2)
    assert keeper.status.closed
