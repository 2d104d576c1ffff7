"""Compares what is destroyed in a vault with what was ordered (S7.1f; invariant 6). Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.lifecycle.erasure.errors import DestroyedStillHere, ShreddedUnordered
from xinglin.service.lifecycle.erasure.shredding import Shredder
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault


class OrderedDestruction:
    """Judges a vault's destroyed records by the chain (port ``Destruction`` of the vault's verification).

    Args:
        vault: opened, for reading or writing.
        confirmed: commitments of records whose destruction is ordered and confirmed.
        certified: those of them whose destruction is certified.
    """

    def __init__(self, vault: Vault, confirmed: Set[bytes], certified: Set[bytes]) -> None:
        self._shredder = Shredder(vault)
        self._confirmed = confirmed
        self._certified = certified

    def excused(self, commitment: bytes) -> bool:
        """See ``Destruction.excused``."""
        return commitment in self._confirmed

    def findings(self, rows: Sequence[StoredRecord]) -> Iterator[PlatformError]:
        """See ``Destruction.findings``."""
        for row in rows:
            if row.details.destroyed and row.details.commitment not in self._confirmed:
                yield ShreddedUnordered(record=identifier(row.record))
        gone = [row for row in rows if row.details.commitment in self._certified]
        for row, left in zip(gone, self._shredder.left(gone), strict=True):
            if left:
                yield DestroyedStillHere(record=identifier(row.record), what=left)
