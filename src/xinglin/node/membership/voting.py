"""Proposing, reviewing and voting: how a member changes who is a member (docs/spec/contracts.md GV1 to GV10).

The next epoch is always made of the latest one. A vote is given for what was looked at: one on an applicant needs the
very join request that the proposal admits, whose hash goes on record with the vote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from xinglin.carrier.access.governance.model import (
    NAMESPACE,
    Approve,
    KeyProof,
    ProposalState,
    Propose,
    Review,
    ReviewState,
)
from xinglin.carrier.access.governance.rules import MAX_AHEAD, member_of
from xinglin.carrier.access.registry.model import MemberState
from xinglin.carrier.crypto.keystore import KeyStore, KeyUse
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.genesis import check_epoch, epoch_hash, key_proof_message
from xinglin.carrier.ledger.model import Epoch, EpochMember, Operation
from xinglin.kernel.encoding import ChainId, ChainObject, Identifier, PublicKey, Signature, decode, pack
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.founding import COSIGNING
from xinglin.node.membership.errors import (
    ChangeInvalid,
    CosigningKeyMissing,
    EvidenceDiffers,
    EvidenceMissing,
    KeyStatementInvalid,
    ProposalNotOpen,
)
from xinglin.node.membership.request import Reviewed, read_request
from xinglin.node.office.directory import Directory, RegistryValues
from xinglin.stakeholders.kinds import Status

AHEAD = 20_000
"""Blocks for which a proposal is open unless told otherwise: hours to days, as busy as the chain is."""
MAX_STATEMENT_BYTES = 4_096


class KeyStatement(ChainObject, frozen=True, kw_only=True):
    """A member's proof that it holds the cosigning key by which it wants to be a member (again)."""

    kind: Literal["key-statement"] = "key-statement"
    version: Literal[1] = 1
    chain: ChainId
    member: Identifier
    key: PublicKey
    proof: Signature


