"""The proof bundle as an object (docs/spec/proof-bundle.md): one file that proves facts offline."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from xinglin.carrier.ledger.model import Epoch, Genesis, Header, Leaf, OperationHead, Receipt
from xinglin.kernel.encoding import Bytes16, ChainObject, Digest, Identifier, Milliseconds, Natural, Signature


class EpochVote(ChainObject, frozen=True):
    """One vote for an epoch."""

    member: Identifier
    signature: Signature


class EpochStep(ChainObject, frozen=True):
    """An epoch after 0 with the votes that passed it, by member id ascending."""

    epoch: Epoch
    votes: tuple[EpochVote, ...]


class ItemProof(ChainObject, frozen=True):
    """One item of a batch and its path to the batch's root."""

    item: bytes
    index: Natural
    path: tuple[Digest, ...]


class LogEntry(ChainObject, frozen=True):
    """One operation of one logged transaction, shown without its neighbours.

    ``position`` counts the operation in its transaction, ``path`` leads to the header's operations root, ``log_path``
    from the leaf to the checkpoint's log root.
    """

    header: Header
    signatures: tuple[Signature, ...]
    head: OperationHead
    position: Natural
    path: tuple[Digest, ...]
    item: Annotated[tuple[ItemProof, ...], msgspec.Meta(max_length=1)]
    leaf: Leaf
    receipt: Receipt
    log_path: tuple[Digest, ...]


class StateEntry(ChainObject, frozen=True):
    """A key of the state and its value (empty: the key is absent), with the proof under the state root.

    ``proof`` is the canonical encoding of a state proof (docs/spec/state-tree.md).
    """

    key: bytes
    value: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=1)]
    proof: bytes


class Opened(ChainObject, frozen=True):
    """The salt and the bytes behind one part of a record commitment."""

    salt: Bytes16
    data: bytes


class Part(ChainObject, frozen=True):
    """One part of a record commitment: its digest, and what is behind it where it is shown."""

    digest: Digest
    opened: Annotated[tuple[Opened, ...], msgspec.Meta(max_length=1)]


class Opening(ChainObject, frozen=True):
    """The three parts of a record commitment (design D10)."""

    behaviour: Part
    original: Part
    copy: Part


class Bundle(ChainObject, frozen=True, kw_only=True):
    """A proof bundle: the claim, and exactly what is needed to check it.

    ``claim`` is ``record`` (``subject`` = the 32-byte record commitment) or ``anchor`` (``subject`` = canonical
    array of the private chain's id and the anchored size).
    """

    kind: Literal["bundle"] = "bundle"
    version: Literal[1] = 1
    claim: Literal["record", "anchor"]
    subject: bytes
    genesis: Genesis
    epochs: tuple[EpochStep, ...]
    checkpoint: bytes
    entry: LogEntry
    states: tuple[StateEntry, ...]
    opening: Annotated[tuple[Opening, ...], msgspec.Meta(max_length=1)]


class AccessBundle(ChainObject, frozen=True, kw_only=True):
    """What a private chain says under one of its anchors: who asked for a record (docs/spec/proof-bundle.md).

    ``anchor`` is the bundle that proves the anchor. ``entries`` are access entries in log order, each with its item;
    their log paths lead to the anchored log root. ``claim`` is ``access`` (``subject`` = the hash of the one entry)
    or ``access-list`` (``subject`` = the record commitment whose entries these are, all of them; ``head`` is the
    record's access head under the anchored state root). ``keys`` are the readers' keys in the consortium's registry.
    """

    kind: Literal["access-bundle"] = "access-bundle"
    version: Literal[1] = 1
    claim: Literal["access", "access-list"]
    subject: Digest
    anchor: Bundle
    entries: tuple[LogEntry, ...]
    head: Annotated[tuple[StateEntry, ...], msgspec.Meta(max_length=1)]
    keys: tuple[StateEntry, ...]


class LateAddition(ChainObject, frozen=True):
    """A record that was marked after an episode was sealed, and when (block time of the private chain)."""

    record: Digest
    time: Milliseconds


class Registration(ChainObject, frozen=True):
    """That a record was registered: what a bundle of the claim ``record`` has beside genesis, epochs and checkpoint."""

    record: Digest
    entry: LogEntry
    states: tuple[StateEntry, ...]
    opening: Annotated[tuple[Opening, ...], msgspec.Meta(max_length=1)]


class RecordReads(ChainObject, frozen=True):
    """All access entries of a record: what a bundle of the claim ``access-list`` has beside its anchor."""

    record: Digest
    entries: tuple[LogEntry, ...]
    head: StateEntry
    keys: tuple[StateEntry, ...]


class EpisodeBundle(ChainObject, frozen=True, kw_only=True):
    """What a private chain says of a sealed episode under one of its anchors (docs/spec/proof-bundle.md).

    ``anchor`` is the bundle that proves the anchor. ``sealed`` is the operation that sealed the episode, ``state`` what
    the anchored state holds of it. ``records`` are the sealed record commitments in order, ``late`` the additions
    since. ``keys`` are the institution's keys in the consortium's registry. Registrations and reads may be shown of any
    of the records.
    """

    kind: Literal["episode-bundle"] = "episode-bundle"
    version: Literal[1] = 1
    claim: Literal["episode"]
    subject: Identifier
    anchor: Bundle
    sealed: LogEntry
    state: StateEntry
    records: tuple[Digest, ...]
    late: tuple[LateAddition, ...]
    keys: tuple[StateEntry, ...]
    registrations: tuple[Registration, ...]
    reads: tuple[RecordReads, ...]
