"""The counter of an institution, as commands use it: consents proposed, approved, given, revoked, listed (S6.3c, W8).

Two staff are two calls by two accounts, with a sealed draft between them; a patient with a wallet signs alone. A node
of another institution is told of the patient by the link that both share, never by an id of its index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xinglin.carrier.access.registry.model import NodeState
from xinglin.kernel.errors import Conflict, Denied, Invalid, NotFound
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.office.accounts import account_signer, require_two_persons
from xinglin.node.office.consents import NodeNotFound, acknowledge, call, call_by, draft_of
from xinglin.node.office.directory import Directory
from xinglin.node.office.scopes import scope_values
from xinglin.node.records.serving import Deciding, Serving
from xinglin.service.basic.protection.consents.counter import WaitingConsent
from xinglin.service.basic.protection.consents.drafts import WantedConsent, approve_call, grant_call, propose_call
from xinglin.service.basic.protection.consents.model import (
    ApproveRevocation,
    ConsentStatus,
    ConsentTerms,
    KeyMethod,
    ProposeRevocation,
)
from xinglin.service.basic.protection.consents.service import ConsentView
from xinglin.service.basic.protection.consents.wallet import Wallet
from xinglin.service.basic.protection.errors import ConsentUnknown
from xinglin.stakeholders.kinds import Status

LINKED = "linked"
"""Stands for every institution for which a patient is linked."""


class PatientNotLinked(NotFound):
    """The patient is not linked with another institution, so its node can't be told who is meant."""

    code, number, clause = "consent.not_linked", 6085, "H1"
    en = "The patient is not linked with {custodian}."
    zh = "患者尚未与 {custodian} 建立关联。"
    hint_en = "Match the patient there first; the link that both institutions then share names the patient."
    hint_zh = "请先在该机构匹配患者；双方共有的关联用于指明患者。"


@dataclass(frozen=True, slots=True)
class Counted:
    """What a step at the counter came to: the consent's id, where it stands, and its terms as plain values."""

    consent: str
    status: str
    terms: dict[str, Any] = field(default_factory=dict)


def given_ms(serving: Deciding) -> int:
    """Return now, no later than the newest block: what is given or entered holds at once by both clocks."""
    return min(SystemClock().now_ms(), serving.archive.node.consortium.tip.time)


def custodians_of(serving: Serving, person: bytes, others: Sequence[str] = ()) -> list[tuple[str, bytes]]:
    """Return the nodes that a consent binds, each with the 16 bytes by which it is told of the patient.

    Args:
        serving: of the institution that vouches; its own node comes first, with its own id of the patient.
        person: the patient, in its index.
        others: ids of nodes or members, or ``linked`` for all with whom the patient is linked.

    Raises:
        PersonNotFound: the index has no such person.
        NodeNotFound: there is no active node of that name.
        PatientNotLinked: the patient is not linked with it.
    """
    index = serving.archive.persons
    index.subjects_of(person)
    handles = {link.node: link.handle for link in index.links(person)}
    found = {serving.node: person}
    for name in others:
        for node, state in _nodes(serving, name, handles):
            if node == serving.node:
                continue
            handle = handles.get(node) or handles.get(state.member)
            if handle is None:
                raise PatientNotLinked(custodian=name)
            found[node] = handle
    return list(found.items())


def _nodes(serving: Serving, name: str, handles: dict[str, bytes]) -> list[tuple[str, NodeState]]:
    active = [one for one in Directory(serving.archive.node.consortium).nodes() if one[1].status is Status.ACTIVE]
    if name == LINKED:
        return [one for one in active if one[0] in handles or one[1].member in handles]
    named = [one for one in active if name in (one[0], one[1].member)]
    if not named:
        raise NodeNotFound(node=name)
    return named


def propose(
    serving: Serving, account: str, person: bytes, wanted: WantedConsent, others: Sequence[str] = ()
) -> Counted:
    """Propose a consent that the patient gave on paper; its draft is kept sealed until it is approved.

    Args:
        serving: of the institution; both its chains run.
        account: the first of the two staff, whose key is in this home.
        person: the patient, in its index.
        wanted: what the paper says; the hash of its scan is in it.
        others: further custodians, see ``custodians_of``.

    Raises:
        AccountKeyMissing: the account's key is not here.
        PlatformError: what ``custodians_of`` and the chain refuse; nothing is kept then.
    """
    node, suite = serving.archive.node, serving.archive.node.consortium.rules.suite
    signer = account_signer(node, account)
    custodians = custodians_of(serving, person, others)
    key = suite.public_key(suite.generate_private_key())  # at a counter nobody keeps it: two staff revoke
    draft = draft_of(node, identifier(random_bytes(16)), key, wanted, custodians)
    counter = serving.protection.counter
    counter.keep(draft, person, account, SystemClock().now_ms())
    try:
        call_by(node, "consent", "propose", propose_call(draft), signer)
    except (Denied, Conflict, Invalid):
        counter.settle(draft.consent)
        raise
    return Counted(draft.consent, "proposed", terms_values(draft.terms))


