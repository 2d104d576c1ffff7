"""Whose fault it is that block time and clock differ: the clock's, or that no block of now comes (S9.3)."""

from __future__ import annotations

import pytest

from xinglin.carrier.consensus.errors import ChainStands, ClockBehind
from xinglin.carrier.consensus.pace import Pace

BEGIN = 1_000_000


class Seen:
    """A chain whose blocks come as a test says, beside a clock that never goes back."""

    def __init__(self) -> None:
        self.passed = 0
        self.pace = Pace(BEGIN, lambda: self.passed)

    def blocks(self, count: int, every_ms: int, of_ms: int) -> None:
        """See blocks that come each so many ms and are so many ms apart."""
        for _ in range(count):
            self.passed += every_ms
            self.pace.block(self.pace.time + of_ms)


def test_within_ten_seconds_either_way_all_is_well() -> None:
    seen = Seen()
    for difference in (-10_000, 0, 10_000):
        seen.pace.check(BEGIN + difference)


def test_a_chain_that_stands() -> None:
    seen = Seen()
    seen.blocks(10, 1_000, 1_000)
    seen.passed += 25_000
    with pytest.raises(ChainStands) as stands:
        seen.pace.check(seen.pace.time + 25_000)
    assert stands.value.facts == {"seconds": 25}


def test_a_clock_that_is_ahead_while_blocks_go_on() -> None:
    seen = Seen()
    seen.blocks(10, 1_000, 1_000)
    with pytest.raises(ClockBehind) as clock:
        seen.pace.check(seen.pace.time + 60_000)
    assert clock.value.facts == {"difference": 60_000}


def test_a_clock_that_is_behind() -> None:
    seen = Seen()
    with pytest.raises(ClockBehind):
        seen.pace.check(BEGIN - 10_001)


@pytest.mark.parametrize(("every", "of"), [(100, 2_000), (50, 150)])
def test_a_node_that_catches_up_has_no_wrong_clock(every: int, of: int) -> None:
    seen = Seen()
    seen.blocks(100, every, of)
    with pytest.raises(ChainStands):
        seen.pace.check(seen.pace.time + 60_000)


def test_before_any_block_has_come_the_clock_is_not_blamed() -> None:
    with pytest.raises(ChainStands):
        Seen().pace.check(BEGIN + 3_600_000)
