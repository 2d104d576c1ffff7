"""What contracts keep in the state and take as arguments (docs/spec/contracts.md, anchor.md, episode.md, ...).

Only what a proof shows, field for field as in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from xinglin_verify.schema import (
    AT_MOST_ONE,
    Bytes16,
    Chain,
    Digest,
    Flag,
    Form,
    Id,
    Key,
    Moment,
    Name,
    Natural,
    Object,
    Signature,
    Text,
    matching,
    sized,
)

OptionalMoment = Annotated[tuple[Moment, ...], AT_MOST_ONE]
OptionalChain = Annotated[tuple[Chain, ...], AT_MOST_ONE]


@dataclass(frozen=True)
class MemberState(Object):
    """A member in the registry (contracts.md)."""

    KIND: ClassVar[str] = "member"
    member_kind: Annotated[int, Form("member kind", lambda value: 1 <= value <= 5)]
    name: Text
    status: Annotated[int, Form("status", lambda value: 1 <= value <= 3)]
    from_height: Natural


@dataclass(frozen=True)
class KeyState(Object):
    """A signing key in the registry: whose it is and when it was in force (contracts.md)."""

    KIND: ClassVar[str] = "key"
    account: Id
    member: Id
    from_ms: Moment
    until: OptionalMoment
    compromised: OptionalMoment


@dataclass(frozen=True)
class RegisterBatch(Object):
    """Arguments of records.register (contracts.md)."""

    batch: Id
    audience: Name
    audience_epoch: Natural
    salt: Bytes16


@dataclass(frozen=True)
class RecordItem(Object):
    """An item of a record batch (locator.md)."""

    commitment: Digest
    locator: Annotated[bytes, sized("locator", 48)]


@dataclass(frozen=True)
class RecordStatus(Object):
    """What the state holds of a record that is destroyed (contracts.md)."""

    KIND: ClassVar[str] = "record-status"
    certificate: Digest


@dataclass(frozen=True)
class Behaviour(Object):
    """Behaviour data of a record (locator.md)."""

    KIND: ClassVar[str] = "behaviour"
    record: Id
    institution: Id
    recorder: Id
    time: Moment
    type: Annotated[str, matching("FHIR type", "[A-Z][A-Za-z]{0,63}")]
    occasion: Text


@dataclass(frozen=True)
class AnchorSubject(Object):
    """The subject of an anchor claim (proof-bundle.md)."""

    chain: Chain
    size: Natural


@dataclass(frozen=True)
class ChainHead(Object):
    """What a checkpoint says of a chain besides its name (anchor.md)."""

    size: Natural
    log_root: Digest
    state_root: Digest
    height: Natural
    time: Moment


@dataclass(frozen=True)
class CommitAnchor(Object):
    """Arguments of anchor.commit (anchor.md)."""

    chain: Chain
    previous_size: Natural
    head: ChainHead
    proof: tuple[Digest, ...]
    signature: Signature


@dataclass(frozen=True)
class AnchorState(Object):
    """What the state holds of an anchored private chain (anchor.md)."""

    KIND: ClassVar[str] = "anchor"
    member: Id
    head: ChainHead
    frozen: Flag
    successor: OptionalChain
    acknowledged: Flag
    predecessor: OptionalChain


@dataclass(frozen=True)
class ReaderProof(Object):
    """The reader's signature over the request hash, and the key that made it (access.md)."""

    key: Key
    signature: Signature


@dataclass(frozen=True)
class AccessEntry(Object):
    """One read or refusal (access.md)."""

    KIND: ClassVar[str] = "access-entry"
    commitment: Digest
    member: Id
    account: Id
    action: Name
    outcome: Natural
    basis: Name
    reference: Annotated[bytes, Form("reference", lambda value: len(value) <= 32)]
    purpose: Name
    copy: Annotated[int, Form("copy", lambda value: value in (0, 1, 2))]
    request: Digest
    proven: Annotated[int, Form("proven", lambda value: value in (1, 2, 3))]
    proof: Annotated[tuple[ReaderProof, ...], AT_MOST_ONE]
    seen_height: Natural
    seen_time: Moment
    time: Moment


@dataclass(frozen=True)
class AccessHead(Object):
    """How many entries a record has, and their chain (access.md)."""

    KIND: ClassVar[str] = "access-head"
    count: Natural
    last: Digest


@dataclass(frozen=True)
class InstitutionSide(Object):
    """The institution's account, one of its keys, and its signature (episode.md)."""

    account: Id
    key: Key
    signature: Signature


@dataclass(frozen=True)
class PatientSide(Object):
    """The commitment to the patient's side, its key, and its signature (episode.md)."""

    person: Digest
    key: Key
    signature: Signature


SealReason = Annotated[int, Form("reason", lambda value: 1 <= value <= 5)]
Side = Annotated[int, Form("side", lambda value: value in (1, 2))]


@dataclass(frozen=True)
class SealEpisode(Object):
    """Arguments of episode.seal (episode.md)."""

    episode: Id
    subject: Digest
    root: Digest
    count: Natural
    reason: SealReason
    institution: InstitutionSide
    patient: PatientSide


@dataclass(frozen=True)
class OpeningStep(Object):
    """What one side signed to open an episode (episode.md)."""

    side: Side
    account: Annotated[tuple[Id, ...], AT_MOST_ONE]
    key: Key
    signature: Signature
    time: Moment


@dataclass(frozen=True)
class EpisodeState(Object):
    """A sealed episode in the state (episode.md)."""

    KIND: ClassVar[str] = "episode"
    subject: Digest
    root: Digest
    count: Natural
    reason: SealReason
    institution: InstitutionSide
    patient: PatientSide
    time: Moment
    late: Natural
    last: Digest
    opening: Annotated[tuple[OpeningStep, ...], Form("opening", lambda value: len(value) <= 2)]
