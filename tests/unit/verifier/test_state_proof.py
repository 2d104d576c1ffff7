"""State proofs in the verifier against a tree built by the words of docs/spec/state-tree.md."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xinglin_verify import Malformed, Unknown, VerifierError, verify_state_proof
from xinglin_verify.state_proof import check_state_proof

from tests.support.proof_bundles import EMPTY, StateTree, canonical
from tests.support.signing import GM, INTL

STATES = st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(max_size=4), max_size=10)
STATE = {bytes([one]): b"value %d" % one for one in range(40)}
TREE = StateTree(INTL.hash, STATE)
TYPE, DEPTH, BITMAP, SIBLINGS, OTHER = range(2, 7)


WITH_GAP = next(key for key in STATE if len(TREE.proof(key)[SIBLINGS]) < 32 * TREE.proof(key)[DEPTH])


def absent(wanted: int) -> bytes:
    """Return a key whose absence is shown by a proof of a type."""
    return next(key for key in map(b"key %d".__mod__, range(1000)) if TREE.proof(key)[TYPE] == wanted)


@pytest.mark.parametrize("hash_", [GM.hash, INTL.hash], ids=["gm", "intl"])
@given(STATES, st.binary(min_size=1, max_size=4))
def test_what_the_state_holds_is_proven_and_nothing_else(hash_: Any, state: dict[bytes, bytes], key: bytes) -> None:
    tree = StateTree(hash_, state)
    root = tree.root()
    for one in [*state, key]:
        value, proof = state.get(one), canonical(tree.proof(one))
        assert verify_state_proof(hash_, root, one, value, proof)
        assert not verify_state_proof(hash_, root, one, b"other" if value is None else None, proof)
        assert not verify_state_proof(hash_, hash_(b"x"), one, value, proof)
        if value is not None:
            assert not verify_state_proof(hash_, root, one, value + b"x", proof)
            assert not verify_state_proof(hash_, root, one + b"x", value, proof)


@pytest.mark.parametrize("key", [b"\x07", absent(1), absent(2)])
def test_a_proof_with_any_byte_changed_is_refused(key: bytes) -> None:
    proof, root = canonical(TREE.proof(key)), TREE.root()
    assert verify_state_proof(INTL.hash, root, key, STATE.get(key), proof)
    for position in range(len(proof)):
        for change in (1, 0x80, 0xFF):
            changed = proof[:position] + bytes([proof[position] ^ change]) + proof[position + 1 :]
            assert not verify_state_proof(INTL.hash, root, key, STATE.get(key), changed), position


def with_zero_sibling(proof: list[Any]) -> None:
    """Write an empty sibling out where the bitmap could have said it: the same path, another encoding."""
    bits = int.from_bytes(proof[BITMAP], "big")
    width = 8 * len(proof[BITMAP])
    missing = next(one for one in range(proof[DEPTH]) if not bits >> (width - 1 - one) & 1)
    before = (bits >> (width - missing)).bit_count()
    proof[BITMAP] = (bits | 1 << (width - 1 - missing)).to_bytes(len(proof[BITMAP]), "big")
    proof[SIBLINGS] = proof[SIBLINGS][: 32 * before] + EMPTY + proof[SIBLINGS][32 * before :]


def with_spare_bit(proof: list[Any]) -> None:
    proof[BITMAP] = proof[BITMAP][:-1] + bytes([proof[BITMAP][-1] | 1])


def with_longer_bitmap(proof: list[Any]) -> None:
    proof[BITMAP] += b"\x00"


def with_own_leaf_as_other(proof: list[Any]) -> None:
    proof[TYPE], proof[OTHER] = 2, [[INTL.hash(b"\x07"), INTL.hash(STATE[b"\x07"])]]


def with_far_leaf_as_other(proof: list[Any]) -> None:
    proof[TYPE], proof[OTHER] = 2, [[bytes(32), bytes(32)]]


def with_an_unneeded_leaf(proof: list[Any]) -> None:
    kh = INTL.hash(b"\x07")
    proof[OTHER] = [[kh[:-1] + bytes([kh[-1] ^ 1]), bytes(32)]]


def with_an_unneeded_sibling(proof: list[Any]) -> None:
    proof[SIBLINGS] = bytes([1] * 32) + proof[SIBLINGS]


def of_a_type_that_is_not_known(proof: list[Any]) -> None:
    proof[TYPE] = 3


def as_absence(proof: list[Any]) -> None:
    proof[TYPE] = 1


def too_deep(proof: list[Any]) -> None:
    proof[DEPTH], proof[BITMAP] = 257, proof[BITMAP] + bytes(33 - len(proof[BITMAP]))


@pytest.mark.parametrize(
    ("change", "key", "value", "part"),
    [
        (with_zero_sibling, WITH_GAP, STATE[WITH_GAP], "siblings"),
        (with_spare_bit, b"\x07", STATE[b"\x07"], "bitmap"),
        (with_longer_bitmap, b"\x07", STATE[b"\x07"], "bitmap"),
        (with_own_leaf_as_other, b"\x07", None, "other leaf"),
        (with_far_leaf_as_other, b"\x07", None, "other leaf"),
        (with_an_unneeded_leaf, b"\x07", STATE[b"\x07"], "value or other leaf"),
        (with_an_unneeded_sibling, b"\x07", STATE[b"\x07"], "siblings"),
        (of_a_type_that_is_not_known, absent(1), None, "type or depth"),
        (as_absence, b"\x07", STATE[b"\x07"], "value or other leaf"),
        (too_deep, b"\x07", STATE[b"\x07"], "type or depth"),
    ],
)
def test_another_form_of_a_proof_is_refused(change: Any, key: bytes, value: bytes | None, part: str) -> None:
    proof = TREE.proof(key)
    change(proof)
    with pytest.raises(VerifierError) as refusal:
        check_state_proof(INTL.hash, TREE.root(), key, value, canonical(proof))
    assert (refusal.value.reason, refusal.value.facts) == ("state.proof_form", {"part": part})


def test_the_empty_state_proves_every_absence() -> None:
    proof = ["state-proof", 1, 1, 0, b"", b"", []]
    assert verify_state_proof(INTL.hash, EMPTY, b"any", None, canonical(proof))
    assert not verify_state_proof(INTL.hash, TREE.root(), b"any", None, canonical(proof))


def test_what_is_no_proof_is_malformed_or_unknown() -> None:
    proof = TREE.proof(b"\x07")
    for data in (b"", canonical(proof) + b"\x00", canonical(proof[:-1]), canonical(["other", *proof[1:]])):
        with pytest.raises(Malformed):
            check_state_proof(INTL.hash, TREE.root(), b"\x07", STATE[b"\x07"], data)
    with pytest.raises(Unknown):
        check_state_proof(INTL.hash, TREE.root(), b"\x07", STATE[b"\x07"], canonical([proof[0], 2, *proof[2:]]))
