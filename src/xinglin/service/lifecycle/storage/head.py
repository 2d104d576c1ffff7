"""The vault's head file: how many records were stored, apart from the database that says it (D13, as D5.8).

One flipped byte in a write-ahead log makes SQLite open the state before, without a word. After each commit of the
index one of two slots takes (number of the last record, keyed hash); an index behind the newest good slot is
refused. The file is not synced by itself: a power cut can only leave it behind the index, which is no fault.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from xinglin.service.lifecycle.storage.disk import writing
from xinglin.service.lifecycle.storage.errors import HeadDamaged

_SLOT = 24  # number 8, keyed hash 16


class VaultHead:
    """Reads and writes one head file.

    Args:
        path: the file; a new vault writes 0 into it.
        mac: the keyed hash of a slot's number, 16 bytes.
    """

    def __init__(self, path: Path, mac: Callable[[bytes], bytes]) -> None:
        self._path = path
        self._mac = mac

    def write(self, last: int) -> None:
        """Say that records up to ``last`` are stored, in the slot that does not say what was said before.

        Raises:
            StorageUnwritable: the disk refuses.
        """
        number = last.to_bytes(8, "big")
        slots = self._slots()
        place = 0 if slots[0] <= slots[1] else 1
        with writing(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.pwrite(descriptor, number + self._mac(number), place * _SLOT)
            finally:
                os.close(descriptor)

    def read(self) -> int:
        """Return the number of the last record that the newest good slot names.

        Raises:
            HeadDamaged: no slot is good, or the file is not there.
        """
        newest = max(self._slots())
        if newest < 0:
            raise HeadDamaged
        return newest

    def _slots(self) -> tuple[int, int]:
        """Return the number in each slot, -1 for one that is not good."""
        data = self._path.read_bytes() if self._path.exists() else b""
        first, second = (self._number(data[start : start + _SLOT]) for start in (0, _SLOT))
        return first, second

    def _number(self, slot: bytes) -> int:
        number = slot[:8]
        return int.from_bytes(number, "big") if len(slot) == _SLOT and slot[8:] == self._mac(number) else -1
