"""The native state tree against its twin, a dictionary and a second author's tree (invariant of design D6)."""

from __future__ import annotations

import hashlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.support.twin_tree import twin_proof, twin_root
from xinglin.carrier.crypto.errors import LengthInvalid
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.state.errors import TreeKeyDuplicate, TreeVersionUnknown
from xinglin.carrier.ledger.state.native_tree import NativeTree
from xinglin.carrier.ledger.state.proof import verify_state_proof, verify_state_subtree


def sparse_key(parts: tuple[int, int, int]) -> bytes:
    """Return a key hash that shares long prefixes with others, so that changes collapse and stretch far."""
    first, middle, last = parts
    return bytes([first]) + bytes(15) + bytes([middle]) + bytes(14) + bytes([last])


khs = st.one_of(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)).map(sparse_key),
    st.integers(0, 40).map(lambda n: hashlib.sha256(bytes([n])).digest()),
)
vhs = st.one_of(st.none(), st.integers(1, 3).map(lambda n: bytes([n]) * 32))
changes = st.dictionaries(khs, vhs, max_size=12)


class TreeMachine(RuleBasedStateMachine):
    """Versions branch, change and go in any order; each stays what its dictionary says."""

    versions = Bundle("versions")

    def __init__(self) -> None:
        super().__init__()
        self.suite = suite("gm")
        self.tree = NativeTree(self.suite)
        self.maps: dict[int, dict[bytes, bytes]] = {}

    @rule(target=versions)
    def start(self) -> int:
        version = self.tree.empty()
        self.maps[version] = {}
        return version

    @rule(target=versions, base=versions, batch=changes)
    def update(self, base: int, batch: dict[bytes, bytes | None]) -> int:
        version = self.tree.update(base, list(batch), list(batch.values()))
        entries = self.maps[base] | batch
        self.maps[version] = {kh: vh for kh, vh in entries.items() if vh is not None}
        return version

    @rule(version=consumes(versions))
    def drop(self, version: int) -> None:
        self.tree.drop(version)
        del self.maps[version]
        with pytest.raises(TreeVersionUnknown):
            self.tree.root(version)

    @rule(version=versions, kh=khs)
    def prove(self, version: int, kh: bytes) -> None:
        entries = self.maps[version]
        assert self.tree.prove_many(version, [kh]) == [twin_proof(self.suite.hash, entries, kh)]
        assert self.tree.get_many(version, [kh]) == [entries.get(kh)]

    @rule(version=versions, prefix=khs, bits=st.integers(0, 256))
    def list_subtree(self, version: int, prefix: bytes, bits: int) -> None:
        root, shown = self.tree.root(version), self.tree.subtree(version, prefix, bits)
        wanted = int.from_bytes(prefix, "big") >> (256 - bits)
        expected = [
            entry
            for entry in sorted(self.maps[version].items())
            if int.from_bytes(entry[0], "big") >> (256 - bits) == wanted
        ]
        assert verify_state_subtree(self.suite.hash, root, prefix, bits, shown) == expected

    @invariant()
    def every_version_is_its_dictionary(self) -> None:
        for version, entries in self.maps.items():
            assert self.tree.root(version) == twin_root(self.suite.hash, entries)

    @invariant()
    def nothing_is_kept_that_no_version_holds(self) -> None:
        stats = self.tree.stats()
        assert stats.versions == len(self.maps)
        different = {entry for entries in self.maps.values() for entry in entries.items()}
        assert len(different) <= stats.leaves <= sum(map(len, self.maps.values()))

    def teardown(self) -> None:
        for version in self.maps:
            self.tree.drop(version)
        stats = self.tree.stats()
        assert (stats.versions, stats.nodes, stats.leaves) == (0, 0, 0)
        self.tree.close()


TestTreeMachine = TreeMachine.TestCase


