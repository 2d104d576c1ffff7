"""RFC 6962 trees: inclusion and consistency, with the hash of the chain's suite (docs/spec/encoding.md).

It only verifies. The algorithms are those of RFC 9162, 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin_verify.suites import Hash


def leaf_hash(hash_: Hash, data: bytes) -> bytes:
    """Return the hash of a leaf's data."""
    return hash_(b"\x00" + data)


def verify_inclusion(hash_: Hash, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether a leaf is in a tree (RFC 9162, 2.1.3.2).

    Args:
        hash_: the suite's hash.
        leaf: the leaf's hash, 32 bytes.
        index: position of the leaf, from 0.
        size: number of leaves of the tree; it must be committed with the root, which alone doesn't say it.
        path: sibling hashes from the leaf up.
        root: the tree's root.
    """
    if not 0 <= index < size or len(leaf) != 32:
        return False
    position, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            current = hash_(b"\x01" + sibling + current)
            while position & 1 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            current = hash_(b"\x01" + current + sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and current == root


def verify_consistency(
    hash_: Hash, old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Return whether the first tree is a prefix of the second (RFC 9162, 2.1.4.2).

    Args:
        hash_: the suite's hash.
        old_size: leaves of the first tree, at least 1: a proof from the empty tree would say nothing.
        new_size: leaves of the second tree.
        proof: the consistency proof; empty for equal sizes.
        old_root: root of the first tree.
        new_root: root of the second tree.
    """
    if old_size == new_size:
        return old_size > 0 and not proof and old_root == new_root
    if not 0 < old_size < new_size or not proof:
        return False
    nodes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old, new = hash_(b"\x01" + node + old), hash_(b"\x01" + node + new)
            while first & 1 == 0 and first:
                first, last = first >> 1, last >> 1
        else:
            new = hash_(b"\x01" + new + node)
        first, last = first >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root
