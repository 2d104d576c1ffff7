"""State values, arguments and items of the contracts ``records``, ``audience``, ``anchor`` and ``journal``.

Their formats are published in docs/spec/contracts.md, docs/spec/locator.md and docs/spec/anchor.md. What is on chain:
salted commitments, roots, sealed locators, states; never an identifier of a person or content (design D10).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from xinglin.carrier.ledger.model import Flag, Genesis
from xinglin.kernel.encoding import (
    Bytes16,
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    Name,
    Natural,
    Signature,
    Text,
)

Optional32 = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=1)]
SealedLocator = Annotated[bytes, msgspec.Meta(min_length=48, max_length=48)]
"""Node id and random handle, 16 bytes each, sealed under the batch's key with the item index as nonce; tag 16."""


class RecordItem(ChainObject, frozen=True):
    """One item of a record batch: the write entry of a record, or a dummy that nobody can tell from one."""

    commitment: Digest
    locator: SealedLocator


class RegisterBatch(ChainObject, frozen=True):
    """records.register: a batch of items in the order of their commitments; accepted once for each batch id.

    ``audience`` and ``audience_epoch`` name the transmission key, ``salt`` makes the batch's key from it.
    """

    batch: Identifier
    audience: Name
    audience_epoch: Natural
    salt: Bytes16


class BatchState(ChainObject, frozen=True, kw_only=True):
    """("records", "batch", member, id): what a batch of that member holds.

    Batches, orders and statuses are kept under the member that registered: someone who copies another member's batch
    id or commitment can neither block nor destroy anything of it.
    """

    kind: Literal["record-batch"] = "record-batch"
    version: Literal[1] = 1
    count: Natural
    root: Digest


class RecordReference(ChainObject, frozen=True):
    """Where a record's item is: batch, index, its locator and the path to the batch's root."""

    batch: Identifier
    index: Natural
    commitment: Digest
    locator: SealedLocator
    path: tuple[Digest, ...]


class OrderDestruction(ChainObject, frozen=True):
    """records.order: the first of two accounts orders the destruction of one record of its member."""

    record: RecordReference
    ground: Name


class ConfirmDestruction(ChainObject, frozen=True):
    """records.confirm: a second account of the same member confirms the order."""

    commitment: Digest


class CertifyDestruction(ChainObject, frozen=True):
    """records.certify: the node certifies that it was done; ``certificate`` is the hash of the certificate."""

    commitment: Digest
    certificate: Digest


class OrderState(ChainObject, frozen=True, kw_only=True):
    """("records", "order", member, commitment): who ordered it, and who confirmed it (empty until then)."""

    kind: Literal["destruction-order"] = "destruction-order"
    version: Literal[1] = 1
    ground: Name
    ordered_by: Identifier
    confirmed_by: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=1)]


class RecordStatus(ChainObject, frozen=True, kw_only=True):
    """("record-status", member, commitment): absent while a record stands, this once it is destroyed."""

    kind: Literal["record-status"] = "record-status"
    version: Literal[1] = 1
    certificate: Digest


class SealedKey(ChainObject, frozen=True):
    """An audience's epoch key, encrypted to the sealing key of one node."""

    node: Identifier
    sealed: Annotated[bytes, msgspec.Meta(min_length=32, max_length=256)]


class IssueEpochKey(ChainObject, frozen=True):
    """audience.epoch: the next transmission key of an audience, by its steward (number 1 by who founds it).

    ``commitment`` is H("audience-key", audience, number, key).
    """

    audience: Name
    number: Natural
    commitment: Digest
    keys: tuple[SealedKey, ...]


class AudienceState(ChainObject, frozen=True, kw_only=True):
    """("audience", "audience", name): its steward and the number of its newest epoch."""

    kind: Literal["audience"] = "audience"
    version: Literal[1] = 1
    steward: Identifier
    number: Natural


class AudienceEpochState(ChainObject, frozen=True, kw_only=True):
    """("audience", "epoch", name, number): the commitment of an epoch key and the key sealed to each node."""

    kind: Literal["audience-epoch"] = "audience-epoch"
    version: Literal[1] = 1
    commitment: Digest
    keys: tuple[SealedKey, ...]


class ChainHead(ChainObject, frozen=True):
    """What a checkpoint's text says of a chain, besides its name."""

    size: Natural
    log_root: Digest
    state_root: Digest
    height: Natural
    time: Milliseconds


class OpenAnchor(ChainObject, frozen=True):
    """anchor.open: an institution names its private chain by its genesis."""

    genesis: Genesis


