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
DEAD_MS = 20_000
"""As long, where the peer itself has tried to connect anew meanwhile: who holds a connection does not."""
STANDS_SECONDS, GOES_SECONDS = 10.0, 30.0
"""How long a peer is missed before that, while no block comes and while blocks come; a dead connection is known."""
GROWS_SECONDS = 20.0
"""How long no block may come until the chain stands; an idle one has a block every 2 s."""
CALM_SECONDS = 600.0
"""How long a peer is not missed until it is as if it had never been."""
_FIRST_STANDS, _FIRST_GOES, _LONGEST = 20.0, 600.0, 21_600.0
"""Seconds to the next start for the same peer, twice as many each time."""
_QUICK_STANDS = 12
"""How many starts come after the same time while the chain stands: a peer may hold a dead connection for minutes."""


def silent(links: Iterable[PeerLink]) -> set[bytes]:
    """Return the peers that nothing comes from through the connection that stands.

    A host that is gone, or has another address by now, leaves one behind. CometBFT holds it until TCP gives up, a
    quarter of an hour where the system is set as usual, and refuses the same peer as doubled meanwhile.
    """
    return {one.peer for one in links if one.idle_ms >= SILENT_MS}


def dead(links: Iterable[PeerLink], doubled: Mapping[bytes, float]) -> set[bytes]:
    """Return the peers whose connection is dead for sure: they tried to connect anew since they were heard last.

    While blocks come: then a peer that is there says something with each. Two that dial each other at once are doubled
    too, and may be silent for a minute while the chain stands.

    Args:
        links: connections of the engine.
        doubled: seconds since the engine refused a peer as connected already.
    """
    return {
        one.peer
        for one in links
        if one.idle_ms >= DEAD_MS and one.peer in doubled and one.idle_ms > 1000 * doubled[one.peer]
    }


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


class Growth:
    """Tells whether blocks come, by when the chain grew last; the blocks of one that is caught up with are old."""

    def __init__(self) -> None:
        self._height, self._since = -1, 0.0

    def stands(self, height: int, now: float) -> bool:
        """Tell whether no block came for so long; ``now`` is of a clock that never goes back, in seconds."""
        if height != self._height:
            self._height, self._since = height, now
        return now - self._since > GROWS_SECONDS


class Redial:
    """Remembers since when which peers are missed, and how often the engine was started again for them."""

    def __init__(self) -> None:
        self._since: dict[bytes, float] = {}
        self._seen: dict[bytes, float] = {}
        self._starts: dict[tuple[bytes, bool], tuple[int, float]] = {}

    def due(
        self,
        missed: Collection[bytes],
        now: float,
        *,
        stands: bool,
        turn_seconds: float,
        known_dead: Collection[bytes] = (),
    ) -> bool:
        """Tell whether the engine is to be started again now.

        Each peer has a count of its own, one while the chain stands and one while it goes: who is missed again and
        again costs no other its start, and the many starts of a chain that stands delay none of one that goes.

        Args:
            missed: peers that are not connected and can be reached, or whose connection is dead.
            now: of a clock that never goes back, in seconds.
            stands: whether no block comes; then a start costs nothing.
            turn_seconds: how long this node lets others go first while blocks come.
            known_dead: those of them whose connection is dead for sure.
        """
        self._since = {peer: self._since.get(peer, now) for peer in missed}
        self._seen |= dict.fromkeys(missed, now)
        self._seen = {peer: at for peer, at in self._seen.items() if now - at < CALM_SECONDS}
        self._starts = {key: one for key, one in self._starts.items() if key[0] in self._seen}

        def waited(peer: bytes) -> bool:
            patience = STANDS_SECONDS if stands else turn_seconds + (0.0 if peer in known_dead else GOES_SECONDS)
            times, last = self._starts.get((peer, stands), (0, now))
            return now - self._since[peer] >= patience and now - last >= _rest(times, stands=stands)

        if not any(waited(peer) for peer in missed):
            return False
        for key in ((peer, stands) for peer in missed):
            self._starts[key] = (self._starts.get(key, (0, now))[0] + 1, now)
        self._since = {}
        return True


def _rest(times: int, *, stands: bool) -> float:
    """Return the seconds from a start to the next for the same peer, after so many."""
    if times == 0:
        return 0.0
    first, doubled = (_FIRST_STANDS, times - _QUICK_STANDS) if stands else (_FIRST_GOES, times - 1)
    return min(_LONGEST, first * 2.0 ** min(max(0, doubled), 16))
