"""State values, arguments and items of the contract ``access`` of private chains (docs/spec/access.md; H4, H11).

What is on the private chain: record commitments, ids of members and accounts, codes, times, hashes, signatures; never
an identifier of a patient, content or free text (design D10).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import (
    MAX_INTEGER,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    Name,
    Natural,
    PublicKey,
    Signature,
)

NAMESPACE = "access"
NO_RECORD = bytes(32)
"""Stands for the record commitment in an entry about no record: nothing was found, a search, a match."""
Reference = Annotated[bytes, msgspec.Meta(max_length=32)]
"""What a basis rests on: 16 bytes of an id, a hash of 32, or nothing."""
Positive = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]


class Proven(IntEnum):
    """How the custodian's node knows that the reader asked.

    ``SIGNATURE``: the reader's key signed the request; the entry holds the signature and proves its reader by itself.
    ``TOKEN`` and ``SESSION``: the institution's own word, about its own accounts only.
    """

    SIGNATURE = 1
    TOKEN = 2
    SESSION = 3


class OpenedCopy(IntEnum):
    """What the reader was given."""

    NONE = 0
    ORIGINAL = 1
    DEIDENTIFIED = 2


class ReaderProof(ChainObject, frozen=True):
    """The reader's signature over the 32-byte request hash, and the key that made it."""

    key: PublicKey
    signature: Signature


class AccessEntry(ChainObject, frozen=True, kw_only=True):
    """One read or refusal: who asked for which record, for what, on which basis, and what came of it.

    ``outcome`` is 0 when it was permitted, else the number of the refusal (docs/spec/errors.md). ``basis`` names the
    legal basis that decided (``none`` where none did) and ``reference`` what it rests on. ``request`` is
    H("access-request", request). ``seen_height`` and ``seen_time`` are the consortium head that the node decided on.
    """

    kind: Literal["access-entry"] = "access-entry"
    version: Literal[1] = 1
    commitment: Digest
    member: Identifier
    account: Identifier
    action: Name
    outcome: Natural
    basis: Name
    reference: Reference
    purpose: Name
    copy: OpenedCopy
    request: Digest
    proven: Proven
    proof: Annotated[tuple[ReaderProof, ...], msgspec.Meta(max_length=1)]
    seen_height: Natural
    seen_time: Milliseconds
    time: Milliseconds


class AccessHead(ChainObject, frozen=True, kw_only=True):
    """("access", "head", commitment), ("access", "reader", member): how many entries there are, and their chain.

    ``last`` is H("access-head", ``last`` before, H("access-entry", entry)); before the first it is 32 zero bytes.
    """

    kind: Literal["access-head"] = "access-head"
    version: Literal[1] = 1
    count: Natural
    last: Digest


class LogAccess(ChainObject, frozen=True):
    """access.log: a batch of access entries; all that it says is in the items."""


class AskTwin(ChainObject, frozen=True):
    """access.ask: an account of this institution is about to ask another member; before the request leaves."""

    request: Digest
    custodian: Identifier
    account: Identifier


class AnswerTwin(ChainObject, frozen=True):
    """access.answered: the custodian's receipt came. ``receipt`` is H("access-receipt", receipt)."""

    request: Digest
    receipt: Digest
    outcome: Natural


class TwinAnswer(ChainObject, frozen=True):
    """What came back, and the block time at which it was noted."""

    receipt: Digest
    outcome: Natural
    time: Milliseconds


class TwinState(ChainObject, frozen=True, kw_only=True):
    """("access", "twin", request): a request that was sent; open while it has no answer. ``time`` is block time."""

    kind: Literal["access-twin"] = "access-twin"
    version: Literal[1] = 1
    custodian: Identifier
    account: Identifier
    time: Milliseconds
    answer: Annotated[tuple[TwinAnswer, ...], msgspec.Meta(max_length=1)]


class Aggregate(ChainObject, frozen=True):
    """access.aggregate: refusals of whoever could not show who it is, in the minute that begins at ``minute``."""

    minute: Milliseconds


class SourceCount(ChainObject, frozen=True):
    """One item of an aggregate: H("access-source", salt, source), or 32 zero bytes for all further ones; how often."""

    source: Digest
    count: Positive


class LastMinute(ChainObject, frozen=True, kw_only=True):
    """("access", "minute"): the newest minute that was aggregated."""

    kind: Literal["access-minute"] = "access-minute"
    version: Literal[1] = 1
    minute: Milliseconds
