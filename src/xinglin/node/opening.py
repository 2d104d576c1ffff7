"""Opening for business: what the homes of a new consortium do first, by signed transactions (design D5.1, D10).

Each registers its node; the steward issues the first transmission key of the audience; hospitals name their private
chains. The key itself is kept nowhere but in the sealed copies on the chain; a node opens its own when it needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Integrity, NotFound
from xinglin.node.founding import ADMINISTRATOR, SEALING, SERVICE
from xinglin.node.node import Node
from xinglin.node.office.audiences import epoch_call
from xinglin.service.basic.coordination.anchoring import Anchoring
from xinglin.service.basic.coordination.locators import audience_key_commitment
from xinglin.service.basic.coordination.model import (
    AudienceEpochState,
    AudienceState,
    IssueEpochKey,
)


class TransmissionKeyMissing(NotFound):
    """This node was given no transmission key of an audience."""

    code, number, clause = "audience.no_key", 6020, "H5"
    en = "This node has no transmission key of the audience {audience}."
    zh = "本节点没有受众 {audience} 的传输密钥。"
    hint_en = "The audience's steward includes the node in its next epoch."
    hint_zh = "由受众管理者在下一纪元中纳入本节点。"


class TransmissionKeyWrong(Integrity):
    """The key that was sealed to this node is not the one that the chain commits to."""

    code, number, clause = "audience.wrong_key", 6021, "H5"
    en = "The transmission key {epoch} of the audience {audience} is not the one committed on chain."
    zh = "受众 {audience} 的第 {epoch} 纪元传输密钥与链上承诺不符。"
    hint_en = "Ask the audience's steward for a new epoch."
    hint_zh = "请受众管理者签发新的纪元。"


@dataclass(frozen=True, slots=True)
class TransmissionKey:
    """The newest key of an audience: the audience, the epoch's number, the key."""

    audience: str
    number: int
    key: bytes


def open_for_business(nodes: Sequence[Node], steward: Node) -> None:
    """Register nodes that are not registered yet, issue the first transmission key, name private chains.

    Args:
        nodes: open homes with their chains running.
        steward: the one of them whose member manages the audience of ``intake.audience``.
    """
    for node in nodes:
        if node.consortium.value(state_key("registry", "node", node.settings.node)) is None:
            call = AddNode(node.settings.node, node.keys.public(SEALING))
            _admin_call(node, "registry", "add_node", call)
    issue_transmission_key(steward, nodes, 1)
    for node in nodes:
        if node.private is not None:
            anchoring(node).open()


def issue_transmission_key(steward: Node, nodes: Sequence[Node], number: int) -> None:
    """Make an epoch's key, seal it to each node and put it on the chain."""
    sealing = {node.settings.node: node.keys.public(SEALING) for node in nodes}
    call = epoch_call(steward.consortium.rules.suite, steward.settings.intake.audience, number, sealing)
    _admin_call(steward, "audience", "epoch", call)


def transmission_key(node: Node, audience: str, number: int | None = None) -> TransmissionKey:
    """Return a key of an audience, the newest when no number is given, opened with this node's sealing key.

    Raises:
        TransmissionKeyMissing: there is no such audience or epoch, or no key for this node.
        TransmissionKeyWrong: the key does not match its commitment.
    """
    ledger = node.consortium
    known = ledger.value(state_key("audience", "audience", audience))
    if known is None:
        raise TransmissionKeyMissing(audience=audience)
    number = decode(AudienceState, known).number if number is None else number
    stored = ledger.value(state_key("audience", "epoch", audience, number))
    epoch = decode(AudienceEpochState, stored) if stored is not None else None
    mine = [one for one in epoch.keys if one.node == node.settings.node] if epoch is not None else []
    if epoch is None or not mine:
        raise TransmissionKeyMissing(audience=audience)
    key = node.keys.decrypt(SEALING, mine[0].sealed)
    if audience_key_commitment(ledger.rules.suite.hash, audience, number, key) != epoch.commitment:
        raise TransmissionKeyWrong(audience=audience, epoch=number)
    return TransmissionKey(audience, number, key)


def anchoring(node: Node) -> Anchoring:
    """Return the anchoring of a home's private chain; its chains run."""
    # Asked each time: a new cosigning key comes into force while a node runs.
    cosigning = Signer(node.cosigning_signer().key, lambda message: node.cosigning_signer().sign(message))
    return Anchoring(
        private=node.client(node.private_ledger()),
        consortium=node.client(),
        cosigning=cosigning,
        service=node.signer(SERVICE),
        administrator=node.signer(ADMINISTRATOR),
        turn=node.anchoring_turn,
    )


def _admin_call(node: Node, contract: str, method: str, arguments: AddNode | IssueEpochKey) -> None:
    call = operation(node.consortium.rules.suite, contract, method, arguments)
    node.client().call([call], [node.signer(ADMINISTRATOR)])