def approve(serving: Serving, account: str, consent: str, scan: bytes | None = None) -> Counted:
    """Approve a proposed consent by a second account, and follow it at this node.

    Args:
        serving: as ``propose``.
        account: the second of the two staff.
        consent: its id.
        scan: the paper as the second person has it, compared with the one proposed.

    Raises:
        ConsentDraftUnknown, ConsentLapsed, ConsentPaperDiffers: see ``Counter``.
        SamePerson: the account is of the person who proposed it.
        AccountKeyMissing: the account's key is not here.
        PlatformError: the chain's refusal; the draft goes on waiting.
    """
    node, counter = serving.archive.node, serving.protection.counter
    waiting = counter.draft(consent, SystemClock().now_ms())
    require_two_persons(node, waiting.account, account)
    if scan is not None:
        counter.check_paper(waiting, scan)
    signer = account_signer(node, account)
    if not waiting.sent:
        call_by(node, "consent", "propose", propose_call(waiting.draft), account_signer(node, waiting.account))
    call_by(node, "consent", "approve", approve_call(waiting.draft), signer)
    acknowledge(serving, consent)
    counter.settle(consent)
    return Counted(consent, "granted", terms_values(waiting.draft.terms))


def give(serving: Serving, wallet: Wallet, person: bytes, wanted: WantedConsent, others: Sequence[str] = ()) -> Counted:
    """Let a patient consent by a fresh key in the patient's own wallet, and follow it at this node.

    The institution vouches for who the patient is and carries the consent; raises as ``propose``.
    """
    node, consent = serving.archive.node, identifier(random_bytes(16))
    custodians = custodians_of(serving, person, others)
    draft = draft_of(node, consent, wallet.new_key(consent), wanted, custodians)
    signature = wallet.sign(node.consortium.rules.chain, draft)
    call(node, "consent", "grant", grant_call(draft, KeyMethod.OWN_KEY, signature))
    acknowledge(serving, consent)
    return Counted(consent, "granted", terms_values(draft.terms))


def revoke_by_wallet(serving: Serving, wallet: Wallet, consent: str) -> Counted:
    """Revoke a consent by the key that gave it; raises KeyNotFound, and the chain's refusal."""
    node = serving.archive.node
    call(node, "consent", "revoke", wallet.revocation(node.consortium.rules.chain, consent))
    return Counted(consent, "revoked")


def revoke_at_counter(serving: Serving, account: str, consent: str) -> Counted:
    """Revoke a counter consent: the first account proposes it, a second one approves.

    Raises:
        ConsentUnknown: there is none of that id.
        SamePerson: the account is of the person who proposed it.
        AccountKeyMissing: the account's key is not here.
        PlatformError: the chain's refusal.
    """
    node = serving.archive.node
    signer = account_signer(node, account)
    state = serving.protection.consents.state(consent)
    if state is None:
        raise ConsentUnknown(consent=consent)
    if state.revoking:
        require_two_persons(node, state.revoking[0], account)
        call_by(node, "consent", "approve_revocation", ApproveRevocation(consent), signer)
        return Counted(consent, "revoked")
    call_by(node, "consent", "propose_revocation", ProposeRevocation(consent), signer)
    return Counted(consent, "revocation_proposed")


def waiting_values(waiting: WaitingConsent) -> dict[str, Any]:
    """Return a draft that waits as plain values; ``lapses_ms`` is when it does."""
    return {
        "consent": waiting.draft.consent,
        "status": "proposed" if waiting.sent else "not_sent",
        "person": identifier(waiting.person),
        "proposed_by": waiting.account,
        "lapses_ms": waiting.until_ms,
        "terms": terms_values(waiting.draft.terms),
    }


def view_values(view: ConsentView) -> dict[str, Any]:
    """Return a consent as its patient sees it, as plain values; times in ms, 0 for not yet."""
    state = view.state
    status = "unknown" if state is None else state.status.name.lower()
    return {
        "consent": view.terms.consent,
        "status": status,
        "method": "" if state is None else state.method.name.lower(),
        "vouched_by": "" if state is None else state.member,
        "granted_ms": _first(() if state is None else state.granted_ms),
        "revoked_ms": _first(() if state is None else state.revoked_ms),
        "revocation_proposed": state is not None and bool(state.revoking) and state.status is not ConsentStatus.REVOKED,
        "nodes": {node: time or 0 for node, time in view.nodes.items()},
        "terms": terms_values(view.terms),
    }


def terms_values(terms: ConsentTerms) -> dict[str, Any]:
    """Return terms in words that commands take: nobody named is anybody."""
    return {
        "prohibits": terms.prohibits == 1,
        **scope_values(terms),
        "given_ms": terms.given_ms,
        "guardian": terms.guardian[0] if terms.guardian else "",
        "paper": terms.paper[0].hex() if terms.paper else "",
    }


def _first(times: Sequence[int]) -> int:
    return times[0] if times else 0
