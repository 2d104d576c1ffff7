"""``xinglin bench access``: access entries, each durable on the private chain before it is answered (design D15)."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from xinglin.cli.bench.ledger import fresh_home
from xinglin.cli.bench.measure import Result, anonymous_mib, report
from xinglin.cli.bench.syncs import syncs_per_block
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.node import Node
from xinglin.node.records.access import access_log
from xinglin.service.basic.audit.log import AccessLog
from xinglin.service.basic.audit.model import AccessEntry, OpenedCopy, Proven, ReaderProof

_RECORDS = 10_000
"""Entries are of so many records in turn."""


def bench_access(count: int, threads: int, folder: Path | None) -> dict[str, Any]:
    """Log ``count`` entries from ``threads`` threads, each waiting until its entry is durable before its next."""
    with fresh_home(folder) as node, access_log(node) as log:
        before = node.private_ledger().tip.height
        seconds, latencies = _from_threads(log, _Maker(node), count, threads)
        blocks = node.private_ledger().tip.height - before
        memory = anonymous_mib()
    per_block = syncs_per_block(folder)
    extra = {
        "blocks": blocks,
        "entries_per_block": round(count / blocks, 2),
        "fsyncs_per_entry": None if per_block is None else round(per_block * blocks / count, 3),
        "rss_anon_mib": round(memory, 1),
    }
    settings = {"entries": count, "threads": threads, "records": _RECORDS}
    return report("access", settings, [Result("access_entries", count / seconds, "entries/s", latencies, extra)])


class _Maker:
    """Makes entries that the contract takes."""

    def __init__(self, node: Node) -> None:
        self._commitments = [random_bytes(32) for _ in range(_RECORDS)]
        self._member = node.member
        self._clock = SystemClock()
        self._seen = node.consortium.tip

    def entry(self, number: int) -> AccessEntry:
        return AccessEntry(
            commitment=self._commitments[number % len(self._commitments)],
            member=self._member,
            account=self._member,
            action="read",
            outcome=0,
            basis="consent",
            reference=bytes(16),
            purpose="treat",
            copy=OpenedCopy.ORIGINAL,
            request=random_bytes(32),
            proven=Proven.SIGNATURE,
            proof=(ReaderProof(random_bytes(65), random_bytes(64)),),
            seen_height=self._seen.height,
            seen_time=self._seen.time,
            time=self._clock.now_ms(),
        )


def _from_threads(log: AccessLog, maker: _Maker, count: int, threads: int) -> tuple[float, list[float]]:
    """Return seconds in all and the latency of each entry in ms."""
    latencies: list[list[float]] = [[] for _ in range(threads)]
    begun = threading.Barrier(threads + 1)

    def work(number: int) -> None:
        mine = latencies[number]
        begun.wait()
        for one in range(number, count, threads):
            start = time.perf_counter()
            log.log(maker.entry(one))
            mine.append((time.perf_counter() - start) * 1000)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    begun.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start, [latency for mine in latencies for latency in mine]
