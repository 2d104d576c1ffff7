"""Closing a record batch: padding with dummies to a power of two, and the order of its items (design D5.10).

Neither the order nor the number of a batch's items tells anything: items stand in the order of their commitments,
which are hashes, and dummies make up the number. A dummy has a random commitment and a locator that opens like any
other, to a handle that leads nowhere, so that holders of the transmission key can't tell it either. Pure: randomness
comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.service.basic.coordination.records.rules import MAX_BATCH

Randomness = Callable[[int], bytes]
"""Gives that many random bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to register: its commitment (32 bytes) and its random handle (16 bytes)."""

    commitment: bytes
    handle: bytes


def batch_size(entries: int) -> int:
    """Return the smallest power of two that holds so many entries, 1 to 256."""
    if not 1 <= entries <= MAX_BATCH:
        raise ValueError(f"a batch has 1 to {MAX_BATCH} entries, not {entries}")
    return 1 << (entries - 1).bit_length()


def close_batch(entries: Sequence[Entry], randomness: Randomness) -> list[Entry]:
    """Return the entries of a batch in the order of its items, dummies among them.

    Args:
        entries: 1 to 256 records.
        randomness: makes the dummies.
    """
    missing = batch_size(len(entries)) - len(entries)
    dummies = [Entry(randomness(32), randomness(16)) for _ in range(missing)]
    return sorted([*entries, *dummies], key=lambda entry: entry.commitment)
