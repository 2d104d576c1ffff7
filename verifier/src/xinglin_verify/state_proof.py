"""Proofs of the authenticated state (docs/spec/state-tree.md): what a key holds under a root, or that it is absent.

It only verifies, and hashes key and value itself.
"""

from __future__ import annotations

from xinglin_verify.errors import DoesNotHold, VerifierError
from xinglin_verify.objects import StateProof
from xinglin_verify.schema import parse
from xinglin_verify.suites import Hash

EMPTY = bytes(32)
EXISTS, EMPTY_SLOT, OTHER_LEAF = 0, 1, 2
KEY_BITS = 256


def verify_state_proof(hash_: Hash, root: bytes, key: bytes, value: bytes | None, proof: bytes) -> bool:
    """Return whether a key has a value, or none, under a state root.

    Args:
        hash_: the suite's hash.
        root: the state root, 32 bytes.
        key: the state key's canonical bytes.
        value: the value's canonical bytes, or None for absence.
        proof: the canonical encoding of a state proof.
    """
    try:
        check_state_proof(hash_, root, key, value, proof)
    except VerifierError:
        return False
    return True


def check_state_proof(hash_: Hash, root: bytes, key: bytes, value: bytes | None, proof: bytes) -> None:
    """Do as `verify_state_proof`, but say by exception what is wrong.

    Raises:
        Malformed: the proof is no canonical state proof.
        Unknown: it has an unknown version.
        DoesNotHold: it doesn't prove this.
    """
    parsed = parse(StateProof, proof, "proof")
    kh = hash_(key)
    _check_form(parsed, kh, value)
    if value is not None:
        current = hash_(b"\x00" + kh + hash_(value))
    elif parsed.type == OTHER_LEAF:
        current = hash_(b"\x00" + parsed.other[0].kh + parsed.other[0].vh)
    else:
        current = EMPTY
    taken = len(parsed.siblings)
    for depth in range(parsed.depth - 1, -1, -1):
        sibling = EMPTY
        if _bit(parsed.bitmap, depth):
            sibling = parsed.siblings[taken - 32 : taken]
            taken -= 32
        current = hash_(b"\x01" + (sibling + current if _bit(kh, depth) else current + sibling))
    if current != root:
        raise DoesNotHold("state.root", key=key.hex())


def _check_form(proof: StateProof, kh: bytes, value: bytes | None) -> None:
    """Refuse a proof whose parts don't fit one another, so that a fact has one proof."""
    if proof.type not in (EXISTS, EMPTY_SLOT, OTHER_LEAF) or proof.depth > KEY_BITS:
        raise DoesNotHold("state.proof_form", part="type or depth")
    if (value is not None) != (proof.type == EXISTS) or len(proof.other) != (proof.type == OTHER_LEAF):
        raise DoesNotHold("state.proof_form", part="value or other leaf")
    bits = int.from_bytes(proof.bitmap, "big")
    spare = 8 * len(proof.bitmap) - proof.depth
    if not 0 <= spare < 8 or bits & ((1 << spare) - 1):
        raise DoesNotHold("state.proof_form", part="bitmap")
    given = [proof.siblings[start : start + 32] for start in range(0, len(proof.siblings), 32)]
    if len(proof.siblings) != 32 * bits.bit_count() or EMPTY in given:
        raise DoesNotHold("state.proof_form", part="siblings")
    if proof.other:
        common = int.from_bytes(kh, "big") ^ int.from_bytes(proof.other[0].kh, "big")
        if common == 0 or common >> (KEY_BITS - proof.depth):
            raise DoesNotHold("state.proof_form", part="other leaf")


def _bit(data: bytes, position: int) -> int:
    """Return a bit, counted from the most significant one of the first byte."""
    return data[position >> 3] >> (7 - (position & 7)) & 1
