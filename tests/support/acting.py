"""The member of an open home as one that proposes and votes."""

from __future__ import annotations

from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.membership.voting import Acting
from xinglin.node.node import Node


def acting(node: Node) -> Acting:
    """Return the member of an open home as one that acts."""
    signer, client = node.signer(ADMINISTRATOR), node.client()
    chain = node.consortium.rules.chain
    return Acting(node.member, chain, node.keys, node.consortium, lambda calls: client.call(calls, [signer]))
