"""The contract ``audience`` version 1: the transmission keys of an audience (docs/spec/contracts.md AU1 to AU5; H5).

Keys are never on chain, only their commitment and the key sealed to each node. An audience belongs to the member
that issues its first epoch. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import MemberState, NodeState
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.coordination.errors import (
    AudienceNodeUnknown,
    EpochNumberInvalid,
    KeysOutOfForm,
    NotSteward,
)
from xinglin.service.basic.coordination.model import (
    AudienceEpochState,
    AudienceState,
    IssueEpochKey,
    SealedKey,
)
from xinglin.stakeholders.kinds import Status

NAMESPACE = "audience"


def issue_epoch(ctx: Context, call: IssueEpochKey, _: Sequence[bytes]) -> None:
    """Issue the next epoch key of an audience, sealed to each of its nodes."""
    known = ctx.get(AudienceState, "audience", call.audience)
    steward = _steward(ctx, call.audience, known)
    needed = 1 if known is None else known.number + 1
    refusal = EpochNumberInvalid(audience=call.audience, needed=needed, number=call.number)
    ctx.require(call.number == needed, refusal)
    in_order = all(a.node < b.node for a, b in pairwise(call.keys))
    ctx.require(len(call.keys) > 0 and in_order, KeysOutOfForm())
    for key in call.keys:
        _check_node(ctx, key)
    ctx.put(AudienceState(steward=steward, number=needed), "audience", call.audience)
    epoch = AudienceEpochState(commitment=call.commitment, keys=call.keys)
    ctx.put(epoch, "epoch", call.audience, needed)
    ctx.emit("audience", call.audience)
    ctx.emit("number", needed)


def _steward(ctx: Context, audience: str, known: AudienceState | None) -> str:
    """Return who is the steward after this epoch, once it is shown that the caller's member may issue it."""
    member = ctx.caller.member
    if known is None or known.steward == member:
        return member
    # An audience outlives its steward: when that member has ended, who issues next takes it over.
    steward = ctx.read(MemberState, REGISTRY, "member", known.steward)
    if steward is None or steward.status is Status.ENDED:
        return member
    # One that is suspended has the newest key, and must not be the only one who can end that.
    in_place = steward.status is Status.SUSPENDED and _has_key(ctx, audience, known.number, member)
    ctx.require(in_place, NotSteward(member=member, audience=audience))
    return known.steward


def _has_key(ctx: Context, audience: str, number: int, member: str) -> bool:
    """Tell whether an active node of a member was given an epoch's key."""
    epoch = ctx.get(AudienceEpochState, "epoch", audience, number)
    nodes = (ctx.read(NodeState, REGISTRY, "node", key.node) for key in (epoch.keys if epoch is not None else ()))
    return any(node is not None and node.member == member and node.status is Status.ACTIVE for node in nodes)


def _check_node(ctx: Context, key: SealedKey) -> None:
    node = ctx.read(NodeState, REGISTRY, "node", key.node)
    member = None if node is None else ctx.read(MemberState, REGISTRY, "member", node.member)
    active = node is not None and member is not None and node.status is Status.ACTIVE and member.status is Status.ACTIVE
    ctx.require(active, AudienceNodeUnknown(node=key.node))


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(NAMESPACE, {"epoch": Method(IssueEpochKey, issue_epoch)}),
    namespaces=(NAMESPACE,),
)
