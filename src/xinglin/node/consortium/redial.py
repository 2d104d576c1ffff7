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
from dataclasses import dataclass

from xinglin.carrier.consensus.comet.rpc import PeerLink

SILENT_MS = 90_000
"""How long nothing may come through a connection; a CometBFT that is there sends a ping each minute."""
DEAD_MS = 20_000
"""As long, where the peer itself has tried to connect anew meanwhile: who holds a connection does not."""
STANDS_SECONDS, GOES_SECONDS = 10.0, 30.0
"""How long a peer is missed before that, while no block comes and while blocks come; a dead connection is known."""
GROWS_SECONDS = 20.0
"""How long no block may come until the chain stands; an idle one has a block every 2 s."""
CALM_SECONDS, LONG_CALM_SECONDS = 600.0, 86_400.0
"""How long a peer is not missed, while no block comes, until it is as if it had never been; and how long the engine
was not started for a member, or for anybody, while blocks come. That is longer than every rest."""
_FIRST_STANDS, _FIRST_GOES, _LONGEST = 20.0, 600.0, 21_600.0
"""Seconds to the next start for the same peer while no block comes, for the same member while blocks come, twice as
many each time."""
_LONGEST_FOR_ALL = 900.0
"""The most seconds to the next start for whatever members: TCP gives a dead connection up in that time."""
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


@dataclass(frozen=True, slots=True)
class _Starts:
    """How many starts there were, and when the last was."""

    times: int
    last: float

    def rest_over(self, now: float, first: float, longest: float, quick: int = 1) -> bool:
        """Tell whether the rest after the last is over: so many are ``first`` seconds, then each twice as long."""
        return now - self.last >= min(longest, first * 2.0 ** min(max(0, self.times - quick), 16))


class Redial:
    """Remembers since when which peers are missed, and how often the engine was started again and for whom.

    While blocks come, a start is for all: one count, and beside it one for each member, so that who is missed again
    and again costs the others little. A member may have any number of peers, and other ones each minute. While the
    chain stands each peer has a count, and those starts delay none while it goes.
    """

    def __init__(self) -> None:
        self._since: dict[bytes, float] = {}
        self._seen: dict[bytes, float] = {}
        self._standing: dict[bytes, _Starts] = {}
        self._going: dict[str, _Starts] = {}
        self._all: _Starts | None = None

    def due_standing(self, missed: Collection[bytes], now: float) -> bool:
        """Tell whether the engine is to be started again now, while no block comes; then a start costs nothing.

        Args:
            missed: peers that are not connected and can be reached, or whose connection is silent.
            now: of a clock that never goes back, in seconds.
        """
        self._note(missed, now)

        def waited(peer: bytes) -> bool:
            starts = self._standing.get(peer)
            rested = starts is None or starts.rest_over(now, _FIRST_STANDS, _LONGEST, _QUICK_STANDS)
            return rested and now - self._since[peer] >= STANDS_SECONDS

        if not any(waited(peer) for peer in missed):
            return False
        self._standing |= {peer: _one_more(self._standing.get(peer), now) for peer in missed}
        self._since = {}
        return True

    def due_going(
        self,
        missed: Mapping[bytes, str],
        now: float,
        *,
        turn: bool,
        cycle_seconds: float,
        known_dead: Collection[bytes] = (),
    ) -> bool:
        """Tell whether the engine is to be started again now, while blocks come.

        Args:
            missed: whose they are, by peer: those that are not connected and can be reached, or whose connection is
                silent or dead.
            now: of a clock that never goes back, in seconds.
            turn: whether it is this node's turn.
            cycle_seconds: how long the engine rests after a first start, for whomever that was.
            known_dead: those of them whose connection is dead for sure.
        """
        self._note(missed, now)
        self._going = {who: one for who, one in self._going.items() if now - one.last < LONG_CALM_SECONDS}
        if self._all is not None and now - self._all.last >= LONG_CALM_SECONDS:
            self._all = None
        if not turn or not (self._all is None or self._all.rest_over(now, cycle_seconds, _LONGEST_FOR_ALL)):
            return False
        if not any(self._waited(peer, member, now, peer in known_dead) for peer, member in missed.items()):
            return False
        self._going |= {who: _one_more(self._going.get(who), now) for who in {*missed.values()}}
        self.started(now)
        return True

    def started(self, now: float) -> None:
        """Count a start while blocks come, whatever it is for: the engine dials all."""
        self._all = _one_more(self._all, now)
        self._since = {}

    def rested(self, now: float, cycle_seconds: float) -> bool:
        """Tell whether the engine may be started for something else than a missed peer."""
        return self._all is None or now - self._all.last >= cycle_seconds

    def _note(self, missed: Collection[bytes], now: float) -> None:
        self._since = {peer: self._since.get(peer, now) for peer in missed}
        self._seen |= dict.fromkeys(missed, now)
        self._seen = {peer: at for peer, at in self._seen.items() if now - at < CALM_SECONDS}
        self._standing = {peer: one for peer, one in self._standing.items() if peer in self._seen}

    def _waited(self, peer: bytes, member: str, now: float, known_dead: bool) -> bool:
        starts = self._going.get(member)
        rested = starts is None or starts.rest_over(now, _FIRST_GOES, _LONGEST)
        return rested and (known_dead or now - self._since[peer] >= GOES_SECONDS)


def _one_more(starts: _Starts | None, now: float) -> _Starts:
    return _Starts(1 if starts is None else starts.times + 1, now)
