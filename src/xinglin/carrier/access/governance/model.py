"""State values and arguments of the contract ``governance`` (docs/spec/contracts.md, genesis.md; D9).

State keys: ("governance", "epoch", number) -> EpochState; ("governance", "latest") -> LatestEpoch;
("governance", "proposal", id) -> ProposalState; ("governance", "review", proposal, member) -> ReviewState. A proposal
names the epoch that it extends and lapses when another passes or when its ``from_height`` is reached first.
"""

from __future__ import annotations

from typing import Literal

from xinglin.carrier.ledger.model import Epoch, Founder
from xinglin.kernel.encoding import ChainObject, Digest, Identifier, Natural, Signature

NAMESPACE = "governance"


class EpochState(ChainObject, frozen=True, kw_only=True):
    """An epoch that has passed, with the votes that passed it (none for epoch 0), by member id ascending."""

    kind: Literal["epoch-state"] = "epoch-state"
    version: Literal[1] = 1
    epoch: Epoch
    votes: tuple[Vote, ...]


class Vote(ChainObject, frozen=True):
    """A member's signature over H("epoch", epoch) with its cosigning key of the epoch before."""

    member: Identifier
    signature: Signature


class LatestEpoch(ChainObject, frozen=True, kw_only=True):
    """The number of the epoch that passed last; it is in force from its ``from_height`` on."""

    kind: Literal["latest-epoch"] = "latest-epoch"
    version: Literal[1] = 1
    number: Natural


class KeyProof(ChainObject, frozen=True):
    """A member's proof that it holds the cosigning key that the epoch gives it (scope: the chain id)."""

    member: Identifier
    proof: Signature


class ProposalState(ChainObject, frozen=True, kw_only=True):
    """A proposed epoch, who applies to join by it, and the votes so far, by member id ascending."""

    kind: Literal["proposal"] = "proposal"
    version: Literal[1] = 1
    proposer: Identifier
    epoch: Epoch
    applicants: tuple[Founder, ...]
    suspends: tuple[Identifier, ...]
    votes: tuple[Vote, ...]


class Propose(ChainObject, frozen=True):
    """governance.propose: the whole next epoch.

    ``applicants``: the members of it that are new, with proofs of key over the chain id. ``suspends``:
    members that leave it for a time; any other member that is missing from it is ended. ``proofs``: of the
    members of it that had another cosigning key, or none, in the epoch before, applicants aside. All by
    member id ascending.
    """

    proposal: Identifier
    epoch: Epoch
    applicants: tuple[Founder, ...]
    suspends: tuple[Identifier, ...]
    proofs: tuple[KeyProof, ...]


class Approve(ChainObject, frozen=True):
    """governance.approve: the vote of the caller's member on a proposal."""

    proposal: Identifier
    epoch_hash: Digest
    signature: Signature


class ReviewState(ChainObject, frozen=True, kw_only=True):
    """What a member has looked at before it proposed or voted: the hash of documents that stay off the chain."""

    kind: Literal["review"] = "review"
    version: Literal[1] = 1
    evidence: Digest


class Review(ChainObject, frozen=True):
    """governance.review: what the caller's member has reviewed for a proposal, such as an applicant's join request."""

    proposal: Identifier
    evidence: Digest
