"""A chain on CometBFT whose every vote counts goes on when a validator takes another key (S6.1e, MB25)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.access.registry.model import NAMESPACE, VALIDATOR, SetValidator
from xinglin.carrier.consensus.comet.files import identity, next_validator_key, sign_as_next_validator
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.consortium.validator_key import ValidatorKeyKeeper
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.node import Node, open_node
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind

pytestmark = needs_engine
KINDS = {"hospital": MemberKind.MEDICAL_INSTITUTION, "platform": MemberKind.TECHNOLOGY_PROVIDER}


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    homes = [make_home(tmp_path / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    found_network(homes, local_places(len(homes), free_ports(3 * len(homes))), random_bytes)
    network = Network([open_node(tmp_path / name, PASSPHRASE) for name in KINDS])
    try:
        yield network
    finally:
        network.close()


@contextmanager
def looking(keeper: ValidatorKeyKeeper) -> Iterator[None]:
    """Look without a rest: the worst moment is met."""
    end = threading.Event()

    def look() -> None:
        while not end.is_set():
            keeper.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(PATIENCE)


def register(node: Node, key: bytes, proof: bytes) -> int:
    """Register a validator's key by an own transaction; return its height."""
    call = operation(
        node.consortium.rules.suite, NAMESPACE, "set_validator", SetValidator(node.settings.node, key, proof)
    )
    return node.client().call([call], [node.signer(ADMINISTRATOR)]).height


@pytest.mark.requirement("S6.1e", part="a validator's new key never stops the chain")
def test_a_chain_of_two_goes_on_when_one_takes_another_key(network: Network) -> None:
    node, comet = network.nodes[0], network.chains[0]
    rules, restarts = node.consortium.rules, []

    def restart() -> None:
        restarts.append(node.consortium.tip.height)
        comet.restart()

    before, key = identity(comet.home).validator_key, next_validator_key(comet.home)
    message = key_proof_message(rules.suite.hash, rules.chain, node.member, VALIDATOR, key)
    proof = sign_as_next_validator(comet.home, message)
    with looking(ValidatorKeyKeeper(node, comet.home, restart)):
        height = register(node, key, proof)
        until(lambda: node.consortium.tip.height > height + 5)
    assert len(restarts) == 1
    assert restarts[0] > height
    with EngineRpc(network.nodes[1].settings.engine.rpc_listen) as rpc:
        assert before in rpc.validators(height + 1)
        assert key in rpc.validators(height + 2)
        assert before not in rpc.validators(height + 2)
