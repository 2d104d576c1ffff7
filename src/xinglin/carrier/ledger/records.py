"""What the store keeps of blocks and log entries, and how it is read back (design D5.8; docs/spec/transition.md).

None of these is hashed into a chain or sent: another version of the store may have others. A row that is missing or
does not decode is damage, never an answer.
"""

from __future__ import annotations

from typing import TypeVar

from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import StoreDamaged
from xinglin.carrier.ledger.model import Flag
from xinglin.carrier.ledger.store import Snapshot, number_key
from xinglin.kernel.encoding import ChainObject, Digest, Milliseconds, Natural, decode
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Hash, Tag, tagged

T = TypeVar("T")

_BEFORE_LEAF = b"\x93\xc4"
"""How an entry begins: an array of three, the first of them bytes whose length, below 256, is the next byte."""


class BlockRecord(ChainObject, frozen=True):
    """A block: its time, its log entries and the roots after it.

    ``checksum`` is over height and all of it: nothing else would notice an altered time of a block without entries.
    """

    time: Milliseconds
    first: Natural
    count: Natural
    state_root: Digest
    log_root: Digest
    checksum: Digest

    @property
    def log_size(self) -> int:
        """Number of leaves after the block."""
        return self.first + self.count

    def head(self, chain: str, height: int) -> Head:
        """Return the head of the chain after this block."""
        return Head(chain, self.log_size, self.log_root, self.state_root, height, self.time)


class EntryRecord(ChainObject, frozen=True):
    """A logged transaction: canonical bytes of leaf, receipt and transaction."""

    leaf: bytes
    receipt: bytes
    transaction: bytes


class PastRecord(ChainObject, frozen=True):
    """How much of the log before a home's beginning is here: all before ``next``; ``whole`` once it was checked."""

    next: Natural = 0
    whole: Flag = 0


PAST_KEY = b"past"
"""Where the table ``meta`` has it, in a home that began from a snapshot."""


def block_record(hash_: Hash, head: Head, count: int) -> BlockRecord:
    """Return the record of the block that made a head and logged ``count`` transactions."""
    values = (head.time, head.size - count, count, head.state_root, head.log_root)
    return BlockRecord(*values, tagged(hash_, Tag.BLOCK_RECORD, head.height, *values))


def read_block(hash_: Hash, view: Snapshot, chain: str, height: int) -> BlockRecord | None:
    """Return the record of a block, None when there is none.

    Raises:
        StoreDamaged: it is not what was committed.
    """
    data = view.get("block", number_key(height))
    if data is None:
        return None
    record = stored(BlockRecord, data, chain, f"block {height}")
    if record != block_record(hash_, record.head(chain, height), record.count):
        raise StoreDamaged(chain=chain, what=f"block {height} is not what was committed")
    return record


def read_tip(hash_: Hash, view: Snapshot, chain: str) -> Head:
    """Return the head after the last block.

    Raises:
        StoreDamaged: there is none, or it is not what was committed.
    """
    last = view.last("block")
    if last is None or len(last[0]) != len(number_key(0)):
        raise StoreDamaged(chain=chain, what="it has no blocks")
    height = int.from_bytes(last[0], "big")
    record = read_block(hash_, view, chain, height)
    if record is None:
        raise StoreDamaged(chain=chain, what=f"block {height} is missing")
    return record.head(chain, height)


def read_entry(view: Snapshot, chain: str, index: int) -> EntryRecord:
    """Return a log entry of a block that is there; raises as ``stored``."""
    return stored(EntryRecord, view.get("entry", number_key(index)), chain, f"log entry {index}")


def read_leaf(view: Snapshot, chain: str, index: int) -> bytes:
    """Return the leaf of a log entry and leave the rest of the entry unread; raises as ``stored``."""
    data = view.beginning("entry", number_key(index), len(_BEFORE_LEAF) + 256)
    if data is None:
        raise StoreDamaged(chain=chain, what=f"log entry {index} is missing")
    length = data[2] if data[:2] == _BEFORE_LEAF and len(data) > 2 else 256
    if len(data) < 3 + length:
        raise StoreDamaged(chain=chain, what=f"log entry {index} does not decode")
    return data[3 : 3 + length]


def read_past(view: Snapshot, chain: str) -> PastRecord:
    """Return how much of the log before a home's beginning is here; raises as ``stored``."""
    data = view.get("meta", PAST_KEY)
    return PastRecord() if data is None else stored(PastRecord, data, chain, "the progress of its backfill")


def stored(kind: type[T], data: bytes | None, chain: str, what: str) -> T:
    """Return the object that a row holds.

    Raises:
        StoreDamaged: the row is missing or does not decode; ``what`` names it.
    """
    if data is None:
        raise StoreDamaged(chain=chain, what=f"{what} is missing")
    try:
        return decode(kind, data)
    except Invalid:
        raise StoreDamaged(chain=chain, what=f"{what} does not decode") from None
