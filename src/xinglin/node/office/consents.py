"""Consents and agreements as acts of a node: drafted, signed, brought onto the chain, acknowledged, revoked (W8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xinglin.carrier.access.registry.model import NodeState
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.kernel.encoding import ChainObject, decode, state_key
from xinglin.kernel.errors import NotFound
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.founding import ADMINISTRATOR, SERVICE
from xinglin.node.node import Node
from xinglin.node.records.serving import Serving
from xinglin.service.basic.protection.consents.drafts import (
    Addressee,
    ConsentDraft,
    WantedConsent,
    approve_call,
    draft_consent,
    grant_call,
    propose_call,
    signed_message,
)
from xinglin.service.basic.protection.consents.model import KeyMethod, RevokeConsent
from xinglin.service.basic.protection.consents.rules import revoke_message
from xinglin.service.basic.sharing.agreements.model import AcceptAgreement, AgreementTerms, ProposeAgreement


class NodeNotFound(NotFound):
    """The chain has no such node."""

    code, number, clause = "node.not_found", 6034, "S6.3b"
    en = "There is no node {node} on this chain."
    zh = "本链没有节点 {node}。"
    hint_en = "Check the id; a node is registered by its member."
    hint_zh = "请核对标识；节点由其成员登记。"


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent on the chain: the draft, whose salt and terms open it, and the patient's key for it (counter: none)."""

    draft: ConsentDraft
    key: bytes = field(repr=False)

    @property
    def consent(self) -> str:
        """Its id."""
        return self.draft.consent


def sign_agreement(custodian: Node, reader: Node, terms: AgreementTerms) -> str:
    """Have two members sign an agreement, and return its id; both homes are open here."""
    agreement = identifier(random_bytes(16))
    call(custodian, "agreement", "propose", ProposeAgreement(agreement, terms), ADMINISTRATOR)
    call(reader, "agreement", "accept", AcceptAgreement(agreement, terms), ADMINISTRATOR)
    return agreement


def give_by_own_key(node: Node, wanted: WantedConsent, custodians: Sequence[tuple[str, bytes]]) -> GivenConsent:
    """Let a patient consent by a fresh key of the patient's own; the node's member vouches and carries it.

    Args:
        node: of the institution that knows the patient.
        wanted: what the patient wants.
        custodians: the nodes that it binds, each with the 16 bytes by which it knows the patient.
    """
    suite, chain = node.consortium.rules.suite, node.consortium.rules.chain
    key = suite.generate_private_key()
    draft = _draft(node, suite.public_key(key), wanted, custodians)
    signature = suite.sign(key, signed_message(suite, chain, draft))
    call(node, "consent", "grant", grant_call(draft, KeyMethod.OWN_KEY, signature))
    return GivenConsent(draft, key)


def give_at_counter(
    node: Node, wanted: WantedConsent, custodians: Sequence[tuple[str, bytes]], staff: tuple[str, str]
) -> GivenConsent:
    """Enter a consent from paper: one of the staff proposes it, another approves it; as ``give_by_own_key``.

    Args:
        node: of the institution.
        wanted: what the paper says; its scan's hash is in it.
        custodians: as ``give_by_own_key``.
        staff: names of the two accounts' keys in the home's key store.
    """
    suite = node.consortium.rules.suite
    draft = _draft(node, suite.public_key(suite.generate_private_key()), wanted, custodians)
    call(node, "consent", "propose", propose_call(draft), staff[0])
    call(node, "consent", "approve", approve_call(draft), staff[1])
    return GivenConsent(draft, b"")


def acknowledge(serving: Serving, consent: str) -> bool:
    """Take in a consent that is addressed to a node and let it be in force there; raises as ``Consents.take_in``.

    Returns: whether it was acknowledged now: not where it was before, or is addressed to others.
    """
    acknowledgement = serving.protection.consents.take_in(consent)
    if acknowledgement is not None:
        call(serving.archive.node, "consent", "acknowledge", acknowledgement)
    return acknowledgement is not None


def revoke(node: Node, given: GivenConsent) -> None:
    """Revoke a consent that was given by the patient's own key; any registered node carries it."""
    suite, chain = node.consortium.rules.suite, node.consortium.rules.chain
    signature = suite.sign(given.key, revoke_message(suite.hash, chain, given.consent))
    call(node, "consent", "revoke", RevokeConsent(given.consent, signature))


def call(node: Node, contract: str, method: str, arguments: ChainObject, key: str = SERVICE) -> None:
    """Bring one operation of a node onto the consortium chain, signed by one of its keys; raises the refusal."""
    call_by(node, contract, method, arguments, node.signer(key))


def call_by(node: Node, contract: str, method: str, arguments: ChainObject, signer: Signer) -> None:
    """Bring one operation of an account onto the consortium chain; raises the refusal."""
    asked = operation(node.consortium.rules.suite, contract, method, arguments)
    node.client().call([asked], [signer])


def draft_of(
    node: Node, consent: str, subject_key: bytes, wanted: WantedConsent, custodians: Sequence[tuple[str, bytes]]
) -> ConsentDraft:
    """Return a draft whose openings are sealed for its custodians, by their keys in the registry; signs nothing.

    Args:
        node: of the institution that vouches.
        consent: a fresh id.
        subject_key: made for this consent alone.
        wanted: what the patient wants.
        custodians: the nodes that it binds, each with the 16 bytes by which it is told of the patient.

    Raises:
        NodeNotFound: a custodian is no node of the chain.
        ConsentTermsInvalid, ConsentTooLong: see ``draft_consent``.
    """
    addressees = [Addressee(name, _sealing_key(node, name), person) for name, person in custodians]
    return draft_consent(node.consortium.rules.suite, random_bytes, consent, subject_key, wanted, addressees)


def _draft(
    node: Node, subject_key: bytes, wanted: WantedConsent, custodians: Sequence[tuple[str, bytes]]
) -> ConsentDraft:
    return draft_of(node, identifier(random_bytes(16)), subject_key, wanted, custodians)


def _sealing_key(node: Node, name: str) -> bytes:
    stored = node.consortium.value(state_key("registry", "node", name))
    if stored is None:
        raise NodeNotFound(node=name)
    return decode(NodeState, stored).sealing_key
