"""A table of small sealed rows with a step each: what is being done, and how far it has come (D13; S6.2d).

A row is found by its name, or by its step among those that are not finished. Name and step are plain, so that the file
tells how many things are under way and nothing about them; the content is sealed and bound to table, name and step.
Several stores have one such table each, some in a file that others use too. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from xinglin.kernel.encoding import pack
from xinglin.kernel.errors import Integrity, Invalid
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.errors import SealedRowDamaged
from xinglin.service.lifecycle.storage.hierarchy import Sealer

NAME_BYTES = 32
"""Length of a name at most."""


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One row: its name, its step, its content opened."""

    name: bytes
    step: int
    content: bytes


def sealed_table(name: str, tables: sa.MetaData) -> sa.Table:
    """Return the table of that name, defined among the tables of a file."""
    return sa.Table(
        name,
        tables,
        sa.Column("name", Blob, primary_key=True),
        sa.Column("step", Whole, nullable=False, index=True),
        sa.Column("sealed", Blob, nullable=False),
    )


class SealedRows:
    """Reads and writes the rows of one table.

    Args:
        database: the file.
        table: made by ``sealed_table``.
        sealer: of a purpose that no other table has.
    """

    def __init__(self, database: Database, table: sa.Table, sealer: Sealer) -> None:
        self.database = database
        self._table = table
        self._named = str(table.name)
        self._sealer = sealer
        self._in_order = sa.select(table).order_by(table.c.name)
        self._by_name = sa.select(table).where(table.c.name == sa.bindparam("name"))
        self._by_step = self._in_order.where(table.c.step == sa.bindparam("step"))

    def prepare(self) -> None:
        """Make the table if it is not there."""
        with self.database.transaction() as connection:
            self._table.metadata.create_all(connection)

    def put(self, row: SealedRow) -> None:
        """Write a row, new or in place of the one of that name, durably."""
        with self.database.transaction() as connection:
            self.write(connection, row)

    def write(self, connection: sa.Connection, row: SealedRow) -> None:
        """Write a row inside a transaction of the database."""
        sealed = self._sealer.seal(row.content, self._aad(row.name, row.step))
        values = {"name": row.name, "step": row.step, "sealed": sealed}
        statement = insert(self._table).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))

    def get(self, name: bytes) -> SealedRow | None:
        """Return the row of a name, None when there is none.

        Raises:
            SealedRowDamaged: it was altered.
        """
        rows = self.database.fetch(self._by_name, name)
        return self._row(rows[0]) if rows else None

    def at_step(self, *steps: int) -> list[SealedRow]:
        """Return the rows at these steps, by step and name; raises as ``get``."""
        return [self._row(values) for step in steps for values in self.database.fetch(self._by_step, step)]

    def all(self) -> list[SealedRow]:
        """Return every row by name, none before ``prepare``; raises as ``get``."""
        return [self._row(values) for values in self._values()]

    def damaged(self) -> Iterator[SealedRowDamaged]:
        """Yield the rows that were altered."""
        for values in self._values():
            try:
                self._row(values)
            except SealedRowDamaged as damage:
                yield damage

    def _values(self) -> Sequence[tuple[Any, ...]]:
        if not sa.inspect(self.database.engine).has_table(self._named):
            return []
        return self.database.fetch(self._in_order)

    def _row(self, values: tuple[Any, ...]) -> SealedRow:
        name, step, sealed = values
        try:
            return SealedRow(name, step, self._sealer.open(sealed, self._aad(name, step)))
        except (Integrity, Invalid):
            raise SealedRowDamaged(table=self._named, name=name[:NAME_BYTES]) from None

    def _aad(self, name: bytes, step: int) -> bytes:
        return pack((self._named, name, step))
