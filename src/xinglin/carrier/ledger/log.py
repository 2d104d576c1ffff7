"""The ledger log: an RFC 6962 tree kept as tiles of 256 hashes (docs/spec/log-and-checkpoint.md; C2SP tlog-tiles).

``TileLog`` grows in memory by its right edge only, one partial tile a level; complete tiles are read through a
callable. Paths are made for any size up to the present one. Nothing here knows what a leaf says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.errors import StoreDamaged

WIDTH = 256
_FEW = 8
HASH_BYTES = 32
Tile = tuple[int, int]
"""Level and index of a tile."""


def edge_tiles(size: int) -> list[Tile]:
    """Return the partial tile of each level of a log of ``size`` leaves, from level 0 up; none where it is empty."""
    tiles = []
    level, count = 0, size
    while count:
        if count % WIDTH:
            tiles.append((level, count // WIDTH))
        level, count = level + 1, count // WIDTH
    return tiles


class TileLog:
    """The right edge of a log.

    Args:
        suite: gives the hash.
        size: number of leaves.
        edge: hashes of the partial tile of each level, from level 0 up.
    """

    def __init__(self, suite: Suite, size: int = 0, edge: Sequence[list[bytes]] = ()) -> None:
        self._suite = suite
        self.size = size
        self._edge = [list(hashes) for hashes in edge]
        self._peaks: list[tuple[int, list[bytes]]] = [(0, []) for _ in self._edge]
        """Of each partial tile, how many hashes were looked at, and the roots of the whole subtrees of these."""

    @classmethod
    def load(cls, suite: Suite, size: int, read: Callable[[Tile], bytes]) -> TileLog:
        """Return the log of ``size`` leaves whose tiles ``read`` gives."""
        edge: list[list[bytes]] = []
        for level, index in edge_tiles(size):
            while len(edge) < level:
                edge.append([])
            edge.append(_split(read((level, index))))
        return cls(suite, size, edge)

    def copy(self) -> TileLog:
        """Return a log that can grow apart from this one."""
        other = TileLog(self._suite, self.size, self._edge)
        other._peaks = [(count, list(roots)) for count, roots in self._peaks]
        return other

    def append(self, leaf_hashes: Sequence[bytes]) -> dict[Tile, bytes]:
        """Append leaf hashes and return every tile that changed, whole or partial, as its bytes."""
        changed: dict[Tile, bytes] = {}
        new, level, first = list(leaf_hashes), 0, self.size
        self.size += len(new)
        while new:
            if level == len(self._edge):
                self._edge.append([])
                self._peaks.append((0, []))
            index, full = first // WIDTH, []
            hashes = self._edge[level] + new
            while len(hashes) >= WIDTH:
                changed[level, index] = b"".join(hashes[:WIDTH])
                full.append(self._suite.merkle_root(hashes[:WIDTH]))
                hashes, index, self._peaks[level] = hashes[WIDTH:], index + 1, (0, [])
            if hashes:
                changed[level, index] = b"".join(hashes)
            self._edge[level] = hashes
            new, level, first = full, level + 1, first // WIDTH
        return changed

    def root(self) -> bytes:
        """Return the root of all leaves; of none, the hash of the empty string."""
        tail: bytes | None = None
        for level in range(len(self._edge)):
            for peak in reversed(self._peaks_of(level)):
                tail = peak if tail is None else self._suite.node_hash(peak, tail)
        return self._suite.hash(b"") if tail is None else tail

    def _peaks_of(self, level: int) -> Sequence[bytes]:
        """Return the roots of the whole subtrees of a partial tile, the largest first; those of before are reused."""
        hashes, (count, peaks) = self._edge[level], self._peaks[level]
        if len(hashes) - count > _FEW:
            peaks, count = [], len(hashes)
            for size in (1 << bit for bit in reversed(range(count.bit_length())) if count >> bit & 1):
                start = count - count % (2 * size)
                peaks.append(self._suite.merkle_root(hashes[start : start + size]))
        for added in hashes[count:]:
            whole, bits = added, count
            while bits & 1:
                whole, bits = self._suite.node_hash(peaks.pop(), whole), bits >> 1
            peaks.append(whole)
            count += 1
        self._peaks[level] = count, peaks
        return peaks


class TileReader:
    """Makes roots and paths of a log from its tiles, for any size that the tiles cover.

    It remembers tiles and the roots of subtrees, so that paths of many entries cost less than one after the other. Its
    methods raise StoreDamaged where a tile has fewer hashes than the size asked about needs.

    Args:
        suite: gives the hash.
        read: (level, index) -> the tile's bytes; a partial tile may be longer than the size asked about needs.
        chain: whose log it is, for messages.
    """

    def __init__(self, suite: Suite, read: Callable[[Tile], bytes], chain: str) -> None:
        self._suite = suite
        self._read = read
        self._chain = chain
        self._tiles: dict[Tile, list[bytes]] = {}
        self._roots: dict[tuple[int, int], bytes] = {}

    def leaf_hash(self, index: int) -> bytes:
        """Return the hash of one leaf."""
        return self._range(index, index + 1)

    def root(self, size: int) -> bytes:
        """Return the root of the first ``size`` leaves."""
        return self._range(0, size) if size else self._suite.hash(b"")

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the audit path of a leaf in the tree of the first ``size`` leaves, nearest first (RFC 6962, 2.1.1)."""
        path: list[bytes] = []
        low, high = 0, size
        while high - low > 1:
            middle = low + _split_point(high - low)
            if index < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return tuple(reversed(path))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that ``new`` leaves continue ``old`` (RFC 6962, 2.1.2); empty when old is 0 or new."""
        if old in (0, new):
            return ()
        proof: list[bytes] = []
        low, high, whole = 0, new, True
        while old != high:
            middle = low + _split_point(high - low)
            if old <= middle:
                proof.append(self._range(middle, high))
                high = middle
            else:
                proof.append(self._range(low, middle))
                low, whole = middle, False
        if not whole:
            proof.append(self._range(low, high))
        return tuple(reversed(proof))

    def _range(self, low: int, high: int) -> bytes:
        """Return the root of leaves [low, high), a subtree of RFC 6962 (low is a multiple of its width)."""
        if (low, high) not in self._roots:
            self._roots[low, high] = self._made(low, high)
        return self._roots[low, high]

    def _made(self, low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1):
            middle = low + _split_point(count)
            return self._suite.node_hash(self._range(low, middle), self._range(middle, high))
        level, width = 0, 1
        while width * WIDTH <= count:
            level, width = level + 1, width * WIDTH
        first, wanted = low // width, count // width
        tile = (level, first // WIDTH)
        hashes = self._tile(tile)[first % WIDTH : first % WIDTH + wanted]
        if len(hashes) != wanted:
            raise StoreDamaged(chain=self._chain, what=f"tile {tile} of its log has too few hashes")
        return self._suite.merkle_root(hashes)

    def _tile(self, tile: Tile) -> list[bytes]:
        if tile not in self._tiles:
            self._tiles[tile] = _split(self._read(tile))
        return self._tiles[tile]


def _split_point(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _split(data: bytes) -> list[bytes]:
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]
