"""Homes whose consortium chain CometBFT makes: founded, opened together, stopped, one of them away for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE
from tests.support.waiting import until
from xinglin.carrier.access.governance.validators import peers_of, validators_of
from xinglin.carrier.consensus.comet.files import EngineHome, identity
from xinglin.carrier.consensus.errors import EngineFailed
from xinglin.carrier.consensus.group import EmbeddedGroup, GroupMember
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.carrier.ledger.recheck import recheck
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.node import Node, open_node
from xinglin.node.office.accounts import add_account
from xinglin.node.opening import open_for_business
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind, Role

pytestmark = needs_engine
KINDS = {
    "hospital": MemberKind.MEDICAL_INSTITUTION,
    "platform": MemberKind.TECHNOLOGY_PROVIDER,
    "insurer": MemberKind.DATA_USER,
    "regulator": MemberKind.REGULATOR,
}


@dataclass
class Consortium:
    folder: Path

    def open(self, *names: str) -> Network:
        return Network([open_node(self.folder / name, PASSPHRASE) for name in names or KINDS])


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    folder = tmp_path_factory.mktemp("net")
    homes = [make_home(folder / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    found_network(homes, local_places(len(homes), free_ports(3 * len(homes))), random_bytes)
    return Consortium(folder)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def app_hashes(nodes: list[Node]) -> set[tuple[int, bytes]]:
    """Return the app hashes at the lowest height that all have."""
    height = min(node.consortium.tip.height for node in nodes)
    return {(height, node.consortium.app_hash_at(height)) for node in nodes}


@pytest.mark.requirement("S6.2b", part="four nodes agree on blocks that an engine makes")
def test_founders_are_validators_and_peers_from_the_first_block_on(consortium: Consortium, closing: ExitStack) -> None:
    network = consortium.open()
    closing.callback(network.close)
    nodes = list(network.nodes)
    chain = nodes[0].consortium.rules.chain
    who = {identity(EngineHome(node.home.engine(chain))) for node in nodes}
    for node in nodes:
        state = CommittedState(node.consortium)
        assert set(validators_of(state)) == {one.validator_key for one in who}
        assert set(peers_of(state)) == {one.peer for one in who}
    assert len(next(iter(nodes[0].consortium.blocks(1)))[2]) == 4
    assert len(app_hashes(nodes)) == 1


def test_each_submits_through_its_own_node_and_all_have_one_state(consortium: Consortium, closing: ExitStack) -> None:
    network = consortium.open()
    closing.callback(network.close)
    nodes = list(network.nodes)
    open_for_business(nodes, nodes[1])
    for node in nodes:
        add_account(node, (Role.AUDITOR,), f"Auditor of {node.settings.name}")
    assert len({node.consortium.tip.app_hash for node in nodes}) == 1
    network.stop()
    network.resume()
    add_account(nodes[2], (Role.AUDITOR,), "Auditor after a stop")
    assert len(app_hashes(nodes)) == 1


def test_three_of_four_go_on_and_the_fourth_catches_up(consortium: Consortium, closing: ExitStack) -> None:
    three = consortium.open("hospital", "platform", "insurer")
    try:
        for number in range(3):
            add_account(three.nodes[number], (Role.AUDITOR,), f"Auditor while the regulator is away, {number}")
        ahead = three.nodes[0].consortium.tip.height
    finally:
        three.close()
    alone = open_node(consortium.folder / "regulator", PASSPHRASE)
    behind = alone.consortium.tip.height
    alone.close()
    assert behind < ahead
    network = consortium.open()
    closing.callback(network.close)
    until(lambda: network.nodes[3].consortium.tip.height > ahead)
    assert len(app_hashes(list(network.nodes))) == 1


@pytest.mark.requirement("S9.2")
def test_what_the_engine_made_is_executed_again_without_it(consortium: Consortium, tmp_path: Path) -> None:
    """Every home's blocks, empty ones among them: from genesis, and as the embedded group takes them from a store."""
    network = consortium.open()
    try:
        add_account(network.nodes[0], (Role.AUDITOR,), "Auditor before it is all executed again")
    finally:
        network.close()
    for name in KINDS:
        node = open_node(consortium.folder / name, PASSPHRASE)
        rules, tip, home = node.consortium.rules, node.consortium.tip, node.home.path
        behind = Ledger.create(tmp_path / f"behind-{name}", rules, 64 << 20)
        try:
            group = EmbeddedGroup([_member(one, tmp_path) for one in (node.consortium, behind)])
            assert group.tip.app_hash == tip.app_hash
            assert behind.tip == tip
        finally:
            behind.close()
            node.close()
        found = recheck(home, rules, tmp_path / f"scratch-{name}")
        assert (found.findings, found.height, found.app_hash) == ([], tip.height, tip.app_hash)


def _member(ledger: Ledger, folder: Path) -> GroupMember:
    application = LedgerApplication(ledger)
    return GroupMember(
        "a" if ledger.tip.height else "b", application, ledger.blocks, ledger.app_hash_at, lambda *_: None
    )


def test_a_home_whose_application_fails_stops_and_says_why(
    consortium: Consortium, closing: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = consortium.open()
    closing.callback(network.close)
    failing, other = network.nodes[2], network.nodes[0]

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(failing.consortium, "execute", fail)
    with pytest.raises(EngineFailed):
        add_account(failing, (Role.AUDITOR,), "Auditor of a home that fails")
    at = failing.consortium.tip.height
    until(lambda: other.consortium.tip.height >= at + 3)
    assert failing.consortium.tip.height == at
