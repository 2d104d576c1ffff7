"""Whether a chain keeps pace with this machine's clock, and if not, which of the two is to blame (design D5.4; S9.3).

A node takes submissions only while block time is within 10 s of its own clock. When it is not, either no block of now
comes (the chain stands, or this node is catching up), or blocks come and the clock is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from xinglin.carrier.consensus.errors import ChainStands, ClockBehind

MAX_CLOCK_DIFFERENCE_MS = 10_000
_SETTLED_MS = 2_000
"""So much has to pass between two blocks that are compared."""
_FAST = 1.5
"""Block time that goes so much faster than this machine's is that of blocks of before."""


class Pace:
    """Sees the blocks of a chain. Its methods may be called from any thread.

    Args:
        time: of the newest block, ms; it was made before now.
        monotonic_ms: a clock that never goes back, ms.
    """

    def __init__(self, time: int, monotonic_ms: Callable[[], int]) -> None:
        self._monotonic_ms = monotonic_ms
        self._last: tuple[int, int] | None = None
        self._before: tuple[int, int] | None = None
        self._came = 0
        self.time = time

    def block(self, time: int) -> None:
        """See a block that has just become durable."""
        now = self._monotonic_ms()
        if self._last is None or now - self._last[1] >= _SETTLED_MS:
            self._before, self._last = self._last, (time, now)
        self.time, self._came = time, now

    def check(self, now_ms: int) -> None:
        """Refuse where block time is too far from a clock, before or behind.

        Raises:
            ChainStands: it is behind, and no block of now comes.
            ClockBehind: blocks come, or it is before.
        """
        difference = now_ms - self.time
        if difference > MAX_CLOCK_DIFFERENCE_MS and not self._goes_on():
            raise ChainStands(seconds=difference // 1000)
        if abs(difference) > MAX_CLOCK_DIFFERENCE_MS:
            raise ClockBehind(difference=abs(difference))

    def _goes_on(self) -> bool:
        """Whether blocks come as fast as this machine's time goes: it can be told after two of them."""
        before = self._before
        if before is None or self._monotonic_ms() - self._came > MAX_CLOCK_DIFFERENCE_MS:
            return False
        passed = self._came - before[1]
        return passed >= _SETTLED_MS and self.time - before[0] <= _FAST * passed
