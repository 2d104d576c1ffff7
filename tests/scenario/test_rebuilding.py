"""A home whose consortium chain is damaged or lost begins it anew and gets it from the others (S9.1)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.damage import data_file
from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, make_hospital, xinglin
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.access.registry.model import SetPeer
from xinglin.carrier.consensus.comet.errors import EngineDataDamaged, EngineFileDamaged, EngineSigningStateLost
from xinglin.carrier.consensus.comet.files import EngineHome, identity, make_keys
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.errors import ChainNotFound, StoreDamaged, StoreLocked
from xinglin.carrier.ledger.store import lock_folder
from xinglin.kernel.errors import Integrity
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.comet_chain import CometChain
from xinglin.node.consortium.keepers import keepers_of
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.consortium.rebuilding import GenesisLost, GenesisOther, RebuildImpossible, Sources, rebuild
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.node import Node, open_node
from xinglin.node.office.accounts import add_account
from xinglin.node.running import Running
from xinglin.node.setup import make_home
from xinglin.node.verify import verify_chain
from xinglin.stakeholders.kinds import MemberKind, Role

pytestmark = needs_engine
KINDS = {
    "hospital": MemberKind.MEDICAL_INSTITUTION,
    "platform": MemberKind.TECHNOLOGY_PROVIDER,
    "insurer": MemberKind.DATA_USER,
    "regulator": MemberKind.REGULATOR,
}
NOW = 1_800_000_000_000


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Return the homes of four founders, on a chain of no block yet."""
    homes = [make_home(tmp_path / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    found_network(homes, local_places(len(homes), free_ports(3 * len(homes))), random_bytes)
    return {name: tmp_path / name for name in KINDS}


def grow(places: dict[str, Path]) -> str:
    """Make some blocks with all four, have one checkpoint kept by each, and return the chain's id."""
    network = Network([open_node(path, PASSPHRASE) for path in places.values()])
    try:
        for node in network.nodes[:2]:
            add_account(node, (Role.AUDITOR,), f"Auditor of {node.settings.name}")
        return network.nodes[0].consortium.rules.chain
    finally:
        network.close()


def spoil(path: Path) -> None:
    """Overwrite what a store has but its first two pages, as a disk that fails does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * (size - 8192))


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, but LMDB's table of readers."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock.mdb")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def wait_for(nodes: Sequence[Node], height: int) -> None:
    until(lambda: min(node.consortium.tip.height for node in nodes) >= height)


@pytest.mark.requirement("S9.1", part="a home with a damaged disk is rebuilt from the other members")
def test_a_damaged_chain_is_refused_set_aside_and_fetched_from_the_others(places: dict[str, Path]) -> None:
    chain = grow(places)
    home = places["hospital"]
    engine = EngineHome(home / "engine" / chain)
    private = next(one for one in (home / "chain").iterdir() if one.name != chain)
    kept = {folder: contents(folder) for folder in (home / "keys", private, home / "vault", engine.config.parent)}
    signed, who = engine.signing_state.read_bytes(), identity(engine)
    spoil(data_file(home, chain))
    damaged = data_file(home, chain).read_bytes()

    said = xinglin("ledger", "rebuild", "--home", home, "--json")
    assert said.status == 0, said.err
    done = said.json
    assert {folder: contents(folder) for folder in kept} == kept
    assert (engine.signing_state.read_bytes(), identity(engine)) == (signed, who)
    assert [one.name for one in engine.signing_state.parent.iterdir()] == [engine.signing_state.name]
    assert (Path(done["aside"]) / "chain" / "data" / "data.mdb").read_bytes() == damaged
    assert {"chain/head", "chain/data", "engine/blockstore.db", "engine/state.db"} <= set(done["moved"])

    network = Network([open_node(path, PASSPHRASE) for path in places.values()])
    try:
        begun, rest = network.nodes[0], network.nodes[1:]
        ahead = max(node.consortium.tip.height for node in rest)
        wait_for([begun], ahead)
        assert begun.consortium.app_hash_at(ahead) == rest[0].consortium.app_hash_at(ahead)
        add_account(begun, (Role.AUDITOR,), "Auditor after the rebuilding")
    finally:
        network.close()
    assert verify_chain(begun.home, chain).findings == []


def test_a_chain_that_is_damaged_is_not_opened(places: dict[str, Path]) -> None:
    """What a scan of the whole state finds is found at opening; the rest by whoever reads it."""
    chain = grow(places)
    path = data_file(places["platform"], chain)
    path.write_bytes(b"\xa5" * path.stat().st_size)
    with pytest.raises(Integrity) as refused:
        open_node(places["platform"], PASSPHRASE)
    assert isinstance(refused.value, StoreDamaged)
    assert "ledger rebuild" in refused.value.hint("en")


def test_a_rebuilding_that_was_cut_off_goes_on(places: dict[str, Path]) -> None:
    chain = grow(places)
    home = places["insurer"]
    (home / "chain" / chain / "data").rename(home / "was")
    with pytest.raises(ChainNotFound):
        open_node(home, PASSPHRASE)
    first = rebuild(home, NOW)
    again = rebuild(home, NOW)
    assert {one.name for one in again.moved} == {"head.1", "data"}
    assert first.aside == again.aside
    node = open_node(home, PASSPHRASE)
    assert node.consortium.tip.height == 0
    node.close()


def test_nothing_is_moved_when_it_can_not_be_rebuilt(places: dict[str, Path], tmp_path: Path) -> None:
    home = places["regulator"]
    [folder] = (home / "chain").iterdir()
    engine = EngineHome(home / "engine" / folder.name)
    before = contents(home)
    lock = lock_folder(folder, folder.name)
    with pytest.raises(StoreLocked):
        rebuild(home, NOW)
    os.close(lock)
    state = engine.signing_state.read_bytes()
    engine.signing_state.write_bytes(b"{}")
    with pytest.raises(EngineFileDamaged):
        rebuild(home, NOW)
    engine.signing_state.unlink()
    with pytest.raises(EngineSigningStateLost):
        rebuild(home, NOW)
    engine.signing_state.write_bytes(state)
    assert contents(home) == before
    with pytest.raises(RebuildImpossible):
        rebuild(make_hospital(tmp_path / "alone"), NOW)


def test_a_lost_genesis_is_read_from_the_store_or_a_file_of_the_same_chain(places: dict[str, Path]) -> None:
    home, other = places["regulator"], places["insurer"]
    [folder] = (home / "chain").iterdir()
    (folder / "genesis").unlink()
    rebuild(home, NOW)
    (folder / "genesis").write_bytes(b"another")
    data_file(home, folder.name).unlink()
    with pytest.raises(GenesisLost):
        rebuild(home, NOW)
    with pytest.raises(GenesisOther):
        rebuild(home, NOW, Sources(home / "config.toml"))
    rebuild(home, NOW, Sources(other / "chain" / folder.name / "genesis"))
    open_node(home, PASSPHRASE).close()


@pytest.mark.requirement("S9.1", part="damage of the engine's own data is found and ends serving")
def test_damage_of_the_engines_data_is_told_and_mended(places: dict[str, Path]) -> None:
    chain = grow(places)
    home = places["insurer"]
    spoil_all(home / "engine" / chain / "data" / "state.db")
    node = open_node(home, PASSPHRASE)
    height = node.consortium.tip.height
    comet = CometChain(node)
    try:
        with keepers_of(node, comet) as keepers:
            running = Running(node, None, 0, keepers, comet)
            assert running.fault() is None
            until(lambda: running.fault() is not None)
            assert isinstance(running.fault(), EngineDataDamaged)
    finally:
        comet.close()
        node.close()

    rebuild(home, NOW)
    network = Network([open_node(path, PASSPHRASE) for path in places.values()])
    try:
        wait_for(network.nodes, height)
        assert len({node.consortium.app_hash_at(height) for node in network.nodes}) == 1
    finally:
        network.close()


def spoil_all(folder: Path) -> None:
    """Overwrite the second half of each file of an engine's database."""
    for path in folder.iterdir():
        if path.suffix in (".ldb", ".log") or path.name.startswith("MANIFEST"):
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // 2] + b"\xa5" * (len(data) - len(data) // 2))


def new_engine_ids(places: dict[str, Path], names: Sequence[str], aside: Path) -> list[str]:
    """Give members' engines new keys that their administrators register; return the engines as ``id@host:port``."""
    network = Network([open_node(path, PASSPHRASE) for path in places.values()])
    try:
        nodes = dict(zip(places, network.nodes, strict=True))
        chain = network.nodes[0].consortium.rules.chain
        made = {name: EngineHome(aside / name) for name in names}
        named = []
        for name, fresh in made.items():
            node, peer = nodes[name], make_keys(fresh).peer
            address = node.settings.engine.p2p_listen
            call = SetPeer(node.settings.node, peer, address)
            client = node.client()
            client.call([operation(client.suite, "registry", "set_peer", call)], [node.signer(ADMINISTRATOR)])
            named.append(f"{peer.hex()}@{address}")
    finally:
        network.close()
    for name, fresh in made.items():
        fresh.node_key.replace(EngineHome(places[name] / "engine" / chain).node_key)
    return named


@pytest.mark.requirement("S9.1", part="a home begins anew although no founder's engine has its first id any more")
def test_peers_that_the_owner_names_are_let_in_until_the_chain_is_caught_up(
    places: dict[str, Path], tmp_path: Path
) -> None:
    lost, others = places["hospital"], ["platform", "insurer", "regulator"]
    named = new_engine_ids(places, others, tmp_path / "fresh")
    rebuild(lost, NOW)
    with ExitStack() as stack:
        network = Network([open_node(places[name], PASSPHRASE) for name in others])
        stack.callback(network.close)

        def serve(seconds: float, wanted: int) -> tuple[int, set[str]]:
            node = open_node(lost, PASSPHRASE)
            stack.callback(node.close)
            comet = CometChain(node)
            stack.callback(comet.close)
            deadline = time.monotonic() + seconds
            while node.consortium.tip.height < wanted and time.monotonic() < deadline:
                time.sleep(0.05)
            reached = node.consortium.tip.height, {str(one) for one in comet.admitted()}
            comet.close()
            node.close()
            return reached

        ahead = network.nodes[0].consortium.tip.height
        assert serve(5, 1)[0] == 0
        config = lost / "config.toml"
        told = config.read_text(encoding="utf-8")
        listed = ", ".join(f'"{one}"' for one in named)
        config.write_text(told.replace("[engine]", f"[engine]\npeers = [{listed}]"), encoding="utf-8")
        height, admitted = serve(PATIENCE, ahead)
        assert height >= ahead
        assert admitted == set(named)
