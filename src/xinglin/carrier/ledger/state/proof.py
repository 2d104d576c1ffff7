"""Proofs under a state root, and how they are checked (docs/spec/state-tree.md; S9.2).

Pure functions of a hash: ``kh = hash(key)``, ``vh = hash(value)``, leaf = hash(0x00 || kh || vh),
node = hash(0x01 || left || right), an empty subtree is 32 zero bytes. The numbers V1 to V7 are those of the
specification. Nothing here makes a proof, and a checker never takes a value hash from the proof.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import ChainObject, Digest, decode
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Hash

EMPTY = bytes(32)
"""The hash of a subtree with no keys."""
EXISTS, ABSENT_EMPTY, ABSENT_ANOTHER = 0, 1, 2
"""Types of a proof: the key is there; its place is empty; its place is taken by another key's leaf."""

Depth = Annotated[int, msgspec.Meta(ge=0, le=256)]
Bitmap = Annotated[bytes, msgspec.Meta(max_length=32)]
Siblings = Annotated[bytes, msgspec.Meta(max_length=256 * 32)]


class StateProof(ChainObject, frozen=True, kw_only=True):
    """The way from the root to a key's place.

    ``bitmap`` has ``depth`` bits, from the most significant of its first byte: bit i tells that the sibling at
    depth i is not empty. ``siblings`` are their hashes, from the root down, 32 bytes each, end to end.
    ``other`` is the (kh, vh) of the leaf found there, for type 2 only.
    """

    kind: Literal["state-proof"] = "state-proof"
    version: Literal[1] = 1
    type: Literal[0, 1, 2]
    depth: Depth
    bitmap: Bitmap
    siblings: Siblings
    other: Annotated[tuple[tuple[Digest, Digest], ...], msgspec.Meta(max_length=1)]


class StateSubtree(ChainObject, frozen=True, kw_only=True):
    """All keys under a prefix, with the way from the root to them (a chunk of a snapshot).

    ``leaves`` is (kh || vh) of each key, ascending by kh, 64 bytes each, end to end. The way ends at the
    prefix's length, or before it where nothing or one leaf is left.
    """

    kind: Literal["state-subtree"] = "state-subtree"
    version: Literal[1] = 1
    depth: Depth
    bitmap: Bitmap
    siblings: Siblings
    leaves: bytes


def verify_state_proof(hash_: Hash, root: bytes, key: bytes, value: bytes | None, proof: bytes) -> bool:
    """Tell whether a key has a value, or is absent, under a state root.

    Args:
        hash_: the chain's hash.
        root: the state root, 32 bytes.
        key: the state key itself.
        value: the value itself; None to check that the key is absent.
        proof: an encoded ``StateProof``.
    """
    try:
        shown = decode(StateProof, proof)  # V1
    except Invalid:
        return False
    kh = hash_(key)  # V2
    end = _end(hash_, kh, value, shown)  # V3 to V5
    if end is None:
        return False
    return _climb(hash_, kh, shown.depth, shown.bitmap, shown.siblings, end) == root  # V6, V7


def verify_state_subtree(
    hash_: Hash, root: bytes, prefix: bytes, bits: int, subtree: bytes
) -> list[tuple[bytes, bytes]] | None:
    """Return the (kh, vh) of all keys under a prefix, ascending, or None when the subtree does not hold.

    Args:
        hash_: the chain's hash.
        root: the state root, 32 bytes.
        prefix: 32 bytes, of which the first ``bits`` bits count.
        bits: 0 to 256.
        subtree: an encoded ``StateSubtree``.
    """
    try:
        shown = decode(StateSubtree, subtree)
    except Invalid:
        return None
    leaves = [(shown.leaves[at : at + 32], shown.leaves[at + 32 : at + 64]) for at in range(0, len(shown.leaves), 64)]
    keys = [kh for kh, _ in leaves]
    if len(shown.leaves) % 64 or any(left >= right for left, right in pairwise(keys)):
        return None
    # A way that ends early ends at a leaf or at nothing: else keys could be left out.
    if shown.depth > bits or (shown.depth < bits and len(leaves) > 1):
        return None
    if not all(_share(kh, prefix, shown.depth) for kh in keys):
        return None
    end = _subtree_root(hash_, leaves, shown.depth)
    if _climb(hash_, prefix, shown.depth, shown.bitmap, shown.siblings, end) != root:
        return None
    return [leaf for leaf in leaves if _share(leaf[0], prefix, bits)]


def _end(hash_: Hash, kh: bytes, value: bytes | None, shown: StateProof) -> bytes | None:
    """Return the hash that the proof's type puts at the key's place, None when type and claim disagree."""
    if (shown.type == EXISTS) != (value is not None) or (shown.type == ABSENT_ANOTHER) != bool(shown.other):
        return None
    if value is not None:
        return _leaf(hash_, kh, hash_(value))
    if shown.type == ABSENT_EMPTY:
        return EMPTY
    other_kh, other_vh = shown.other[0]
    if other_kh == kh or not _share(other_kh, kh, shown.depth):
        return None
    return _leaf(hash_, other_kh, other_vh)


def _climb(hash_: Hash, kh: bytes, depth: int, bitmap: bytes, siblings: bytes, end: bytes) -> bytes | None:
    """Return the root that the way leads to, None when its lengths, spare bits or siblings are wrong."""
    bits = int.from_bytes(bitmap, "big")
    spare = 8 * len(bitmap) - depth
    if len(bitmap) != (depth + 7) // 8 or bits & ((1 << spare) - 1) or len(siblings) != 32 * bits.bit_count():
        return None
    place, computed, at = int.from_bytes(kh, "big"), end, len(siblings)
    for level in reversed(range(depth)):
        sibling = EMPTY
        if bitmap[level // 8] & (0x80 >> level % 8):
            at -= 32
            sibling = siblings[at : at + 32]
            if sibling == EMPTY:  # the bitmap says it: else a fact would have several proofs
                return None
        if place >> (255 - level) & 1:
            computed = hash_(b"\x01" + sibling + computed)
        else:
            computed = hash_(b"\x01" + computed + sibling)
    return computed


def _subtree_root(hash_: Hash, leaves: list[tuple[bytes, bytes]], depth: int) -> bytes:
    """Return the hash of the subtree of ascending leaves that share their first ``depth`` bits."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return _leaf(hash_, *leaves[0])
    ones = [leaf for leaf in leaves if leaf[0][depth // 8] & (0x80 >> depth % 8)]
    left = _subtree_root(hash_, leaves[: len(leaves) - len(ones)], depth + 1)
    return hash_(b"\x01" + left + _subtree_root(hash_, ones, depth + 1))


def _leaf(hash_: Hash, kh: bytes, vh: bytes) -> bytes:
    return hash_(b"\x00" + kh + vh)


def _share(one: bytes, other: bytes, bits: int) -> bool:
    """Tell whether two hashes have the same first ``bits`` bits."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")) >> (256 - bits) == 0
