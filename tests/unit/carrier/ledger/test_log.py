"""The log kept as tiles: the same roots and paths as RFC 6962 says, for every size, however it grew."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support.naive_merkle import naive_consistency, naive_path, naive_root
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.errors import StoreDamaged
from xinglin.carrier.ledger.log import HASH_BYTES, WIDTH, Tile, TileLog, TileReader, edge_tiles
from xinglin.carrier.ledger.merkle import verify_consistency, verify_inclusion

SIZES = (0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 700)
HUGE = WIDTH * WIDTH + WIDTH + 1


class Tiles:
    """A log that grows and the tiles that it hands out, in memory."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.log = TileLog(suite)
        self.tiles: dict[Tile, bytes] = {}
        self.leaves: list[bytes] = []

    def grow(self, count: int) -> None:
        new = self.suite.leaf_hashes([n.to_bytes(4, "big") for n in range(len(self.leaves), len(self.leaves) + count)])
        self.tiles |= self.log.append(new)
        self.leaves += new

    def reader(self) -> TileReader:
        return TileReader(self.suite, self.tiles.__getitem__, "c")


@pytest.fixture(scope="module")
def grown(gm: Suite) -> Tiles:
    """Return a log of 700 leaves that grew in steps of 1 to 37."""
    tiles = Tiles(gm)
    steps = itertools.cycle(range(1, 38))
    while len(tiles.leaves) < max(SIZES):
        tiles.grow(min(next(steps), max(SIZES) - len(tiles.leaves)))
    return tiles


def test_the_root_is_that_of_the_leaves_at_every_size(gm: Suite) -> None:
    tiles = Tiles(gm)
    assert tiles.log.root() == gm.hash(b"")
    for size in range(1, 601):
        tiles.grow(1)
        assert tiles.log.root() == naive_root(gm.hash, tiles.leaves), size


def test_the_root_is_the_same_whatever_it_grew_by(gm: Suite) -> None:
    """By one, by many, past a tile, apart from a copy that is given up."""
    tiles = Tiles(gm)
    for step in (1, 8, 9, 2, 200, 7, 40, 1, 300, 3, 8, 1, 500, 2):
        other = tiles.log.copy()
        other.append([bytes(32)] * step)
        assert other.root() == naive_root(gm.hash, [*tiles.leaves, *[bytes(32)] * step])
        tiles.grow(step)
        assert tiles.log.root() == tiles.log.root() == naive_root(gm.hash, tiles.leaves), len(tiles.leaves)


def test_tiles_hold_the_roots_of_complete_subtrees(grown: Tiles, gm: Suite) -> None:
    assert set(grown.tiles) == {(0, 0), (0, 1), (0, 2), (1, 0)}
    joined = b"".join(grown.tiles[0, index] for index in range(3))
    assert joined == b"".join(grown.leaves)
    complete = [naive_root(gm.hash, grown.leaves[low : low + WIDTH]) for low in (0, WIDTH)]
    assert grown.tiles[1, 0] == b"".join(complete)


def test_one_batch_and_many_small_ones_give_the_same_tiles(grown: Tiles, gm: Suite) -> None:
    at_once = Tiles(gm)
    at_once.grow(len(grown.leaves))
    assert at_once.tiles == grown.tiles


@pytest.mark.parametrize("size", SIZES)
def test_a_loaded_log_grows_like_the_one_that_was_written(grown: Tiles, gm: Suite, size: int) -> None:
    tiles = Tiles(gm)
    tiles.grow(size)
    tiles.log = TileLog.load(gm, size, tiles.tiles.__getitem__)
    assert tiles.log.root() == naive_root(gm.hash, grown.leaves[:size])
    tiles.grow(len(grown.leaves) - size)
    assert tiles.tiles == grown.tiles
    assert tiles.log.root() == grown.log.root()


def test_a_copy_grows_apart(gm: Suite) -> None:
    tiles = Tiles(gm)
    tiles.grow(5)
    before = tiles.log.root()
    copy = tiles.log.copy()
    copy.append([bytes(HASH_BYTES)])
    assert (tiles.log.root(), tiles.log.size) == (before, 5)
    assert (copy.root(), copy.size) != (before, 5)


