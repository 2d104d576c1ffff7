"""Access requests and receipts as values (docs/spec/access.md AR1, AR5): what a reader and a custodian send each other.

Signed and checked by ``receipts.py``; nothing here signs, checks or decides.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import (
    Bytes16,
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    Name,
    Natural,
    PublicKey,
    Signature,
    Text,
)

LINK_BYTES, COMMITMENT_BYTES = 16, 32


class Asked(ChainObject, frozen=True):
    """What a request asks for.

    ``record`` and its commitment, ``person`` and the link of 16 bytes that the custodian's node gave for one, or
    ``handle`` and the 16 bytes by which a locator names a record at that node.
    """

    what: Literal["record", "person", "handle"]
    name: Annotated[bytes, msgspec.Meta(min_length=LINK_BYTES, max_length=COMMITMENT_BYTES)]

    def __post_init__(self) -> None:
        """Refuse a name of another length than its kind has, when it is made and when it is decoded."""
        if len(self.name) != (COMMITMENT_BYTES if self.what == "record" else LINK_BYTES):
            raise ValueError("a record is named by 32 bytes, a person and a handle by 16")


class PresentedConsent(ChainObject, frozen=True):
    """A consent that the reader rests on: its id, and what opens its commitment (docs/spec/consent.md)."""

    consent: Identifier
    opening: Annotated[bytes, msgspec.Meta(max_length=4_096)]


class EmergencyGrant(ChainObject, frozen=True, kw_only=True):
    """Break-glass that an institution gave one practitioner of its own, for one patient at one custodian's node.

    ``link`` is the handle by which both institutions name the patient; ``level`` at most 4. Its hash is
    H("emergency-grant", grant).
    """

    kind: Literal["emergency-grant"] = "emergency-grant"
    version: Literal[1] = 1
    chain: ChainId
    id: Bytes16
    member: Identifier
    account: Identifier
    custodian: Identifier
    link: Bytes16
    reason: Text
    level: Annotated[int, msgspec.Meta(ge=1, le=4)]
    from_ms: Milliseconds
    until_ms: Milliseconds


class SignedGrant(ChainObject, frozen=True, kw_only=True):
    """An emergency grant with the signature of the institution's service account over its 32-byte hash."""

    kind: Literal["signed-emergency-grant"] = "signed-emergency-grant"
    version: Literal[1] = 1
    grant: EmergencyGrant
    key: PublicKey
    signature: Signature


class AccessRequest(ChainObject, frozen=True, kw_only=True):
    """What a reader's account asks of one custodian node; its hash is H("access-request", request)."""

    kind: Literal["access-request"] = "access-request"
    version: Literal[1] = 1
    chain: ChainId
    id: Bytes16
    account: Identifier
    member: Identifier
    custodian: Identifier
    asked: Asked
    action: Name
    purpose: Name
    consents: Annotated[tuple[PresentedConsent, ...], msgspec.Meta(max_length=8)]
    valid_until: Milliseconds
    grants: Annotated[tuple[SignedGrant, ...], msgspec.Meta(max_length=1)] = ()


class SignedRequest(ChainObject, frozen=True, kw_only=True):
    """A request with the reader's signature over its 32-byte hash."""

    kind: Literal["signed-access-request"] = "signed-access-request"
    version: Literal[1] = 1
    request: AccessRequest
    key: PublicKey
    signature: Signature


class AccessReceipt(ChainObject, frozen=True, kw_only=True):
    """What a custodian's node answers for: the entry is item ``item`` of log entry ``index`` of its private chain.

    ``seen_height`` and ``seen_time`` are the consortium head that it decided on: from that time on the lag of the
    anchor counts. Its hash is H("access-receipt", receipt).
    """

    kind: Literal["access-receipt"] = "access-receipt"
    version: Literal[1] = 1
    chain: ChainId
    entry: Digest
    request: Digest
    outcome: Natural
    index: Natural
    item: Natural
    seen_height: Natural
    seen_time: Milliseconds
    time: Milliseconds


class SignedReceipt(ChainObject, frozen=True, kw_only=True):
    """A receipt with the signature of the custodian's service account over its 32-byte hash."""

    kind: Literal["signed-access-receipt"] = "signed-access-receipt"
    version: Literal[1] = 1
    receipt: AccessReceipt
    key: PublicKey
    signature: Signature
