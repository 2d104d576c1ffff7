"""Figures for Prometheus: the chains as they are when asked, and counts of what the listeners did (design D13)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xinglin.node.chains import SystemClock
from xinglin.node.running import Running
from xinglin.node.storage_use import StorageUse, storage_use

TEXT = "text/plain; version=0.0.4; charset=utf-8"


class _Chains(Collector):
    """Tells of a node's chains and keepers."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now."""
        node, now = self._running.node, SystemClock().now_ms()
        height = GaugeMetricFamily("xinglin_height", "Height of the newest block.", labels=["profile"])
        lag = GaugeMetricFamily(
            "xinglin_block_time_lag_seconds", "This machine's clock less the newest block's time.", labels=["profile"]
        )
        size = GaugeMetricFamily("xinglin_log_entries", "Transactions in the log.", labels=["profile"])
        for ledger in (node.consortium, node.private):
            if ledger is not None:
                tip, profile = ledger.tip, [ledger.rules.genesis.profile.name.lower()]
                height.add_metric(profile, tip.height)
                lag.add_metric(profile, (now - tip.time) / 1000)
                size.add_metric(profile, tip.log_size)
        yield from (height, lag, size)
        yield from _storage(storage_use(node))
        ready = self._running.unready() is None
        yield GaugeMetricFamily("xinglin_ready", "1 when this node should be asked, else 0.", value=int(ready))
        if self._running.serving is not None:
            failures = self._running.serving.anchors.status.failures
            yield GaugeMetricFamily("xinglin_anchoring_failures", "Attempts to anchor that failed.", value=failures)


def _storage(use: StorageUse) -> Iterator[Metric]:
    """Yield what the home's chains take, and when the room ends."""
    for name, text, values in (
        ("xinglin_store_bytes", "Bytes of a chain's store.", [one.store for one in use.chains]),
        (
            "xinglin_store_limit_bytes",
            "Bytes at which a chain's store takes no more.",
            [one.limit for one in use.chains],
        ),
        ("xinglin_engine_bytes", "Bytes of the engine's blocks and state.", [one.engine for one in use.chains]),
        ("xinglin_growth_bytes_per_day", "Bytes by which store and engine grow.", [one.daily for one in use.chains]),
    ):
        metric = GaugeMetricFamily(name, text, labels=["profile"])
        for chain, value in zip(use.chains, values, strict=True):
            metric.add_metric([chain.profile], value)
        yield metric
    if use.days is not None:
        yield GaugeMetricFamily("xinglin_storage_days_left", "Days until a store or the disk is 80 % full.", use.days)
    yield GaugeMetricFamily("xinglin_storage_alarm", "1 when room ends too soon, else 0.", int(use.alarm))


class Figures:
    """All figures of one running node."""

    def __init__(self, running: Running) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Chains(running))
        self.transactions = Counter(
            "xinglin_transactions",
            "Transactions handed in over the listeners, by outcome.",
            ["outcome"],
            registry=self._registry,
        )
        self.refusals = Counter(
            "xinglin_refused_requests", "Requests that were refused, by code.", ["code"], registry=self._registry
        )
        self.waiting = Gauge(
            "xinglin_submissions_waiting", "Submissions that wait for their block.", registry=self._registry
        )

    def text(self) -> bytes:
        """Return the figures in the text form of Prometheus."""
        return generate_latest(self._registry)
