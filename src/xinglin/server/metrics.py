"""Figures for Prometheus: chains, cosigning and links as they are when asked, counts of what the listeners did (D13).

Every figure is declared in ``FIGURES``, from which docs/guide/metrics.md is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xinglin.node.chains import SystemClock
from xinglin.node.consortium.links import Link
from xinglin.node.consortium.misbehaviour import misbehaviour_kept
from xinglin.node.office.proofs import newest_quorum
from xinglin.node.running import Running
from xinglin.node.storage_use import StorageUse, storage_use

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name (a counter's ends in ``_total``), what it says, its labels."""

    name: str
    says: str
    labels: tuple[str, ...] = ()


_LINK = ("member", "node")
FIGURES = (
    Figure("xinglin_height", "Height of the newest block.", ("profile",)),
    Figure("xinglin_block_time_lag_seconds", "This machine's clock less the newest block's time.", ("profile",)),
    Figure("xinglin_log_entries", "Transactions in the log.", ("profile",)),
    Figure("xinglin_log_missing_entries", "Log entries from before this home's beginning, not here yet.", ("profile",)),
    Figure("xinglin_ready", "1 when this node should be asked, else 0."),
    Figure("xinglin_stale", "1 while the consortium chain is too old to rest on, else 0."),
    Figure("xinglin_anchoring_failures", "Attempts to anchor that failed."),
    Figure("xinglin_cosigned_height", "Height of the newest checkpoint with a quorum of cosignatures; -1 without one."),
    Figure("xinglin_cosigning_height", "Height that is being cosigned, or was last; -1 before the first."),
    Figure("xinglin_cosigning_lines", "Cosignatures that this height has."),
    Figure("xinglin_cosigning_quorum", "Cosignatures that it needs."),
    Figure("xinglin_cosigning_seconds", "Seconds that the last quorum took, from when this node asked first."),
    Figure("xinglin_cosigning_forked", "1 when evidence of a fork is kept and nothing is cosigned, else 0."),
    Figure("xinglin_cosigning_contradictions", "Members whose nodes say that they computed another head."),
    Figure("xinglin_link_round_trip_seconds", "Median round-trip to a node's listener.", _LINK),
    Figure("xinglin_link_loss_ratio", "Share of the last probes that were not answered, 0 to 1.", _LINK),
    Figure("xinglin_link_lag_blocks", "Heights that a node is behind this one.", _LINK),
    Figure("xinglin_link_engine_connected", "1 while a node's engine is connected to this one's, else 0.", _LINK),
    Figure("xinglin_link_sent_bytes_total", "Bytes that this engine sent over the connection that stands.", _LINK),
    Figure("xinglin_link_received_bytes_total", "Bytes that this engine received over it.", _LINK),
    Figure("xinglin_link_alarm", "1 while an alarm is on: round_trip, loss, lag, engine.", (*_LINK, "alarm")),
    Figure("xinglin_link_clock_offset_seconds", "This machine's clock less a node's.", _LINK),
    Figure("xinglin_clock_offset_seconds", "This machine's clock less the middle of the other members' nodes'."),
    Figure("xinglin_clock_alarm", "1 when that is further than links.clock_seconds either way, else 0."),
    Figure("xinglin_store_bytes", "Bytes of a chain's store.", ("profile",)),
    Figure("xinglin_store_limit_bytes", "Bytes at which a chain's store takes no more.", ("profile",)),
    Figure("xinglin_engine_bytes", "Bytes of the engine's blocks, state and votes.", ("profile",)),
    Figure("xinglin_growth_bytes_per_day", "Bytes by which store and engine grow a day.", ("profile",)),
    Figure("xinglin_storage_days_left", "Days until a store or the disk is 80 % full; absent while nothing grows."),
    Figure("xinglin_storage_alarm", "1 when that is sooner than storage.alarm_days, else 0."),
    Figure("xinglin_misbehaviour", "Kept pieces of evidence against a validator, 100 at most.", ("validator",)),
    Figure("xinglin_transactions_total", "Transactions handed in over the listeners, by outcome.", ("outcome",)),
    Figure("xinglin_refused_requests_total", "Requests that were refused, by code.", ("code",)),
    Figure("xinglin_submissions_waiting", "Submissions that wait for their block."),
)
"""Every figure that a node gives."""
_BY_NAME = {one.name: one for one in FIGURES}
Row = tuple[Sequence[str], float]


