"""The objects of the specification, field for field as in its tables (docs/spec/*.md); not judged here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from xinglin_verify.schema import (
    AT_MOST_ONE,
    Bytes16,
    Chain,
    Count,
    Digest,
    Flag,
    Form,
    Id,
    Key,
    Label,
    Moment,
    Name,
    Natural,
    Object,
    Octets,
    Signature,
    Text,
)


def _is_fact(value: int | bytes | str) -> bool:
    """Return whether a value can stand in a receipt: a string holds characters from space to tilde."""
    return isinstance(value, int) or (len(value) <= 128 and (isinstance(value, bytes) or value.isprintable()))


FactValue = Annotated[int | bytes | str, Form("fact", _is_fact)]


@dataclass(frozen=True)
class Parameters(Object):
    """What a chain's genesis limits (genesis.md)."""

    max_valid_ms: Natural
    max_transaction_bytes: Natural
    max_block_bytes: Natural
    max_signers: Natural
    max_operations: Natural
    max_items: Natural
    max_item_bytes: Natural
    max_argument_bytes: Natural
    quota_window_ms: Natural
    account_quota: Natural
    member_quota: Natural
    checkpoint_interval: Natural


@dataclass(frozen=True)
class Account(Object):
    """An account that a founder begins with (genesis.md)."""

    account: Id
    roles: tuple[Annotated[int, Form("role", lambda value: 1 <= value <= 7)], ...]
    person: Digest
    key: Key
    proof: Signature


@dataclass(frozen=True)
class Founder(Object):
    """A founding member with its cosigning key and accounts (genesis.md)."""

    member: Id
    kind: Annotated[int, Form("member kind", lambda value: 1 <= value <= 5)]
    name: Text
    votes: Flag
    cosigns: Flag
    key: Key
    proof: Signature
    accounts: tuple[Account, ...]


@dataclass(frozen=True)
class Genesis(Object):
    """The beginning of a chain (genesis.md)."""

    KIND: ClassVar[str] = "genesis"
    suite: Natural
    profile: Natural
    time: Moment
    nonce: Bytes16
    parameters: Parameters
    threshold: Natural
    quorum: Natural
    founders: tuple[Founder, ...]


@dataclass(frozen=True)
class Member(Object):
    """A member of an epoch (genesis.md)."""

    member: Id
    key: Key
    votes: Flag
    cosigns: Flag


@dataclass(frozen=True)
class Epoch(Object):
    """Who votes and cosigns from a height on (genesis.md)."""

    KIND: ClassVar[str] = "epoch"
    chain: Chain
    number: Natural
    previous: Digest
    from_height: Natural
    threshold: Natural
    quorum: Natural
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Vote(Object):
    """A member's signature over an epoch's hash (proof-bundle.md)."""

    member: Id
    signature: Signature


@dataclass(frozen=True)
class EpochStep(Object):
    """An epoch after 0 with the votes that passed it (proof-bundle.md)."""

    epoch: Epoch
    votes: tuple[Vote, ...]


@dataclass(frozen=True)
class Header(Object):
    """The signed part of a transaction (transaction.md)."""

    KIND: ClassVar[str] = "transaction"
    chain: Chain
    nonce: Bytes16
    valid_until: Moment
    signers: tuple[Key, ...]
    operation_count: Count
    operations_root: Digest


@dataclass(frozen=True)
class Batch(Object):
    """Number and root of a batch's items (transaction.md)."""

    count: Count
    root: Digest


@dataclass(frozen=True)
class OperationHead(Object):
    """One contract call (transaction.md)."""

    contract: Name
    version: Natural
    method: Name
    arguments: Octets
    batch: Annotated[tuple[Batch, ...], AT_MOST_ONE]


@dataclass(frozen=True)
class ReceiptFact(Object):
    """A fact of a receipt (transition.md)."""

    name: Name
    value_: FactValue


@dataclass(frozen=True)
class Receipt(Object):
    """What a transaction did; number 0 is success (transition.md)."""

    KIND: ClassVar[str] = "receipt"
    number: Natural
    facts: tuple[ReceiptFact, ...]


@dataclass(frozen=True)
class Leaf(Object):
    """An entry of the log (transition.md)."""

    KIND: ClassVar[str] = "leaf"
    height: Natural
    time: Moment
    index: Natural
    body: Digest
    valid_until: Moment
    transaction: Digest
    receipt: Digest


