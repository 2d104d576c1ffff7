"""The vault's index: one sealed row for each record, found by record id or by whose resource it is (D13; S8.6a).

A row's plain columns are its number, the random record id and keyed hashes of (source system, type, logical id,
version) and of its commitment; everything else is sealed, bound to these, so that a changed byte is found. A row is
written once, and once more when its record is destroyed: what a chain made of a record is on the row of its batch,
which the outbox keeps in the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import Invalid
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.errors import RowDamaged
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.service.lifecycle.storage.model import RecordDetails, StoredRecord

FORMAT = 1
_AT_ONCE = 500

_tables = sa.MetaData()
_records = sa.Table(
    "records",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("record", Blob, nullable=False, unique=True),
    sa.Column("lookup", Blob, nullable=False, unique=True),
    sa.Column("commitment", Blob, nullable=False, unique=True),
    sa.Column("sealed", Blob, nullable=False),
)
_by_number = sa.select(_records).where(_records.c.number == sa.bindparam("number"))
_lookup_of = sa.select(_records.c.lookup, _records.c.commitment).where(_records.c.number == sa.bindparam("number"))
_replace = _records.update().where(_records.c.number == sa.bindparam("row"))
_some_numbers = sa.select(_records).where(_records.c.number.in_(sa.bindparam("numbers", expanding=True)))
_by_record = sa.select(_records).where(_records.c.record == sa.bindparam("record"))
_by_commitment = sa.select(_records).where(_records.c.commitment == sa.bindparam("commitment"))
_by_commitments = sa.select(_records).where(_records.c.commitment.in_(sa.bindparam("commitments", expanding=True)))
_by_lookup = sa.select(_records).where(_records.c.lookup.in_(sa.bindparam("lookups", expanding=True)))
_slice = (
    sa.select(_records)
    .where(_records.c.number.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(_records.c.number)
)
_next = sa.select(sa.func.min(_records.c.number)).where(_records.c.number >= sa.bindparam("first"))
_last = sa.select(sa.func.max(_records.c.number))
Also = Callable[[sa.Connection, int], None]
"""Writes something else in the transaction that stores records; takes the row number of the first of them."""


class Index:
    """The index of one vault."""

    def __init__(self, folder: Path, keys: InstitutionKeys) -> None:
        self.database = Database(folder / "index.sqlite", _tables, FORMAT)
        self._keys = keys
        self._sealer = keys.sealer("index")

    def add(self, first: int, records: Sequence[bytes], details: Sequence[RecordDetails], also: Sequence[Also]) -> None:
        """Write the rows of new records and whatever belongs to them; its commit makes the records stored.

        Args:
            first: row number of the first.
            records: record ids, 16 bytes each.
            details: of each record.
            also: what else is written in the same transaction.

        Raises:
            StorageUnwritable: the disk refuses; nothing was written.
        """
        lookups = self.lookups([(one.source, one.type, one.logical_id, one.version) for one in details])
        commitments = self._keys.lookups([_commitment(one.commitment) for one in details])
        keys = list(zip(range(first, first + len(records)), records, lookups, commitments, strict=True))
        sealed = self._sealer.seal_many([pack(one) for one in details], [_aad(*key) for key in keys])
        rows = [(*key, content) for key, content in zip(keys, sealed, strict=True)]
        with self.database.transaction() as connection:
            self.database.insert(connection, _records, rows)
            for write in also:
                write(connection, first)

    def replace(self, number: int, record: bytes, details: RecordDetails) -> None:
        """Write the details of a row that is there anew, durably: what destruction leaves of a record.

        Raises:
            StorageUnwritable: the disk refuses; the row is as before.
        """
        with self.database.transaction() as connection:
            lookup, commitment = connection.execute(_lookup_of, {"number": number}).one()
            sealed = self._sealer.seal(pack(details), _aad(number, record, lookup, commitment))
            connection.execute(_replace, {"row": number, "sealed": sealed})

    def last_number(self) -> int:
        """Return the number of the last row, 0 when there is none."""
        return self.database.fetch(_last)[0][0] or 0

    def by_number(self, number: int) -> StoredRecord | None:
        """Return one row, None when it is not there.

        Raises:
            RowDamaged: it was altered.
        """
        return self._one(_by_number, number)

    def by_record(self, record: bytes) -> StoredRecord | None:
        """Return the row of a record id; as ``by_number``."""
        return self._one(_by_record, record)

    def by_commitment(self, commitment: bytes) -> StoredRecord | None:
        """Return the row of a record commitment, 32 bytes; as ``by_number``."""
        return self._one(_by_commitment, self._keys.lookups([_commitment(commitment)])[0])

    def by_commitments(self, commitments: Sequence[bytes]) -> list[StoredRecord | RowDamaged | None]:
        """Return for each record commitment its row, None for those not there, damaged ones as errors."""
        lookups = self._keys.lookups([_commitment(one) for one in commitments])
        rows = [
            row
            for start in range(0, len(lookups), _AT_ONCE)
            for row in self.database.fetch_in(_by_commitments, lookups[start:][:_AT_ONCE])
        ]
        opened = dict(zip((row[3] for row in rows), self._opened(rows), strict=True))
        return [opened.get(lookup) for lookup in lookups]

    def by_numbers(self, numbers: Sequence[int]) -> list[StoredRecord]:
        """Return the rows of numbers, those that are there, in order.

        Raises:
            RowDamaged: a row was altered.
        """
        found = [row for start in range(0, len(numbers), _AT_ONCE) for row in self._many(numbers[start:][:_AT_ONCE])]
        return sorted(self._opened_all(found), key=lambda one: one.number)

    def _many(self, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        return self.database.fetch_in(_some_numbers, numbers)

    def by_resource(self, resources: Sequence[tuple[bytes, bytes, bytes, int]]) -> list[StoredRecord | None]:
        """Return for each (source, type, logical id, version) its row, None for those not stored.

        Raises:
            RowDamaged: a row was altered.
        """
        lookups = self.lookups(resources)
        rows = self.database.fetch_in(_by_lookup, lookups)
        opened = dict(zip((row[2] for row in rows), self._opened_all(rows), strict=True))
        return [opened.get(lookup) for lookup in lookups]

    def slices(self, first: int, last: int, size: int = 256) -> Iterator[list[StoredRecord | RowDamaged]]:
        """Yield rows from number ``first`` to ``last`` in order, up to ``size`` at a time, damaged ones as errors."""
        start = self.database.fetch(_next, first)[0][0]
        while start is not None and start <= last:
            yield self._opened(self.database.fetch(_slice, start, min(last, start + size - 1)))
            start = self.database.fetch(_next, start + size)[0][0]

    def lookups(self, resources: Sequence[tuple[bytes, bytes, bytes, int]]) -> list[bytes]:
        """Return the keyed hash by which each (source, type, logical id, version) is found."""
        return self._keys.lookups([(b"resource", *one) for one in resources])

    def _one(self, query: sa.Select[Any], value: int | bytes) -> StoredRecord | None:
        rows = self.database.fetch(query, value)
        return self._opened_all(rows)[0] if rows else None

    def _opened_all(self, rows: Sequence[tuple[Any, ...]]) -> list[StoredRecord]:
        opened: list[StoredRecord] = []
        for one in self._opened(rows):
            if isinstance(one, RowDamaged):
                raise one
            opened.append(one)
        return opened

    def _opened(self, rows: Sequence[tuple[Any, ...]]) -> list[StoredRecord | RowDamaged]:
        contents = self._sealer.open_many([row[4] for row in rows], [_aad(*row[:4]) for row in rows])
        opened: list[StoredRecord | RowDamaged] = []
        for (number, record, *_), content in zip(rows, contents, strict=True):
            try:
                opened.append(StoredRecord(number, record, decode(RecordDetails, content or b"")))
            except Invalid:
                opened.append(RowDamaged(number=number))
        return opened


def _commitment(commitment: bytes) -> tuple[int | bytes, ...]:
    return (b"commitment", commitment)


def _aad(number: int, record: bytes, lookup: bytes, commitment: bytes) -> bytes:
    return pack((number, record, lookup, commitment))
