"""Any node of a consortium serves all (S6.2f): a client with a list of nodes goes on while nodes are killed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import needs_engine
from tests.support.lying import lying_before
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, write_passphrase
from tests.support.served import Served, start, start_together
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.ledger.build import Built, build_transaction, operation
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.node import open_node
from xinglin.node.remote.claims import Assurance, Patience
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind

pytestmark = needs_engine
NAMES = ("one", "two", "three", "four")
TRANSACTIONS, CLIENTS = 160, 4


def consortium(folder: Path) -> list[Path]:
    """Return four homes that found a consortium on engines, of suppliers: they keep no records."""
    homes = [make_home(folder / name, name, MemberKind.SUPPLIER, PASSPHRASE, random_bytes, CHEAP) for name in NAMES]
    found_network(homes, local_places(len(homes), free_ports(3 * len(homes))), random_bytes)
    write_passphrase(folder)
    return [new.home.path for new in homes]


def transactions(home: Path) -> list[Built]:
    """Return signed transactions of a home's administrator, each a node of its own."""
    node = open_node(home, PASSPHRASE)
    rules, signer = node.consortium.rules, node.signer(ADMINISTRATOR)
    until = SystemClock().now_ms() + 590_000
    sealing = node.keys.public("sealing")
    built = [
        build_transaction(
            rules.suite,
            rules.chain,
            random_bytes(16),
            until,
            [operation(rules.suite, "registry", "add_node", AddNode(identifier(random_bytes(16)), sealing))],
            [signer],
        )
        for _ in range(TRANSACTIONS)
    ]
    node.close()
    return built


def in_log(home: Path) -> Counter[bytes]:
    """Return how often each body id is in a home's log."""
    node = open_node(home, PASSPHRASE)
    try:
        ledger: Ledger = node.consortium
        return Counter(ledger.entry(index).leaf.body for index in range(ledger.tip.log_size))
    finally:
        node.close()


@pytest.mark.requirement("S6.2f", part="nodes on engines, killed under load")
def test_clients_switch_nodes_and_each_transaction_is_logged_once(tmp_path: Path) -> None:
    homes = consortium(tmp_path)
    built = transactions(homes[0])
    chance = random.Random("switching")
    said: list[Committed] = []
    failed: list[BaseException] = []
    with ExitStack() as stack:
        served = start_together(*homes)
        stack.callback(lambda: [one.stop() for one in served if one.process.poll() is None])
        addresses = [one.members for one in served]

        def work(mine: list[Built]) -> None:
            order = chance.sample(addresses, len(addresses))
            client = served[1].client(*order, patience=Patience(seconds=240, request_seconds=5))
            for one in mine:
                try:
                    said.append(client.submit(one.raw))
                except BaseException as fault:  # noqa: BLE001  (told below)
                    failed.append(fault)

        threads = [threading.Thread(target=work, args=(built[number::CLIENTS],)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for victim in (0, 3):  # never two at once: three of four go on
            time.sleep(2)
            kill(served[victim])
            time.sleep(2)
            served[victim] = start(homes[victim])
        for thread in threads:
            thread.join()
        assert failed == []
    assert len(said) == TRANSACTIONS
    assert all(one.code == 0 for one in said)
    for home in homes:
        counted = in_log(home)
        assert max(counted.values()) == 1
    assert {one.body for one in built} <= set(in_log(homes[1]))


@pytest.mark.requirement("S6.2f", part="a node on an engine whose answers are lies")
def test_clients_of_a_lying_node_have_each_answer_proven_by_a_quorum(tmp_path: Path) -> None:
    homes = consortium(tmp_path)
    built = transactions(homes[0])[:8]
    kept: dict[str, bytes] = {}
    named: list[str] = []

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        """Call done what it was asked to do, at another place; refuse every third; hold proofs back."""
        if path.endswith("/proofs"):
            return {"checkpoint": truth["checkpoint"], "proofs": [{"status": "not_kept"} for _ in truth["proofs"]]}
        if path.endswith("/transactions") and truth is not None:
            said = {"status": "refused", "code": "signer.unknown", "number": 1213, "facts": {"key": {"hex": "00"}}}
            wrong = {"status": "committed", "height": 1, "time": 1, "index": 0, "code": 0, "receipt": "00" * 32}
            return {"outcomes": [said if len(body) % 3 == 0 else wrong for _ in truth["outcomes"]]}
        return None

    with ExitStack() as stack:
        served = start_together(*homes)
        stack.callback(lambda: [one.stop() for one in served if one.process.poll() is None])
        liar = stack.enter_context(lying_before(served[0].members, lie))
        for one in built:  # each client is new, and asks the liar first
            client = served[1].client(
                liar,
                served[1].members,
                served[2].members,
                patience=Patience(seconds=240, request_seconds=60, quorum_seconds=60),
                assurance=Assurance.QUORUM,
                keep=kept.__setitem__,
            )
            committed = client.submit(one.raw)
            assert (committed.code, committed.assurance) == (0, Assurance.QUORUM)
            named += [str(doubt.facts["address"]) for doubt in client.doubted]
    assert set(named) == {liar}
    counted = in_log(homes[2])
    assert [counted[one.body] for one in built] == [1] * len(built)
    assert kept == {}  # it signed nothing that is false


def kill(served: Served) -> None:
    """Kill a node; its engine loses its application with it."""
    served.process.kill()
    served.process.communicate()
