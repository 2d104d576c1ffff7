"""State proofs: every changed byte and every rule of form is refused (docs/spec/state-tree.md V1 to V7; S9.2)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.state.native_tree import NativeTree
from xinglin.carrier.ledger.state.proof import (
    ABSENT_ANOTHER,
    ABSENT_EMPTY,
    EXISTS,
    StateProof,
    StateSubtree,
    verify_state_proof,
    verify_state_subtree,
)
from xinglin.kernel.encoding import decode, encode

GM = suite("gm")
ENTRIES = {b"key %d" % n: b"value %d" % n for n in range(200)}
TREE = NativeTree(GM)
VERSION = TREE.update(TREE.empty(), GM.hash_many(list(ENTRIES)), GM.hash_many(list(ENTRIES.values())))
ROOT = TREE.root(VERSION)


def proof_of(key: bytes) -> StateProof:
    return decode(StateProof, TREE.prove_many(VERSION, [GM.hash(key)])[0])


def absent(kind: int) -> bytes:
    """Return a key that is not there and whose proof has this type."""
    return next(key for n in range(10_000) if proof_of(key := b"absent %d" % n).type == kind)


CASES = {EXISTS: b"key 7", ABSENT_EMPTY: absent(ABSENT_EMPTY), ABSENT_ANOTHER: absent(ABSENT_ANOTHER)}


def holds(key: bytes, proof: StateProof, root: bytes = ROOT) -> bool:
    return verify_state_proof(GM.hash, root, key, ENTRIES.get(key), msgspec.msgpack.encode(proof))


@pytest.mark.requirement("S9.2")
@pytest.mark.parametrize("kind", CASES)
def test_every_changed_byte_is_refused(kind: int) -> None:
    key, value = CASES[kind], ENTRIES.get(CASES[kind])
    proof = encode(proof_of(key))
    assert verify_state_proof(GM.hash, ROOT, key, value, proof)
    for at in range(len(proof)):
        for flip in (0x01, 0x80, 0xFF):
            changed = proof[:at] + bytes([proof[at] ^ flip]) + proof[at + 1 :]
            assert not verify_state_proof(GM.hash, ROOT, key, value, changed), at
    for at in range(32):
        assert not verify_state_proof(GM.hash, ROOT[:at] + bytes([ROOT[at] ^ 1]) + ROOT[at + 1 :], key, value, proof)
    for other in (key + b"\x00", key[:-1], b""):
        assert not verify_state_proof(GM.hash, ROOT, other, value, proof)


@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    assert not verify_state_proof(GM.hash, ROOT, b"key 7", b"value 7", garbage)
    assert verify_state_subtree(GM.hash, ROOT, bytes(32), 0, garbage) is None


def replaced(**fields: object) -> Callable[[StateProof], StateProof]:
    return lambda proof: msgspec.structs.replace(proof, **fields)


def spelled_out(proof: StateProof) -> StateProof:
    """Write an empty sibling out as 32 zero bytes, though the bitmap could say it."""
    bits = [proof.bitmap[level // 8] >> (7 - level % 8) & 1 for level in range(proof.depth)]
    at = bits.index(0)
    bitmap = bytearray(proof.bitmap)
    bitmap[at // 8] |= 0x80 >> at % 8
    cut = 32 * sum(bits[:at])
    siblings = proof.siblings[:cut] + bytes(32) + proof.siblings[cut:]
    return msgspec.structs.replace(proof, bitmap=bytes(bitmap), siblings=siblings)


def longer(proof: StateProof) -> StateProof:
    """Claim one level more than there is, with an empty sibling, as if the leaf were deeper."""
    size = (proof.depth + 8) // 8
    return msgspec.structs.replace(proof, depth=proof.depth + 1, bitmap=proof.bitmap.ljust(size, b"\x00"))


FORM = {
    "spare bits": lambda proof: msgspec.structs.replace(
        proof, bitmap=proof.bitmap[:-1] + bytes([proof.bitmap[-1] | 1])
    ),
    "long bitmap": lambda proof: msgspec.structs.replace(proof, bitmap=proof.bitmap + b"\x00"),
    "short bitmap": lambda proof: msgspec.structs.replace(proof, bitmap=proof.bitmap[:-1]),
    "one sibling more": lambda proof: msgspec.structs.replace(proof, siblings=proof.siblings + bytes(32)),
    "one sibling less": lambda proof: msgspec.structs.replace(proof, siblings=proof.siblings[:-32]),
    "an unused sibling in front": lambda proof: msgspec.structs.replace(proof, siblings=bytes(32) + proof.siblings),
    "an unused sibling with its spare bit": lambda proof: msgspec.structs.replace(
        proof, bitmap=proof.bitmap[:-1] + bytes([proof.bitmap[-1] | 1]), siblings=bytes(32) + proof.siblings
    ),
    "part of a sibling": lambda proof: msgspec.structs.replace(proof, siblings=proof.siblings[:-1]),
    "deeper than it is": longer,
    "another leaf where none belongs": replaced(other=((bytes(32), bytes(32)),)),
}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("change", FORM)
def test_every_rule_of_form_is_enforced(kind: int, change: str) -> None:
    key = CASES[kind]
    assert proof_of(key).depth % 8, "the case needs spare bits"
    assert holds(key, proof_of(key))
    assert not holds(key, FORM[change](proof_of(key)))


def test_the_keys_own_leaf_proves_no_absence() -> None:
    only = NativeTree(GM)
    kh, vh = GM.hash(b"here"), GM.hash(b"value")
    root = only.root(only.update(only.empty(), [kh], [vh]))
    own = encode(StateProof(type=2, depth=0, bitmap=b"", siblings=b"", other=((kh, vh),)))
    assert verify_state_proof(GM.hash, root, b"elsewhere", None, own)
    assert not verify_state_proof(GM.hash, root, b"here", None, own)


def test_a_leaf_in_the_wrong_place_proves_nothing() -> None:
    """No honest tree has such a root; whoever made it up must not profit from it."""
    key = next(b"%d" % n for n in range(100) if GM.hash(b"%d" % n)[0] < 0x80)
    misplaced, vh = b"\xff" * 32, GM.hash(b"value")
    root = GM.hash(b"\x01" + GM.hash(b"\x00" + misplaced + vh) + bytes(32))
    proof = StateProof(type=2, depth=1, bitmap=b"\x00", siblings=b"", other=((misplaced, vh),))
    assert not verify_state_proof(GM.hash, root, key, None, encode(proof))
    subtree = StateSubtree(depth=1, bitmap=b"\x00", siblings=b"", leaves=misplaced + vh)
    assert verify_state_subtree(GM.hash, root, bytes(32), 1, encode(subtree)) is None


def test_a_lone_leaf_in_the_way_is_not_under_the_prefix() -> None:
    only = NativeTree(GM)
    kh, vh = GM.hash(b"here"), GM.hash(b"value")
    version = only.update(only.empty(), [kh], [vh])
    other = bytes([kh[0] ^ 0x80]) + kh[1:]
    for prefix, expected in ((kh, [(kh, vh)]), (other, [])):
        subtree = only.subtree(version, prefix, 256)
        assert verify_state_subtree(GM.hash, only.root(version), prefix, 256, subtree) == expected


def test_type_and_claim_must_agree() -> None:
    there, empty = CASES[EXISTS], CASES[ABSENT_EMPTY]
    assert not verify_state_proof(GM.hash, ROOT, there, None, encode(proof_of(there)))
    assert not verify_state_proof(GM.hash, ROOT, empty, b"", encode(proof_of(empty)))
    assert not holds(there, msgspec.structs.replace(proof_of(there), type=ABSENT_EMPTY))


def test_a_fact_has_one_proof() -> None:
    """A key whose way has an empty sibling, shown with that sibling written out: the hashes fit, the form does not."""
    key = next(key for key in ENTRIES if proof_of(key).depth > len(proof_of(key).siblings) // 32)
    assert holds(key, proof_of(key))
    assert not holds(key, spelled_out(proof_of(key)))


@pytest.mark.parametrize("bits", [0, 1, 3, 8, 12, 256])
def test_every_changed_byte_of_a_subtree_is_refused(bits: int) -> None:
    prefix = GM.hash(b"key 7")
    subtree = TREE.subtree(VERSION, prefix, bits)
    assert verify_state_subtree(GM.hash, ROOT, prefix, bits, subtree) is not None
    step = max(1, len(subtree) // 100)
    for at in (*range(40), *range(40, len(subtree), step)):
        if at < len(subtree):
            changed = subtree[:at] + bytes([subtree[at] ^ 1]) + subtree[at + 1 :]
            assert verify_state_subtree(GM.hash, ROOT, prefix, bits, changed) is None, at


def test_a_subtree_leaves_nothing_out() -> None:
    prefix = bytes(32)
    shown = decode(StateSubtree, TREE.subtree(VERSION, prefix, 2))
    assert len(shown.leaves) // 64 > 10
    # A part of the keys, or more than was asked for: both true, neither an answer.
    for bits in (1, 3):
        assert verify_state_subtree(GM.hash, ROOT, prefix, 2, TREE.subtree(VERSION, prefix, bits)) is None
    for leaves in (shown.leaves[64:], shown.leaves[:-64], shown.leaves[64:128] + shown.leaves, shown.leaves[:-1]):
        cut = msgspec.structs.replace(shown, leaves=leaves)
        assert verify_state_subtree(GM.hash, ROOT, prefix, 2, encode(cut)) is None