@dataclass(frozen=True)
class ItemProof(Object):
    """One item of a batch and its path to the batch's root (proof-bundle.md)."""

    item: Octets
    index: Natural
    path: tuple[Digest, ...]


@dataclass(frozen=True)
class LogEntry(Object):
    """One operation of one logged transaction (proof-bundle.md)."""

    header: Header
    signatures: tuple[Signature, ...]
    head: OperationHead
    position: Natural
    path: tuple[Digest, ...]
    item: Annotated[tuple[ItemProof, ...], AT_MOST_ONE]
    leaf: Leaf
    receipt: Receipt
    log_path: tuple[Digest, ...]


@dataclass(frozen=True)
class StateEntry(Object):
    """A key of the state with its value, or with none when it is absent, and the proof (proof-bundle.md)."""

    key: Octets
    content: Annotated[tuple[Octets, ...], AT_MOST_ONE]
    proof: Octets


@dataclass(frozen=True)
class Opened(Object):
    """Salt and data of an opened part of a record commitment (proof-bundle.md)."""

    salt: Bytes16
    data: Octets


@dataclass(frozen=True)
class Part(Object):
    """A part of a record commitment (proof-bundle.md)."""

    digest: Digest
    opened: Annotated[tuple[Opened, ...], AT_MOST_ONE]


@dataclass(frozen=True)
class Opening(Object):
    """The three parts of a record commitment (proof-bundle.md)."""

    behaviour: Part
    original: Part
    copy: Part


@dataclass(frozen=True)
class Bundle(Object):
    """A proof bundle (proof-bundle.md)."""

    KIND: ClassVar[str] = "bundle"
    claim: Label
    subject: Octets
    genesis: Genesis
    epochs: tuple[EpochStep, ...]
    checkpoint: Octets
    entry: LogEntry
    states: tuple[StateEntry, ...]
    opening: Annotated[tuple[Opening, ...], AT_MOST_ONE]


@dataclass(frozen=True)
class AccessBundle(Object):
    """A bundle about access entries under an anchor (proof-bundle.md)."""

    KIND: ClassVar[str] = "access-bundle"
    claim: Label
    subject: Digest
    anchor: Bundle
    entries: tuple[LogEntry, ...]
    head: Annotated[tuple[StateEntry, ...], AT_MOST_ONE]
    keys: tuple[StateEntry, ...]


@dataclass(frozen=True)
class LateAddition(Object):
    """A record that was marked after an episode was sealed, and when (proof-bundle.md)."""

    record: Digest
    time: Moment


@dataclass(frozen=True)
class Registration(Object):
    """That a record was registered, under the checkpoint of the bundle around it (proof-bundle.md)."""

    record: Digest
    entry: LogEntry
    states: tuple[StateEntry, ...]
    opening: Annotated[tuple[Opening, ...], AT_MOST_ONE]


@dataclass(frozen=True)
class RecordReads(Object):
    """All access entries of a record, under the anchor of the bundle around it (proof-bundle.md)."""

    record: Digest
    entries: tuple[LogEntry, ...]
    head: StateEntry
    keys: tuple[StateEntry, ...]


@dataclass(frozen=True)
class EpisodeBundle(Object):
    """A bundle about a sealed episode under an anchor (proof-bundle.md)."""

    KIND: ClassVar[str] = "episode-bundle"
    claim: Label
    subject: Id
    anchor: Bundle
    sealed: LogEntry
    state: StateEntry
    records: tuple[Digest, ...]
    late: tuple[LateAddition, ...]
    keys: tuple[StateEntry, ...]
    registrations: tuple[Registration, ...]
    reads: tuple[RecordReads, ...]


@dataclass(frozen=True)
class StateProof(Object):
    """A proof of the state tree (state-tree.md)."""

    KIND: ClassVar[str] = "state-proof"
    type: Natural
    depth: Natural
    bitmap: Octets
    siblings: Octets
    other: Annotated[tuple[OtherLeaf, ...], AT_MOST_ONE]


@dataclass(frozen=True)
class OtherLeaf(Object):
    """The leaf that stands where an absent key would (state-tree.md)."""

    kh: Digest
    vh: Digest