def _family(name: str, *rows: Row) -> Metric:
    """Return a figure with its values, each with what its labels say."""
    figure = _BY_NAME[name]
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(name, figure.says, labels=figure.labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


class _Node(Collector):
    """Tells of a node's chains and keepers."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now."""
        yield from self._chains()
        yield from self._cosigning()
        yield from _links(self._running.keepers.links.links)
        clock = self._running.keepers.links.clock
        if clock.offset_ms is not None:
            yield _family("xinglin_clock_offset_seconds", ((), clock.offset_ms / 1000))
        yield _family("xinglin_clock_alarm", ((), int(clock.since_ms is not None)))
        yield from _storage(storage_use(self._running.node))
        kept = misbehaviour_kept(self._running.node.home)
        yield _family("xinglin_misbehaviour", *(((validator,), count) for validator, count in kept.items()))

    def _chains(self) -> Iterator[Metric]:
        node, now = self._running.node, SystemClock().now_ms()
        ledgers = [one for one in (node.consortium, node.private) if one is not None]
        profiles = [one.rules.genesis.profile.name.lower() for one in ledgers]
        tips = [([profile], one.tip) for profile, one in zip(profiles, ledgers, strict=True)]
        yield _family("xinglin_height", *((profile, tip.height) for profile, tip in tips))
        lags = (((now - tip.time) / 1000) for _, tip in tips)
        yield _family("xinglin_block_time_lag_seconds", *zip((profile for profile, _ in tips), lags, strict=True))
        yield _family("xinglin_log_entries", *((profile, tip.log_size) for profile, tip in tips))
        missing = (
            (profile, one.log_missing) for profile, one in zip(((name,) for name in profiles), ledgers, strict=True)
        )
        yield _family("xinglin_log_missing_entries", *missing)
        yield _family("xinglin_ready", ((), int(self._running.unready() is None)))
        yield _family("xinglin_stale", ((), int(self._running.stale)))
        if self._running.serving is not None:
            yield _family("xinglin_anchoring_failures", ((), self._running.serving.anchors.status.failures))

    def _cosigning(self) -> Iterator[Metric]:
        status, cosigned = self._running.keepers.cosigning.status, newest_quorum(self._running.node, 0)
        yield _family("xinglin_cosigned_height", ((), -1 if cosigned is None else cosigned.head.height))
        yield _family("xinglin_cosigning_height", ((), status.height))
        yield _family("xinglin_cosigning_lines", ((), status.lines))
        yield _family("xinglin_cosigning_quorum", ((), status.quorum))
        if status.seconds is not None:
            yield _family("xinglin_cosigning_seconds", ((), status.seconds))
        yield _family("xinglin_cosigning_forked", ((), int(status.forked)))
        yield _family("xinglin_cosigning_contradictions", ((), len(status.contradicted)))


def _links(links: Sequence[Link]) -> Iterator[Metric]:
    """Yield the figures of the links to nodes that are known."""
    known = [(one, (one.member, one.node)) for one in links if one.node]
    trips = [(name, one.round_trip_ms / 1000) for one, name in known if one.round_trip_ms is not None]
    yield _family("xinglin_link_round_trip_seconds", *trips)
    yield _family("xinglin_link_loss_ratio", *((name, one.loss_percent / 100) for one, name in known))
    lags = [(name, float(one.lag_blocks)) for one, name in known if one.lag_blocks is not None]
    yield _family("xinglin_link_lag_blocks", *lags)
    clocks = [(name, one.clock_ms / 1000) for one, name in known if one.clock_ms is not None]
    yield _family("xinglin_link_clock_offset_seconds", *clocks)
    yield _family("xinglin_link_engine_connected", *((name, int(one.engine is not None)) for one, name in known))
    engines = [(name, one.engine) for one, name in known if one.engine is not None]
    yield _family("xinglin_link_sent_bytes_total", *((name, engine.sent) for name, engine in engines))
    yield _family("xinglin_link_received_bytes_total", *((name, engine.received) for name, engine in engines))
    alarms = [((*name, alarm.kind), 1.0) for one, name in known for alarm in one.alarms]
    yield _family("xinglin_link_alarm", *alarms)


def _storage(use: StorageUse) -> Iterator[Metric]:
    """Yield what the home's chains take, and when the room ends."""
    chains = [([one.profile], one) for one in use.chains]
    yield _family("xinglin_store_bytes", *((profile, one.store) for profile, one in chains))
    yield _family("xinglin_store_limit_bytes", *((profile, one.limit) for profile, one in chains))
    yield _family("xinglin_engine_bytes", *((profile, one.engine) for profile, one in chains))
    yield _family("xinglin_growth_bytes_per_day", *((profile, one.daily) for profile, one in chains))
    if use.days is not None:
        yield _family("xinglin_storage_days_left", ((), use.days))
    yield _family("xinglin_storage_alarm", ((), int(use.alarm)))


class Figures:
    """All figures of one running node."""

    def __init__(self, running: Running) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Node(running))
        self.transactions = self._counter("xinglin_transactions_total")
        self.refusals = self._counter("xinglin_refused_requests_total")
        waiting = _BY_NAME["xinglin_submissions_waiting"]
        self.waiting = Gauge(waiting.name, waiting.says, registry=self._registry)

    def text(self) -> bytes:
        """Return the figures in the text form of Prometheus."""
        return generate_latest(self._registry)

    def _counter(self, name: str) -> Counter:
        figure = _BY_NAME[name]
        return Counter(name, figure.says, figure.labels, registry=self._registry)
