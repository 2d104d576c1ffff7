"""Pure rules of access entries (docs/spec/access.md AC2 to AC6): what an entry may say, and how heads chain entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.service.basic.audit.model import NO_RECORD, AccessEntry, AccessHead, OpenedCopy, Proven, SourceCount

MAX_AGE_MS = 60_000
"""An entry is logged so soon after it was made, or not at all."""
MAX_AHEAD_MS = 10_000
"""A node's clock may be ahead of block time by as much (design D5.4)."""
MINUTE_MS = 60_000
EMPTY_HEAD = AccessHead(count=0, last=bytes(32))
"""What stands for the head of a record that nobody has asked for."""


def entry_hash(hash_: Hash, item: bytes) -> bytes:
    """Return H("access-entry", entry) of an entry in its canonical encoding."""
    return tagged(hash_, Tag.ACCESS_ENTRY, msgspec.Raw(item))


def next_head(hash_: Hash, head: AccessHead, entry: bytes) -> AccessHead:
    """Return the head after one more entry, given by its hash."""
    return AccessHead(count=head.count + 1, last=tagged(hash_, Tag.ACCESS_HEAD, head.last, entry))


def head_of(hash_: Hash, items: Iterable[bytes]) -> AccessHead:
    """Return the head that a list of entries leads to, given in their canonical encoding and in log order."""
    head = EMPTY_HEAD
    for item in items:
        head = next_head(hash_, head, entry_hash(hash_, item))
    return head


def head_parts(entry: AccessEntry) -> tuple[str, bytes | str]:
    """Return what names an entry's head in the namespace: of its record, or of its reader where it has none."""
    return ("reader", entry.member) if entry.commitment == NO_RECORD else ("head", entry.commitment)


def in_time(entry: AccessEntry, block_time: int) -> bool:
    """Tell whether an entry's time fits the block that logs it."""
    return block_time - MAX_AGE_MS <= entry.time <= block_time + MAX_AHEAD_MS


def proven_in_form(entry: AccessEntry, own_member: str) -> bool:
    """Tell whether an entry holds the proof that it names; without one it speaks of the institution's own accounts."""
    if entry.proven is Proven.SIGNATURE:
        return len(entry.proof) == 1
    return not entry.proof and entry.member == own_member


def opens_in_form(entry: AccessEntry) -> bool:
    """Tell whether an entry opens a copy only where a record was named and permitted."""
    return entry.copy is OpenedCopy.NONE or (entry.outcome == 0 and entry.commitment != NO_RECORD)


def sources_in_order(items: Sequence[SourceCount]) -> bool:
    """Tell whether sources ascend strictly, so that each is there once."""
    sources = [item.source for item in items]
    return sources == sorted(set(sources))


def source_commitment(hash_: Hash, salt: bytes, source: bytes) -> bytes:
    """Return H("access-source", salt, source): an address that only the holder of the salt can look for."""
    return tagged(hash_, Tag.ACCESS_SOURCE, salt, source)
