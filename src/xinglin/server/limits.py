"""How much a node bears: requests from one address, requests in hand, signatures that were used (S8.5c)."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable

from xinglin.node.remote.errors import RequestSeen, RequestStale
from xinglin.node.remote.signed import AHEAD_MS, WINDOW_MS, Asker
from xinglin.server.errors import ServerBusy, SourceTooFast

MAX_SOURCES = 10_000
MAX_NONCES = 200_000
BURST_SECONDS = 4.0
"""An address may make so many seconds' requests at once."""


def source_of(host: str) -> str:
    """Return what an address is counted by: itself, or its /64 of IPv6, of which one customer has all."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


class SourceRates:
    """Lets each source make so many requests a second; which address it is not is forgotten first. For one thread.

    Args:
        per_second: requests on average.
        monotonic: a clock that never goes back, in seconds.
        burst: so many at once; None for those of four seconds.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float], burst: float | None = None) -> None:
        self._rate = per_second
        self._burst = max(1.0, per_second * BURST_SECONDS if burst is None else burst)
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, source: str, count: int = 1) -> None:
        """Count one request, or what is as dear as several: as all that is had at once, if that is less.

        Raises:
            SourceTooFast: it is too many.
        """
        count, now = min(count, int(self._burst)), self._monotonic()
        left, since = self._left.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        self._left[source] = (left - count if left >= count else left, now)
        while len(self._left) > MAX_SOURCES:
            self._left.popitem(last=False)
        if left < count:
            raise SourceTooFast


class MemberRates:
    """Lets each member have so many answers of a kind a minute, by all its accounts. From any thread.

    Each new height that is signed is written to disk, in the place of an older checkpoint: nobody gets one a block.
    Pages of the log and parts of packages are read and hashed for each answer.

    Args:
        per_minute: on average; a third of them at once.
        monotonic: a clock that never goes back, in seconds.
    """

    def __init__(self, per_minute: float, monotonic: Callable[[], float]) -> None:
        self._rates = SourceRates(per_minute / 60.0, monotonic, per_minute / 3.0)
        self._lock = threading.Lock()

    def take(self, member: str) -> None:
        """Count one; raises SourceTooFast when it is one too many."""
        with self._lock:
            self._rates.take(member)


class SeenNonces:
    """Lets each signed request be answered once: nonces are kept as long as their request is not too old.

    What was signed before this process began, and could have been answered by the one before, is refused.

    Args:
        began: when this process began to answer, ms of the node's clock.
    """

    def __init__(self, began: int) -> None:
        self._began = began
        self._seen: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()
        self._lock = threading.Lock()

    def use(self, asker: Asker, now: int) -> None:
        """Use a nonce up.

        Raises:
            RequestStale: the request was signed before this process began.
            RequestSeen: it was answered.
            ServerBusy: there is no room for one more.
        """
        if asker.time < self._began:
            raise RequestStale(time=asker.time, now=now, maximum=WINDOW_MS)
        name = (asker.caller.key, asker.nonce)
        with self._lock:
            self._forget(now)
            if name in self._seen:
                raise RequestSeen
            if len(self._seen) >= MAX_NONCES:
                raise ServerBusy
            self._seen[name] = now + WINDOW_MS + AHEAD_MS

    def _forget(self, now: int) -> None:
        """Forget what is too old to be answered; entries are in the order of when they came, which all last as long."""
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
