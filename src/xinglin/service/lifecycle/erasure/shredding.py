"""Shreds records in vault and keyring so that nothing of them can be read again (S7.1f; design D10).

The order of the steps, each durable before the next: secrets out of the keyring, sealed bytes overwritten, the row
reduced to what remains, both database files rebuilt. Every step may be repeated, so a crash anywhere is mended by
doing all again. Never decides whether a record may be destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.lifecycle.erasure.model import Measured, SegmentRange
from xinglin.service.lifecycle.erasure.rules import what_remains
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.segments import Location
from xinglin.service.lifecycle.storage.vault import Vault, location_of


class Shredder:
    """Shreds records of one vault, which is open for writing."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._hash = vault.keyring.keys.suite.hash

    def measure(self, stored: StoredRecord) -> Measured:
        """Return where the sealed bytes of a record are, and the hash of what is there now."""
        place = SegmentRange(
            stored.details.segment, stored.details.offset, stored.details.length, stored.details.copy_length
        )
        parts = [self._vault.segments.read(stored.record, at) or b"" for at in _places(stored)]
        return Measured(place, tagged(self._hash, Tag.ERASED, parts[0], parts[1] if len(parts) > 1 else b""))

    def shred(self, records: Sequence[StoredRecord]) -> None:
        """Destroy records; those destroyed before are done again where something of them is left.

        Raises:
            StorageUnwritable: the disk refuses; call again with the same records.
        """
        vault = self._vault
        with vault.exclusive():
            vault.keyring.destroy([one.number for one in records])
            for one in records:
                vault.segments.overwrite(one.record, [at for at in _places(one) if not self._blank(one, at)])
            for one in records:
                if not one.details.destroyed:
                    vault.index.replace(one.number, one.record, what_remains(one.details))

    def scrub(self) -> None:
        """Rebuild the files of index and keyring, so that no page of them keeps what rows said before.

        Raises:
            StorageUnwritable: another process reads for longer than ten seconds, or the disk refuses.
        """
        with self._vault.exclusive():
            self._vault.keyring.scrub()
            self._vault.database.scrub()

    def left(self, records: Sequence[StoredRecord]) -> list[str]:
        """Return for each record what of it is still here: ``keys``, ``content``, ``row``, or the empty string."""
        holding = self._vault.keyring.holding([one.number for one in records])
        return [
            "keys"
            if one.number in holding
            else "content"
            if not all(self._blank(one, at) for at in _places(one))
            else ""
            if one.details.destroyed
            else "row"
            for one in records
        ]

    def _blank(self, stored: StoredRecord, at: Location) -> bool:
        sealed = self._vault.segments.read(stored.record, at)
        return sealed is None or not any(sealed)


def _places(stored: StoredRecord) -> list[Location]:
    original = location_of(stored.details)
    return [original, original.next(stored.details.copy_length)] if stored.details.copy_length else [original]
