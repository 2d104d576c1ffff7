"""A validator that signs two different blocks: its key in a second process, whose node its member registered too."""

from __future__ import annotations

from tests.network.consortium import Consortium
from tests.network.load import Memory, client_of, keys_of
from xinglin.carrier.access.registry.model import AddNode, SetPeer
from xinglin.carrier.consensus.comet.files import make_keys
from xinglin.carrier.ledger.build import operation
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.remote.claims import Patience


def begin_twin(consortium: Consortium, name: str, fault: str, memory: Memory) -> None:
    """Register a second node of a member, and run it with the validator key of the first.

    The first is stopped while its home is copied: what a copied disk or an over-eager standby would be.
    """
    member = consortium.members[name]
    consortium.end(member)
    twin = consortium.add_twin(name, fault)
    consortium.start([name])
    peer = make_keys(consortium.engine(twin)).peer
    signer, sealing = keys_of(member)
    suite, node = consortium.rules.suite, identifier(random_bytes(16))
    client = client_of(consortium, [member.address], Patience(60, 10))
    for method, call in (("add_node", AddNode(node, sealing)), ("set_peer", SetPeer(node, peer, twin.place.p2p))):
        built = client.build([operation(suite, "registry", method, call)], [signer])
        memory.hand_in([built.body.hex()])
        committed = client.submit(built.raw)
        memory.note(name, built.body, built.valid_until, committed)
        assert committed.code == 0, f"{method} was refused with {committed.code}"
    consortium.start([twin.name])
