"""A suspended member's connections are closed and refused by engines that go on; see docs/spec/membership.md."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.engines import needs_engine
from tests.support.neighbourhood import KINDS, wait_for
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE
from xinglin.cli.demo.founding import suspend
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.consortium.peers import PeersKeeper
from xinglin.node.consortium.turns import Turn, turn_of
from xinglin.node.node import open_node
from xinglin.node.setup import make_home

pytestmark = needs_engine
STAGGER = 6.0


@pytest.mark.requirement("S8.2c", part="a suspended member's engine is shut out")
def test_a_suspended_members_connections_are_closed_and_the_chain_goes_on(tmp_path: Path) -> None:
    homes = [make_home(tmp_path / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    found_network(homes, local_places(len(homes), free_ports(3 * len(homes))), random_bytes)
    with ExitStack() as stack:
        network = Network([open_node(tmp_path / name, PASSPHRASE) for name in KINDS])
        stack.callback(network.close)
        chains = network._chains
        keepers = [PeersKeeper(chain, STAGGER) for chain in chains]
        for keeper in keepers:
            keeper.start()
            stack.callback(keeper.close)
        gone, others = chains[3], chains[:3]

        def linked() -> set[bytes]:
            found: set[bytes] = set()
            for chain in others:
                try:
                    found |= {one.peer for one in chain.links()}
                except PlatformError:  # it is being restarted
                    continue
            return found

        wait_for(lambda: gone.own_peer in linked())
        suspend(network.nodes, network.nodes[3].member)
        wait_for(lambda: all(keeper.restarts == 1 for keeper in keepers[:3]))
        wait_for(lambda: {one.own_peer for one in others} <= linked())
        # Its own engine dials and is refused; the three others make blocks.
        height = network.nodes[0].consortium.tip.height
        wait_for(lambda: network.nodes[0].consortium.tip.height >= height + 3)
        assert gone.own_peer not in linked()
        turns = [turn_of(one.own_peer, one.own_member, one.everybody()) for one in others]
        assert sorted(turns, key=lambda turn: turn.member) == [Turn(place, 3, 0, 1) for place in range(3)]
        assert set(others[0].everybody().whose) == {one.own_peer for one in others}
        for chain in others:
            assert gone.own_peer.hex() not in chain.home.config.read_text()