class CommitAnchor(ChainObject, frozen=True):
    """anchor.commit: the newer head of a private chain, proven to continue the last anchored one.

    ``signature`` is the cosigning key's checkpoint signature over the head's text; ``proof`` the RFC 6962
    consistency proof from ``previous_size`` to ``head.size`` (empty when the former is 0 or they are equal).
    """

    chain: ChainId
    previous_size: Natural
    head: ChainHead
    proof: tuple[Digest, ...]
    signature: Signature


class SignedHead(ChainObject, frozen=True):
    """A head with the checkpoint signature of the member whose chain it is.

    ``epoch`` is the number of the consortium's epoch in which the signing key was the member's cosigning key.
    """

    head: ChainHead
    epoch: Natural
    signature: Signature


class ReportFork(ChainObject, frozen=True):
    """anchor.fork: two signed heads of one chain that can't both be true; freezes the chain."""

    chain: ChainId
    first: SignedHead
    second: SignedHead


class SucceedAnchor(ChainObject, frozen=True):
    """anchor.succeed: after a restore, a successor chain that names the last anchored and the restored head."""

    chain: ChainId
    successor: Genesis
    anchored: ChainHead
    restored: ChainHead


class AcknowledgeSuccessor(ChainObject, frozen=True):
    """anchor.acknowledge: a regulator has seen the gap; the successor is open from now on."""

    chain: ChainId
    successor: ChainId


class AnchorState(ChainObject, frozen=True, kw_only=True):
    """("anchor", "chain", id): the last anchored head of a private chain.

    Before the first anchor ``head`` has size 0, the hash of the empty string, 32 zero bytes, height 0 and the
    genesis's time. ``frozen``: no further anchor is taken. ``successor``: named by anchor.succeed;
    ``acknowledged`` by a regulator. ``predecessor``: the chain that this one succeeds.
    """

    kind: Literal["anchor"] = "anchor"
    version: Literal[1] = 1
    member: Identifier
    head: ChainHead
    frozen: Flag
    successor: Annotated[tuple[ChainId, ...], msgspec.Meta(max_length=1)]
    acknowledged: Flag
    predecessor: Annotated[tuple[ChainId, ...], msgspec.Meta(max_length=1)]


class MemberAnchor(ChainObject, frozen=True, kw_only=True):
    """("anchor", "member", id): the one private chain of a member that is open, or was until it is succeeded."""

    kind: Literal["member-anchor"] = "member-anchor"
    version: Literal[1] = 1
    chain: ChainId


class PendingSuccessor(ChainObject, frozen=True, kw_only=True):
    """("anchor", "successor", chain): what anchor.succeed said; the gap lies between ``restored`` and ``anchored``."""

    kind: Literal["successor"] = "successor"
    version: Literal[1] = 1
    successor: ChainId
    time: Milliseconds
    anchored: ChainHead
    restored: ChainHead


class ForkState(ChainObject, frozen=True, kw_only=True):
    """("anchor", "fork", chain): the evidence of a fork, both signed heads."""

    kind: Literal["fork"] = "fork"
    version: Literal[1] = 1
    first: SignedHead
    second: SignedHead


class NoteHead(ChainObject, frozen=True):
    """journal.head: the consortium head that this private chain last saw."""

    chain: ChainId
    head: ChainHead


class NoteIntake(ChainObject, frozen=True):
    """journal.intake: what an intake run brought: records, refusals, and the batches that were not noted before."""

    run: Identifier
    accepted: Natural
    quarantined: Natural
    batches: tuple[Identifier, ...]


class NotedBatch(ChainObject, frozen=True, kw_only=True):
    """("journal", "batch", id): in which run's note a registered record batch stands."""

    kind: Literal["noted-batch"] = "noted-batch"
    version: Literal[1] = 1
    run: Identifier


class SeenHead(ChainObject, frozen=True, kw_only=True):
    """("journal", "head", chain): the newest head of another chain that this chain has logged."""

    kind: Literal["seen-head"] = "seen-head"
    version: Literal[1] = 1
    head: ChainHead


class Behaviour(ChainObject, frozen=True, kw_only=True):
    """The behaviour data of a record (H3): which institution recorded what, when, on which occasion, by whom.

    ``occasion`` is the institution's own reference of the encounter, possibly empty; ``type`` the FHIR type.
    """

    kind: Literal["behaviour"] = "behaviour"
    version: Literal[1] = 1
    record: Identifier
    institution: Identifier
    recorder: Identifier
    time: Milliseconds
    type: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z][A-Za-z]{0,63}\Z")]
    occasion: Text
