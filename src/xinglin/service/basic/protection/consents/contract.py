"""The contract ``consent`` version 1 of the consortium chain (docs/spec/consent.md CN10 to CN19; S6.3c, W8; design D9).

The chain holds who vouched, a commitment and states; it never learns what a consent says, to whom, or whose it is.
What is in force, a custodian's node decides from the terms that it opened. Pure: state through the context alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import NodeState
from xinglin.carrier.contracts.api import Context, Contract
from xinglin.carrier.contracts.api import Method as Call
from xinglin.service.basic.protection.consents.model import (
    NAMESPACE,
    PROPOSAL_MS,
    AcknowledgeConsent,
    Acknowledgement,
    ApproveConsent,
    ApproveRevocation,
    ConsentOpenings,
    ConsentProposal,
    ConsentState,
    ConsentStatus,
    GrantConsent,
    Method,
    ProposeConsent,
    ProposeRevocation,
    RevokeConsent,
    SubjectKeyUse,
)
from xinglin.service.basic.protection.consents.rules import grant_message, openings_in_form, revoke_message
from xinglin.service.basic.protection.errors import (
    ConsentAcknowledged,
    ConsentExists,
    ConsentLapsed,
    ConsentNodeUnknown,
    ConsentNotCounter,
    ConsentNotGranted,
    ConsentNotProposed,
    ConsentOtherMember,
    ConsentOtherTerms,
    ConsentSameAccount,
    ConsentUnknown,
    ConsentUnsigned,
    ConsentWithdrawn,
    OpeningsInvalid,
    RevocationNotProposed,
    RevocationProposed,
    SubjectKeyUsed,
)
from xinglin.stakeholders.kinds import Status

Items = Sequence[bytes]


def grant(ctx: Context, call: GrantConsent, _: Items) -> None:
    """Give a consent by the subject key's signature; the caller's member vouches for who the patient is."""
    _check_new(ctx, call.consent, call.subject_key, call.openings)
    message = grant_message(ctx.hash, ctx.chain, call.consent, call.terms)
    signed = ctx.verify_signature(call.subject_key, message, call.signature)
    ctx.require(signed, ConsentUnsigned(consent=call.consent))
    state = _first(ctx, Method(call.method), ConsentStatus.GRANTED, call.subject_key, call.terms)
    _put_new(ctx, call.consent, replace(state, granted_ms=(ctx.time,)), call.openings)


def propose(ctx: Context, call: ProposeConsent, _: Items) -> None:
    """Propose a consent that the patient gave on paper at a counter."""
    _check_new(ctx, call.consent, call.subject_key, call.openings)
    state = _first(ctx, Method.COUNTER, ConsentStatus.PROPOSED, call.subject_key, call.terms)
    ctx.put(ConsentProposal(time=ctx.time), "proposed", call.consent)
    _put_new(ctx, call.consent, state, call.openings)


def approve(ctx: Context, call: ApproveConsent, _: Items) -> None:
    """Approve a proposed consent by a second account of the member, naming the terms that it has looked at."""
    state = _known(ctx, call.consent)
    ctx.require(state.status is ConsentStatus.PROPOSED, ConsentNotProposed(consent=call.consent))
    _check_second(ctx, call.consent, state, state.account)
    ctx.require(call.terms == state.terms, ConsentOtherTerms(consent=call.consent))
    proposal = ctx.get(ConsentProposal, "proposed", call.consent)
    waits = proposal is not None and ctx.time < proposal.time + PROPOSAL_MS
    ctx.require(waits, ConsentLapsed(consent=call.consent))
    ctx.delete("proposed", call.consent)
    granted = replace(state, status=ConsentStatus.GRANTED, approved_by=(ctx.caller.account,), granted_ms=(ctx.time,))
    _put(ctx, call.consent, granted)


def revoke(ctx: Context, call: RevokeConsent, _: Items) -> None:
    """Revoke a consent by its subject key's signature, whoever carries it."""
    state = _granted(ctx, call.consent)
    message = revoke_message(ctx.hash, ctx.chain, call.consent)
    signed = ctx.verify_signature(state.subject_key, message, call.signature)
    ctx.require(signed, ConsentUnsigned(consent=call.consent))
    _put(ctx, call.consent, replace(state, status=ConsentStatus.REVOKED, revoked_ms=(ctx.time,)))


