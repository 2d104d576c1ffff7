"""Writes a package for each node of a network, for separate hosts: the network moves there and is not run here again.

Addresses of engines are on the chain, so they are changed on the chain while all homes are still together: in copies,
which become the packages.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from xinglin.carrier.access.registry.model import NAMESPACE, SetPeer
from xinglin.carrier.consensus.comet.files import EngineHome, identity
from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.crypto.keystore import DEFAULT_STRETCHING, Stretching, change_passphrase
from xinglin.carrier.ledger.build import operation
from xinglin.node.chains import random_bytes
from xinglin.node.client import ChainClient
from xinglin.node.consortium.network import Network
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.home import Home, made_whole
from xinglin.node.network_tool.creating import Tell, require_free
from xinglin.node.network_tool.errors import AddressInvalid, NetworkRuns
from xinglin.node.network_tool.folder import LEFT, PASSPHRASE, NetworkFolder
from xinglin.node.network_tool.plan import check_host
from xinglin.node.network_tool.processes import process_of
from xinglin.node.network_tool.units import (
    COMPOSE,
    IGNORE,
    IMAGE,
    LISTEN_PORT,
    METRICS_PORT,
    P2P_PORT,
    README,
    RPC_PORT,
    UNIT,
    HostPlan,
    compose_text,
    ignore_text,
    image_text,
    readme_text,
    unit_text,
)
from xinglin.node.node import Node, open_node
from xinglin.settings import load_settings

_SECTION = re.compile(r"\[(\w+)\]\s*(?:#.*)?")
_STAY = ("log", "node.sock", "abci.sock", "engine.pid", "engine.log*", "addrbook.json", "*.tmp")
"""What belongs to a machine, not to a node."""
_SUBMIT_SECONDS = 60.0


def export_network(
    network: NetworkFolder,
    to: Path,
    hosts: Mapping[str, str],
    tell: Tell,
    stretching: Stretching = DEFAULT_STRETCHING,
) -> list[Path]:
    """Write a package for each node, whole or none; the network does not start here any more.

    Each package has one home, a passphrase of its own for it, a systemd unit, a compose file, and what to do with them.

    Args:
        network: it is stopped.
        to: the folder of the packages; nothing is there yet.
        hosts: name or address of each node's host, by the node's name.
        tell: hears of each step.
        stretching: of the key stores.

    Returns: the packages, in the order of the nodes.

    Raises:
        AddressInvalid: a host is missing, or is none, or is of no node, or two nodes have it.
        NetworkLeft, NetworkBusy, NetworkRuns: see there.
        HomeExists: there is something at ``to``.
        PlaceTaken, EngineMissing, EngineVersionWrong: the engines can't run for the moment that they have to.
    """
    check_hosts(network, hosts)
    network.require_here()
    with network.alone():
        for node in network.nodes:
            process = process_of(node)
            if process is not None:
                raise NetworkRuns(node=node.name, process=process)
            require_free(node.name, node.p2p, node.rpc)
        mark = network.path / LEFT
        try:
            with made_whole(to) as making:
                _write_packages(network, making, hosts, tell, stretching)
                # Before the packages are in their place: at no moment could both be run.
                write_durably(mark, str(to.resolve()).encode() + b"\n")
        except BaseException:
            mark.unlink(missing_ok=True)
            raise
    return [to.resolve() / node.name for node in network.nodes]


def check_hosts(network: NetworkFolder, hosts: Mapping[str, str]) -> None:
    """Refuse hosts that are not one for each node.

    Raises:
        AddressInvalid: they are not.
    """
    names = [node.name for node in network.nodes]
    for name, host in hosts.items():
        if name not in names:
            raise AddressInvalid(value=f"{name}={host}"[:120], reason="the network has no such node")
        try:
            check_host(host)
        except ValueError as refused:
            raise AddressInvalid(value=f"{name}={host}"[:120], reason=str(refused)) from None
    for name in names:
        if name not in hosts:
            raise AddressInvalid(value=name, reason="it has no host")
        if sum(host.lower() == hosts[name].lower() for host in hosts.values()) > 1:
            raise AddressInvalid(value=f"{name}={hosts[name]}", reason="two nodes have one host")


def _write_packages(
    network: NetworkFolder, making: Path, hosts: Mapping[str, str], tell: Tell, stretching: Stretching
) -> None:
    passphrase = network.passphrase.read_bytes().split(b"\n", 1)[0]
    for node in network.nodes:
        tell(f"{node.name}: copying its home")
        (making / node.name).mkdir(mode=0o700)
        shutil.copytree(node.home, making / node.name / "home", ignore=shutil.ignore_patterns(*_STAY), symlinks=True)
    tell("changing the addresses on the chain")
    _move(network, making, hosts, passphrase)
    for node in network.nodes:
        tell(f"{node.name}: writing its package")
        folder, own = making / node.name, random_bytes(16).hex().encode()
        home = Home(folder / "home")
        change_passphrase(home.keys, passphrase, own, stretching)
        write_durably(folder / PASSPHRASE, own + b"\n")
        config = home.config.read_text(encoding="utf-8")
        write_durably(home.config, with_places(config, hosts[node.name], _others(network, hosts, node.name)).encode())
        load_settings(home.path)
        plan = HostPlan(node.name, hosts[node.name], {one.name: hosts[one.name] for one in network.nodes})
        for name, text in (
            (UNIT, unit_text(plan.name)),
            (COMPOSE, compose_text(plan)),
            (IMAGE, image_text()),
            (IGNORE, ignore_text()),
            (README, readme_text(plan)),
        ):
            write_durably(folder / name, text.encode(), 0o644)


def _move(network: NetworkFolder, making: Path, hosts: Mapping[str, str], passphrase: bytes) -> None:
    """Have each node's administrator say its new address, with all engines running for as long as it takes."""
    nodes: list[Node] = []
    try:
        nodes.extend(open_node(making / node.name / "home", passphrase) for node in network.nodes)
        running = Network(nodes)
    except BaseException:
        for node in nodes:
            node.close()
        raise
    try:
        coming = [
            _submit(node, f"{hosts[named.name]}:{P2P_PORT}") for named, node in zip(network.nodes, nodes, strict=True)
        ]
        for client, future in coming:
            committed = future.result(_SUBMIT_SECONDS)
            if committed.code:
                raise client.refusal(committed)
    finally:
        running.close()
    for one in network.nodes:  # they met here, by addresses that are of no more use
        engine = making / one.name / "home" / "engine" / network.chain
        for name in ("config/addrbook.json", "engine.log"):
            (engine / name).unlink(missing_ok=True)


