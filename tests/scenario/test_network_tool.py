"""A consortium on one machine by its commands: a process for each node, killed and brought back (S6.2b, S6.2f)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, Said, child, run_child
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.access.governance.validators import peers_of
from xinglin.carrier.access.registry.model import NAMESPACE, AddNode, NodeState, PeerState
from xinglin.carrier.crypto.keystore_errors import PassphraseWrong
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.network_tool.creating import create_network
from xinglin.node.network_tool.exporting import export_network
from xinglin.node.network_tool.folder import NetworkFolder, open_folder
from xinglin.node.network_tool.plan import read_plan
from xinglin.node.network_tool.processes import engines_of, process_of, stop_processes
from xinglin.node.node import open_node
from xinglin.node.remote.served import ServedHome

pytestmark = needs_engine
MEMBERS = (
    ("hospital", "medical_institution"),
    ("platform", "technology_provider"),
    ("insurer", "data_user"),
    ("board", "regulator"),
)


def members_file(folder: Path) -> Path:
    path = folder / "members.toml"
    lines = [f"base_port = {free_ports(16)}"]
    for name, kind in MEMBERS:
        lines += ["[[members]]", f'folder = "{name}"', f'name = "The {name}"', f'kind = "{kind}"']
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkFolder]:
    """Return a network of four that was made and is down; whatever runs of it is stopped after."""
    folder = tmp_path_factory.mktemp("tool")
    made = create_network(read_plan(members_file(folder)), folder / "net", lambda _: None, CHEAP)
    try:
        yield made
    finally:
        stop_processes(made, made.nodes)


def command(network: NetworkFolder, *words: str | Path) -> Said:
    said = run_child(child("network", *words, "--folder", network.path, "--json"), network.path)
    assert said.status == 0, (said.out, said.err)
    return said


def rows(network: NetworkFolder) -> dict[str, Any]:
    return {row["name"]: row for row in command(network, "status").json["rows"]}


def processes(network: NetworkFolder) -> list[int]:
    """Return all processes that have a path of the network on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if os.fsencode(network.path / "hospital")[:-8] in line and (b"serve" in line or b"start" in line):
            found.append(int(entry.name))
    return found


def add_node(network: NetworkFolder, node: str) -> str:
    """Register a further node through one node's socket; return its id."""
    home = ServedHome(network.some([node])[0].home)
    added = identifier(random_bytes(16))
    own = home.value(state_key(NAMESPACE, "node", network.some([node])[0].node))
    assert own is not None
    home.call(NAMESPACE, "add_node", AddNode(added, decode(NodeState, own).sealing_key), "administrator")
    return added


def knows(network: NetworkFolder, node: str, added: str) -> bool:
    key = state_key(NAMESPACE, "node", added)
    return ServedHome(network.some([node])[0].home).value(key) is not None


@pytest.mark.requirement("S6.2b", part="a process for each node", command="xinglin network up")
def test_nodes_start_agree_die_come_back_and_stop(network: NetworkFolder) -> None:
    names = [name for name, _ in MEMBERS]
    assert stat.S_IMODE(network.passphrase.stat().st_mode) == 0o600
    assert {row["process"] for row in rows(network).values()} == {None}

    assert command(network, "up").json["started"] == names
    assert command(network, "up").json == {
        "grows": True,
        "ran": names,
        "seconds": pytest.approx(0, abs=PATIENCE),
        "started": [],
    }
    added = add_node(network, "insurer")
    until(lambda: all(knows(network, name, added) for name in names))
    said = command(network, "status").json
    assert said["agree"] is True
    assert all(row["common"] for row in said["rows"])
    until(lambda: all(row["ready"] and row["peers"] == 3 for row in rows(network).values()))

    _say_an_address(network)
    _kill_a_node(network)
    _kill_an_engine(network)

    assert any("serving" in line for line in command(network, "logs", "board").json["lines"])
    assert command(network, "logs", "board", "--engine", "--lines", "2").json["lines"]
    assert command(network, "down").json["stopped"] == names
    assert processes(network) == []
    assert command(network, "down").json["stopped"] == []


def _say_an_address(network: NetworkFolder) -> None:
    """Give the board's engine another name of the same place; the others hear of it."""
    board = network.some(["board"])[0]
    port = board.p2p.rpartition(":")[2]
    said = run_child(child("member", "set-peer", f"localhost:{port}", "--home", board.home, "--json"), network.path)
    assert said.status == 0, said.err
    until(lambda: _address(network, "hospital", said.json["peer"]) == f"localhost:{port}")
    refused = run_child(child("member", "set-peer", "localhost", "--home", board.home, "--json"), network.path)
    assert json.loads(refused.out)["error"]["code"] == "engine.setting"


