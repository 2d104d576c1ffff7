"""Each kind of proof holds if and only if its fact holds, for both verifiers and for the definition (invariant 4)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from xinglin_verify import merkle as their_merkle
from xinglin_verify.errors import VerifierError
from xinglin_verify.note import verify_note
from xinglin_verify.state_proof import verify_state_proof as theirs_verify_state
from xinglin_verify.suites import SUITES

from tests.support.mutations import changed, changed_bytes
from tests.support.naive_merkle import naive_consistency, naive_path, naive_root
from tests.support.sample_world import Sample
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.build import Signer, build_transaction, operation
from xinglin.carrier.ledger.bundle_model import ItemProof
from xinglin.carrier.ledger.checkpoint import parse_note
from xinglin.carrier.ledger.errors import CheckpointInvalid
from xinglin.carrier.ledger.log import Tile, TileLog, TileReader
from xinglin.carrier.ledger.merkle import verify_consistency, verify_inclusion
from xinglin.carrier.ledger.model import Transaction
from xinglin.carrier.ledger.state.native_tree import NativeTree
from xinglin.carrier.ledger.state.proof import StateProof, verify_state_proof
from xinglin.carrier.ledger.trust import check_cosignatures
from xinglin.kernel.encoding import decode, encode, pack
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, preimage
from xinglin.service.basic.coordination.model import ConfirmDestruction

names = st.sampled_from(["gm", "intl"])
hashes = st.binary(min_size=32, max_size=32)
THEIRS = {"gm": SUITES[1], "intl": SUITES[2]}


def include(chosen: Suite, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether a leaf is in a tree, on which both verifiers must agree."""
    ours = verify_inclusion(chosen, leaf, index, size, path, root)
    theirs = their_merkle.verify_inclusion(THEIRS[chosen.name].hash, leaf, index, size, path, root)
    assert ours == theirs
    return ours


