"""Checks inclusion and consistency proofs of RFC 6962 trees under a suite's hash (RFC 9162, 2.1.3.2, 2.1.4.2).

Proofs are sibling hashes, nearest first. Nothing here makes a proof or stores a tree, and nothing raises:
whatever is malformed does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.crypto.suite import Suite


def verify_inclusion(suite: Suite, leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a leaf is in a tree at a place (RFC 9162, 2.1.3.2; S9.2).

    Args:
        suite: gives the hash.
        leaf_hash: hash(0x00 || leaf), 32 bytes.
        index: the leaf's place, from 0.
        size: number of leaves of the tree, from where the root is from: the root alone does not commit to it, and
            a path verifies for several sizes.
        path: sibling hashes, nearest first, 32 bytes each, exactly as many as the place has.
        root: the tree's root.
    """
    if not 0 <= index < size or not _are_hashes(suite, (leaf_hash, *path)):
        return False
    node, last, computed = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            return False
        if node % 2 or node == last:
            computed = suite.node_hash(sibling, computed)
            node, last = _skip_promoted(node, last)
        else:
            computed = suite.node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and computed == root


def verify_consistency(
    suite: Suite, old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Tell whether a tree continues an older one, nothing changed or taken away (RFC 9162, 2.1.4.2; S9.2).

    Args:
        suite: gives the hash.
        old_size: number of leaves of the older tree. Every tree continues the empty one, whose root is the
            hash of the empty string; the RFC leaves this case open.
        new_size: number of leaves of the newer tree.
        proof: hashes of 32 bytes, exactly as many as the two sizes need; none when they are equal or the
            older tree is empty.
        old_root: root of the older tree.
        new_root: root of the newer tree.
    """
    if not 0 <= old_size <= new_size or not _are_hashes(suite, proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root and (old_size > 0 or old_root == suite.hash(b""))
    if old_size == 0:
        return not proof and old_root == suite.hash(b"") and _are_hashes(suite, (new_root,))
    return consistency_roots(suite, old_size, new_size, proof, old_root) == (old_root, new_root)


def consistency_roots(
    suite: Suite, old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes] | None:
    """Return the roots of the older and the newer tree to which a consistency proof leads; None if it has no form.

    Args:
        suite: gives the hash.
        old_size: number of leaves of the older tree, more than none.
        new_size: number of leaves of the newer tree, greater than that.
        proof: hashes of 32 bytes.
        old_root: root of the older tree, from which the proof starts where that is a complete one.
    """
    if not 0 < old_size < new_size or not _are_hashes(suite, proof):
        return None
    # A tree of 2**k leaves is a node of the newer tree: the proof leaves it out.
    hashes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    return _follow(suite, hashes, old_size - 1, new_size - 1) if hashes else None


def _follow(suite: Suite, hashes: list[bytes], node: int, last: int) -> tuple[bytes, bytes] | None:
    """Compute both roots from the node that the trees share; None if there are too many hashes, or too few."""
    while node % 2:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return None
        if node % 2 or node == last:
            old, new = suite.node_hash(sibling, old), suite.node_hash(sibling, new)
            node, last = _skip_promoted(node, last)
        else:
            new = suite.node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None


def _skip_promoted(node: int, last: int) -> tuple[int, int]:
    """Climb past the levels where the node has no sibling: it is the last of an odd number."""
    while node and node % 2 == 0:
        node, last = node >> 1, last >> 1
    return node, last


def _are_hashes(suite: Suite, values: Sequence[bytes]) -> bool:
    return all(len(value) == suite.hash_size for value in values)