def _address(network: NetworkFolder, node: str, peer: str) -> str:
    value = ServedHome(network.some([node])[0].home).value(state_key(NAMESPACE, "peer", bytes.fromhex(peer)))
    assert value is not None
    return decode(PeerState, value).address


def _kill_a_node(network: NetworkFolder) -> None:
    """Kill the board's process: the status tells, the others go on, its engine ends, ``up`` brings it back."""
    board = network.some(["board"])[0]
    process = process_of(board)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    until(lambda: process_of(board) is None)
    row = rows(network)["board"]
    assert (row["process"], row["height"], row["ready"]) == (None, None, None)
    added = add_node(network, "hospital")
    until(lambda: engines_of(board, network.chain) == [])
    assert command(network, "up").json["started"] == ["board"]
    until(lambda: knows(network, "board", added))
    assert command(network, "status").json["agree"] is True


def _kill_an_engine(network: NetworkFolder) -> None:
    """Kill the platform's engine: its node goes on and starts another, which takes part again."""
    platform = network.some(["platform"])[0]
    [engine] = engines_of(platform, network.chain)
    os.kill(engine, signal.SIGKILL)
    until(lambda: engines_of(platform, network.chain) not in ([], [engine]))
    until(lambda: rows(network)["platform"]["ready"])
    added = add_node(network, "platform")
    until(lambda: knows(network, "hospital", added))
    row = rows(network)["platform"]
    assert row["restarts"] == 1
    assert row["engine"] != engine


def test_without_enough_voters_nodes_start_and_say_that_no_block_is_made(network: NetworkFolder) -> None:
    said = command(network, "up", "--only", "hospital", "--only", "insurer").json
    assert said["started"] == ["hospital", "insurer"]
    assert said["grows"] is False
    found = command(network, "status").json
    assert [row["name"] for row in found["rows"] if row["process"]] == ["hospital", "insurer"]
    assert found["agree"] is True
    assert command(network, "down", "--only", "insurer").json["stopped"] == ["insurer"]
    assert command(network, "down").json["stopped"] == ["hospital"]
    assert processes(network) == []


def test_a_node_that_can_not_start_says_why(network: NetworkFolder) -> None:
    config = network.some(["board"])[0].home / "config.toml"
    before = config.read_text()
    config.write_text(before + "[nonsense]\n")
    try:
        said = run_child(child("network", "up", "--only", "board", "--folder", network.path, "--json"), network.path)
    finally:
        config.write_text(before)
    error = json.loads(said.out)["error"]
    assert error["code"] == "network.node_not_started"
    assert "nonsense" in error["sentence"]
    assert processes(network) == []


def test_a_network_that_was_not_made_whole_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xinglin.node.network_tool.creating.open_for_business", fail)
    with pytest.raises(KeyboardInterrupt):
        create_network(read_plan(members_file(tmp_path))[:1], tmp_path / "net", lambda _: None, CHEAP)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["members.toml"]


def test_an_exported_network_starts_there_and_not_here(network: NetworkFolder, tmp_path: Path) -> None:
    """Last of the tests that share the network. The packages' homes are opened here at other places, as a network."""
    source = tmp_path / "source"
    shutil.copytree(network.path, source)
    copied = open_folder(source)
    names = [name for name, _ in MEMBERS]
    hosts = {name: f"127.0.1.{number}" for number, name in enumerate(names, 1)}
    with pytest.raises(KeyError):
        export_network(copied, tmp_path / "packages", hosts, _fail_at("writing its package"), CHEAP)
    assert not (tmp_path / "packages").exists()
    copied.require_here()
    packages = export_network(copied, tmp_path / "packages", hosts, lambda _: None, CHEAP)
    assert [package.name for package in packages] == names
    refused = run_child(child("network", "up", "--folder", source, "--json"), source)
    assert json.loads(refused.out)["error"]["code"] == "network.left"

    passphrases = [(package / "passphrase").read_bytes().strip() for package in packages]
    assert len({*passphrases, network.passphrase.read_bytes().strip()}) == len(names) + 1
    nodes = [open_node(package / "home", own) for package, own in zip(packages, passphrases, strict=True)]
    try:
        for node in nodes:
            peers = peers_of(CommittedState(node.consortium)).values()
            assert sorted(peer.address for peer in peers) == sorted(f"{host}:26656" for host in hosts.values())
            assert not (node.home.path / "log").exists()
        assert len({node.consortium.tip.app_hash for node in nodes}) == 1
    finally:
        for node in nodes:
            node.close()
    with pytest.raises(PassphraseWrong):
        open_node(packages[0] / "home", passphrases[1])


def _fail_at(step: str) -> Callable[[str], None]:
    def tell(said: str) -> None:
        if said.endswith(step):
            raise KeyError

    return tell
