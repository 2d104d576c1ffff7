"""Figures for Prometheus: the chains as they are when asked, and counts of what the listeners did (design D13)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xinglin.node.chains import SystemClock
from xinglin.node.misbehaviour import misbehaviour_kept
from xinglin.node.running import Running

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
        kept = GaugeMetricFamily(
            "xinglin_misbehaviour",
            "Kept pieces of evidence against validators, at most 100 of each.",
            labels=["validator"],
        )
        for validator, count in misbehaviour_kept(node.home).items():
            kept.add_metric([validator], count)
        yield kept
        ready = self._running.unready() is None
        yield GaugeMetricFamily("xinglin_ready", "1 when this node should be asked, else 0.", value=int(ready))
        if self._running.serving is not None:
            failures = self._running.serving.anchors.status.failures
            yield GaugeMetricFamily("xinglin_anchoring_failures", "Attempts to anchor that failed.", value=failures)


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
