"""When an engine is started again because it does not dial a peer that can be reached (docs/spec/membership.md, MB24).

CometBFT looks names up once, when it starts; it dials a peer that went away less and less often, after an hour hardly
at all; and after a connection of which one end was lost it may dial a peer never again. Started, it dials all.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from xinglin.carrier.consensus.comet.rpc import PeerLink

SILENT_MS = 90_000
"""How long nothing may come through a connection; a CometBFT that is there sends a ping each minute."""
STANDS_SECONDS, GOES_SECONDS = 10.0, 60.0
"""How long a peer is missed before that, while no block comes and while blocks come."""
_FIRST_STANDS, _FIRST_GOES, _LONGEST = 30.0, 600.0, 21_600.0
"""Seconds to the next start for the same reason, twice as many each time."""


def silent(links: Iterable[PeerLink]) -> set[bytes]:
    """Return the peers that nothing comes from through the connection that stands.

    A host that is gone, or has another address by now, leaves one behind. CometBFT holds it until TCP gives up, a
    quarter of an hour, and refuses the same peer as doubled meanwhile.
    """
    return {one.peer for one in links if one.idle_ms >= SILENT_MS}


def reachable(places: Mapping[bytes, str], seconds: float) -> set[bytes]:
    """Return those whose ports take a connection now.

    Args:
        places: ``host:port`` by peer.
        seconds: how long all are waited for together: a resolver may take minutes.
    """
    found: set[bytes] = set()

    def try_one(peer: bytes, place: str) -> None:
        host, _, port = place.rpartition(":")
        with suppress(OSError, ValueError):  # ValueError: it can be no name
            socket.create_connection((host.strip("[]"), int(port)), seconds).close()
            found.add(peer)

    threads = [threading.Thread(target=try_one, args=one, daemon=True) for one in places.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return set(found)


class Redial:
    """Remembers since when which peers are missed, and when the engine was started again for them."""

    def __init__(self) -> None:
        self._since: dict[bytes, float] = {}
        self._times = 0
        self._last = 0.0

    def due(self, missed: Collection[bytes], now: float, *, stands: bool, turn_seconds: float) -> bool:
        """Tell whether the engine is to be started again now.

        Args:
            missed: peers that are not connected and can be reached, or whose connection is dead.
            now: of a clock that never goes back, in seconds.
            stands: whether no block comes; then a start costs nothing.
            turn_seconds: how long this node lets others go first while blocks come.
        """
        self._since = {peer: self._since.get(peer, now) for peer in missed}
        if not missed:
            self._times = 0
            return False
        patience, first = (STANDS_SECONDS, _FIRST_STANDS) if stands else (GOES_SECONDS + turn_seconds, _FIRST_GOES)
        rest = min(_LONGEST, first * 2.0 ** min(self._times - 1, 16)) if self._times else 0.0
        if now - min(self._since.values()) < patience or now - self._last < rest:
            return False
        self._since, self._last = {}, now
        self._times += 1
        return True
