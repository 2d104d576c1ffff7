"""The log as one node gives it to another: pages of entries, and tiles that prove them (docs/spec/history.md; D5.6).

A page holds consecutive entries within one tile of level 0. Who has that tile knows the hash of each leaf, and each
leaf names its transaction and receipt: so a page is checked by itself, whoever gave it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.check import Checked, check_forms
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import HistoryInvalid, LogEntryNotFound, StoreDamaged
from xinglin.carrier.ledger.log import HASH_BYTES, WIDTH
from xinglin.carrier.ledger.model import Leaf, Receipt
from xinglin.carrier.ledger.reading import LedgerReading
from xinglin.carrier.ledger.records import read_entry, stored
from xinglin.carrier.ledger.store import Snapshot, Store, tile_key
from xinglin.carrier.ledger.transition import leaf_names
from xinglin.kernel.encoding import MAX_INTEGER, ChainObject, Natural, decode, pack
from xinglin.kernel.errors import Invalid

PAGE_BYTES = 1 << 20
"""A page ends with the entry by which it reaches so many bytes, if not with its tile."""
MAX_PAGE_BYTES = PAGE_BYTES + (18 << 20)
"""Of a page that a node reads: the largest transaction with its receipt comes on top."""
TILE_BYTES = WIDTH * HASH_BYTES
MAX_LEVEL = 7


class LoggedEntry(ChainObject, frozen=True):
    """The canonical bytes of a leaf, of the receipt and of the transaction that it names."""

    leaf: bytes
    receipt: bytes
    transaction: bytes


class LogPage(ChainObject, frozen=True, kw_only=True):
    """Consecutive entries of the log; ``first`` is the index of the first. They are at least one."""

    kind: Literal["log-page"] = "log-page"
    version: Literal[1] = 1
    first: Natural
    entries: tuple[LoggedEntry, ...]


@dataclass(frozen=True, slots=True)
class PastEntry:
    """An entry that was checked: its leaf, and its bytes."""

    leaf: Leaf
    logged: LoggedEntry


def log_page(ledger: LedgerReading, first: int, below: int) -> bytes:
    """Return the entries from one on, checked like those that are received: to the end of the tile, or 1 MiB.

    Args:
        ledger: the chain.
        first: index of the first.
        below: no entry of this index or a higher one.

    Raises:
        LogEntryNotFound: there is no such entry.
        LogBegunLate: it is not here.
        StoreDamaged: what is stored is not what was logged.
    """
    rules, size = ledger.rules, ledger.tip.log_size
    ledger.require_here(first)
    end = min(size, below, (first // WIDTH + 1) * WIDTH)
    if first >= end:
        raise LogEntryNotFound(chain=rules.chain, entry=first)
    entries: list[LoggedEntry] = []
    total = 0
    with ledger.store.snapshot() as view:
        tile = view.get("tile", tile_key(0, first // WIDTH)) or b""
        while first + len(entries) < end and total < PAGE_BYTES:
            record = read_entry(view, rules.chain, first + len(entries))
            entries.append(LoggedEntry(record.leaf, record.receipt, record.transaction))
            total += len(record.leaf) + len(record.receipt) + len(record.transaction)
    page = pack(LogPage(first=first, entries=tuple(entries)))
    try:
        checked_page(rules, first, page, hashes_of(tile)[first % WIDTH :])
    except HistoryInvalid:
        raise StoreDamaged(chain=rules.chain, what=f"its log from entry {first} on is not what was logged") from None
    return page


def log_tile(ledger: LedgerReading, level: int, index: int) -> bytes:
    """Return a complete tile: 256 hashes, those of leaves at level 0, above it each the root of a tile below.

    Raises:
        LogEntryNotFound: it is not complete yet, or never will be.
        LogBegunLate: the log is not here from its beginning.
    """
    span = WIDTH ** (level + 1) if level <= MAX_LEVEL else 0
    if not span or (index + 1) * span > ledger.tip.log_size:
        raise LogEntryNotFound(chain=ledger.rules.chain, entry=min(index * span, MAX_INTEGER))
    ledger.require_here(0)
    found = ledger.store.get("tile", tile_key(level, index))
    if found is None or len(found) != TILE_BYTES:
        raise StoreDamaged(chain=ledger.rules.chain, what=f"tile {(level, index)} of its log is missing")
    return found


def checked_page(rules: ChainRules, first: int, page: bytes, hashes: Sequence[bytes]) -> list[PastEntry]:
    """Return the entries of a page whose content leads to the leaf hashes that are known.

    Args:
        rules: the chain's rules.
        first: index of its first entry.
        page: as it came.
        hashes: of the leaves from ``first`` on to the end of the tile.

    Raises:
        HistoryInvalid: something in it is not what was logged.
    """

    def require(holds: bool, reason: str) -> None:
        if not holds:
            raise HistoryInvalid(chain=rules.chain, entry=first, reason=reason)

    try:
        said = decode(LogPage, page)
        require(said.first == first and 0 < len(said.entries) <= len(hashes), "it is another page")
        raws = [one.leaf for one in said.entries]
        require(rules.suite.leaf_hashes(raws) == list(hashes[: len(raws)]), "a leaf is not the one in the log")
        leaves = [decode(Leaf, raw) for raw in raws]
        receipts = [decode(Receipt, one.receipt) for one in said.entries]
    except Invalid:
        raise HistoryInvalid(chain=rules.chain, entry=first, reason="it does not decode") from None
    found = []
    forms = check_forms(rules, [one.transaction for one in said.entries])
    for offset, (leaf, receipt, checked) in enumerate(zip(leaves, receipts, forms, strict=True)):
        require(leaf.index == first + offset, "its leaves are in another order")
        named = isinstance(checked, Checked) and leaf_names(
            rules.suite.hash, leaf, checked.transaction.header, checked.transaction.signatures, receipt
        )
        require(named, "a leaf does not name its transaction and receipt")
        found.append(PastEntry(leaf, said.entries[offset]))
    return found


def hashes_of(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def past_blocks(rules: ChainRules, store: Store, begun: Head) -> Iterator[tuple[int, int, list[bytes]]]:
    """Yield (height, time, logged transactions) of each block up to the height at which a home began, from its log.

    The times of blocks that logged nothing are in no leaf. They change nothing but the order of times, so each is given
    one that keeps it.

    Raises:
        StoreDamaged: an entry is missing or does not decode.
    """
    index, height, time = 0, 0, rules.genesis.time
    while height < begun.height:
        with store.snapshot() as view:
            at, after, raws = _next_logged(rules, view, begun, index)
        for between in range(height + 1, at):
            time += 1
            yield between, time, []
        yield at, after, raws
        index, height, time = index + len(raws), at, after


def _next_logged(rules: ChainRules, view: Snapshot, begun: Head, index: int) -> tuple[int, int, list[bytes]]:
    """Return the next block that logged something, else the block of the beginning without entries."""
    height, time = begun.height, begun.time
    raws: list[bytes] = []
    while index < begun.size:
        record = read_entry(view, rules.chain, index)
        leaf = stored(Leaf, record.leaf, rules.chain, f"log entry {index}")
        if raws and leaf.height != height:
            break
        height, time = leaf.height, leaf.time
        raws.append(record.transaction)
        index += 1
    return height, time, raws
