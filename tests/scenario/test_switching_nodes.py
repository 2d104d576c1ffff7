"""A client with a list of nodes loses and doubles nothing when they die in the middle of its requests (S6.2f)."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support.dying_proxy import Death, DyingProxy, Plan
from tests.support.product import opened
from tests.support.served import Served, home_to_serve, new_identifier, serving
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Built, operation
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Patience

ROUNDS = int(os.environ.get("XINGLIN_KILLS", "50"))
MOST = 5


def some_deaths(chance: random.Random, bytes_sent: int) -> list[Death]:
    """Return how the next one to three connections die: before, in or after the request, or in the answer."""
    deaths = []
    for _ in range(chance.randint(1, 3)):
        of_answer = chance.random() < 0.5
        after = chance.randrange(1, 500) if of_answer else chance.randrange(bytes_sent + 300)
        deaths.append(Death(of_answer, after, hang=chance.random() < 0.05))
    return deaths


@pytest.mark.requirement("S6.2f", part="two ways to one node, which die; between nodes it is the same client")
def test_nothing_is_lost_or_doubled_when_nodes_die_in_the_middle(tmp_path: Path, seeded: random.Random) -> None:
    home, _ = home_to_serve(tmp_path, source_requests=100_000.0)
    handed_in: list[Built] = []
    with serving(home) as served:
        host, _, port = str(served.said["members"]).rpartition(":")
        plan = Plan()
        proxies = [DyingProxy((host, int(port)), plan) for _ in range(2)]
        client = served.client(*(proxy.address for proxy in proxies), patience=Patience(240.0, 5.0))
        begun = client.head().log_size
        for _ in range(ROUNDS):
            built = [_add_node(served, client) for _ in range(seeded.randint(1, MOST))]
            plan.deaths.extend(some_deaths(seeded, sum(len(one.raw) for one in built)))
            outcomes = client.submit_many([one.raw for one in built])
            assert all(isinstance(one, Committed) for one in outcomes), outcomes
            plan.deaths.clear()
            handed_in += built
        assert plan.died >= ROUNDS // 2
        for proxy in proxies:
            proxy.close()
    with opened(home) as node:
        ledger = node.consortium
        logged = Counter(ledger.entry(index).leaf.body for index in range(begun, ledger.tip.log_size))
    bodies = {one.body for one in handed_in}
    assert {body: count for body, count in logged.items() if body in bodies} == dict.fromkeys(bodies, 1)


def _add_node(served: Served, client: RemoteChain) -> Built:
    call = operation(suite("gm"), "registry", "add_node", AddNode(new_identifier(), served.keys.public(SEALING)))
    return client.build([call], [served.signer(ADMINISTRATOR)])
