"""From a record commitment on the consortium chain to where the record is, and to whose it is (H5; D10; LC1 to LC9).

Any node that holds the transmission key opens the locator of a commitment's batch item: it names a node and a random
handle, and nothing of a person. What the handle leads to, that node alone says, to those who may know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from xinglin.carrier.access.registry.model import KeyState, NodeState
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.log_reading import Entry
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import NotFound
from xinglin.kernel.identifiers import identifier
from xinglin.node.node import Node
from xinglin.node.office.patients import acting, found_values, refusal_values
from xinglin.node.opening import transmission_key
from xinglin.node.site import HomeNotOpen, Site
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.coordination.locators import Locator, open_locator
from xinglin.service.basic.coordination.model import RecordItem, RegisterBatch
from xinglin.service.basic.reading.deciding import RESOLVE
from xinglin.service.basic.reading.errors import AnswerInvalid
from xinglin.stakeholders.purposes import Purpose

_COMMITMENT: Final = slice(3, 35)
"""Where a commitment stands in the canonical bytes of a batch item."""


class CommitmentNotRegistered(NotFound):
    """No batch that this home has of the consortium chain registers the commitment."""

    code, number, clause = "record.not_on_chain", 6084, "H5"
    en = "No record batch on the chain has {commitment}."
    zh = "链上没有包含 {commitment} 的记录批次。"
    hint_en = "Check the hash; a home that began from a snapshot lacks what came before it."
    hint_zh = "请核对哈希；由快照建立的节点缺少更早的内容。"


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a commitment is registered: the log entry, its batch, the item's place in it."""

    entry: Entry
    batch: RegisterBatch
    item: int
    raw: bytes


def find_registered(ledger: Ledger, commitment: bytes) -> Registered:
    """Return where the consortium chain registers a commitment, from its newest log entry back.

    Raises:
        CommitmentNotRegistered: it is nowhere.
        LogBegunLate: it may be in the part of the log that is not here yet.
    """
    for index in reversed(range(ledger.tip.log_size)):
        ledger.require_here(index)
        entry = ledger.entry(index)
        if entry.receipt.number == 0:
            for one in entry.transaction.operations:
                if (one.head.contract, one.head.method) == ("records", "register"):
                    places = (at for at, item in enumerate(one.items) if item[_COMMITMENT] == commitment)
                    place = next(places, None)
                    if place is not None:
                        batch = decode(RegisterBatch, one.head.arguments)
                        return Registered(entry, batch, place, one.items[place])
    raise CommitmentNotRegistered(commitment=commitment)


def locator_of(node: Node, found: Registered) -> Locator:
    """Return where the record of an item is, by this node's transmission key.

    Raises:
        TransmissionKeyMissing, TransmissionKeyWrong: this node has no good key of that audience and epoch.
        OpenFailed: the member that registered it sealed no locator under that key.
    """
    key = transmission_key(node, found.batch.audience, found.batch.audience_epoch)
    suite = node.consortium.rules.suite
    return open_locator(suite, key.key, found.batch, found.item, decode(RecordItem, found.raw))


def registered_values(node: Node, found: Registered) -> dict[str, Any]:
    """Return what the chain says of a registration: batch, place, time, and the account that signed it."""
    key = found.entry.transaction.header.signers[0]
    stored = node.consortium.value(state_key("registry", "key", key))
    signer = decode(KeyState, stored or b"")
    return {
        "commitment": decode(RecordItem, found.raw).commitment.hex(),
        "batch": found.batch.batch,
        "item": found.item,
        "log_entry": found.entry.leaf.index,
        "height": found.entry.leaf.height,
        "time_ms": found.entry.leaf.time,
        "member": signer.member,
        "recorder": signer.account,
        "audience": found.batch.audience,
        "epoch": found.batch.audience_epoch,
    }


def locate_record(site: Site, commitment: bytes, account: str = "", purpose: Purpose = Purpose.TREAT) -> dict[str, Any]:
    """Return where a record is, and, for an account that asks, what the node that keeps it tells of it.

    Args:
        site: the homes; the first one's transmission key opens the locator.
        commitment: of the record.
        account: who asks the node that keeps it, by its key in this home; empty: nobody is asked.
        purpose: what for.

    Returns: the registration, ``node`` and ``handle`` of the locator, ``keeper`` (the node's member); of an answer
        ``record`` and ``person``, the link by which this member knows whose it is; or why it was refused.

    Raises:
        CommitmentNotRegistered: the chain has no such commitment.
        TransmissionKeyMissing, TransmissionKeyWrong, OpenFailed: see ``locator_of``.
        AnswerInvalid: the node that keeps it tells of something else.
    """
    node = site.node
    found = find_registered(node.consortium, commitment)
    locator = locator_of(node, found)
    stored = node.consortium.value(state_key("registry", "node", locator.node))
    keeper = decode(NodeState, stored).member if stored is not None else ""
    values = registered_values(node, found) | {
        "node": locator.node,
        "keeper": keeper,
        "handle": identifier(locator.handle),
    }
    return values | (_resolved(site, locator, commitment, account, purpose) if account else {})


def _resolved(site: Site, locator: Locator, commitment: bytes, account: str, purpose: Purpose) -> dict[str, Any]:
    """Ask the node that a locator names what its handle leads to."""
    who = acting(site.serving, account)
    try:
        other = site.serving_of(site.find(locator.node))
    except HomeNotOpen as refusal:
        return refusal_values(refusal)
    received = site.serving.reader.ask(other, who, Asked("handle", locator.handle), RESOLVE, purpose)
    refused = received.refusal()
    if refused is not None:
        return refusal_values(refused)
    answer = received.answer
    if [one.commitment for one in answer.found] != [commitment]:
        raise AnswerInvalid(reason="the handle leads to another record there")
    return {"record": found_values(answer.found[0]), "person": identifier(answer.link[0]) if answer.link else ""}