@dataclass(frozen=True, slots=True)
class Acting:
    """A member that acts: its home's keys, the chain as it reads it, and ``call``, which its administrator signs.

    ``call`` submits operations in one transaction and waits; it raises the refusal.
    """

    member: str
    chain: str
    keys: KeyStore
    values: RegistryValues
    call: Callable[[Sequence[Operation]], object]

    @property
    def suite(self) -> Suite:
        """The suite of the chain, which is that of the keys."""
        return self.keys.suite

    @property
    def directory(self) -> Directory:
        """The registry."""
        return Directory(self.values)

    def latest(self) -> Epoch:
        """Return the epoch that passed last."""
        return self.directory.epochs()[-1].epoch

    def governance(self, method: str, arguments: ChainObject) -> Operation:
        """Return a call of the contract."""
        return operation(self.suite, NAMESPACE, method, arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is asked of the next epoch; ``restore`` are key statements, ``rotate`` is a new cosigning key of the member.

    ``threshold``, ``quorum``: None to keep them, as far as they stay majorities. ``ahead``: blocks while
    it is open; it is in force after them, but never before the epoch that passed last is.
    """

    admit: Reviewed | None = None
    suspend: Sequence[str] = ()
    remove: Sequence[str] = ()
    restore: Sequence[bytes] = ()
    rotate: bool = False
    threshold: int | None = None
    quorum: int | None = None
    ahead: int = AHEAD
    evidence: Sequence[bytes] = field(default=())


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """A proposal that can be voted on, and what members have put on record for it: (member, hash)."""

    proposal: str
    state: ProposalState
    reviews: Sequence[tuple[str, bytes]]


def open_proposals(values: RegistryValues) -> list[OpenProposal]:
    """Return the proposals that can be voted on now, by id."""
    latest = Directory(values).epochs()[-1].epoch
    found = []
    for (proposal,), stored in _all(values, "proposal", 1):
        state = decode(ProposalState, stored)
        if state.epoch.number == latest.number + 1 and state.epoch.from_height > values.tip.height + 1:
            found.append(OpenProposal(proposal, state, []))
    reviews = [(parts, decode(ReviewState, stored)) for parts, stored in _all(values, "review", 2)] if found else []
    return [
        OpenProposal(one.proposal, one.state, [(p[1], r.evidence) for p, r in reviews if p[0] == one.proposal])
        for one in found
    ]


def find_proposal(values: RegistryValues, proposal: str) -> OpenProposal:
    """Return an open proposal; raises ProposalNotOpen."""
    for one in open_proposals(values):
        if one.proposal == proposal:
            return one
    raise ProposalNotOpen(proposal=proposal)


def propose(acting: Acting, change: Change) -> tuple[str, Epoch]:
    """Put the next epoch to the vote, with what this member has reviewed on record.

    Returns: the proposal's id, and the epoch.

    Raises:
        ChangeInvalid: nothing would change, or who is named is not what it would have to be.
        JoinRequestInvalid, KeyStatementInvalid: a file is not of this chain, or proves nothing.
        PlatformError: the chain's refusal.
    """
    if not 2 <= change.ahead <= MAX_AHEAD:
        raise ChangeInvalid(reason=f"a proposal is open for 2 to {MAX_AHEAD} blocks")
    current = acting.latest()
    _check_change(current, change)
    members = {one.member: one for one in current.members if one.member not in (*change.suspend, *change.remove)}
    proofs: dict[str, bytes] = {}
    if change.admit is not None:
        founder = change.admit.request.founder
        if change.admit.request.chain != acting.chain:
            raise ChangeInvalid(reason=f"the join request is for chain {change.admit.request.chain}")
        members[founder.member] = EpochMember(founder.member, founder.key, founder.votes, founder.cosigns)
    for data in change.restore:
        back, proof = _restored(acting, data)
        members[back.member], proofs[back.member] = back, proof
    if change.rotate:
        members[acting.member], proofs[acting.member] = _rotated(acting, current)
    epoch = _next_epoch(acting, current, list(members.values()), change)
    proposal = identifier(random_bytes(16))
    call = Propose(
        proposal,
        epoch,
        () if change.admit is None else (change.admit.request.founder,),
        tuple(sorted(change.suspend)),
        tuple(KeyProof(member, proofs[member]) for member in sorted(proofs)),
    )
    operations = [acting.governance("propose", call)]
    digest = _evidence(acting.suite, change.admit, change.evidence)
    if digest is not None:
        operations.append(acting.governance("review", Review(proposal, digest)))
    acting.call(operations)
    return proposal, epoch


def vote(acting: Acting, proposal: str, evidence: bytes | None = None) -> OpenProposal:
    """Vote for a proposal, with the hash of what this member reviewed on record before the vote.

    Args:
        acting: the member.
        proposal: its id.
        evidence: the join request of the applicant, or another document that was reviewed.

    Returns: the proposal as it was before this vote.

    Raises:
        ProposalNotOpen: there is no such proposal, or no more.
        EvidenceMissing: it admits an applicant, and this member has not reviewed the request.
        EvidenceDiffers: it admits something else than the request asks for.
        JoinRequestInvalid: what was given for an applicant is no request.
        CosigningKeyMissing: the home has not the key by which the member votes.
        PlatformError: the chain's refusal.
    """
    found = find_proposal(acting.values, proposal)
    digest = _reviewed(acting, found, evidence)
    recorded = dict(found.reviews).get(acting.member)
    message = epoch_hash(acting.suite.hash, found.state.epoch)
    key = cosigning_key(acting.keys, acting.member, acting.latest())
    operations = []
    if digest is not None and recorded is None:
        operations.append(acting.governance("review", Review(proposal, digest)))
    signature = acting.keys.sign(key, message)
    operations.append(acting.governance("approve", Approve(proposal, message, signature)))
    acting.call(operations)
    return found


def prove_key(keys: KeyStore, chain: str, member: str, epoch_keys: Sequence[bytes] = ()) -> bytes:
    """Return a statement of a member's cosigning key, for others to restore it.

    Args:
        keys: of the home.
        chain: the chain.
        member: the home's member.
        epoch_keys: keys that the chain knows of it; the last that is in the key store is stated.
    """
    names = _named(keys)
    name = next((names[key] for key in reversed(epoch_keys) if key in names), COSIGNING)
    public = keys.public(name)
    message = key_proof_message(keys.suite.hash, chain, member, "", public)
    statement = KeyStatement(chain=chain, member=member, key=public, proof=keys.sign(name, message))
    return pack(statement)


def cosigning_key(keys: KeyStore, member: str, epoch: Epoch) -> str:
    """Return the name, in a key store, of the cosigning key that an epoch gives a member.

    Raises:
        CosigningKeyMissing: the member is not in the epoch, or the key is not here.
    """
    entry = member_of(epoch, member)
    name = None if entry is None else _named(keys).get(entry.key)
    if name is None:
        raise CosigningKeyMissing(member=member)
    return name


def _named(keys: KeyStore) -> dict[bytes, str]:
    return {keys.public(name): name for name in keys.names() if name.split("-")[0] == COSIGNING}


def _check_change(current: Epoch, change: Change) -> None:
    here = {one.member for one in current.members}
    away = [*change.suspend, *change.remove]
    if len(set(away)) != len(away) or not set(away) <= here:
        absent = next((one for one in away if one not in here), "")
        raise ChangeInvalid(
            reason=f"{absent} is not in epoch {current.number}" if absent else "a member is named twice"
        )
    moves = change.admit, change.restore, change.rotate, away
    kept = change.threshold in (None, current.threshold) and change.quorum in (None, current.quorum)
    if not any(moves) and kept:
        raise ChangeInvalid(reason="nothing would change")
    if change.admit is not None and change.admit.request.founder.member in here:
        raise ChangeInvalid(reason="the applicant is a member")


def _next_epoch(acting: Acting, current: Epoch, members: list[EpochMember], change: Change) -> Epoch:
    """Return the next epoch; what is not asked for stays, as far as it is a majority of who is left."""
    ordered = tuple(sorted(members, key=lambda one: one.member))
    voters, cosigners = sum(m.votes for m in ordered), sum(m.cosigns for m in ordered)
    epoch = Epoch(
        chain=current.chain,
        number=current.number + 1,
        previous=epoch_hash(acting.suite.hash, current),
        from_height=max(acting.values.tip.height + change.ahead, current.from_height + 1),
        threshold=_majority(current.threshold, voters) if change.threshold is None else change.threshold,
        quorum=_majority(current.quorum, cosigners) if change.quorum is None else change.quorum,
        members=ordered,
    )
    try:
        check_epoch(epoch)
    except Invalid as refusal:
        raise ChangeInvalid(reason=str(refusal.facts["rule"])) from None
    return epoch


def _majority(kept: int, count: int) -> int:
    return min(max(kept, count // 2 + 1), count)


def _restored(acting: Acting, data: bytes) -> tuple[EpochMember, bytes]:
    """Return how a suspended member comes back: with the vote and cosigning that it had, by the key that it proves."""
    try:
        statement = decode(KeyStatement, data[: MAX_STATEMENT_BYTES + 1])
    except Invalid:
        raise KeyStatementInvalid(reason="it is not in form") from None
    message = key_proof_message(acting.suite.hash, acting.chain, statement.member, "", statement.key)
    if statement.chain != acting.chain or not acting.suite.verify(statement.key, message, statement.proof):
        raise KeyStatementInvalid(reason="its key is not proven for this chain")
    state: MemberState = acting.directory.member(statement.member)
    if state.status is not Status.SUSPENDED:
        raise ChangeInvalid(reason="who is to be restored is not suspended")
    entries = [member_of(one.epoch, statement.member) for one in acting.directory.epochs()]
    last = [entry for entry in entries if entry is not None][-1]
    return EpochMember(statement.member, statement.key, last.votes, last.cosigns), statement.proof


def _rotated(acting: Acting, current: Epoch) -> tuple[EpochMember, bytes]:
    """Return the member's entry with a new cosigning key; one that an earlier try left unused serves."""
    entry = member_of(current, acting.member)
    if entry is None:
        raise CosigningKeyMissing(member=acting.member)
    used = {one.key for state in acting.directory.epochs() for one in state.epoch.members}
    unused = [name for key, name in _named(acting.keys).items() if key not in used]
    name = unused[-1] if unused else f"{COSIGNING}-{identifier(random_bytes(16))}"
    public = acting.keys.public(name) if unused else acting.keys.generate(name, KeyUse.SIGNING)
    message = key_proof_message(acting.suite.hash, acting.chain, acting.member, "", public)
    return EpochMember(entry.member, public, entry.votes, entry.cosigns), acting.keys.sign(name, message)


def _evidence(chosen: Suite, admit: Reviewed | None, documents: Sequence[bytes]) -> bytes | None:
    """Return the hash that goes on record: of the join request, else of the one document."""
    if admit is not None:
        return admit.digest
    return chosen.hash(documents[0]) if documents else None


def _reviewed(acting: Acting, found: OpenProposal, evidence: bytes | None) -> bytes | None:
    """Return the hash of what was reviewed, once it is seen that the proposal admits just that."""
    applicants = found.state.applicants
    if not applicants:
        return None if evidence is None else acting.suite.hash(evidence)
    if evidence is None:
        if acting.member not in dict(found.reviews):
            raise EvidenceMissing(proposal=found.proposal, applicant=applicants[0].member)
        return None
    reviewed = read_request(evidence, acting.chain)
    if applicants != (reviewed.request.founder,):
        raise EvidenceDiffers(proposal=found.proposal)
    return reviewed.digest


def _all(values: RegistryValues, table: str, count: int) -> Iterator[tuple[list[Any], bytes]]:
    """Yield (parts, value) of a table of the contract whose keys have so many parts."""
    prefix = bytes([0x92 + count]) + pack(NAMESPACE) + pack(table)
    for key in values.keys(prefix):
        stored = values.value(key)
        if stored is not None:
            yield decode(list[Any], key)[2:], stored
