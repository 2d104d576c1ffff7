"""Watches the links to other members' nodes, and tells which member's is bad, in what, since when (S6.1d, S6.2c1).

Two ways lead to a node: its engine, of which CometBFT counts bytes, and its listener, which is probed here for
round-trip, loss and how far its chain is. What is bad is in the log once, and in ``status`` and the figures as long as
it lasts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from xinglin.carrier.access.governance.validators import Peer, peers_of
from xinglin.carrier.consensus.comet.rpc import PeerLink
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.consortium.clocks import ANSWERS, Clock, ahead_of, middle_of
from xinglin.node.consortium.neighbours import Met, Neighbour
from xinglin.node.consortium.repeating import Repeating
from xinglin.node.node import Node

logger = logging.getLogger(__name__)
PROBES = 20
"""So many of the last probes tell round-trip and loss."""
LEAST_PROBES = 3
"""Before so many nothing is said of loss or of an engine that is not connected: nodes start one after the other."""
PROBE_SECONDS = 5.0
EngineLinks = Callable[[], Sequence[PeerLink]]
"""Gives the connections of this node's engine; raises PlatformError when it does not answer."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is bad of a link: ``round_trip``, ``loss``, ``lag`` or ``engine``; since when; its value and threshold."""

    kind: str
    since_ms: int
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Link:
    """The link to one node.

    ``round_trip_ms``: median of the last answered probes, None without one. ``loss_percent``: of those.
    ``lag_blocks``: heights that the node is behind this one, negative when it is before it. ``code``: why the last
    probe failed, empty when it did not. ``engine``: the connection to its engine, None without one. ``clock_ms``: what
    this machine's clock is ahead of the node's, by its last answers.
    """

    node: str
    member: str
    address: str
    round_trip_ms: float | None
    loss_percent: float
    lag_blocks: int | None
    code: str
    engine: PeerLink | None
    clock_ms: float | None = None
    alarms: tuple[Alarm, ...] = ()

    def plain(self) -> Mapping[str, Any]:
        """Return it as plain values."""
        engine = None if self.engine is None else asdict(self.engine) | {"peer": self.engine.peer.hex()}
        return asdict(self) | {"engine": engine, "alarms": [asdict(one) for one in self.alarms]}


@dataclass(slots=True)
class _Probed:
    """What the probes of one address found."""

    neighbour: Neighbour
    met: Met | None = None
    lag: int | None = None
    code: str = ""
    busy: bool = False
    trips: deque[float | None] = field(default_factory=lambda: deque(maxlen=PROBES))
    clocks: deque[float] = field(default_factory=lambda: deque(maxlen=ANSWERS))


