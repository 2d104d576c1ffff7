"""The contract ``anchor`` version 1: heads of private chains (docs/spec/anchor.md AN1 to AN10; H2, S9.1).

A private chain can't be rewound behind its last anchor without evidence here: a head that does not continue it is
refused with a code of its own, two signed heads that contradict each other freeze the chain, and a successor is open
only after a regulator has seen the gap. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.governance import epochs
from xinglin.carrier.access.governance.rules import member_of
from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.carrier.ledger.genesis import chain_id, check_genesis
from xinglin.carrier.ledger.model import Epoch, Genesis
from xinglin.service.basic.coordination.anchors.rules import (
    behind,
    contradict,
    head_text,
    is_private_chain_of,
    opening_head,
)
from xinglin.service.basic.coordination.errors import (
    AnchorContradicts,
    AnchorExists,
    AnchorFrozen,
    AnchorGenesisInvalid,
    AnchorInconsistent,
    AnchorNotLast,
    AnchorOtherMember,
    AnchorSignatureInvalid,
    AnchorSmaller,
    AnchorUnknown,
    ForkKnown,
    NoFork,
    NotBehind,
    OwnSuccessor,
    SuccessorAcknowledged,
    SuccessorUnknown,
)
from xinglin.service.basic.coordination.model import (
    AcknowledgeSuccessor,
    AnchorState,
    ChainHead,
    CommitAnchor,
    ForkState,
    MemberAnchor,
    OpenAnchor,
    PendingSuccessor,
    ReportFork,
    SignedHead,
    SucceedAnchor,
)

NAMESPACE = "anchor"
Items = Sequence[bytes]


def open_chain(ctx: Context, call: OpenAnchor, _: Items) -> None:
    """Open the private chain of the caller's member, the one that it has."""
    chain, member = _founded(ctx, call.genesis), ctx.caller.member
    free = ctx.get(MemberAnchor, "member", member) is None and _find(ctx, chain) is None
    ctx.require(free, AnchorExists(chain=chain, member=member))
    _put_new(ctx, chain, opening_head(ctx.hash, call.genesis.time), member, ())
    ctx.emit("chain", chain)


def commit(ctx: Context, call: CommitAnchor, _: Items) -> None:
    """Anchor a newer head, signed and proven to continue the last anchored one."""
    state, head = _own(ctx, call.chain), call.head
    ctx.require(state.frozen == 0, AnchorFrozen(chain=call.chain))
    last = state.head
    stale = AnchorNotLast(chain=call.chain, anchored=last.size, named=call.previous_size)
    ctx.require(call.previous_size == last.size, stale)
    smaller = AnchorSmaller(chain=call.chain, anchored=last.size, size=head.size)
    ctx.require(head.size >= max(last.size, 1), smaller)
    if last.size > 0:
        backwards = head.height < last.height or contradict(last, head)
        ctx.require(not backwards, AnchorContradicts(chain=call.chain, height=head.height))
    _check_signature(ctx, call.chain, state.member, epochs.in_force(ctx), head, call.signature)
    continued = ctx.verify_consistency(last.size, head.size, call.proof, last.log_root, head.log_root)
    ctx.require(continued, AnchorInconsistent(chain=call.chain))
    ctx.put(replace(state, head=head), "chain", call.chain)
    ctx.emit("chain", call.chain)
    ctx.emit("size", head.size)


def fork(ctx: Context, call: ReportFork, _: Items) -> None:
    """Keep two signed heads that contradict each other as evidence, and freeze the chain."""
    state = _known(ctx, call.chain)
    known = ctx.get(ForkState, "fork", call.chain)
    ctx.require(known is None, ForkKnown(chain=call.chain))
    ctx.require(contradict(call.first.head, call.second.head), NoFork(chain=call.chain))
    for signed in (call.first, call.second):
        _check_signed(ctx, call.chain, state.member, signed)
    ctx.put(ForkState(first=call.first, second=call.second), "fork", call.chain)
    ctx.put(replace(state, frozen=1), "chain", call.chain)
    ctx.emit("chain", call.chain)


