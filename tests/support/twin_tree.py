"""The state tree's twin: roots and proofs straight from the definition, out of a plain dictionary.

It follows docs/spec/state-tree.md word for word and is far too slow for anything but comparing.
"""

from __future__ import annotations

from collections.abc import Mapping

from xinglin.carrier.ledger.state.proof import ABSENT_ANOTHER, ABSENT_EMPTY, EMPTY, EXISTS, StateProof
from xinglin.kernel.encoding import encode
from xinglin.kernel.hashing import Hash

Entries = Mapping[bytes, bytes]
"""Key hash to value hash."""


def bit(kh: bytes, depth: int) -> int:
    """Return bit number ``depth`` of a key hash, the most significant first."""
    return int.from_bytes(kh, "big") >> (255 - depth) & 1


def halves(entries: Entries, depth: int) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """Split a subtree's entries at a depth."""
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    for kh, vh in entries.items():
        sides[bit(kh, depth)][kh] = vh
    return sides


def twin_root(hash_: Hash, entries: Entries, depth: int = 0) -> bytes:
    """Return the hash of the subtree that has these entries at a depth."""
    if not entries:
        return EMPTY
    if len(entries) == 1:
        ((kh, vh),) = entries.items()
        return hash_(b"\x00" + kh + vh)
    left, right = halves(entries, depth)
    return hash_(b"\x01" + twin_root(hash_, left, depth + 1) + twin_root(hash_, right, depth + 1))


def twin_proof(hash_: Hash, entries: Entries, kh: bytes) -> bytes:
    """Return the encoded proof of one key."""
    here, depth, bits, siblings = dict(entries), 0, "", b""
    while len(here) > 1:
        sides = halves(here, depth)
        here, sibling = sides[bit(kh, depth)], sides[1 - bit(kh, depth)]
        bits += "1" if sibling else "0"
        siblings += twin_root(hash_, sibling, depth + 1) if sibling else b""
        depth += 1
    kind = EXISTS if kh in here else ABSENT_ANOTHER if here else ABSENT_EMPTY
    size = (depth + 7) // 8
    bitmap = int(bits.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")
    other = tuple(here.items()) if kind == ABSENT_ANOTHER else ()
    return encode(StateProof(type=kind, depth=depth, bitmap=bitmap, siblings=siblings, other=other))  # type: ignore[arg-type]
