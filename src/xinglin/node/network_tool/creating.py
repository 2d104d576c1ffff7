"""Makes a network: homes, the founding of their chain, and their opening for business with all engines running."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.crypto.keystore import DEFAULT_STRETCHING, Stretching
from xinglin.node.chains import random_bytes, rules_of
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network
from xinglin.node.home import made_whole
from xinglin.node.network_tool.errors import PlaceTaken
from xinglin.node.network_tool.folder import PASSPHRASE, NetworkFolder, NetworkNode, open_folder, write_description
from xinglin.node.network_tool.plan import MemberPlan
from xinglin.node.node import Node, open_node
from xinglin.node.opening import open_for_business
from xinglin.node.setup import NewHome, make_home
from xinglin.stakeholders.kinds import MemberKind

Tell = Callable[[str], None]
"""Is told in one short line what is done now."""


def create_network(
    plan: Sequence[MemberPlan], folder: Path, tell: Tell, stretching: Stretching = DEFAULT_STRETCHING
) -> NetworkFolder:
    """Make a network in a folder, whole or not at all; it is stopped when this returns.

    Args:
        plan: its members.
        folder: where; nothing is there yet.
        tell: hears of each step.
        stretching: of the key stores; see ``make_home``.

    Raises:
        HomeExists: there is something in the folder.
        EngineMissing, EngineVersionWrong: there is no engine of the pinned version.
        PlaceTaken: somebody listens where a node is to listen.
    """
    find_engine()
    with made_whole(folder) as making:
        for member in plan:
            require_free(member.folder, member.place.p2p, member.place.rpc, member.place.listen, member.place.metrics)
        passphrase = random_bytes(16).hex().encode()
        write_durably(making / PASSPHRASE, passphrase + b"\n")
        homes = []
        for member in plan:
            tell(f"making the home of {member.name}")
            homes.append(_home(making, member, passphrase, stretching))
        tell("founding the chain")
        chain = rules_of(found_network(homes, [member.place for member in plan], random_bytes)).chain
        tell("opening for business, with all engines")
        _open(homes, passphrase)
        write_description(making, chain, [_node(making, *one) for one in zip(plan, homes, strict=True)])
    return open_folder(folder)


def require_free(node: str, *places: str) -> None:
    """Refuse places where somebody listens already, or that are not this machine's.

    Raises:
        PlaceTaken: one of them.
    """
    for place in places:
        host, _, port = place.rpartition(":")
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            raise PlaceTaken(node=node, place=place, reason=error.strerror or "-") from None


def _home(making: Path, member: MemberPlan, passphrase: bytes, stretching: Stretching) -> NewHome:
    new = make_home(making / member.folder, member.name, member.kind, passphrase, random_bytes, stretching)
    return replace(new, organisation=replace(new.organisation, votes=member.votes, cosigns=member.cosigns))


def _open(homes: Sequence[NewHome], passphrase: bytes) -> None:
    """Run all engines for as long as it takes to register what a consortium has before it works."""
    nodes: list[Node] = []
    try:
        nodes.extend(open_node(new.home.path, passphrase, new.keys) for new in homes)
        network = Network(nodes)
    except BaseException:
        for node in nodes:
            node.close()
        raise
    try:
        open_for_business(nodes, _steward(homes, nodes))
    finally:
        network.close()


def _steward(homes: Sequence[NewHome], nodes: Sequence[Node]) -> Node:
    """Return who manages the transmission keys: a technology provider where there is one, else the first."""
    kinds = [new.organisation.kind for new in homes]
    provider = MemberKind.TECHNOLOGY_PROVIDER
    return nodes[kinds.index(provider) if provider in kinds else 0]


def _node(making: Path, member: MemberPlan, new: NewHome) -> NetworkNode:
    who, place = new.organisation, member.place
    return NetworkNode(
        member.folder,
        making / member.folder,
        who.member,
        who.node,
        member.votes,
        place.p2p,
        place.rpc,
        place.listen,
        place.metrics,
    )
