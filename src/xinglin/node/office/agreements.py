"""Agreements between members as acts of a home: proposed, accepted, ended, looked up (docs/spec/agreement.md; W6).

Terms stand in the open: any home shows all agreements of its chain, with the names of the members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import MemberState
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.kernel.errors import Conflict
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.node import Node
from xinglin.node.office.accounts import account_signer
from xinglin.node.office.consents import call_by
from xinglin.node.office.directory import MemberNotFound
from xinglin.service.basic.sharing.agreements.errors import AgreementTermsInvalid, AgreementUnknown
from xinglin.service.basic.sharing.agreements.model import (
    NAMESPACE,
    AcceptAgreement,
    AgreementOfPair,
    AgreementState,
    AgreementTerms,
    EndAgreement,
    ProposeAgreement,
)
from xinglin.service.basic.sharing.agreements.rules import standing, terms_fault
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose


class AgreementDocumentDiffers(Conflict):
    """The paper at hand is not the one whose hash the terms have."""

    code, number, clause = "agreement.document", 6157, "S7.2c"
    en = "The document is not the one that agreement {agreement} rests on."
    zh = "该文书不是协议 {agreement} 所依据的文书。"
    hint_en = "Compare the papers with the other institution; they must be the same file, byte by byte."
    hint_zh = "请与对方机构核对文书；双方须为逐字节相同的文件。"


@dataclass(frozen=True, slots=True)
class WantedAgreement:
    """What a member proposes: the custodian's node answers the reader's accounts; times in ms, ``document`` whole."""

    custodian: str
    reader: str
    purposes: Sequence[Purpose]
    categories: Sequence[Category]
    level: Level
    from_ms: int
    until_ms: int
    document: bytes


def propose(node: Node, wanted: WantedAgreement, account: str = "") -> dict[str, Any]:
    """Sign an agreement first, and return it as plain values.

    Args:
        node: of one of the two members; its consortium chain runs.
        wanted: what both are to sign.
        account: who signs; the home's administrator when empty.

    Raises:
        AgreementTermsInvalid: AG2, or it would have ended already.
        MemberNotFound: one of the two is no member of the chain.
        AccountKeyMissing: the account's key is not in this home.
        PlatformError: the chain's refusal, of an account that is no administrator for example.
    """
    terms = AgreementTerms(
        custodian=wanted.custodian,
        reader=wanted.reader,
        purposes=tuple(sorted(set(wanted.purposes))),
        categories=tuple(sorted(set(wanted.categories))),
        level=wanted.level,
        from_ms=wanted.from_ms,
        until_ms=wanted.until_ms,
        text=document_hash(node, wanted.document),
    )
    fault = terms_fault(terms) or ("" if terms.until_ms > SystemClock().now_ms() else "it has ended already")
    if fault:
        raise AgreementTermsInvalid(reason=fault)
    for member in (terms.custodian, terms.reader):
        if node.consortium.value(state_key(REGISTRY, "member", member)) is None:
            raise MemberNotFound(member=member)
    agreement = identifier(random_bytes(16))
    call_by(node, NAMESPACE, "propose", ProposeAgreement(agreement, terms), _signer(node, account))
    return find(node, agreement)[1]


def accept(
    node: Node, agreement: str, terms: AgreementTerms, document: bytes | None = None, account: str = ""
) -> dict[str, Any]:
    """Sign the terms that the other member proposed, and return the agreement as plain values.

    Args:
        node: of the member that did not propose; its consortium chain runs.
        agreement: its id.
        terms: as they were shown to who signs, by ``find``.
        document: the paper as this side has it, to be compared.
        account: as for ``propose``.

    Raises:
        AgreementDocumentDiffers: the paper is another one; nothing was signed.
        AccountKeyMissing: see ``propose``.
        AgreementNotParty, AgreementOtherTerms, AgreementSettled, AgreementUnknown: the contract's refusals, AG3.
    """
    if document is not None and document_hash(node, document) != terms.text:
        raise AgreementDocumentDiffers(agreement=agreement)
    call_by(node, NAMESPACE, "accept", AcceptAgreement(agreement, terms), _signer(node, account))
    return find(node, agreement)[1]


def end(node: Node, agreement: str, account: str = "") -> dict[str, Any]:
    """End an agreement of this home's member, accepted or not, and return it as plain values.

    Raises:
        AccountKeyMissing: see ``propose``.
        AgreementUnknown, AgreementNotParty, AgreementSettled: the contract's refusals, AG4.
    """
    call_by(node, NAMESPACE, "end", EndAgreement(agreement), _signer(node, account))
    return find(node, agreement)[1]


def find(node: Node, agreement: str) -> tuple[AgreementTerms, dict[str, Any]]:
    """Return an agreement's terms, and all of it as plain values; raises AgreementUnknown."""
    stored = node.consortium.value(state_key(NAMESPACE, "agreement", agreement))
    if stored is None:
        raise AgreementUnknown(agreement=agreement)
    state = decode(AgreementState, stored)
    return state.terms, _values(node, agreement, state)


def agreements(node: Node, member: str = "") -> Iterator[dict[str, Any]]:
    """Yield the agreements of the chain as plain values, by id; of one member or of all."""
    prefix = b"\x93" + pack(NAMESPACE) + pack("agreement")
    with node.consortium.state() as state:
        names = [str(decode(tuple[str, ...], key)[2]) for key, _ in state.scan(prefix)]
    for terms, values in (find(node, name) for name in names):
        if member in ("", terms.custodian, terms.reader):
            yield values


def document_hash(node: Node, document: bytes) -> bytes:
    """Return the hash by which the terms know a paper: of its bytes, by the consortium chain's suite."""
    return node.consortium.rules.suite.hash(document)


def _values(node: Node, agreement: str, state: AgreementState) -> dict[str, Any]:
    """Return an agreement as plain values; times in ms, 0 for not yet."""
    terms = state.terms
    pair = node.consortium.value(state_key(NAMESPACE, "pair", terms.custodian, terms.reader))
    last = None if pair is None else decode(AgreementOfPair, pair)
    return {
        "agreement": agreement,
        "status": standing(agreement, state, last, SystemClock().now_ms()),
        "custodian": terms.custodian,
        "custodian_name": _name(node, terms.custodian),
        "reader": terms.reader,
        "reader_name": _name(node, terms.reader),
        "proposed_by": state.proposer,
        "purposes": [purpose.value for purpose in terms.purposes],
        "categories": [category.name.lower() for category in terms.categories],
        "level": int(terms.level),
        "from_ms": terms.from_ms,
        "until_ms": terms.until_ms,
        "document": terms.text.hex(),
        "accepted_ms": state.accepted_ms[0] if state.accepted_ms else 0,
        "ended_ms": state.ended_ms[0] if state.ended_ms else 0,
    }


def _name(node: Node, member: str) -> str:
    stored = node.consortium.value(state_key(REGISTRY, "member", member))
    return "" if stored is None else decode(MemberState, stored).name.decode(errors="replace")


def _signer(node: Node, account: str) -> Signer:
    return account_signer(node, account) if account else node.signer(ADMINISTRATOR)
