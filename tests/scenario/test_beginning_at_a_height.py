"""A lost node begins at a cosigned height by a recovery package, and its engine by state sync (D7; S6.2b, S9.1)."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from xinglin_verify.verify import verify_bundle

from tests.scenario.test_rebuilding import KINDS, NOW, contents, wait_for
from tests.support.engines import needs_engine
from tests.support.neighbourhood import House, running_of
from tests.support.neighbourhood import wait_for as wait_until
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, findings, write_passphrase, xinglin
from tests.support.served import new_identifier
from tests.support.waiting import PATIENCE
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.errors import LogBegunLate, SnapshotInvalid
from xinglin.carrier.ledger.trust import encode_trust
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.backfilling import BackfillKeeper
from xinglin.node.consortium.comet_chain import CometChain
from xinglin.node.consortium.neighbours import neighbours_of
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.consortium.package import PackageInvalid, make_package
from xinglin.node.consortium.rebuilding import Sources, rebuild
from xinglin.node.consortium.room import DiskRoomMissing
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.node import Node, open_node
from xinglin.node.office.accounts import add_account
from xinglin.node.office.proofs import collect_checkpoint, prove_anchor, trust_of
from xinglin.node.opening import anchoring, open_for_business
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import Role

pytestmark = needs_engine


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return four homes, of which the first wrote a package at a height that all cosigned; none runs."""
    folder = tmp_path_factory.mktemp("beginning")
    write_passphrase(folder)
    homes = [make_home(folder / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    found_network(homes, local_places(len(homes), free_ports(3 * len(homes))), random_bytes)
    network = Network([open_node(folder / name, PASSPHRASE) for name in KINDS])
    try:
        open_for_business(network.nodes, network.nodes[0])
        anchored(network.nodes[0])
        collect_checkpoint(network.nodes)  # which the lost one keeps, of a height that it does not get back
        for number in range(3):
            add_account(network.nodes[0], (Role.AUDITOR,), f"Before {number}")
        collect_checkpoint(network.nodes)
        add_account(network.nodes[1], (Role.AUDITOR,), "After the checkpoint")
        make_package(network.nodes[0], network.chains[0], folder / "package")
    finally:
        network.close()
    return {name: folder / name for name in KINDS} | {"package": folder / "package"}


def anchored(node: Node) -> None:
    """Have a private chain grow, and anchor it."""
    private = node.private_ledger()
    call = AddNode(new_identifier(), node.keys.public(SEALING))
    grown = operation(private.rules.suite, "registry", "add_node", call)
    node.client(private).call([grown], [node.signer(ADMINISTRATOR)])
    assert anchoring(node).step()


@pytest.mark.requirement("S8.5c")
def test_nothing_is_moved_for_which_there_is_no_room(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    home, needed = places["insurer"], 2 * places["package"].stat().st_size
    monkeypatch.setattr("xinglin.node.consortium.room.shutil.disk_usage", lambda _: SimpleNamespace(free=needed - 1))
    before = sorted(home.rglob("*"))
    with pytest.raises(DiskRoomMissing) as refused:
        rebuild(home, NOW, Sources(package=places["package"]))
    assert refused.value.facts == {"needed": needed, "free": needed - 1}
    assert [one for one in sorted(home.rglob("*")) if one != home / "evidence"] == before


@pytest.mark.requirement("S9.1", part="a lost node begins at a cosigned height, fetches the log before, proves from it")
def test_a_lost_node_begins_at_a_cosigned_height_and_goes_on(places: dict[str, Path]) -> None:
    home = places["regulator"]
    chain = next((home / "engine").iterdir()).name
    engine = EngineHome(home / "engine" / chain)
    signed = engine.signing_state.read_bytes()
    shutil.rmtree(home / "chain" / chain / "data")
    done = rebuild(home, NOW, Sources(package=places["package"]))
    assert done.height > 0
    assert engine.signing_state.read_bytes() == signed
    alone = open_node(home, PASSPHRASE)  # nobody is there to begin with yet; that must do no harm
    early = CometChain(alone)
    early.process.wait_ready(PATIENCE)
    early.close()
    alone.close()
    network = Network([open_node(places[name], PASSPHRASE) for name in KINDS])
    try:
        begun, rest = network.nodes[3], network.nodes[:3]
        add_account(begun, (Role.AUDITOR,), "By the node that was lost")
        ahead = begun.consortium.tip.height
        wait_for(rest, ahead)
        assert len({node.consortium.app_hash_at(ahead) for node in network.nodes}) == 1
        with EngineRpc(begun.settings.engine.rpc_listen) as rpc:
            assert rpc.status().earliest > done.height  # the blocks before were not fetched
        proven = backfilled(network, 3)
    finally:
        network.close()
    for bundle, trust in proven:
        assert verify_bundle(bundle, trust).failed is None
    assert findings(home) == []


def backfilled(network: Network, late: int) -> list[tuple[bytes, bytes]]:
    """Have a node fetch the old log from another's listener; return its proof of an old anchor, and the trust."""
    begun, giver = network.nodes[late], network.nodes[0]
    start = begun.consortium.log_start
    assert start > 6
    chain = giver.private_ledger().rules.chain
    with pytest.raises(LogBegunLate):
        prove_anchor(begun, chain)
    house = House(giver, running_of(giver), int(giver.settings.listener.listen.rpartition(":")[2]))
    house.listen()
    keeper = BackfillKeeper(begun.consortium, neighbours_of(begun))
    keeper.start()
    try:
        wait_until(lambda: begun.consortium.log_start == 0)
    finally:
        keeper.close()
        house.deaf()
    assert begun.consortium.entry(0) == giver.consortium.entry(0)
    collect_checkpoint(network.nodes)
    return [(prove_anchor(begun, chain), encode_trust(trust_of(begun.consortium)))]


@pytest.mark.requirement("S9.1", part="a lost node gets what it begins by from a member's running node")
def test_a_lost_node_gets_its_package_from_a_members_node(places: dict[str, Path], tmp_path: Path) -> None:
    lost = places["platform"]
    shutil.rmtree(lost / "chain" / next((lost / "engine").iterdir()).name / "data")
    network = Network([open_node(places[name], PASSPHRASE) for name in KINDS if name != "platform"])
    giver, port = network.nodes[0], int(network.nodes[0].settings.listener.listen.rpartition(":")[2])
    house = House(giver, replace(running_of(giver), comet=network.chains[0]), port)
    try:
        collect_checkpoint(network.nodes)
        house.listen()
        command = ("ledger", "rebuild", "--home", lost, "--passphrase-file", lost.parent / "passphrase")
        wrong = xinglin(*command, "--package", "http://127.0.0.1:1")
        assert wrong.code == "node.unreached"
        assert list(lost.glob("evidence/rebuild-*")) == []
        said = xinglin(*command, "--package", f"http://127.0.0.1:{port}", "--json")
        assert said.status == 0, said.err
        assert said.json["height"] == giver.notes.heights()[-1] > 0
        assert list(lost.glob("package-*")) == []
        offered = {one.height for one in network.chains[0].application.list_snapshots()}
        assert said.json["height"] in offered
    finally:
        house.deaf()
        network.close()
    begun = open_node(lost, PASSPHRASE)
    assert begun.consortium.tip.height == said.json["height"]
    begun.close()


def changed(package: Path, out: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """Write a package whose parts are changed."""
    with tarfile.open(package) as old, tarfile.open(out, "w") as new:
        for entry in old:
            file = old.extractfile(entry)
            assert file is not None
            data = change(entry.name, file.read())
            entry.size = len(data)
            new.addfile(entry, BytesIO(data))
    return out


def other_state(name: str, data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if name == "chunk-0" else data


def fewer_signatures(name: str, data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:-2]) if name == "checkpoint" else data


def other_height(name: str, data: bytes) -> bytes:
    return data.replace(b'"app_hash": "', b'"app_hash": "00') if name == "light" else data


def other_validators(name: str, data: bytes) -> bytes:
    if name != "light":
        return data
    said = json.loads(data)
    for one in said.values():
        one["commit"]["signed_header"]["header"]["validators_hash"] = "AB" * 32
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (other_state, "snapshot"),
        (fewer_signatures, "2 of 3 cosignatures"),
        (other_height, "app hash"),
        (other_validators, "validators"),
    ],
)
def test_a_package_that_does_not_prove_itself_changes_nothing(
    places: dict[str, Path], tmp_path: Path, change: Callable[[str, bytes], bytes], word: str
) -> None:
    home = places["insurer"]
    before = contents(home)
    lying = changed(places["package"], tmp_path / "lying", change)
    with pytest.raises((PackageInvalid, SnapshotInvalid)) as refused:
        rebuild(home, NOW, Sources(package=lying))
    assert word in refused.value.sentence()
    after = contents(home)
    assert {name: data for name, data in after.items() if not name.endswith("/lock")} == {
        name: data for name, data in before.items() if not name.endswith("/lock")
    }