def _submit(node: Node, address: str) -> tuple[ChainClient, Future[Committed]]:
    engine = EngineHome(node.home.engine(node.consortium.rules.chain))
    call = SetPeer(node.settings.node, identity(engine).peer, address)
    client, signer = node.client(), node.signer(ADMINISTRATOR)
    built = client.build([operation(node.consortium.rules.suite, NAMESPACE, "set_peer", call)], [signer])
    return client, client.submit(built.raw)


def _others(network: NetworkFolder, hosts: Mapping[str, str], name: str) -> list[str]:
    return [f"{hosts[node.name]}:{LISTEN_PORT}" for node in network.nodes if node.name != name]


def with_places(config: str, host: str, members: Sequence[str]) -> str:
    """Return the settings of a home with the places of a host of its own; whatever else they say stays.

    Args:
        config: the file's text.
        host: under which others reach the node.
        members: where the other members' nodes listen.
    """
    told: dict[str, dict[str, str | list[str]]] = {
        "engine": {
            "p2p_listen": f"0.0.0.0:{P2P_PORT}",
            "rpc_listen": f"127.0.0.1:{RPC_PORT}",
            "external_address": f"{host}:{P2P_PORT}",
        },
        "listener": {
            "listen": f"0.0.0.0:{LISTEN_PORT}",
            "metrics": f"127.0.0.1:{METRICS_PORT}",
            "members": list(members),
        },
    }
    lines, section = [], ""
    for line in config.splitlines():
        head = _SECTION.fullmatch(line)
        section = head[1] if head else section
        if section in told and line.partition("=")[0].strip() in told[section]:
            continue
        lines.append(line)
        if head and section in told:
            lines += [f"{key} = {json.dumps(value)}" for key, value in told[section].items()]
    return "\n".join(lines) + "\n"
