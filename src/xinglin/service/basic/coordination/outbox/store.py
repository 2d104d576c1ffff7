"""The rows of the outbox, in the same database as the vault's index (design D5.5, D13).

One row for each record batch: written in the commit that makes the batch's records stored, with the signed
transaction that is to register it, and again when it is signed anew or registered. Rows carry a keyed hash over all of
it. Decides nothing; the outbox does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.coordination.outbox.errors import OutboxRowDamaged
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys

_tables = sa.MetaData()
_batches = sa.Table(
    "batches",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("batch", Blob, nullable=False, unique=True),
    sa.Column("first", Whole, nullable=False),
    sa.Column("count", Whole, nullable=False),
    sa.Column("state", Whole, nullable=False, index=True),
    sa.Column("root", Blob, nullable=False),
    sa.Column("body", Blob, nullable=False),
    sa.Column("valid_until", Whole, nullable=False),
    sa.Column("raw", Blob, nullable=False),
    sa.Column("index", Whole, nullable=False),
    sa.Column("height", Whole, nullable=False),
    sa.Column("mac", Blob, nullable=False),
)
_all = sa.select(_batches).order_by(_batches.c.number)
_pending = _all.where(_batches.c.state == sa.bindparam("state"))
_by_batch = _all.where(_batches.c.batch == sa.bindparam("batch"))
_replace = _batches.update().where(_batches.c.number == sa.bindparam("row"))
_ids = sa.select(_batches.c.batch)
_last = sa.select(sa.func.max(_batches.c.number))


class Delivery(IntEnum):
    """Where a batch is: stored here and not known to be registered; registered; noted on the private chain too."""

    STORED = 0
    REGISTERED = 1
    NOTED = 2


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch: which records it registers, by which transaction, and what became of it.

    ``first`` and ``count``: row numbers of its records in the vault. ``root``: over its items, dummies among them.
    ``raw``: the signed transaction until the batch is registered, empty from then on. ``index`` and ``height``: of the
    transaction that registered it, 0 before.
    """

    number: int
    batch: str
    first: int
    count: int
    state: Delivery
    root: bytes
    body: bytes
    valid_until: int
    raw: bytes
    index: int = 0
    height: int = 0


class OutboxStore:
    """Reads and writes the rows."""

    def __init__(self, database: Database, keys: InstitutionKeys) -> None:
        self.database = database
        self._keys = keys

    def prepare(self) -> None:
        """Make the table if it is not there."""
        with self.database.transaction() as connection:
            _tables.create_all(connection)

    def last_number(self) -> int:
        """Return the number of the last row, 0 when there is none."""
        return self.database.fetch(_last)[0][0] or 0

    def insert(self, connection: sa.Connection, rows: Sequence[BatchRow]) -> None:
        """Write new rows inside a transaction of the database."""
        self.database.insert(connection, _batches, [self._values(row) for row in rows])

    def replace(self, rows: Sequence[BatchRow]) -> None:
        """Write rows that are there anew, durably."""
        if not rows:
            return
        names = _batches.c.keys()
        values = [dict(zip(names, self._values(row), strict=True)) for row in rows]
        with self.database.transaction() as connection:
            connection.execute(_replace, [{"row": one["number"], **one} for one in values])

    def pending(self, state: Delivery = Delivery.STORED) -> list[BatchRow]:
        """Return the rows that are not registered, or those that came to another state, in order.

        Raises:
            OutboxRowDamaged: one of them was altered.
        """
        return [self._row(values) for values in self.database.fetch(_pending, int(state))]

    def batches(self) -> set[str]:
        """Return the ids of all batches; none before the outbox was first opened."""
        if not sa.inspect(self.database.engine).has_table(_batches.name):
            return set()
        return {identifier(row[0]) for row in self.database.fetch(_ids)}

    def by_batch(self, batch: str) -> BatchRow | None:
        """Return the row of a batch id, None when there is none.

        Raises:
            IdentifierInvalid: that is no id.
            OutboxRowDamaged: it was altered.
        """
        found = self.database.fetch(_by_batch, identifier_bytes(batch))
        return self._row(found[0]) if found else None

    def rows(self) -> Iterator[BatchRow | OutboxRowDamaged]:
        """Yield every row in order, those that were altered as errors; none before the outbox was first opened."""
        if not sa.inspect(self.database.engine).has_table(_batches.name):
            return
        for values in self.database.fetch(_all):
            try:
                yield self._row(values)
            except OutboxRowDamaged as damage:
                yield damage

    def _values(self, row: BatchRow) -> tuple[int | bytes, ...]:
        values = (
            row.number,
            identifier_bytes(row.batch),
            row.first,
            row.count,
            int(row.state),
            row.root,
            row.body,
            row.valid_until,
            row.raw,
            row.index,
            row.height,
        )
        return (*values, self._mac(values))

    def _row(self, values: tuple[Any, ...]) -> BatchRow:
        number, batch, first, count, state, *rest, mac = values
        if mac != self._mac(values[:-1]):
            raise OutboxRowDamaged(number=number)
        return BatchRow(number, identifier(batch), first, count, Delivery(state), *rest)

    def _mac(self, values: tuple[int | bytes, ...]) -> bytes:
        return self._keys.lookups([(b"outbox", *values)])[0]