def continues(chosen: Suite, old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Return whether a tree continues another, on which both verifiers must agree.

    The empty tree is left out: anchors begin from it, bundles never show it.
    """
    ours = verify_consistency(chosen, old, new, proof, old_root, new_root)
    if old:
        hash_ = THEIRS[chosen.name].hash
        assert ours == their_merkle.verify_consistency(hash_, old, new, proof, old_root, new_root)
    return ours


def grown(chosen: Suite, leaves: Sequence[bytes], steps: Sequence[int]) -> tuple[TileLog, dict[Tile, bytes]]:
    """Return the log of leaves that came in steps of these sizes, and its tiles."""
    log, tiles, first = TileLog(chosen), {}, 0
    for step in (*steps, len(leaves)):
        tiles |= log.append(leaves[first : first + step])
        first += step
    return log, tiles


def leaves_of(count: int, seed: int) -> list[bytes]:
    """Return distinct leaf hashes."""
    return [seed.to_bytes(16, "big") + number.to_bytes(16, "big") for number in range(count)]


@pytest.mark.requirement("S9.2")
@given(data=st.data(), name=names, size=st.integers(1, 700), seed=st.integers(0, 9))
def test_tiles_give_the_paths_of_the_definition(data: st.DataObject, name: str, size: int, seed: int) -> None:
    chosen, leaves = suite(name), leaves_of(size, seed)
    log, tiles = grown(chosen, leaves, data.draw(st.lists(st.integers(0, 300), max_size=6)))
    reader = TileReader(chosen, tiles.__getitem__, "c")
    assert log.root() == reader.root(size) == naive_root(chosen.hash, leaves)
    part = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, part - 1))
    path, root = reader.inclusion(index, part), reader.root(part)
    assert list(path) == naive_path(chosen.hash, index, leaves[:part])
    assert include(chosen, leaves[index], index, part, path, root)
    proof = reader.consistency(part, size)
    assert list(proof) == naive_consistency(chosen.hash, part, leaves)
    assert continues(chosen, part, size, proof, root, log.root())


@given(data=st.data(), name=names, size=st.integers(1, 40))
def test_inclusion_holds_for_the_leaf_at_its_place_only(data: st.DataObject, name: str, size: int) -> None:
    chosen, leaves = suite(name), leaves_of(size, 0)
    root, index = naive_root(chosen.hash, leaves), data.draw(st.integers(0, size - 1))
    fact = [leaves[index], index, size, naive_path(chosen.hash, index, leaves), root]
    assert include(chosen, *fact)
    other = changed(data.draw, fact)
    assume(len(other) == 5 and [type(one) for one in other] == [type(one) for one in fact])
    assume(all(isinstance(one, bytes) for one in other[3]))
    holds = include(chosen, *other)
    # The size is no part of the fact where a tree of another size has the same way to its root.
    assert holds == (other[0:2] + other[3:] == fact[0:2] + fact[3:] and same_way(index, size, other[2]))


def same_way(index: int, size: int, other: int) -> bool:
    """Tell whether a leaf's way to the root has the same turns in trees of two sizes."""
    return index < other and turns(index, size) == turns(index, other)


def turns(index: int, size: int) -> list[bool]:
    """Return for each hash of a leaf's path whether it is on the left, nearest first."""
    found, last = [], size - 1
    while last:
        if index % 2 or index < last:
            found.append(bool(index % 2) or index == last)
        index, last = index // 2, last // 2
    return found


@given(data=st.data(), name=names, new=st.integers(1, 40))
def test_consistency_holds_for_continued_trees_only(data: st.DataObject, name: str, new: int) -> None:
    chosen, leaves = suite(name), leaves_of(new, 0)
    old = data.draw(st.integers(0, new))
    proof = naive_consistency(chosen.hash, old, leaves)
    old_root, new_root = naive_root(chosen.hash, leaves[:old]), naive_root(chosen.hash, leaves)
    assert continues(chosen, old, new, proof, old_root, new_root)
    forked = [data.draw(hashes), *leaves[1:]]
    if old and forked != leaves:
        other = naive_consistency(chosen.hash, old, forked)
        assert not continues(chosen, old, new, other, old_root, naive_root(chosen.hash, forked))
        assert not continues(chosen, old, new, proof, naive_root(chosen.hash, forked[:old]), new_root)
    wrong = changed(data.draw, [proof, old_root, new_root])
    assume(len(wrong) == 3 and wrong != [proof, old_root, new_root])
    assume(isinstance(wrong[0], list) and all(isinstance(one, bytes) for one in [*wrong[0], *wrong[1:]]))
    if old or wrong[1] != old_root:
        assert not continues(chosen, old, new, *wrong)


states = st.dictionaries(st.binary(max_size=8), st.binary(max_size=8), max_size=12)


@pytest.mark.requirement("S9.2")
@given(data=st.data(), name=names, state=states)
def test_a_state_proof_holds_for_what_the_state_has(data: st.DataObject, name: str, state: dict[bytes, bytes]) -> None:
    chosen = suite(name)
    tree = NativeTree(chosen)
    keys = sorted(state)
    version = tree.update(tree.empty(), chosen.hash_many(keys), chosen.hash_many([state[key] for key in keys]))
    root = tree.root(version)
    key = data.draw(st.sampled_from(keys) if keys and data.draw(st.booleans()) else st.binary(max_size=8))
    fact = [root, key, [state[key]] if key in state else [], tree.prove_many(version, [chosen.hash(key)])[0]]
    assert shown(chosen, fact)
    other = changed(data.draw, fact)
    assume(len(other) == 4 and [type(one) for one in other] == [type(one) for one in fact] and other != fact)
    assume(len(other[2]) < 2 and all(isinstance(one, bytes) for one in other[2]))
    # A proof of absence may serve another absent key; nothing else that is changed holds.
    serves = other[0] == root and other[3] == fact[3] and not other[2] and not fact[2] and other[1] not in state
    assert not shown(chosen, other) or serves
    tree.close()


@settings(max_examples=500)
@given(seed=st.integers(0, 2**32), name=names)
def test_both_agree_on_state_proofs_whose_root_fits(seed: int, name: str) -> None:
    """As a liar could who chooses the root: only the rules of form (V3 to V5) are left to refuse."""
    chosen = suite(name)
    shown(chosen, fitting(random.Random(seed), chosen.hash, b"key"))


def fitting(drawn: random.Random, hash_: Callable[[bytes], bytes], key: bytes) -> list[Any]:
    """Return a fact (root, key, value, proof) whose proof, good or bad in form, leads to the root."""

    def seldom(good: Any, *others: Any) -> Any:
        return drawn.choice(others) if drawn.random() < 0.1 else good

    kh, depth = hash_(key), drawn.choice([0, 1, 2, 7, 8, 9, 16, 255, 256, 257])
    bits = "".join(drawn.choice("01") for _ in range(depth))
    padded = bits + "".join(seldom("0", "1") for _ in range(-depth % 8))
    bitmap = b"".join(int(padded[at : at + 8], 2).to_bytes(1, "big") for at in range(0, len(padded), 8))
    siblings = [seldom(hash_(b"%d" % number), bytes(32)) for number in range(padded.count("1"))]
    type_ = drawn.choice([0, 1, 2, 2])
    value = seldom(None if type_ else b"value", b"", None)
    differs = drawn.choice([depth, depth + 1, 255, depth - 1, 0])
    other = int.from_bytes(kh, "big") ^ seldom(1 << max(0, 255 - max(0, differs)), 0)
    leaf = (other.to_bytes(32, "big"), hash_(b"other"))
    others = seldom([leaf] if type_ == 2 else [], [], [leaf], [leaf, leaf])
    end = hash_(b"\x00" + kh + hash_(value)) if value is not None else bytes(32)
    if value is None and others:
        end = hash_(b"\x00" + b"".join(others[0]))
    root, rest = end, list(siblings)
    for level in reversed(range(depth)):
        sibling = rest.pop() if bits[level] == "1" else bytes(32)
        right = int.from_bytes(kh, "big") >> max(0, 255 - level) & 1
        root = hash_(b"\x01" + (sibling + root if right else root + sibling))
    written = seldom(bitmap, bitmap + b"\x00", b"\x00" + bitmap, bitmap[:-1])
    proof = ["state-proof", seldom(1, 0, 2), seldom(type_, 3), depth, written, b"".join(siblings), others]
    return [root, key, [] if value is None else [value], pack(proof)]


@given(data=st.data(), state=st.dictionaries(st.binary(max_size=8), st.binary(max_size=8), min_size=2, max_size=12))
def test_an_empty_sibling_is_never_written_out(data: st.DataObject, state: dict[bytes, bytes]) -> None:
    chosen = suite("gm")
    tree = NativeTree(chosen)
    keys = sorted(state)
    version = tree.update(tree.empty(), chosen.hash_many(keys), chosen.hash_many([state[key] for key in keys]))
    key = data.draw(st.sampled_from(keys))
    proof = decode(StateProof, tree.prove_many(version, [chosen.hash(key)])[0])
    bits = [proof.bitmap[depth // 8] >> (7 - depth % 8) & 1 for depth in range(proof.depth)]
    assume(0 in bits)
    depth = bits.index(0)
    place = 32 * sum(bits[:depth])
    bitmap = bytearray(proof.bitmap)
    bitmap[depth // 8] |= 0x80 >> depth % 8
    siblings = proof.siblings[:place] + bytes(32) + proof.siblings[place:]
    wordy = encode(replace(proof, bitmap=bytes(bitmap), siblings=siblings))
    assert shown(chosen, [tree.root(version), key, [state[key]], encode(proof)])
    assert not shown(chosen, [tree.root(version), key, [state[key]], wordy])
    tree.close()


def shown(chosen: Suite, fact: Sequence[object]) -> bool:
    """Return whether a state proof holds, on which both verifiers must agree."""
    root, key, values, proof = fact
    value = values[0] if values else None  # type: ignore[index]
    ours = verify_state_proof(chosen.hash, root, key, value, proof)  # type: ignore[arg-type]
    assert ours == theirs_verify_state(THEIRS[chosen.name].hash, root, key, value, proof)  # type: ignore[arg-type]
    return ours


KEYS = {name: suite(name).generate_private_key() for name in ("gm", "intl")}


@given(data=st.data(), name=names, counts=st.lists(st.integers(0, 9), min_size=1, max_size=7))
def test_one_operation_and_item_lead_to_the_body_id(data: st.DataObject, name: str, counts: list[int]) -> None:
    chosen, private = suite(name), KEYS[name]
    operations = [
        operation(chosen, "records", f"m{position}", ConfirmDestruction(bytes(32)), [b"%d" % n for n in range(count)])
        for position, count in enumerate(counts)
    ]
    signer = Signer(chosen.public_key(private), lambda message: chosen.sign(private, message))
    built = build_transaction(chosen, "c" + "a" * 26, bytes(16), 1, operations, [signer])
    transaction = decode(Transaction, built.raw)
    heads = chosen.leaf_hashes(chosen.hash_many([preimage(Tag.OPERATION, one.head) for one in operations]))
    position = data.draw(st.integers(0, len(counts) - 1))
    path, header = chosen.merkle_path(heads, position), transaction.header
    count, root = header.operation_count, header.operations_root
    assert path == naive_path(chosen.hash, position, heads)
    for place, head in enumerate(heads):
        assert include(chosen, head, position, count, path, root) == (place == position)
    items = chosen.leaf_hashes(operations[position].items)
    for index in range(len(items)):
        proof = ItemProof(operations[position].items[index], index, tuple(chosen.merkle_path(items, index)))
        batch = transaction.operations[position].head.batch[0]
        for place, item in enumerate(items):
            assert include(chosen, item, index, batch.count, proof.path, batch.root) == (place == index)


@given(data=st.data())
def test_no_changed_checkpoint_passes(data: st.DataObject, sample: Sample) -> None:
    rules, whole = sample.ledger.rules, sample.checkpoint.encode()
    epoch = sample.epoch_one()
    keys = {member.member: member.key for member in epoch.members}

    def ours(note: bytes) -> bool:
        try:
            parsed = parse_note(note)
            check_cosignatures(rules.suite, rules.genesis.suite, parsed, epoch, None)
        except PlatformError:
            return False
        return parsed.head.chain == rules.chain

    assert ours(whole)
    assert holds(lambda: verify_note(whole, rules.chain, keys, THEIRS["gm"]))
    other = changed_bytes(data.draw, whole)
    assume(other != whole)
    assert not ours(other)
    assert not holds(lambda: verify_note(other, rules.chain, keys, THEIRS["gm"]))


def holds(check: Callable[[], object]) -> bool:
    """Return whether the independent verifier refuses nothing."""
    try:
        check()
    except VerifierError:
        return False
    return True


@given(note=st.binary(max_size=300))
def test_no_bytes_break_the_parser(note: bytes) -> None:
    with pytest.raises(CheckpointInvalid):
        parse_note(note)
