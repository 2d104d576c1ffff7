"""Record commitments: salted hashes of a record's behaviour data, original and de-identified copy (H3; design D10).

``C = H("record", H("behaviour", salt, data), H("original", salt, bytes), H("copy", salt, bytes))``; each part can be
opened without the others, and destruction deletes the salts of the last two (docs/spec/locator.md CM1 to CM5). Pure:
the hash of the chain's suite comes in as an argument, as do salts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.kernel.hashing import Tag, preimage

HashMany = Callable[[Sequence[bytes]], list[bytes]]
"""Hashes many byte strings at once; gives what hashing each would give."""
NO_COPY = b""
"""What stands for the de-identified copy while there is none; it is salted like one."""


@dataclass(frozen=True, slots=True)
class RecordParts:
    """What a commitment is made of: three byte strings, each with its own 16-byte salt.

    ``behaviour`` is the canonical encoding of a ``Behaviour``, ``original`` the exact bytes kept in the vault.
    """

    behaviour_salt: bytes
    behaviour: bytes
    original_salt: bytes
    original: bytes
    copy_salt: bytes
    copy: bytes = NO_COPY


@dataclass(frozen=True, slots=True)
class RecordDigests:
    """The digests of the three parts, and the commitment over them."""

    behaviour: bytes
    original: bytes
    copy: bytes
    commitment: bytes


def commit_many(hash_many: HashMany, records: Sequence[RecordParts]) -> list[RecordDigests]:
    """Return digests and commitment of each record, by two calls of ``hash_many``."""
    parts: list[bytes] = []
    for record in records:
        parts.append(preimage(Tag.BEHAVIOUR, record.behaviour_salt, record.behaviour))
        parts.append(preimage(Tag.ORIGINAL, record.original_salt, record.original))
        parts.append(preimage(Tag.COPY, record.copy_salt, record.copy))
    digests = hash_many(parts)
    threes = list(zip(digests[::3], digests[1::3], digests[2::3], strict=True))
    commitments = hash_many([preimage(Tag.RECORD, *three) for three in threes])
    return [RecordDigests(*three, whole) for three, whole in zip(threes, commitments, strict=True)]
