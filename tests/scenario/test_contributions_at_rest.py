"""What members contributed is told by a home that nobody serves, as by one that runs (MB20)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, make_hospital, write_passphrase, xinglin
from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.consensus.comet.stale import strays
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.membership.contribution import contributions
from xinglin.node.node import open_node
from xinglin.node.office.accounts import add_account
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind, Role

pytestmark = needs_engine


@pytest.mark.requirement("S6.1c", part="what each node contributed is shown by a home whose node does not run")
def test_a_home_at_rest_counts_the_blocks_that_its_engine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(write_passphrase(tmp_path)))
    home = tmp_path / "alone"
    new = make_home(home, "Alone", MemberKind.MEDICAL_INSTITUTION, PASSPHRASE, random_bytes, CHEAP)
    found_network([new], local_places(1, free_ports(3)), random_bytes)
    before = xinglin("member", "contributions", "--home", home)
    assert before.code == "member.no_contribution"

    network = Network([open_node(home, PASSPHRASE)])
    try:
        node = network.nodes[0]
        chain = node.consortium.rules.chain
        for number in range(3):
            add_account(node, (Role.AUDITOR,), f"Auditor {number}")
        with EngineRpc(node.settings.engine.rpc_listen) as rpc:
            running = contributions(node.consortium, chain, rpc, 1)
    finally:
        network.close()

    said = xinglin("member", "contributions", "--home", home, "--blocks", "1000", "--json").json
    assert said["first"] == 1
    assert said["last"] >= running.last
    (row,) = said["members"]
    assert row["proposed"] == row["signed"] == row["expected"] == said["last"]
    # The founding transaction and two accounts at least: the newest block has no commit yet and is left out.
    assert row["transactions"] >= 3
    assert strays(EngineHome((home / "engine" / chain).resolve()).folder) == []
    short = xinglin("member", "contributions", "--home", home, "--blocks", "2", "--json").json
    assert short["last"] - short["first"] == 1
    assert short["members"][0]["proposed"] == 2


def test_a_home_without_an_engine_has_none_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(write_passphrase(tmp_path)))
    said = xinglin("member", "contributions", "--home", make_hospital(tmp_path / "home"))
    assert said.code == "member.no_contribution"
