"""Pure rules of record batches (docs/spec/contracts.md RC1, RC2): their size, the form and the order of their items."""

from __future__ import annotations

from collections.abc import Sequence
from operator import lt

MAX_BATCH = 256
"""Items of a batch at most; the number is a power of two."""
ITEM_BYTES = 85
_HEAD = b"\x92\xc4\x20"
_MIDDLE = b"\xc4\x30"
_COMMITMENT = slice(3, 35)
_FIXED = ((0, b"\x92"), (1, b"\xc4"), (2, b"\x20"), (35, b"\xc4"), (36, b"\x30"))


def item_bytes(commitment: bytes, locator: bytes) -> bytes:
    """Return the canonical encoding of a ``RecordItem``: 85 bytes, 32 of commitment and 48 of locator among them."""
    return b"%b%b%b%b" % (_HEAD, commitment, _MIDDLE, locator)


def size_in_form(count: int) -> bool:
    """Tell whether a batch may have so many items: a power of two from 1 to 256."""
    return 1 <= count <= MAX_BATCH and count & (count - 1) == 0


def items_in_form(items: Sequence[bytes]) -> bool:
    """Tell whether every item is the canonical encoding of a ``RecordItem``.

    Such an encoding has one length and five fixed bytes, so all items are looked at in one string, byte column by
    byte column: this is the hot path of registration.
    """
    if set(map(len, items)) != {ITEM_BYTES}:
        return False
    count, whole = len(items), b"".join(items)
    return all(whole[at::ITEM_BYTES] == byte * count for at, byte in _FIXED)


def items_in_order(items: Sequence[bytes]) -> bool:
    """Tell whether commitments ascend strictly, so that none is there twice."""
    commitments = [item[_COMMITMENT] for item in items]
    return all(map(lt, commitments, commitments[1:]))
