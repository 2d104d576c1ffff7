"""The head file of a chain: what was committed last, apart from the store (design D5.8).

LMDB has no checksums, and one flipped bit in its meta page opens the store one block back. After each commit one of two
slots takes (height, app hash, log size, LMDB transaction id, checksum); a store behind the newest good slot is
refused. The file is written after the store's own durable commit and is synced only when it is new: a power cut can
only leave it behind the store, which is no fault.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.crypto.files import sync_folder
from xinglin.carrier.ledger.errors import StoreBehindHead, StoreDamaged
from xinglin.kernel.encoding import ChainObject, Digest, Natural, decode, pack
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Hash, Tag, tagged

_SLOT_BYTES = 256


class HeadSlot(ChainObject, frozen=True):
    """One slot: the commit that it names."""

    height: Natural
    app_hash: Digest
    log_size: Natural
    store_transaction: Natural


class _Sealed(ChainObject, frozen=True):
    slot: HeadSlot
    checksum: Digest


@dataclass(frozen=True, slots=True)
class SlotReading:
    """What a head file says: its newest good slot, and how many slots are damaged."""

    newest: HeadSlot | None
    damaged: int


class HeadFile:
    """Writes and reads the two slots of one chain's head file."""

    def __init__(self, path: Path, hash_: Hash) -> None:
        self._hash = hash_
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def write(self, slot: HeadSlot) -> None:
        """Write the slot of a commit; heights take the two places in turn, empty blocks included."""
        sealed = pack(_Sealed(slot, tagged(self._hash, Tag.HEAD_SLOT, slot)))
        framed = len(sealed).to_bytes(2, "big") + sealed
        os.pwrite(self._descriptor, framed.ljust(_SLOT_BYTES, b"\x00"), (slot.height % 2) * _SLOT_BYTES)

    def sync(self) -> None:
        """Make the file and its name durable: after the first slot is in it."""
        os.fsync(self._descriptor)
        sync_folder(self._path.parent)

    def read(self) -> SlotReading:
        """Return what the file says."""
        return _read_slots(os.pread(self._descriptor, 2 * _SLOT_BYTES + 1, 0), self._hash)


def newest_slot(path: Path, hash_: Hash) -> HeadSlot | None:
    """Return the newest good slot of a head file that nobody writes; None where there is none."""
    try:
        with path.open("rb") as file:
            return _read_slots(file.read(2 * _SLOT_BYTES + 1), hash_).newest
    except OSError:
        return None


def _read_slots(data: bytes, hash_: Hash) -> SlotReading:
    good: list[HeadSlot] = []
    damaged = 0
    for start in range(0, len(data), _SLOT_BYTES):
        slot = data[start : start + _SLOT_BYTES]
        found = _slot(slot, hash_)
        if found is not None:
            good.append(found)
        elif slot.strip(b"\x00"):
            damaged += 1
    return SlotReading(max(good, key=lambda one: one.height, default=None), damaged)


def _slot(data: bytes, hash_: Hash) -> HeadSlot | None:
    try:
        sealed = decode(_Sealed, data[2 : 2 + int.from_bytes(data[:2], "big")])
    except Invalid:
        return None
    return sealed.slot if tagged(hash_, Tag.HEAD_SLOT, sealed.slot) == sealed.checksum else None


def check_head(chain: str, reading: SlotReading, height: int, app_hash: bytes, store_transaction: int) -> None:
    """Compare a store's tip with its head file.

    Args:
        chain: the chain's id.
        reading: its head file.
        height: of the store's tip.
        app_hash: of the store's tip.
        store_transaction: LMDB's id of the commit that made the tip.

    Raises:
        StoreBehindHead: the store is older than the head.
        StoreDamaged: the same height with another app hash or commit, or no slot is good although blocks were
        committed.
    """
    newest = reading.newest
    if newest is None:
        if height > 0 or reading.damaged:
            raise StoreDamaged(chain=chain, what="its head file has no good slot")
        return
    if newest.height > height:
        raise StoreBehindHead(chain=chain, height=height, head=newest.height)
    if newest.height == height and (newest.app_hash, newest.store_transaction) != (app_hash, store_transaction):
        raise StoreDamaged(chain=chain, what="its head file names another block or another commit")