@given(st.lists(changes, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_roots_depend_on_the_map_alone(batches: list[dict[bytes, bytes | None]], shuffle: object) -> None:
    tree = NativeTree(suite("gm"))
    entries: dict[bytes, bytes | None] = {}
    by_steps = tree.empty()
    for batch in batches:
        entries |= batch
        by_steps = tree.update(by_steps, list(batch), list(batch.values()))
    left = [(kh, vh) for kh, vh in entries.items() if vh is not None]
    shuffle.shuffle(left)  # type: ignore[attr-defined]
    at_once = tree.update(tree.empty(), [kh for kh, _ in left], [vh for _, vh in left])
    assert tree.root(by_steps) == tree.root(at_once)


@given(st.dictionaries(st.binary(max_size=3), st.binary(min_size=1, max_size=3), max_size=12), st.data())
def test_the_same_roots_as_another_author(entries: dict[bytes, bytes], data: st.DataObject) -> None:
    smt = pytest.importorskip("smt.tree", reason="the package sparse-merkle-tree is not installed")
    store = pytest.importorskip("smt.store")
    intl = suite("intl")
    theirs, ours = smt.SparseMerkleTree(store=store.TreeMemoryStore()), NativeTree(intl)
    version = ours.empty()
    for key, value in entries.items():
        theirs.update(key, value)
        version = ours.update(version, [intl.hash(key)], [intl.hash(value)])
        assert ours.root(version) == theirs.root_as_bytes()
    for key in data.draw(st.lists(st.sampled_from(sorted(entries)), unique=True)) if entries else []:
        theirs.delete(key)
        version = ours.update(version, [intl.hash(key)], [None])
        assert ours.root(version) == theirs.root_as_bytes()


@given(
    st.dictionaries(st.binary(max_size=3), st.binary(max_size=3), max_size=20),
    st.binary(max_size=3),
    st.sampled_from(["gm", "intl"]),
)
@pytest.mark.requirement("S9.2")
def test_a_proof_holds_for_the_truth_only(entries: dict[bytes, bytes], asked: bytes, name: str) -> None:
    chosen = suite(name)
    tree = NativeTree(chosen)
    version = tree.update(tree.empty(), chosen.hash_many(list(entries)), chosen.hash_many(list(entries.values())))
    root = tree.root(version)
    for key in (*list(entries)[:3], asked):
        [proof] = tree.prove_many(version, [chosen.hash(key)])
        truth = entries.get(key)
        lies: list[bytes | None] = [None, b"another value"]
        assert verify_state_proof(chosen.hash, root, key, truth, proof)
        assert tree.get_many(version, [chosen.hash(key)]) == [None if truth is None else chosen.hash(truth)]
        for lie in lies:
            if lie != truth:
                assert not verify_state_proof(chosen.hash, root, key, lie, proof)


@pytest.fixture
def gm() -> Suite:
    return suite("gm")


def test_long_proofs_and_subtrees_are_whole(gm: Suite) -> None:
    """Two keys that differ in the last bit only have the longest proofs, past the first guess at their size."""
    tree = NativeTree(gm)
    near = [bytes(31) + bytes([last]) for last in (0, 1)]
    far = [(1 << bit).to_bytes(32, "big") for bit in range(1, 256)]
    khs = near + far
    version = tree.update(tree.empty(), khs, [bytes([7]) * 32] * len(khs))
    proofs = tree.prove_many(version, near)
    assert proofs == [twin_proof(gm.hash, dict.fromkeys(khs, bytes([7]) * 32), kh) for kh in near]
    assert min(map(len, proofs)) > 8192
    many = [gm.hash(n.to_bytes(4, "big")) for n in range(20_000)]
    version = tree.update(tree.empty(), many, many)
    shown = verify_state_subtree(gm.hash, tree.root(version), bytes(32), 0, tree.subtree(version, bytes(32), 0))
    assert shown == sorted(zip(many, many, strict=True))


def test_refusals_change_nothing(gm: Suite) -> None:
    tree = NativeTree(gm)
    kh, vh = gm.hash(b"key"), gm.hash(b"value")
    version = tree.update(tree.empty(), [kh], [vh])
    before = tree.stats()
    with pytest.raises(TreeKeyDuplicate):
        tree.update(version, [kh, kh], [vh, None])
    with pytest.raises(TreeVersionUnknown):
        tree.update(version + 1, [kh], [vh])
    with pytest.raises(LengthInvalid):
        tree.update(version, [kh[:-1]], [vh])
    with pytest.raises(LengthInvalid):
        tree.update(version, [kh], [vh + b"\x00"])
    with pytest.raises(LengthInvalid):
        tree.update(version, [kh], [])
    with pytest.raises(LengthInvalid):
        tree.subtree(version, bytes(32), 257)
    with pytest.raises(LengthInvalid):
        tree.prove_many(version, [b""])
    for call in (tree.root, tree.drop):
        with pytest.raises(TreeVersionUnknown):
            call(version + 1)
    assert tree.stats() == before


def test_closed_trees_know_nothing(gm: Suite) -> None:
    tree = NativeTree(gm)
    version = tree.empty()
    tree.close()
    tree.close()
    with pytest.raises(TreeVersionUnknown):
        tree.root(version)


def test_memory_stays_flat_as_versions_go(gm: Suite) -> None:
    tree = NativeTree(gm)
    khs = gm.hash_many([n.to_bytes(4, "big") for n in range(5000)])
    version = tree.update(tree.empty(), khs, khs)
    reserved = 0
    for turn in range(60):
        following = tree.update(version, khs[turn * 50 : turn * 50 + 50], khs[:50])
        tree.drop(version)
        version = following
        if turn == 5:
            reserved = tree.stats().reserved_bytes
    assert tree.stats().reserved_bytes == reserved


def test_readers_see_whole_versions_while_others_are_made(gm: Suite) -> None:
    tree = NativeTree(gm)
    keys = [n.to_bytes(4, "big") for n in range(3000)]
    khs = gm.hash_many(keys)
    pinned = tree.update(tree.empty(), khs, khs)
    root, wrong, done = tree.root(pinned), [], threading.Event()

    def read() -> None:
        while not done.is_set():
            proofs = tree.prove_many(pinned, khs[:40])
            if not all(
                verify_state_proof(gm.hash, root, key, kh_source, proof)
                for key, kh_source, proof in zip(keys[:40], keys[:40], proofs, strict=True)
            ):
                wrong.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    version = pinned
    for turn in range(100):
        following = tree.update(version, khs[turn::30], [khs[turn]] * len(khs[turn::30]))
        if version != pinned:
            tree.drop(version)
        version = following
    done.set()
    reader.join()
    assert not wrong
