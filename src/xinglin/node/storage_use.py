"""How much a home's chains take, how fast that grows, and when the room ends (S6.2c3; docs/spec/recovery.md).

Growth is what a block and a transaction have taken on average so far, times how many there were a day lately: so a
burst a year ago counts for their size only. Records (vault) are not in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.ledger.errors import CheckpointUnavailable
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.store import FULL_PERCENT
from xinglin.node.node import Node

WINDOW_BLOCKS = 20_000
"""Blocks over which the pace is taken; a quiet consortium makes them in half a day, a busy one in half an hour."""
DAY_MS = 86_400_000
SHORTEST_MS = 3_600_000
"""What was made in a shorter time is taken as an hour's: the first minutes of a chain say nothing of its days."""
_BLOCK_BYTES = 512
"""In which the system counts what a file takes."""
_MOST_DAYS = 36_500.0


@dataclass(frozen=True, slots=True)
class ChainUse:
    """What one chain takes, in bytes.

    ``store`` of at most ``limit`` (80 % of the map), of which ``engine`` is not part: the blocks and state of an engine
    that is a process of its own. ``daily``: how much both grow in a day; ``days``: until the store is at its limit,
    None while it does not grow.
    """

    chain: str
    profile: str
    store: int
    limit: int
    engine: int
    daily: int
    days: float | None


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What a home takes: each chain, and the disk that it is on.

    ``disk``, ``disk_limit``: bytes in use of the disk, and 80 % of it. ``days``: until the first of the stores or the
    disk is at its limit, None while nothing grows. ``alarm``: that is sooner than the home wants to know, or it is
    reached.
    """

    chains: tuple[ChainUse, ...]
    disk: int
    disk_limit: int
    days: float | None
    alarm: bool

    def row(self) -> Mapping[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def storage_use(node: Node) -> StorageUse:
    """Measure an open home; takes milliseconds."""
    ledgers = [node.consortium] if node.private is None else [node.consortium, node.private]
    chains = tuple(_chain_use(ledger, node.home.engine(ledger.rules.chain)) for ledger in ledgers)
    disk, disk_limit = _disk(node.home.path)
    left = [one.days for one in chains if one.days is not None]
    on_disk = _days(disk_limit - disk, sum(one.daily for one in chains))
    left += [on_disk] if on_disk is not None else []
    full = disk >= disk_limit or any(one.store >= one.limit for one in chains)
    days = 0.0 if full else min(left, default=None)
    return StorageUse(chains, disk, disk_limit, days, days is not None and days < node.settings.storage.alarm_days)


def _chain_use(ledger: Ledger, engine: Path) -> ChainUse:
    used, room = ledger.store.usage()
    engine_bytes = sum(_files(engine / "data"))
    store_daily, engine_daily = _daily(ledger, used, engine_bytes)
    limit = room * FULL_PERCENT // 100
    return ChainUse(
        ledger.rules.chain,
        ledger.rules.genesis.profile.name.lower(),
        used,
        limit,
        engine_bytes,
        round(store_daily + engine_daily),
        _days(limit - used, store_daily),
    )


def _daily(ledger: Ledger, used: int, engine: int) -> tuple[float, float]:
    """Return by how many bytes store and engine grow in a day."""
    tip = ledger.tip
    first = max(0, tip.height - WINDOW_BLOCKS)
    try:
        before = ledger.head_at(first)
    except CheckpointUnavailable:  # the chain began from a snapshot not long ago
        return 0.0, 0.0
    if tip.height == first or tip.time <= before.time:
        return 0.0, 0.0
    with ledger.store.snapshot() as view:
        of_blocks = view.size("block")
    a_block = of_blocks / (tip.height + 1)
    a_transaction = (used - of_blocks) / tip.log_size if tip.log_size else 0.0
    days = max(SHORTEST_MS, tip.time - before.time) / DAY_MS
    blocks, transactions = (tip.height - first) / days, (tip.log_size - before.size) / days
    return blocks * a_block + transactions * a_transaction, blocks * engine / tip.height


def _days(room: float, daily: float) -> float | None:
    """Return in how many days a room is used up, at most a hundred years; None if nothing grows."""
    return min(_MOST_DAYS, max(0.0, room / daily)) if daily > 0 else None


def _disk(path: Path) -> tuple[int, int]:
    """Return bytes in use of a path's disk, and how many may be: what only root may take is not counted."""
    found = os.statvfs(path)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return used, (used + found.f_bavail * found.f_frsize) * FULL_PERCENT // 100


def _files(folder: Path) -> Iterator[int]:
    """Yield what each file of a folder takes; one that goes away meanwhile takes nothing."""
    for path in folder.rglob("*"):
        try:
            yield path.lstat().st_blocks * _BLOCK_BYTES
        except FileNotFoundError:
            continue
