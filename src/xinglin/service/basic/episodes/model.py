"""State values and arguments of the contract ``episode`` of private chains (docs/spec/episode.md; S1.1).

On the private chain: salted commitments of the encounter and of who stands on the other side, record commitments, keys
and signatures, a reason by number, times; never who the patient is (design D10).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import ChainObject, Digest, Identifier, Milliseconds, Natural, PublicKey, Signature

NAMESPACE = "episode"
NO_LATE = bytes(32)
"""What stands for the last late addition while there is none."""


class SealReason(IntEnum):
    """Why an episode is sealed. Numbers are on chains and never change; words in ``SEAL_REASONS``."""

    DISPUTE = 1
    COMPLAINT = 2
    LITIGATION = 3
    DEATH = 4
    OTHER = 5


SEAL_REASONS: dict[SealReason, tuple[str, str]] = {
    SealReason.DISPUTE: ("a dispute about the treatment", "医疗纠纷"),
    SealReason.COMPLAINT: ("a complaint", "投诉"),
    SealReason.LITIGATION: ("proceedings before a court or an arbitrator", "诉讼或仲裁"),
    SealReason.DEATH: ("the patient's death", "患者死亡"),
    SealReason.OTHER: ("another reason", "其他原因"),
}
"""Each reason in English and Chinese."""


class Side(IntEnum):
    """The two sides of a sealed episode."""

    INSTITUTION = 1
    PATIENT = 2


SIDES: dict[Side, tuple[str, str]] = {Side.INSTITUTION: ("institution", "医方"), Side.PATIENT: ("patient", "患方")}
"""Each side in English and Chinese."""


class InstitutionSide(ChainObject, frozen=True):
    """The institution's account, one of its keys, and its signature."""

    account: Identifier
    key: PublicKey
    signature: Signature


class PatientSide(ChainObject, frozen=True):
    """The patient or a relative: H("person", salt, statement of who it is), a fresh key, and its signature."""

    person: Digest
    key: PublicKey
    signature: Signature


class SealEpisode(ChainObject, frozen=True):
    """episode.seal: both sides seal the records of an encounter.

    ``subject`` is H("episode", salt, source, encounter); ``root`` the RFC 6962 root over the ``count`` record
    commitments in the order in which they were stored. Both signatures are over H("episode-seal", ...).
    """

    episode: Identifier
    subject: Digest
    root: Digest
    count: Natural
    reason: SealReason
    institution: InstitutionSide
    patient: PatientSide


class AddLate(ChainObject, frozen=True):
    """episode.late: a record of the encounter came after the sealing; the sealed set stays as it is."""

    episode: Identifier
    record: Digest


class OpenEpisode(ChainObject, frozen=True):
    """episode.propose_open, episode.approve_open: one side's signature over H("episode-open", ...).

    ``account`` and ``key`` of the institution's side, which may be others than at the sealing; the patient's side has
    no account and signs with the key of the sealing.
    """

    episode: Identifier
    side: Side
    account: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=1)]
    key: PublicKey
    signature: Signature


class OpeningStep(ChainObject, frozen=True):
    """What one side signed to open an episode, and the block time of it."""

    side: Side
    account: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=1)]
    key: PublicKey
    signature: Signature
    time: Milliseconds


class EpisodeState(ChainObject, frozen=True, kw_only=True):
    """("episode", "episode", id): what was sealed and by whom, how much came later, what was signed to open it.

    ``late`` is the number of late additions and ``last`` chains them: H("episode-late", ``last`` before, record, time).
    ``opening``: nothing, the proposal, or proposal and approval: then it is open.
    """

    kind: Literal["episode"] = "episode"
    version: Literal[1] = 1
    subject: Digest
    root: Digest
    count: Natural
    reason: SealReason
    institution: InstitutionSide
    patient: PatientSide
    time: Milliseconds
    late: Natural
    last: Digest
    opening: Annotated[tuple[OpeningStep, ...], msgspec.Meta(max_length=2)]


class LateState(ChainObject, frozen=True, kw_only=True):
    """("episode", "late", episode, record): when a late addition was marked (block time), and its number from 1."""

    kind: Literal["episode-late"] = "episode-late"
    version: Literal[1] = 1
    number: Natural
    time: Milliseconds
