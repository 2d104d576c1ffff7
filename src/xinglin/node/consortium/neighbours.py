"""Other members' nodes at the addresses of the settings: who each is by the registry, and asking it (W19, S6.3a).

An address is only where to ask. Whose node answers there, the registry and the signatures of its answers say.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.carrier.access.registry.model import NAMESPACE, NodeState
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Denied, Integrity
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.node.remote.forms import HeadSaid
from xinglin.node.remote.member import MemberNode
from xinglin.node.remote.tls import context_of
from xinglin.node.remote.transport import parse_address
from xinglin.node.remote.trusting import ChainNamed
from xinglin.stakeholders.kinds import Status


class NodeNotRegistered(Denied):
    """What answers at an address of the settings is no active node of the registry."""

    code, number, clause = "node.not_registered", 6290, "S6.3a"
    en = "{address} says that it is node {node}, which is no active node of another member."
    zh = "{address} 自称节点 {node}，但它不是其他成员的有效节点。"
    hint_en = "See listener.members in the settings, and 'xinglin member show' for the nodes that are registered."
    hint_zh = "请检查设置 listener.members，并用 xinglin member show 查看已登记的节点。"


class CosignatureForeign(Integrity):
    """A node answered with a signature line that is not its own member's."""

    code, number, clause = "cosigning.foreign_line", 6291, "W19"
    en = "The node at {address} is member {member}'s and answered with a line of {found}."
    zh = "{address} 的节点属于成员 {member}，却返回了 {found} 的签名行。"
    hint_en = "The line was not taken. Ask that member what its node does."
    hint_zh = "该签名行未被采用。请向该成员核实其节点。"


@dataclass(frozen=True, slots=True)
class Met:
    """Another member's node, as it said of itself just now; its member by the registry."""

    head: HeadSaid
    member: str

    @property
    def node(self) -> str:
        """The node's id."""
        return self.head.node


class Neighbour:
    """One address of ``listener.members``. From any thread.

    Args:
        node: this node, which asks by its service account.
        place: ``HOST:PORT``, or ``https://HOST:PORT`` where a TLS proxy is before it.

    Raises (of all methods):
        NodeUnreached, NodeAway: no answer, or none in form.
        NodeElsewhere: a node of another chain answers there.
        NodeNotRegistered: none that the registry has, or this one.
        PlatformError: its refusal.
    """

    def __init__(self, node: Node, place: str) -> None:
        self.address = place if "://" in place else f"http://{place}"
        self._place = parse_address(self.address, node.settings.listener.ca_file)
        self._node = node
        rules = node.consortium.rules
        self._named = ChainNamed(rules.chain, rules.suite)

    def meet(self, seconds: float = 20.0) -> Met:
        """Ask for the node's newest block, within so many seconds, and look up whose node it is."""
        head = self._asking("").head(seconds)
        stored = self._node.consortium.value(state_key(NAMESPACE, "node", head.node))
        state = None if stored is None else decode(NodeState, stored)
        if state is None or state.status is not Status.ACTIVE or head.node == self._node.settings.node:
            raise NodeNotRegistered(address=self.address, node=head.node)
        return Met(head, state.member)

    def asking(self, met: Met) -> MemberNode:
        """Return what asks the node that was met, with requests that no other node answers."""
        return self._asking(met.node)

    def _asking(self, node: str) -> MemberNode:
        signer = self._node.signer(SERVICE)
        return MemberNode(self._place, self._named, signer, SystemClock(), random_bytes, node)


def neighbours_of(node: Node) -> list[Neighbour]:
    """Return the other members' nodes that the settings name.

    Raises:
        AuthoritiesInvalid: the file of authorities that they name can't be used.
    """
    if node.settings.listener.ca_file:
        context_of(node.settings.listener.ca_file)
    return [Neighbour(node, place) for place in node.settings.listener.members]
