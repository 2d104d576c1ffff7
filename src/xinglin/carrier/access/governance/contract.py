"""The contract ``governance`` version 1: one member, one vote (docs/spec/contracts.md GV1 to GV10; D9).

What is decided takes effect in the registry when the last vote needed is in; the epoch itself, with the
cosigning keys and quorum that it names, is in force from its ``from_height`` on. Pure: state through the
context alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.governance import epochs
from xinglin.carrier.access.governance.errors import (
    AlreadyVoted,
    ApplicantsInvalid,
    EpochTooFarAhead,
    MemberUnknown,
    NotEpochMember,
    NotNextEpoch,
    NoVote,
    OtherEpoch,
    ProofsInvalid,
    ProposalExists,
    ProposalLapsed,
    ProposalUnknown,
    ReviewExists,
    SuspendsInvalid,
    VoteUnproven,
)
from xinglin.carrier.access.governance.model import (
    NAMESPACE,
    Approve,
    EpochState,
    LatestEpoch,
    ProposalState,
    Propose,
    Review,
    ReviewState,
    Vote,
)
from xinglin.carrier.access.governance.rules import (
    MAX_AHEAD,
    arriving,
    as_proposed,
    ascending,
    follows,
    leaving,
    member_of,
    with_new_key,
)
from xinglin.carrier.access.governance.validators import keeping_a_validator
from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.access.registry import entries
from xinglin.carrier.access.registry.errors import KeyUnproven, MemberExists, SuperAdministratorNeeded
from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.carrier.ledger.genesis import check_epoch, epoch_hash, key_proof_message
from xinglin.carrier.ledger.model import Epoch, EpochMember
from xinglin.stakeholders.kinds import Role, Status

Items = Sequence[bytes]


def propose(ctx: Context, call: Propose, _: Items) -> None:
    """Put the whole next epoch to the vote."""
    before = epochs.latest(ctx)
    _member(ctx, before)
    ctx.require(ctx.get(ProposalState, "proposal", call.proposal) is None, ProposalExists(proposal=call.proposal))
    follows_latest = follows(before, epoch_hash(ctx.hash, before), call.epoch)
    ctx.require(follows_latest, NotNextEpoch(number=call.epoch.number, latest=before.number))
    _open(ctx, before, call.epoch)
    ahead = call.epoch.from_height - ctx.height
    ctx.require(ahead <= MAX_AHEAD, EpochTooFarAhead(ahead=ahead, maximum=MAX_AHEAD))
    check_epoch(call.epoch)
    _check_arrivals(ctx, before, call)
    gone = leaving(before, call.epoch)
    ctx.require(ascending(call.suspends) and set(call.suspends) <= set(gone), SuspendsInvalid())
    _check_proofs(ctx, before, call)
    state = ProposalState(
        proposer=ctx.caller.member,
        epoch=call.epoch,
        applicants=call.applicants,
        suspends=call.suspends,
        votes=(),
    )
    ctx.put(state, "proposal", call.proposal)
    ctx.emit("proposal", call.proposal)


def approve(ctx: Context, call: Approve, _: Items) -> None:
    """Vote for a proposed epoch; with the last vote needed it has passed and is enacted."""
    proposal = _proposal(ctx, call.proposal)
    before, epoch = epochs.latest(ctx), proposal.epoch
    _open(ctx, before, epoch)
    voter = _member(ctx, before)
    ctx.require(voter.votes == 1, NoVote(member=voter.member, latest=before.number))
    voted = {vote.member for vote in proposal.votes}
    ctx.require(voter.member not in voted, AlreadyVoted(member=voter.member, proposal=call.proposal))
    ctx.require(call.epoch_hash == epoch_hash(ctx.hash, epoch), OtherEpoch(proposal=call.proposal))
    signed = ctx.verify_signature(voter.key, call.epoch_hash, call.signature)
    ctx.require(signed, VoteUnproven(member=voter.member, latest=before.number))
    votes = sorted([*proposal.votes, Vote(voter.member, call.signature)], key=lambda vote: vote.member)
    proposal = replace(proposal, votes=tuple(votes))
    ctx.put(proposal, "proposal", call.proposal)
    ctx.emit("votes", len(votes))
    if len(votes) >= before.threshold:
        with keeping_a_validator(ctx):
            _enact(ctx, before, proposal)
        ctx.emit("epoch", epoch.number)


def review(ctx: Context, call: Review, _: Items) -> None:
    """Put on record what the caller's member has reviewed for a proposal that is open."""
    before = epochs.latest(ctx)
    _open(ctx, before, _proposal(ctx, call.proposal).epoch)
    member = _member(ctx, before).member
    known = ctx.get(ReviewState, "review", call.proposal, member)
    ctx.require(known is None, ReviewExists(member=member, proposal=call.proposal))
    ctx.put(ReviewState(evidence=call.evidence), "review", call.proposal, member)
    ctx.emit("evidence", call.evidence)