class LinkWatch:
    """Probes at intervals, on threads of its own. Start it; close it before the chains are closed.

    Args:
        node: this node.
        neighbours: the other members' nodes, by the addresses of their listeners.
        engine: gives the connections of this node's engine; None where another engine makes the blocks.
    """

    def __init__(self, node: Node, neighbours: Sequence[Neighbour], engine: EngineLinks | None) -> None:
        self._node = node
        self._settings = node.settings.links
        self._engine = engine
        self._probed = [_Probed(one) for one in neighbours]
        self._unconnected: dict[str, int] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._links: tuple[Link, ...] = ()
        self._clock = Clock(None, 0, 1000 * self._settings.clock_seconds)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max(1, len(self._probed)), "links")
        self._repeating = Repeating("watching links", self._round, self._settings.interval_seconds)

    @property
    def links(self) -> Sequence[Link]:
        """The links as they were judged last."""
        return self._links

    @property
    def clock(self) -> Clock:
        """This machine's clock as it was judged last."""
        return self._clock

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    def close(self) -> None:
        """Stop; a probe that is under way is waited for, a few seconds."""
        self._repeating.close()
        self._pool.shutdown(cancel_futures=True)

    def look(self) -> None:
        """Probe every address and judge, one after the other."""
        for one in self._probed:
            self._probe(one)
        self.judge()

    def judge(self) -> None:
        """Say of each link how it is, and tell what has become bad, or good again."""
        found = [self._judged(one) for one in self._found()]
        with self._lock:
            names = {(link.node or link.address, alarm.kind) for link in found for alarm in link.alarms}
            for gone in set(self._since) - names:
                begun = self._since.pop(gone)
                logger.warning("link to %s: %s is good again after %d s", *gone, (_now() - begun) // 1000)
            self._links = tuple(found)
        self._clock = self._judged_clock()

    def _round(self) -> None:
        """Have every address probed that is not being probed, and judge by what is known."""
        for one in self._probed:
            if not one.busy:
                one.busy = True
                self._pool.submit(self._probe, one)
        self.judge()

    def _probe(self, one: _Probed) -> None:
        """Ask one address for its newest block; note how long it took and how far it is."""
        begun, asked = time.monotonic(), _now()
        try:
            one.met = one.neighbour.meet(PROBE_SECONDS)
        except PlatformError as refusal:
            one.trips.append(None)
            one.clocks.clear()
            one.code, one.lag = refusal.code, None
        else:
            trip = (time.monotonic() - begun) * 1000
            one.trips.append(trip)
            one.clocks.append(ahead_of(one.met.head.now, asked, trip))
            one.code, one.lag = "", self._node.consortium.tip.height - one.met.head.height
        finally:
            one.busy = False

    def _found(self) -> list[Link]:
        """Return the links to all nodes that the registry admits, and to addresses where nobody known answers."""
        own = self._node.settings.node
        peers = {one.node: one for one in peers_of(CommittedState(self._node.consortium)).values() if one.node != own}
        connected = self._connected()
        probed = {one.met.node: one for one in self._probed if one.met is not None}
        nodes = sorted({*peers, *probed})
        links = [_link(node, peers.get(node), probed.get(node), connected) for node in nodes]
        return links + [_link("", None, one, connected) for one in self._probed if one.met is None]

    def _connected(self) -> Mapping[bytes, PeerLink]:
        """Return the connections of this node's engine by peer; nothing while it does not answer."""
        try:
            return {} if self._engine is None else {one.peer: one for one in self._engine()}
        except PlatformError:
            return {}

    def _judged(self, link: Link) -> Link:
        """Return a link with what is bad of it; what has become bad is told."""
        name = link.node or link.address
        probes = next((len(one.trips) for one in self._probed if one.neighbour.address == link.address), 0)
        limits, bad = self._settings, []
        if link.round_trip_ms is not None and link.round_trip_ms > limits.round_trip_ms:
            bad.append(("round_trip", link.round_trip_ms, float(limits.round_trip_ms)))
        if probes >= LEAST_PROBES and link.loss_percent >= limits.loss_percent:
            bad.append(("loss", link.loss_percent, float(limits.loss_percent)))
        if link.lag_blocks is not None and abs(link.lag_blocks) > limits.lag_blocks:
            bad.append(("lag", float(link.lag_blocks), float(limits.lag_blocks)))
        if self._engine is not None and link.node:
            away = 0 if link.engine is not None else self._unconnected.get(name, 0) + 1
            self._unconnected[name] = away
            if away >= LEAST_PROBES:
                bad.append(("engine", 0.0, 1.0))
        return replace(link, alarms=tuple(self._alarm(link, *one) for one in bad))

    def _judged_clock(self) -> Clock:
        """Say how far this machine's clock is from the others', and tell when that becomes too far, or right again."""
        by_member: dict[str, list[float]] = {}
        for one in self._probed:
            if one.met is not None:
                by_member.setdefault(one.met.member, []).extend(tuple(one.clocks))
        offset, before = middle_of(by_member.values()), self._clock
        now = Clock(offset, sum(map(bool, by_member.values())), before.threshold_ms)
        if offset is None or abs(offset) <= before.threshold_ms:
            if before.since_ms is not None:
                logger.warning("this machine's clock is right again after %d s", (_now() - before.since_ms) // 1000)
            return now
        if before.since_ms is None:
            logger.warning("this machine's clock is %.1f s ahead of the other members': set it right", offset / 1000)
        return replace(now, since_ms=before.since_ms or _now())

    def _alarm(self, link: Link, kind: str, value: float, threshold: float) -> Alarm:
        name = (link.node or link.address, kind)
        if name not in self._since:
            self._since[name] = _now()
            logger.warning(
                "link to %s of member %s: %s is %.1f, the threshold %.1f",
                name[0],
                link.member or "not known yet",
                kind,
                value,
                threshold,
            )
        return Alarm(kind, self._since[name], value, threshold)


def _link(node: str, peer: Peer | None, probed: _Probed | None, connected: Mapping[bytes, PeerLink]) -> Link:
    trips = [] if probed is None else list(probed.trips)
    answered = [one for one in trips if one is not None]
    clocks = () if probed is None else tuple(probed.clocks)
    member = peer.member if peer is not None else probed.met.member if probed is not None and probed.met else ""
    return Link(
        node=node,
        member=member,
        address="" if probed is None else probed.neighbour.address,
        round_trip_ms=round(median(answered), 3) if answered else None,
        loss_percent=round(100 * (len(trips) - len(answered)) / len(trips), 1) if trips else 0.0,
        lag_blocks=None if probed is None else probed.lag,
        code="" if probed is None else probed.code,
        engine=None if peer is None else connected.get(peer.peer),
        clock_ms=round(median(clocks), 1) if clocks else None,
    )


def _now() -> int:
    return SystemClock().now_ms()