def propose_revocation(ctx: Context, call: ProposeRevocation, _: Items) -> None:
    """Propose the revocation of a counter consent, which the patient asked for at the counter."""
    state = _at_counter(ctx, call.consent)
    ctx.require(not state.revoking, RevocationProposed(consent=call.consent))
    _put(ctx, call.consent, replace(state, revoking=(ctx.caller.account,)))


def approve_revocation(ctx: Context, call: ApproveRevocation, _: Items) -> None:
    """Revoke a counter consent by a second account of the member."""
    state = _at_counter(ctx, call.consent)
    ctx.require(bool(state.revoking), RevocationNotProposed(consent=call.consent))
    _check_second(ctx, call.consent, state, state.revoking[0])
    _put(ctx, call.consent, replace(state, status=ConsentStatus.REVOKED, revoked_ms=(ctx.time,)))


def acknowledge(ctx: Context, call: AcknowledgeConsent, _: Items) -> None:
    """Say that a node of the caller's member holds a consent and follows it from this block on."""
    _granted(ctx, call.consent)
    node = ctx.read(NodeState, REGISTRY, "node", call.node)
    own = node is not None and node.member == ctx.caller.member and node.status is Status.ACTIVE
    ctx.require(own, ConsentNodeUnknown(node=call.node))
    known = ctx.get(Acknowledgement, "acknowledged", call.consent, call.node)
    ctx.require(known is None, ConsentAcknowledged(consent=call.consent, node=call.node))
    ctx.put(Acknowledgement(time=ctx.time), "acknowledged", call.consent, call.node)
    ctx.emit("consent", call.consent)
    ctx.emit("node", call.node)


def _check_new(ctx: Context, consent: str, key: bytes, openings: Sequence[bytes]) -> None:
    ctx.require(ctx.get(ConsentState, "consent", consent) is None, ConsentExists(consent=consent))
    ctx.require(ctx.get(SubjectKeyUse, "subject", key) is None, SubjectKeyUsed(consent=consent))
    ctx.require(openings_in_form(openings), OpeningsInvalid(consent=consent))


def _first(ctx: Context, method: Method, status: ConsentStatus, key: bytes, terms: bytes) -> ConsentState:
    return ConsentState(
        method=method,
        status=status,
        subject_key=key,
        terms=terms,
        member=ctx.caller.member,
        account=ctx.caller.account,
        approved_by=(),
        granted_ms=(),
        revoking=(),
        revoked_ms=(),
    )


def _put_new(ctx: Context, consent: str, state: ConsentState, openings: tuple[bytes, ...]) -> None:
    ctx.put(SubjectKeyUse(consent=consent), "subject", state.subject_key)
    ctx.put(ConsentOpenings(sealed=openings), "openings", consent)
    _put(ctx, consent, state)


def _put(ctx: Context, consent: str, state: ConsentState) -> None:
    ctx.put(state, "consent", consent)
    ctx.emit("consent", consent)
    ctx.emit("status", int(state.status))


def _known(ctx: Context, consent: str) -> ConsentState:
    state = ctx.get(ConsentState, "consent", consent)
    if state is None:
        raise ConsentUnknown(consent=consent)
    return state


def _granted(ctx: Context, consent: str) -> ConsentState:
    state = _known(ctx, consent)
    ctx.require(state.status is not ConsentStatus.REVOKED, ConsentWithdrawn(consent=consent))
    ctx.require(state.status is ConsentStatus.GRANTED, ConsentNotGranted(consent=consent))
    return state


def _at_counter(ctx: Context, consent: str) -> ConsentState:
    state = _granted(ctx, consent)
    ctx.require(state.method is Method.COUNTER, ConsentNotCounter(consent=consent))
    _check_member(ctx, consent, state)
    return state


def _check_member(ctx: Context, consent: str, state: ConsentState) -> None:
    ctx.require(state.member == ctx.caller.member, ConsentOtherMember(consent=consent, member=ctx.caller.member))


def _check_second(ctx: Context, consent: str, state: ConsentState, first: str) -> None:
    _check_member(ctx, consent, state)
    ctx.require(ctx.caller.account != first, ConsentSameAccount(account=first))


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "grant": Call(GrantConsent, grant),
            "propose": Call(ProposeConsent, propose),
            "approve": Call(ApproveConsent, approve),
            "revoke": Call(RevokeConsent, revoke),
            "propose_revocation": Call(ProposeRevocation, propose_revocation),
            "approve_revocation": Call(ApproveRevocation, approve_revocation),
            "acknowledge": Call(AcknowledgeConsent, acknowledge),
        },
    ),
    namespaces=(NAMESPACE,),
)