@pytest.mark.parametrize("size", SIZES)
def test_the_edge_is_the_partial_tile_of_each_level(size: int) -> None:
    levels = {level: count for level in range(4) if (count := size // WIDTH**level)}
    assert edge_tiles(size) == [(level, count // WIDTH) for level, count in levels.items() if count % WIDTH]


@pytest.mark.parametrize("size", SIZES[1:])
def test_inclusion_paths_are_those_of_the_rfc(grown: Tiles, gm: Suite, size: int) -> None:
    reader, leaves = grown.reader(), grown.leaves[:size]
    root = reader.root(size)
    assert root == naive_root(gm.hash, leaves)
    for index in {0, 1, size // 2, max(0, size - 2), size - 1} & set(range(size)):
        path = reader.inclusion(index, size)
        assert list(path) == naive_path(gm.hash, index, leaves)
        assert reader.leaf_hash(index) == leaves[index]
        assert verify_inclusion(gm, leaves[index], index, size, path, root)


@pytest.mark.parametrize(("old", "new"), list(itertools.combinations_with_replacement(SIZES, 2)))
def test_consistency_proofs_are_those_of_the_rfc(grown: Tiles, gm: Suite, old: int, new: int) -> None:
    reader = grown.reader()
    proof = reader.consistency(old, new)
    assert list(proof) == naive_consistency(gm.hash, old, grown.leaves[:new])
    assert verify_consistency(gm, old, new, proof, reader.root(old), reader.root(new))


def test_three_levels_of_tiles(gm: Suite) -> None:
    tiles = Tiles(gm)
    tiles.grow(HUGE)
    assert {level for level, _ in tiles.tiles} == {0, 1, 2}
    reader = tiles.reader()
    root = naive_root(gm.hash, tiles.leaves)
    assert tiles.log.root() == root == reader.root(HUGE)
    for index in (0, WIDTH * WIDTH - 1, WIDTH * WIDTH, HUGE - 1):
        assert verify_inclusion(gm, tiles.leaves[index], index, HUGE, reader.inclusion(index, HUGE), root)
    old = WIDTH * WIDTH - 1
    assert verify_consistency(gm, old, HUGE, reader.consistency(old, HUGE), reader.root(old), root)


@pytest.mark.parametrize("gone", [1, WIDTH, WIDTH + 1])
def test_a_log_that_has_fewer_entries_than_were_asked_about_proves_nothing(grown: Tiles, gm: Suite, gone: int) -> None:
    tiles = Tiles(gm)
    tiles.grow(len(grown.leaves) - gone)
    reader = TileReader(gm, lambda tile: tiles.tiles.get(tile, b""), "c")
    size = len(grown.leaves)
    for ask in (lambda: reader.inclusion(10, size), lambda: reader.root(size), lambda: reader.consistency(3, size)):
        with pytest.raises(StoreDamaged):
            ask()
    assert reader.root(size - gone) == naive_root(gm.hash, tiles.leaves)


@pytest.mark.requirement("S8.5c")
def test_paths_of_many_entries_hash_each_subtree_once(grown: Tiles, gm: Suite) -> None:
    hashed: list[int] = []

    class Counting:
        """Counts the hashes of which a root is made."""

        def __getattr__(self, name: str) -> Any:
            return getattr(gm, name)

        def merkle_root(self, hashes: list[bytes]) -> bytes:
            """Count them."""
            hashed.append(len(hashes))
            return gm.merkle_root(hashes)

    reader = TileReader(Counting(), grown.tiles.__getitem__, "c")  # type: ignore[arg-type]  # it has all that is used
    first = reader.inclusion(300, 700)
    once = sum(hashed)
    for _ in range(50):
        assert reader.inclusion(300, 700) == first
    reader.inclusion(301, 700)
    assert sum(hashed) == once + 1  # its neighbour's own hash
