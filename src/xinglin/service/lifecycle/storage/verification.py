"""Looks at everything that vault and keyring hold and says what is wrong with it (D14.3; S6.2d).

Changes nothing and may run while the vault is written to: it looks at what was stored when it began. What a crash
left behind the last stored record is no finding; the next start removes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from xinglin.kernel.errors import Integrity, PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.lifecycle.storage.errors import Leftover, RecordShredded, RowDamaged, RowMissing, VaultBehindHead
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault

_FILES = frozenset({"head", "index.sqlite", "index.sqlite-shm", "index.sqlite-wal", "lock", "segments"})


class Destruction(Protocol):
    """What is known of the destruction of a vault's records, by whoever knows the chain."""

    def excused(self, commitment: bytes) -> bool:
        """Tell whether a record may be gone, wholly or in part, because its destruction was ordered and confirmed."""
        ...

    def findings(self, rows: Sequence[StoredRecord]) -> Iterator[PlatformError]:
        """Yield what contradicts the orders: a record that is gone without one, or certified as gone and still here."""
        ...


class NoDestruction:
    """No destruction was ordered: each destroyed record is a finding."""

    def excused(self, _: bytes) -> bool:
        """See ``Destruction.excused``."""
        return False

    def findings(self, rows: Sequence[StoredRecord]) -> Iterator[PlatformError]:
        """See ``Destruction.findings``."""
        yield from (RecordShredded(record=identifier(row.record)) for row in rows if row.details.destroyed)


def findings(vault: Vault, destruction: Destruction | None = None) -> Iterator[PlatformError]:
    """Yield every fault of a vault and its keyring, as the error that reading would meet.

    Args:
        vault: opened, for reading or writing.
        destruction: what the chain says of destroyed records; nothing by default.
    """
    try:
        head = vault.head.read()
    except Integrity as damage:
        yield damage
        head = 0
    damaged = vault.database.damage()
    yield from damaged
    yield from vault.keyring.findings()
    yield from _strangers(vault)
    if damaged:
        return
    try:
        last = vault.index.last_number()
        if last < head:
            yield VaultBehindHead(found=last, head=head)
        yield from _records(vault, last, destruction or NoDestruction())
    except PlatformError as refusal:
        yield refusal


def _strangers(vault: Vault) -> Iterator[Leftover]:
    names = [path.name for path in vault.folder.iterdir() if path.name not in _FILES]
    yield from (Leftover(what=name) for name in sorted(names) + vault.segments.strangers())


def _records(vault: Vault, last: int, destruction: Destruction) -> Iterator[PlatformError]:
    expected = 1
    for rows in vault.index.slices(1, last):
        for row in rows:
            number = row.number if isinstance(row, StoredRecord) else int(row.facts["number"])
            if number != expected:
                yield RowMissing(first=expected, last=number - 1)
            expected = number + 1
            if isinstance(row, RowDamaged):
                yield row
        stored = [row for row in rows if isinstance(row, StoredRecord)]
        yield from destruction.findings(stored)
        whole = [row for row in stored if not destruction.excused(row.details.commitment)]
        yield from (opened for opened in vault.open_many(whole) if isinstance(opened, Integrity))
    if expected <= last:
        yield RowMissing(first=expected, last=last)
