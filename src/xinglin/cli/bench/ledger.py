"""``xinglin bench ledger``, ``records`` and ``growth``: the embedded engine with durable commits (design D15).

Transactions are made and signed before the clock starts; the clock stops when the last one is durable. Each chain
is a fresh home with one member, the real contracts, and LMDB as a node uses it.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.ports import Committed, Outcome
from xinglin.carrier.ledger.build import build_transaction, operation
from xinglin.carrier.ledger.model import Operation
from xinglin.cli.bench.measure import Result, anonymous_mib, report
from xinglin.cli.bench.syncs import syncs_per_block
from xinglin.kernel.encoding import pack
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR, SERVICE
from xinglin.node.node import Node, open_node
from xinglin.node.opening import open_for_business
from xinglin.node.setup import ALONE, adopt, consortium_genesis, make_home
from xinglin.service.basic.coordination.model import RecordItem, RegisterBatch
from xinglin.stakeholders.kinds import MemberKind

_SUBMISSION = 100
_BATCH_ITEMS = 256
_WINDOW = 32


def bench_ledger(count: int, folder: Path | None) -> dict[str, Any]:
    """Commit ``count`` signed transactions, each a state change of the registry, submitted in hundreds."""
    with fresh_home(folder) as node:
        calls = [_add_node(node) for _ in range(count)]
        raws = _signed(node, calls, ADMINISTRATOR)
        before = node.consortium.tip
        seconds, latencies = _submit(node, raws)
        blocks = node.consortium.tip.height - before.height
        extra = {
            "blocks": blocks,
            "fsyncs_per_block": syncs_per_block(folder),
            "rss_anon_mib": round(anonymous_mib(), 1),
            "state_keys": _state_keys(node),
        }
    result = Result("transactions", count / seconds, "transactions/s", latencies, extra)
    return report("ledger", {"transactions": count, "signatures_each": 1, "submission": _SUBMISSION}, [result])


def bench_records(count: int, folder: Path | None) -> dict[str, Any]:
    """Register ``count`` given (commitment, locator) pairs in batches of 256; provable when the clock stops."""
    with fresh_home(folder) as node:
        raws = _record_batches(node, count)
        seconds, latencies = _submit(node, raws, submission=8)
        extra = {"rss_anon_mib": round(anonymous_mib(), 1)}
    rate = len(raws) * _BATCH_ITEMS / seconds
    return report(
        "records",
        {"commitments": len(raws) * _BATCH_ITEMS, "batch_items": _BATCH_ITEMS},
        [Result("record_commitments", rate, "commitments/s", latencies, extra)],
    )


def bench_growth(sizes: Sequence[int], sample: int, folder: Path | None) -> dict[str, Any]:
    """Grow one chain to each size in turn and measure the rate of the next ``sample`` commitments there."""
    rates: list[Result] = []
    with fresh_home(folder) as node:
        registered = 0
        for size in sizes:
            while registered < size:
                step = min(size - registered, 256 * 400)
                raws = _record_batches(node, step)
                _submit(node, raws, submission=8)
                registered += len(raws) * _BATCH_ITEMS
            raws = _record_batches(node, sample)
            seconds, latencies = _submit(node, raws, submission=8)
            registered += len(raws) * _BATCH_ITEMS
            rate = len(raws) * _BATCH_ITEMS / seconds
            extra = {"records": registered, "rss_anon_mib": round(anonymous_mib(), 1)}
            rates.append(Result(f"record_commitments_at_{size}", rate, "commitments/s", latencies, extra))
    ratio = Result("growth_ratio", rates[-1].rate / rates[0].rate, "rate at the largest size / at the smallest")
    return report("growth", {"sizes": list(sizes), "sample": sample}, [*rates, ratio])


def commit_blocks(count: int, folder: Path) -> None:
    """Commit blocks of one transaction each, one after the other."""
    with fresh_home(folder) as node:
        for raw in _signed(node, [_add_node(node) for _ in range(count)], ADMINISTRATOR):
            node.client().submit(raw).result()


@contextmanager
def fresh_home(folder: Path | None) -> Iterator[Node]:
    """Give a fresh home, open for business, deleted afterwards."""
    root = Path(tempfile.mkdtemp(prefix="xinglin-bench-", dir=folder))
    passphrase = random_bytes(16)
    try:
        new = make_home(root / "home", "Bench", MemberKind.MEDICAL_INSTITUTION, passphrase, random_bytes)
        adopt(new, consortium_genesis([new], random_bytes), ALONE, random_bytes)
        node = open_node(root / "home", passphrase)
        try:
            node.start_own_chains()
            open_for_business([node], node)
            yield node
        finally:
            node.close()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _add_node(node: Node) -> Operation:
    key = node.keys.public(ADMINISTRATOR)
    return operation(node.consortium.rules.suite, "registry", "add_node", AddNode(identifier(random_bytes(16)), key))


def _record_batches(node: Node, count: int) -> list[bytes]:
    """Return signed transactions that register random commitments with random locators, 256 each."""
    suite = node.consortium.rules.suite
    calls = []
    for _ in range(max(count // _BATCH_ITEMS, 1)):
        commitments = sorted(random_bytes(32) for _ in range(_BATCH_ITEMS))
        items = [pack(RecordItem(commitment, random_bytes(48))) for commitment in commitments]
        head = RegisterBatch(identifier(random_bytes(16)), node.settings.intake.audience, 1, random_bytes(16))
        calls.append(operation(suite, "records", "register", head, items))
    return _signed(node, calls, SERVICE)


def _signed(node: Node, calls: Sequence[Operation], key: str) -> list[bytes]:
    rules = node.consortium.rules
    signer = node.signer(key)
    valid_until = SystemClock().now_ms() + rules.parameters.max_valid_ms - 60_000
    # Each a millisecond later than the one before, as transactions come in the course of time.
    return [
        build_transaction(
            rules.suite, rules.chain, random_bytes(16), valid_until + number % 30_000, [call], [signer]
        ).raw
        for number, call in enumerate(calls)
    ]


def _submit(node: Node, raws: Sequence[bytes], submission: int = _SUBMISSION) -> tuple[float, list[float]]:
    """Submit everything with a bounded number in flight; return seconds and the latency of each submission in ms."""
    client = node.client()
    latencies: list[float] = []
    flying: list[tuple[float, Future[list[Outcome]]]] = []
    start = time.perf_counter()

    def land() -> None:
        begun, future = flying.pop(0)
        outcomes = future.result()
        latencies.append((time.perf_counter() - begun) * 1000)
        bad = [one for one in outcomes if not isinstance(one, Committed) or one.code != 0]
        if bad:
            raise AssertionError(f"a transaction was refused: {bad[0]}")

    for first in range(0, len(raws), submission):
        if len(flying) == _WINDOW:
            land()
        flying.append((time.perf_counter(), client.submit_many(raws[first : first + submission])))
    while flying:
        land()
    return time.perf_counter() - start, latencies


def _state_keys(node: Node) -> int:
    with node.consortium.store.snapshot() as view:
        return view.count("state")
