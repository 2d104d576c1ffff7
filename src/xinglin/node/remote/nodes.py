"""Which of several nodes to ask next: the one that answered last; dead ones rest for longer and longer (S6.2f)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.node.remote.transport import Address

FIRST_REST_SECONDS = 0.2
LONGEST_REST_SECONDS = 10.0


@dataclass(slots=True)
class _Known:
    address: Address
    failures: int = 0
    rests_until: float = 0.0


class Nodes:
    """The nodes that a client was given, and how they have behaved. Methods may be called from any thread.

    Args:
        addresses: at least one; the first is asked first.
        monotonic: a clock that never goes back, in seconds.
        chance: gives a number from 0 up to 1, by which waits differ between clients.
    """

    def __init__(
        self, addresses: Sequence[Address], monotonic: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self._known = [_Known(address) for address in addresses]
        self._monotonic = monotonic
        self._chance = chance
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def all(self) -> list[Address]:
        """Return all nodes, those that rest too."""
        with self._lock:
            return [one.address for one in self._known]

    def ready(self) -> list[Address]:
        """Return the nodes that may be asked now, the preferred one first."""
        now = self._monotonic()
        with self._lock:
            return [one.address for one in self._known if one.rests_until <= now]

    def wait_seconds(self) -> float:
        """Return in how many seconds the next node may be asked; 0 when one may be now."""
        now = self._monotonic()
        with self._lock:
            return max(0.0, min(one.rests_until for one in self._known) - now)

    def answered(self, address: Address) -> None:
        """Prefer a node that has answered."""
        with self._lock:
            one = self._of(address)
            one.failures, one.rests_until = 0, 0.0
            self._known.remove(one)
            self._known.insert(0, one)

    def failed(self, address: Address, seconds: float = 0.0) -> None:
        """Let a node rest that gave no answer or is busy: twice as long each time, at least ``seconds``."""
        with self._lock:
            one = self._of(address)
            rest = min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** min(one.failures, 16))
            one.failures += 1
            one.rests_until = self._monotonic() + max(seconds, rest * (0.5 + self._chance() / 2))
            self._known.remove(one)
            self._known.append(one)

    def _of(self, address: Address) -> _Known:
        return next(one for one in self._known if one.address == address)
