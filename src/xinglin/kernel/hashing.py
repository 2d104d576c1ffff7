"""Tagged hashing: ``H(tag, x...) = hash(ASCII tag || 0x00 || canonical array of x...)`` (design D3).

The table of tags is here and nowhere else; a tag is used in one place. RFC 6962 trees and the state tree's kh, vh,
leaf and node are exempt by name: they have prefixes of their own. This module names no hash algorithm: the
function comes from the chain's suite.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Self

from xinglin.kernel.encoding import pack

Hash = Callable[[bytes], bytes]
"""A hash function of a suite: any bytes in, 32 bytes out."""


class Tag(StrEnum):
    """Every tag, with what is hashed under it; ``prefix`` is how a preimage begins."""

    prefix: bytes

    def __new__(cls, value: str) -> Self:
        """Make a member; its prefix is worked out once, because every hash begins with one."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.prefix = value.encode("ascii") + b"\x00"
        return member

    GENESIS = "genesis"
    KEY_PROOF = "key-proof"
    EPOCH = "epoch"
    BODY = "body"
    TRANSACTION = "transaction"
    OPERATION = "operation"
    RECEIPT = "receipt"
    APP = "app"
    RECORD = "record"
    BEHAVIOUR = "behaviour"
    ORIGINAL = "original"
    COPY = "copy"
    PERSON = "person"
    LOCATOR_KEY = "locator-key"
    AUDIENCE_KEY = "audience-key"
    CERTIFICATE = "certificate"
    ERASED = "erased"
    SUBJECT = "subject"
    NOTICE = "notice"
    NOTICE_ID = "notice-id"
    ACKNOWLEDGEMENT = "acknowledgement"
    EPISODE = "episode"
    EPISODE_SEAL = "episode-seal"
    EPISODE_LATE = "episode-late"
    EPISODE_OPEN = "episode-open"
    ACCESS_ENTRY = "access-entry"
    ACCESS_HEAD = "access-head"
    ACCESS_REQUEST = "access-request"
    ACCESS_RECEIPT = "access-receipt"
    ACCESS_SOURCE = "access-source"
    IDENTITY = "identity"
    MATCH = "match"
    CONSENT = "consent"
    CONSENT_GRANT = "consent-grant"
    CONSENT_REVOKE = "consent-revoke"
    SUBJECT_CERTIFICATE = "subject-certificate"
    SUBJECT_STATEMENT = "subject-statement"
    BREAK_GLASS = "break-glass"
    EMERGENCY_GRANT = "emergency-grant"
    HEAD_SLOT = "head-slot"
    BLOCK_RECORD = "block-record"
    VAULT_KEY = "vault-key"
    VAULT_LOOKUP = "vault-lookup"
    PSEUDONYM = "pseudonym"
    NODE_REQUEST = "node-request"
    JOIN_REQUEST = "join-request"


def preimage(tag: Tag, *values: Any) -> bytes:
    """Return the bytes that ``H`` hashes, for callers that hash many at once."""
    return tag.prefix + pack(values)


def tagged(hash_: Hash, tag: Tag, *values: Any) -> bytes:
    """Return H(tag, values...), 32 bytes."""
    return hash_(preimage(tag, *values))
