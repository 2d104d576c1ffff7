"""Undo records: what each block replaced in the state, so that recent and pinned heights can be proven (design D6).

One row a block that changed something, under its height. Rows are removed from the oldest on, a few with each block.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from xinglin.carrier.ledger.records import stored
from xinglin.carrier.ledger.store import Snapshot, number_key
from xinglin.kernel.encoding import ChainObject, pack

_STALE_A_BLOCK = 4
"""More than one, so that what a pinned height has held back goes in the end."""


class Replaced(ChainObject, frozen=True):
    """A key that a block changed and its value before (empty: it was absent)."""

    key: bytes
    value: tuple[bytes, ...]


def undo_record(replaced: Mapping[bytes, bytes | None]) -> bytes:
    """Return the row of a block that replaced these values."""
    return pack([Replaced(key, () if old is None else (old,)) for key, old in sorted(replaced.items())])


def replaced_since(
    view: Snapshot, chain: str, height: int, only: Collection[bytes] | None = None
) -> dict[bytes, bytes | None]:
    """Return the values after a height of all keys that later blocks changed, None for absent.

    Args:
        view: the store.
        chain: its chain.
        height: at least ``complete_since``.
        only: the keys to look for; all, if it is None.

    Raises:
        StoreDamaged: a row does not decode.
    """
    replaced: dict[bytes, bytes | None] = {}
    for _, row in view.items("undo", start=number_key(height + 1)):
        for one in stored(tuple[Replaced, ...], row, chain, "an undo record"):
            if only is None or one.key in only:
                replaced.setdefault(one.key, one.value[0] if one.value else None)
    return replaced


def complete_since(view: Snapshot) -> int:
    """Return a height after which every row is there: the one before the oldest row, the tip's without rows."""
    oldest = next((int.from_bytes(key, "big") for key, _ in view.items("undo")), None)
    if oldest is not None:
        return oldest - 1
    last = view.last("block")
    return int.from_bytes(last[0], "big") if last is not None else 0


def stale_undo(view: Snapshot, oldest: int) -> list[bytes]:
    """Return the keys of a few rows of heights up to ``oldest``, which nobody needs any more."""
    stale: list[bytes] = []
    for key, _ in view.items("undo"):
        if key > number_key(max(oldest, 0)) or len(stale) == _STALE_A_BLOCK:
            break
        stale.append(key)
    return stale
