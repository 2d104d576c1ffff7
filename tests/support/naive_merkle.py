"""RFC 6962 trees by the words of the RFC (2.1), with no thought for speed: what fast code is compared with in tests."""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.kernel.hashing import Hash


def naive_root(hash_: Hash, leaf_hashes: Sequence[bytes]) -> bytes:
    """Return MTH of leaves that are hashed already."""
    if not leaf_hashes:
        return hash_(b"")
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    k = split_point(len(leaf_hashes))
    return hash_(b"\x01" + naive_root(hash_, leaf_hashes[:k]) + naive_root(hash_, leaf_hashes[k:]))


def naive_path(hash_: Hash, m: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return PATH(m, D[n]), nearest first."""
    if len(leaf_hashes) == 1:
        return []
    k = split_point(len(leaf_hashes))
    if m < k:
        return [*naive_path(hash_, m, leaf_hashes[:k]), naive_root(hash_, leaf_hashes[k:])]
    return [*naive_path(hash_, m - k, leaf_hashes[k:]), naive_root(hash_, leaf_hashes[:k])]


def naive_consistency(hash_: Hash, m: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return PROOF(m, D[n]); empty from the empty tree, which the RFC leaves open."""
    return _subproof(hash_, m, leaf_hashes, known=True) if m else []


def _subproof(hash_: Hash, m: int, leaf_hashes: Sequence[bytes], *, known: bool) -> list[bytes]:
    if m == len(leaf_hashes):
        return [] if known else [naive_root(hash_, leaf_hashes)]
    k = split_point(len(leaf_hashes))
    if m <= k:
        return [*_subproof(hash_, m, leaf_hashes[:k], known=known), naive_root(hash_, leaf_hashes[k:])]
    return [*_subproof(hash_, m - k, leaf_hashes[k:], known=False), naive_root(hash_, leaf_hashes[:k])]


def split_point(n: int) -> int:
    """Return the largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k
