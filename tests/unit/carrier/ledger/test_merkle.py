"""Refusals of the RFC 6962 checks that the published vectors leave open: made-up roots, odd sizes, the empty tree."""

from __future__ import annotations

import pytest

from tests.support.naive_merkle import naive_consistency, naive_path, naive_root
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.merkle import verify_consistency, verify_inclusion

pytestmark = pytest.mark.requirement("S9.2")


@pytest.fixture(params=["gm", "intl"])
def chosen(request: pytest.FixtureRequest) -> Suite:
    """Return each suite."""
    return suite(request.param)


def leaves_of(chosen: Suite, count: int) -> list[bytes]:
    return chosen.leaf_hashes([b"%d" % n for n in range(count)])


def test_every_place_of_every_small_tree(chosen: Suite) -> None:
    for size in range(1, 20):
        leaves = leaves_of(chosen, size)
        root = naive_root(chosen.hash, leaves)
        for index in range(size):
            path = naive_path(chosen.hash, index, leaves)
            for claimed in range(size + 1):
                held = verify_inclusion(chosen, leaves[index], claimed, size, path, root)
                assert held is (claimed == index)


def test_a_root_does_not_say_its_size(chosen: Suite) -> None:
    """Why every size that a path is checked with is itself hashed or signed (docs/spec/encoding.md)."""
    leaves = leaves_of(chosen, 3)
    root, path = naive_root(chosen.hash, leaves), naive_path(chosen.hash, 0, leaves)
    sizes = [size for size in range(20) if verify_inclusion(chosen, leaves[0], 0, size, path, root)]
    assert sizes == [3, 4]


def test_every_pair_of_small_sizes(chosen: Suite) -> None:
    leaves = leaves_of(chosen, 20)
    roots = [naive_root(chosen.hash, leaves[:size]) for size in range(20)]
    for new in range(20):
        for old in range(new + 1):
            proof = naive_consistency(chosen.hash, old, leaves[:new])
            assert verify_consistency(chosen, old, new, proof, roots[old], roots[new])
            if old < new:
                assert not verify_consistency(chosen, new, old, proof, roots[new], roots[old])
                assert not verify_consistency(chosen, old, new, proof, roots[new], roots[old])
            assert not verify_consistency(chosen, old, new, [*proof, bytes(32)], roots[old], roots[new])
            assert not proof or not verify_consistency(chosen, old, new, proof[:-1], roots[old], roots[new])


def test_a_path_past_the_root_is_refused_though_a_root_fits(chosen: Suite) -> None:
    leaf, above = chosen.leaf_hash(b"leaf"), chosen.hash(b"above")
    assert not verify_inclusion(chosen, leaf, 0, 1, [above], chosen.node_hash(above, leaf))
    leaves = leaves_of(chosen, 4)
    old, new = (chosen.node_hash(above, naive_root(chosen.hash, leaves[:size])) for size in (3, 4))
    proof = [*naive_consistency(chosen.hash, 3, leaves), above]
    assert not verify_consistency(chosen, 3, 4, proof, old, new)


def test_hashes_of_another_length_are_refused_though_a_root_fits(chosen: Suite) -> None:
    leaf, short = chosen.leaf_hash(b"leaf"), bytes(31)
    for sibling in (short, bytes(33), b""):
        assert not verify_inclusion(chosen, leaf, 0, 2, [sibling], chosen.node_hash(leaf, sibling))
        assert not verify_consistency(chosen, 1, 2, [sibling], leaf, chosen.node_hash(leaf, sibling))
    assert not verify_inclusion(chosen, short, 0, 1, [], short)


def test_sizes_that_are_none(chosen: Suite) -> None:
    root = chosen.leaf_hash(b"leaf")
    for index, size in ((0, 0), (-1, 1), (1, 1), (0, -1)):
        assert not verify_inclusion(chosen, root, index, size, [], root)
    for old, new in ((4, 2), (2, 1), (-1, 1), (-1, -1), (1, 0)):
        assert not verify_consistency(chosen, old, new, [], root, root)


def test_every_tree_continues_the_empty_one_whose_root_is_one(chosen: Suite) -> None:
    empty, root = chosen.hash(b""), chosen.leaf_hash(b"leaf")
    assert verify_consistency(chosen, 0, 1, [], empty, root)
    assert verify_consistency(chosen, 0, 0, [], empty, empty)
    assert not verify_consistency(chosen, 0, 1, [], root, root)
    assert not verify_consistency(chosen, 0, 0, [], root, root)
    assert not verify_consistency(chosen, 0, 1, [root], empty, root)
    assert not verify_consistency(chosen, 0, 1, [], empty, root[:-1])
