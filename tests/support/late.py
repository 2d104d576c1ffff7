"""A home that began late beside one that has all of the log, without a network between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.chain import MAP_BYTES, Chain, commit, found_chain
from tests.support.snapshots import take_snapshot
from xinglin.carrier.ledger.backfill import Backfill
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.past import log_page, log_tile
from xinglin.carrier.ledger.snapshot import restore_snapshot

VALID_MS = 4_000
WIDE = 40
"""Of entries in a block of the old log."""


@dataclass
class Grown:
    """A chain of two tiles and more, a block without entries here and there, and a snapshot of its tip."""

    chain: Chain
    home: Path
    snapshot: Path


def grow(folder: Path) -> Grown:
    """Return a chain on the disk, not open."""
    chain = found_chain(max_valid_ms=VALID_MS)
    ledger = chain.create(folder / "home")
    for number in range(22):
        # The replay window begins with the last of 40: most of the last tile lies before it.
        count = WIDE if number < 18 and number % 5 else 10 if number == 21 else 0
        commit(ledger, *[sign(chain, ledger, f"c{number}-{one % 3}") for one in range(count)])
    take_snapshot(ledger, folder / "snapshot")
    ledger.close()
    return Grown(chain, folder / "home", folder / "snapshot")


def sign(chain: Chain, ledger: Ledger, name: str) -> bytes:
    """Return a transaction for the next block."""
    return chain.sign(chain.add(name), valid_until=ledger.tip.time + VALID_MS)


@dataclass
class Peer:
    """Another node's log, asked without a network; what it answers can be changed."""

    ledger: Ledger
    page_as: Callable[[bytes], bytes] = field(default=lambda page: page)
    tile_as: Callable[[bytes], bytes] = field(default=lambda tile: tile)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def page(self, first: int, below: int) -> bytes:
        """Return a page."""
        self.asked.append(("page", first))
        return self.page_as(log_page(self.ledger, first, below))

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile."""
        self.asked.append((f"tile {level}", index))
        return self.tile_as(log_tile(self.ledger, level, index))


@dataclass
class Pair:
    """A node that has all of the log and one that began late; both make the same blocks."""

    chain: Chain
    peer: Peer
    late: Ledger
    home: Path

    def block(self, *raws: bytes) -> None:
        """Commit the next block at both."""
        commit(self.peer.ledger, *raws)
        commit(self.late, *raws)
        assert self.late.tip == self.peer.ledger.tip

    def open_again(self) -> None:
        """Close and open the one that began late."""
        self.late.close()
        self.late = self.chain.open(self.home)

    def backfill(self) -> Backfill:
        """Return its backfill, which knows nothing but what is stored."""
        assert self.late.begun is not None
        return Backfill(self.late, self.late.begun)

    def slice(self, peer: Peer | None = None) -> None:
        """Fetch a slice and write it with a block."""
        done = self.late.write_past(self.backfill().fetch(peer or self.peer))
        assert not done.is_set()
        self.block()
        assert done.is_set()

    def finish(self) -> None:
        """Do all that is left."""
        while self.backfill().next < self.backfill().size:
            self.slice()
        done = self.late.write_past(self.backfill().finish(), whole=True)
        assert self.late.log_start > 0
        self.block()
        assert done.is_set()


@contextmanager
def late_pair(grown: Grown, folder: Path) -> Iterator[Pair]:
    """Give the two homes, open, in a folder."""
    shutil.copytree(grown.home, folder / "peer")
    peer = grown.chain.open(folder / "peer")
    count = len(list(grown.snapshot.iterdir())) - 1
    chunks = [(grown.snapshot / str(number)).read_bytes() for number in range(count)]
    manifest = (grown.snapshot / "manifest").read_bytes()
    head = peer.head_at(peer.tip.height)
    restore_snapshot(folder / "late", grown.chain.rules, head, manifest, chunks, MAP_BYTES)
    found = Pair(grown.chain, Peer(peer), grown.chain.open(folder / "late"), folder / "late")
    try:
        yield found
    finally:
        found.late.close()
        peer.close()
