"""Fault tests of a consortium of four nodes, each a process with its own engine (issue of manifests: ``scenarios/``).

What must hold after each, besides what its manifest expects: nothing that was acknowledged is lost, everything is
logged once, no two honest nodes differ at any height, a chain executed again gives the same. A share runs each time;
XINGLIN_FAULTS=1 runs all.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.network.clock import may_build
from tests.network.run import SCENARIOS, play
from tests.support.engines import needs_engine

SHARE = ("two-killed", "forging-proposer", "signs-twice")
KILLS = os.environ.get("XINGLIN_KILLS")
pytestmark = needs_engine


def scenarios(*names: str) -> pytest.MarkDecorator:
    """Return the parameters of some fault tests; those that are not of the share are skipped unless all are wanted."""
    longer = pytest.mark.skipif(os.environ.get("XINGLIN_FAULTS") != "1", reason="longer fault tests: XINGLIN_FAULTS=1")
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=() if name in SHARE else longer) for name in names]
    )


def holds(name: str, folder: Path) -> None:
    """Play a scenario; nothing may be wrong at its end."""
    kills = int(KILLS) if KILLS else None
    result = play(SCENARIOS / f"{name}.toml", folder, os.environ.get("XINGLIN_SEED", "xinglin"), kills)
    assert result.faults == [], result


@pytest.mark.requirement("S8.5a", part="nodes and engines that are killed; not those of several hosts")
@pytest.mark.requirement("S6.2f", part="acknowledged transactions; clients of the alternate kills switch nodes")
@scenarios("two-killed", "one-killed", "killed-alternately")
def test_nodes_that_die_lose_nothing_and_come_back(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@pytest.mark.requirement("S6.2e", part="partitions on one host")
@scenarios("partition", "partition-of-one")
def test_a_partition_makes_no_second_chain(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@pytest.mark.requirement("S6.2e", part="a damaged, slow or full disk of one node")
@scenarios("corrupt-store", "disk-full", "slow-disk")
def test_a_bad_disk_is_its_node_s_alone(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@pytest.mark.requirement("S6.2b", part="one of four nodes says a wrong app hash")
@scenarios("wrong-app-hash")
def test_a_node_with_another_state_is_alone_with_it(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@pytest.mark.requirement("S6.2b", part="one of four nodes proposes what may not be")
@scenarios("forging-proposer")
def test_a_forged_transaction_is_in_no_block(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@scenarios("replaying-proposer")
def test_what_a_proposer_repeats_is_logged_once(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@scenarios("censoring-proposer")
def test_what_a_proposer_leaves_out_the_next_one_takes(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@pytest.mark.skipif(not may_build(), reason="an engine with another clock is built with Go")
@scenarios("clock-skew", "idle-hour")
def test_a_wrong_clock_and_an_idle_hour_keep_nothing_alive(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


@pytest.mark.requirement("S6.2b", part="a validator that signs two different blocks is on record with evidence")
@scenarios("signs-twice")
def test_a_validator_that_signs_twice_is_on_record(name: str, tmp_path: Path) -> None:
    holds(name, tmp_path)


def test_every_manifest_is_played_by_a_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [path.stem for path in SCENARIOS.glob("*.toml") if f'"{path.stem}"' not in text] == []
