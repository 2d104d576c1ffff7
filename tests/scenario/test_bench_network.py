"""``xinglin bench network``, a small share of it: what it reports, and that what it counts is on every node, once."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.engines import needs_engine
from tests.support.product import xinglin
from xinglin.cli.bench.network.nodes import BenchNetworkFailed, served_nodes
from xinglin.cli.bench.network.rounds import Pace, add_node, register, run_round, signed
from xinglin.node.node import open_node

pytestmark = needs_engine
SHARES = [25, 50, 75, 100]


@pytest.fixture(autouse=True)
def children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes that it starts find the project."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def test_what_a_round_counts_is_on_every_node_once(tmp_path: Path) -> None:
    with served_nodes(tmp_path, 4) as nodes:
        raws = signed(nodes, add_node(nodes), 50)
        found = run_round(nodes, tmp_path, raws, Pace(each=10, in_flight=2))
        batches = signed(nodes, register(nodes), 1)
        run_round(nodes, tmp_path, batches, Pace(each=1, rate=50.0))
        with pytest.raises(BenchNetworkFailed, match="not committed anew"):
            run_round(nodes, tmp_path, [[own[0]] for own in batches], Pace(each=1, in_flight=1))
        nodes.compare()
    assert found.count == 200
    assert len(found.latencies_ms) == 20
    handed_in = Counter(raw for own in [*raws, *batches] for raw in own)
    assert set(handed_in.values()) == {1}
    passphrase = (tmp_path / "passphrase").read_bytes()
    for new in nodes.homes:
        node = open_node(new.home.path, passphrase)
        logged = Counter(raw for _, _, held in node.consortium.blocks(1) for raw in held)
        node.close()
        assert {raw: logged[raw] for raw in handed_in} == handed_in


@pytest.mark.requirement("S6.2b", command="xinglin bench network", part="throughput of four nodes on one machine")
def test_the_report_says_what_was_measured(tmp_path: Path) -> None:
    sizes = ("--transactions", "200", "--commitments", "1024", "--rounds", "1", "--seconds", "0.5")
    said = xinglin("bench", "network", "--nodes", "4", *sizes, "--dir", tmp_path, "--json")
    assert said.status == 0, said.err
    report = json.loads(said.out)
    results = {one["name"]: one for one in report["results"]}
    assert list(results) == [
        "network_transactions",
        "network_finality",
        "network_record_commitments",
        "kvstore_transactions",
        "network_ratio",
    ]
    assert results["network_transactions"]["committed"] == 200
    assert results["network_record_commitments"]["committed"] == 1024
    for name in ("network_transactions", "network_record_commitments"):
        assert [len(results[name]["cpu_seconds"][part]) for part in ("nodes", "engines")] == [4, 4]
        assert all(size > 1 for sizes in results[name]["rss_anon_mib"].values() for size in sizes)
        assert results[name]["rate"] > 0
    levels = results["network_finality"]["levels"]
    assert [one["percent"] for one in levels] == SHARES
    assert all(0 < one["p50_ms"] <= one["p95_ms"] <= one["p99_ms"] for one in levels)
    ratio = results["network_transactions"]["rate"] / results["kvstore_transactions"]["rate"]
    assert results["network_ratio"]["rate"] == pytest.approx(ratio, rel=0.01)
    assert list(tmp_path.iterdir()) == []