def succeed(ctx: Context, call: SucceedAnchor, _: Items) -> None:
    """Close a chain that forked or lost entries and name its successor; a regulator has to acknowledge it."""
    state = _own(ctx, call.chain)
    ctx.require(state.acknowledged == 0, SuccessorAcknowledged(chain=call.chain))
    stale = AnchorNotLast(chain=call.chain, anchored=state.head.size, named=call.anchored.size)
    ctx.require(call.anchored == state.head, stale)
    forked = ctx.get(ForkState, "fork", call.chain) is not None
    ctx.require(forked or behind(call.restored, state.head), NotBehind(chain=call.chain))
    successor = _founded(ctx, call.successor)
    taken = AnchorExists(chain=successor, member=state.member)
    ctx.require(_find(ctx, successor) is None, taken)
    gap = PendingSuccessor(
        successor=successor, time=call.successor.time, anchored=call.anchored, restored=call.restored
    )
    ctx.put(gap, "successor", call.chain)
    ctx.put(replace(state, frozen=1, successor=(successor,)), "chain", call.chain)
    ctx.emit("successor", successor)


def acknowledge(ctx: Context, call: AcknowledgeSuccessor, _: Items) -> None:
    """Open a named successor: a regulator other than the member itself has seen the gap."""
    state = _known(ctx, call.chain)
    ctx.require(state.member != ctx.caller.member, OwnSuccessor(member=state.member))
    ctx.require(state.acknowledged == 0, SuccessorAcknowledged(chain=call.chain))
    gap = ctx.get(PendingSuccessor, "successor", call.chain)
    if gap is None or gap.successor != call.successor:
        raise SuccessorUnknown(chain=call.chain, successor=call.successor)
    ctx.put(replace(state, acknowledged=1), "chain", call.chain)
    _put_new(ctx, call.successor, opening_head(ctx.hash, gap.time), state.member, (call.chain,))
    ctx.emit("successor", call.successor)


def _founded(ctx: Context, genesis: Genesis) -> str:
    """Return the id of the private chain of the caller's member that a genesis founds."""
    member = member_of(epochs.in_force(ctx), ctx.caller.member)
    owned = member is not None and is_private_chain_of(genesis, member)
    ctx.require(owned, AnchorGenesisInvalid(member=ctx.caller.member))
    check_genesis(genesis, ctx.hash, ctx.verify_signature)
    return chain_id(ctx.hash, genesis)


def _find(ctx: Context, chain: str) -> AnchorState | None:
    return ctx.get(AnchorState, "chain", chain)


def _known(ctx: Context, chain: str) -> AnchorState:
    state = _find(ctx, chain)
    if state is None:
        raise AnchorUnknown(chain=chain)
    return state


def _own(ctx: Context, chain: str) -> AnchorState:
    state = _known(ctx, chain)
    ctx.require(state.member == ctx.caller.member, AnchorOtherMember(chain=chain, member=ctx.caller.member))
    return state


def _put_new(ctx: Context, chain: str, head: ChainHead, member: str, predecessor: tuple[str, ...]) -> None:
    state = AnchorState(member=member, head=head, frozen=0, successor=(), acknowledged=0, predecessor=predecessor)
    ctx.put(state, "chain", chain)
    ctx.put(MemberAnchor(chain=chain), "member", member)


def _check_signed(ctx: Context, chain: str, member: str, signed: SignedHead) -> None:
    epoch = epochs.find(ctx, signed.epoch)
    if epoch is None:
        raise AnchorSignatureInvalid(chain=chain, member=member)
    _check_signature(ctx, chain, member, epoch, signed.head, signed.signature)


def _check_signature(ctx: Context, chain: str, member: str, epoch: Epoch, head: ChainHead, signature: bytes) -> None:
    entry = member_of(epoch, member)
    signed = entry is not None and ctx.verify_signature(entry.key, head_text(chain, head), signature)
    ctx.require(signed, AnchorSignatureInvalid(chain=chain, member=member))


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "open": Method(OpenAnchor, open_chain),
            "commit": Method(CommitAnchor, commit),
            "fork": Method(ReportFork, fork),
            "succeed": Method(SucceedAnchor, succeed),
            "acknowledge": Method(AcknowledgeSuccessor, acknowledge),
        },
    ),
    namespaces=(NAMESPACE,),
)
