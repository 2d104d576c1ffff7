"""``xinglin bench network``: saturation, finality at shares of it, batches of commitments, and the reference (D15).

Nothing is warmed up but the network itself, which makes blocks before the first round. Transactions are signed before
each round; a round ends when the last node has the last of them, and each must be there once.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.cli.bench.measure import Result, report
from xinglin.cli.bench.network.kvstore import kvstore_rounds
from xinglin.cli.bench.network.nodes import Nodes, served_nodes
from xinglin.cli.bench.network.rounds import BATCH_ITEMS, Make, Pace, Round, add_node, register, run_round, signed

_SATURATING = Pace(each=50, in_flight=8)
_WITH_BATCHES = Pace(each=4, in_flight=4)
_ARRIVING = 10
"""Transactions of a submission where finality is measured."""
_SHARES = (25, 50, 75, 100)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: nodes, transactions and commitments of a round, rounds, seconds at each share."""

    nodes: int
    transactions: int
    commitments: int
    rounds: int
    seconds: float


def bench_network(sizes: Sizes, folder: Path | None) -> dict[str, Any]:
    """Measure a consortium of served nodes on this machine.

    Raises:
        EngineMissing, EngineVersionWrong: there is no engine of the pinned version.
        BenchNetworkFailed: it did not do what it was given.
    """
    find_engine()
    results = []
    with _scratch(folder) as scratch:
        with served_nodes(scratch, sizes.nodes) as nodes:
            size = len(signed(nodes, add_node(nodes), 1)[0][0])
            rounds = _rounds(nodes, scratch, sizes.rounds, add_node(nodes), sizes.transactions, _SATURATING)
            best = _best(rounds)
            results += [_saturation("network_transactions", rounds), _finality(nodes, scratch, sizes, best.rate)]
            batches = max(sizes.commitments // BATCH_ITEMS, sizes.nodes)
            registered = _rounds(nodes, scratch, sizes.rounds, register(nodes), batches, _WITH_BATCHES)
            results.append(_commitments(registered))
            nodes.compare()
        waiting = _SATURATING.each * _SATURATING.in_flight * sizes.nodes
        counts = [sizes.transactions] * sizes.rounds
        compared = kvstore_rounds(scratch, sizes.nodes, _SATURATING.each, size, counts, waiting)
    results += [
        _saturation("kvstore_transactions", compared),
        Result("network_ratio", best.rate / _best(compared).rate, "of the reference's rate"),
    ]
    settings = {
        "nodes": sizes.nodes,
        "transactions": sizes.transactions,
        "transaction_bytes": size,
        "rounds": sizes.rounds,
        "submission": _SATURATING.each,
        "in_flight": _SATURATING.each * _SATURATING.in_flight * sizes.nodes,
        "arriving": _ARRIVING,
        "batch_items": BATCH_ITEMS,
    }
    return report("network", settings, results)


def _rounds(nodes: Nodes, scratch: Path, rounds: int, make: Make, count: int, pace: Pace) -> list[Round]:
    each = max(1, count // len(nodes.homes))
    return [run_round(nodes, scratch, signed(nodes, make, each), pace) for _ in range(rounds)]


def _best(rounds: Sequence[Round]) -> Round:
    return max(rounds, key=lambda one: one.rate)


def _saturation(name: str, rounds: Sequence[Round]) -> Result:
    best = _best(rounds)
    rates = [round(one.rate, 1) for one in rounds]
    latencies = best.latencies_ms if name.startswith("network") else ()
    return Result(name, best.rate, "transactions/s", latencies, {"committed": best.count, "rates": rates, **best.taken})


def _finality(nodes: Nodes, scratch: Path, sizes: Sizes, saturation: float) -> Result:
    """Hand in at shares of saturation, and tell how long answers took; the figure is that of half of it."""
    levels: list[dict[str, Any]] = []
    half = Result("", 0.0, "")
    for share in _SHARES:
        rate = saturation * share / 100
        each = max(1, min(sizes.transactions, int(rate * sizes.seconds)) // len(nodes.homes))
        found = run_round(nodes, scratch, signed(nodes, add_node(nodes), each), Pace(_ARRIVING, rate=rate))
        extra = {"percent": share, "offered": round(rate, 1), "committed": found.count, **found.taken}
        level = Result("network_finality", found.rate, "transactions/s", found.latencies_ms, extra)
        levels.append(level.as_json())
        half = level if share == 50 else half
    return Result("network_finality", half.rate, "transactions/s at half", half.latencies_ms, {"levels": levels})


def _commitments(rounds: Sequence[Round]) -> Result:
    best = _best(rounds)
    rates = [round(one.rate * BATCH_ITEMS, 1) for one in rounds]
    extra = {"committed": best.count * BATCH_ITEMS, "rates": rates, **best.taken}
    return Result("network_record_commitments", best.rate * BATCH_ITEMS, "commitments/s", best.latencies_ms, extra)


@contextmanager
def _scratch(folder: Path | None) -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="xinglin-bench-", dir=folder))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