def _proposal(ctx: Context, name: str) -> ProposalState:
    proposal = ctx.get(ProposalState, "proposal", name)
    if proposal is None:
        raise ProposalUnknown(proposal=name)
    return proposal


def _member(ctx: Context, epoch: Epoch) -> EpochMember:
    """Return the caller's member in the latest epoch: a suspended or ended one is not in it."""
    entry = member_of(epoch, ctx.caller.member)
    if entry is None:
        raise NotEpochMember(member=ctx.caller.member, latest=epoch.number)
    return entry


def _open(ctx: Context, before: Epoch, epoch: Epoch) -> None:
    holds = epoch.number == before.number + 1 and epoch.from_height > ctx.height
    ctx.require(holds, ProposalLapsed(number=epoch.number, latest=before.number, height=ctx.height))


def _check_arrivals(ctx: Context, before: Epoch, call: Propose) -> None:
    ctx.require(as_proposed(call.epoch, call.applicants), ApplicantsInvalid())
    applying, new = {applicant.member for applicant in call.applicants}, arriving(before, call.epoch)
    ctx.require(applying.issubset(new), ApplicantsInvalid())
    for member in new:
        state = entries.read_member(ctx, member)
        if member in applying:
            ctx.require(state is None, MemberExists(member=member))
        else:
            ctx.require(state is not None and state.status is Status.SUSPENDED, MemberUnknown(member=member))
    for applicant in call.applicants:
        _check_cosigning_key(ctx, applicant.member, applicant.key, applicant.proof)
        for account in applicant.accounts:
            entries.check_account(ctx, applicant.member, account)
            entries.reserve_account(ctx, applicant.member, account.account, call.epoch.from_height)
        managed = any(Role.SUPER_ADMINISTRATOR in account.roles for account in applicant.accounts)
        ctx.require(managed, SuperAdministratorNeeded(member=applicant.member))


def _check_proofs(ctx: Context, before: Epoch, call: Propose) -> None:
    changed = with_new_key(before, call.epoch, call.applicants)
    named = [proof.member for proof in call.proofs]
    ctx.require(named == [entry.member for entry in changed], ProofsInvalid())
    for entry, proof in zip(changed, call.proofs, strict=True):
        _check_cosigning_key(ctx, entry.member, entry.key, proof.proof)


def _check_cosigning_key(ctx: Context, member: str, key: bytes, proof: bytes) -> None:
    message = key_proof_message(ctx.hash, ctx.chain, member, "", key)
    ctx.require(ctx.verify_signature(key, message, proof), KeyUnproven(member=member, account=""))


def _enact(ctx: Context, before: Epoch, proposal: ProposalState) -> None:
    epoch = proposal.epoch
    ctx.put(EpochState(epoch=epoch, votes=proposal.votes), "epoch", epoch.number)
    ctx.put(LatestEpoch(number=epoch.number), "latest")
    applying = {applicant.member for applicant in proposal.applicants}
    for applicant in proposal.applicants:
        entries.enter_member(ctx, applicant)
    for member in arriving(before, epoch):
        if member not in applying:
            entries.set_status(ctx, member, Status.ACTIVE)
    for member in leaving(before, epoch):
        suspended = member in proposal.suspends
        entries.set_status(ctx, member, Status.SUSPENDED if suspended else Status.ENDED)


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "propose": Method(Propose, propose),
            "approve": Method(Approve, approve),
            "review": Method(Review, review),
        },
    ),
    namespaces=(NAMESPACE,),
    also_writes=(REGISTRY,),
)
