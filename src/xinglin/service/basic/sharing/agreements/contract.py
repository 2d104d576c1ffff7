"""The contract ``agreement`` version 1 of the consortium chain (docs/spec/agreement.md AG1 to AG5; S7.2c, W6).

Two members sign the same terms, one after the other; either ends it. What a custodian's node answers, it decides itself
by the agreement that was accepted last. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import MemberState
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.sharing.agreements.errors import (
    AgreementExists,
    AgreementNotParty,
    AgreementOtherTerms,
    AgreementSettled,
    AgreementTermsInvalid,
    AgreementUnknown,
)
from xinglin.service.basic.sharing.agreements.model import (
    NAMESPACE,
    AcceptAgreement,
    AgreementOfPair,
    AgreementState,
    AgreementTerms,
    EndAgreement,
    ProposeAgreement,
)
from xinglin.service.basic.sharing.agreements.rules import terms_fault

Items = Sequence[bytes]


def propose(ctx: Context, call: ProposeAgreement, _: Items) -> None:
    """Sign first."""
    ctx.require(ctx.get(AgreementState, "agreement", call.agreement) is None, AgreementExists(agreement=call.agreement))
    _require_party(ctx, call.agreement, call.terms)
    fault = terms_fault(call.terms)
    ctx.require(not fault, AgreementTermsInvalid(reason=fault))
    for member in (call.terms.custodian, call.terms.reader):
        known = ctx.read(MemberState, REGISTRY, "member", member)
        ctx.require(known is not None, AgreementTermsInvalid(reason="a party is no member"))
    state = AgreementState(
        terms=call.terms,
        proposer=ctx.caller.member,
        follows=_number(ctx, call.terms),
        accepted_ms=(),
        ended_ms=(),
    )
    ctx.put(state, "agreement", call.agreement)
    ctx.emit("agreement", call.agreement)


def accept(ctx: Context, call: AcceptAgreement, _: Items) -> None:
    """Sign the same terms; from now on it is the agreement of the two."""
    state = _known(ctx, call.agreement)
    ctx.require(not state.accepted_ms and not state.ended_ms, AgreementSettled(agreement=call.agreement))
    _require_party(ctx, call.agreement, state.terms)
    other = ctx.caller.member != state.proposer
    ctx.require(other, AgreementNotParty(member=ctx.caller.member, agreement=call.agreement))
    ctx.require(call.terms == state.terms, AgreementOtherTerms(agreement=call.agreement))
    current = state.follows == _number(ctx, state.terms) and ctx.time < state.terms.until_ms
    ctx.require(current, AgreementSettled(agreement=call.agreement))
    ctx.put(replace(state, accepted_ms=(ctx.time,)), "agreement", call.agreement)
    pair = AgreementOfPair(agreement=call.agreement, number=state.follows + 1)
    ctx.put(pair, "pair", state.terms.custodian, state.terms.reader)
    ctx.emit("agreement", call.agreement)


def end(ctx: Context, call: EndAgreement, _: Items) -> None:
    """End it, accepted or not."""
    state = _known(ctx, call.agreement)
    _require_party(ctx, call.agreement, state.terms)
    ctx.require(not state.ended_ms, AgreementSettled(agreement=call.agreement))
    ctx.put(replace(state, ended_ms=(ctx.time,)), "agreement", call.agreement)
    ctx.emit("agreement", call.agreement)


def _number(ctx: Context, terms: AgreementTerms) -> int:
    """Return how many agreements the two have accepted so far."""
    pair = ctx.get(AgreementOfPair, "pair", terms.custodian, terms.reader)
    return 0 if pair is None else pair.number


def _known(ctx: Context, agreement: str) -> AgreementState:
    state = ctx.get(AgreementState, "agreement", agreement)
    if state is None:
        raise AgreementUnknown(agreement=agreement)
    return state


def _require_party(ctx: Context, agreement: str, terms: AgreementTerms) -> None:
    member = ctx.caller.member
    ctx.require(member in (terms.custodian, terms.reader), AgreementNotParty(member=member, agreement=agreement))


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "propose": Method(ProposeAgreement, propose),
            "accept": Method(AcceptAgreement, accept),
            "end": Method(EndAgreement, end),
        },
    ),
    namespaces=(NAMESPACE,),
)
