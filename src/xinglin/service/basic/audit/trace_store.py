"""The tables of the access projection, in a home's ``projections/`` folder (design D5.11): rows in, rows out.

Everything in them comes from the private chain and can be made from it again; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from xinglin.service.lifecycle.storage.database import Blob, Database, Whole

FORMAT = 1
FILE = "access.sqlite"
_SLICE = 1_000

_tables = sa.MetaData()
ENTRIES = sa.Table(
    "entries",
    _tables,
    sa.Column("index", Whole, primary_key=True, autoincrement=False),
    sa.Column("item", Whole, primary_key=True, autoincrement=False),
    sa.Column("height", Whole, nullable=False),
    sa.Column("time", Whole, nullable=False),
    sa.Column("entry", Blob, nullable=False, index=True),
    sa.Column("commitment", Blob, nullable=False, index=True),
    sa.Column("member", Blob, nullable=False, index=True),
    sa.Column("account", Blob, nullable=False, index=True),
    sa.Column("request", Blob, nullable=False, index=True),
    sa.Column("raw", Blob, nullable=False),
)
TWINS = sa.Table(
    "twins",
    _tables,
    sa.Column("request", Blob, primary_key=True),
    sa.Column("custodian", Blob, nullable=False),
    sa.Column("account", Blob, nullable=False),
    sa.Column("asked", Whole, nullable=False),
    sa.Column("answered", Whole, nullable=False, index=True),
    sa.Column("receipt", Blob, nullable=False),
    sa.Column("outcome", Whole, nullable=False),
)
AGGREGATES = sa.Table(
    "aggregates",
    _tables,
    sa.Column("minute", Whole, primary_key=True, autoincrement=False),
    sa.Column("source", Blob, primary_key=True),
    sa.Column("count", Whole, nullable=False),
)
POSITION = sa.Table(
    "position",
    _tables,
    sa.Column("next", Whole, primary_key=True, autoincrement=False),
    sa.Column("leaf", Blob, nullable=False),
)
COMPARED = (ENTRIES, TWINS, AGGREGATES, POSITION)
Row = tuple[Any, ...]

_in_order = sa.select(ENTRIES).order_by(ENTRIES.c.index, ENTRIES.c.item)
_by_commitments = _in_order.where(ENTRIES.c.commitment.in_(sa.bindparam("values", expanding=True)))
_by = {
    name: _in_order.where(ENTRIES.c[name] == sa.bindparam("value"))
    for name in ("entry", "member", "account", "request")
}  # one query for each way in
_twin = sa.select(TWINS).where(TWINS.c.request == sa.bindparam("value"))
_open = (
    sa.select(TWINS)
    .where(TWINS.c.answered == sa.literal_column("0"), TWINS.c.asked <= sa.bindparam("value"))
    .order_by(TWINS.c.asked)
)
_all_twins = sa.select(TWINS).order_by(TWINS.c.asked, TWINS.c.request)
_aggregates = (
    sa.select(AGGREGATES)
    .where(AGGREGATES.c.minute >= sa.bindparam("value"))
    .order_by(AGGREGATES.c.minute, AGGREGATES.c.source)
)
_position = sa.select(POSITION)
_close = (
    TWINS.update()
    .where(TWINS.c.request == sa.bindparam("asked_by"))
    .values(answered=sa.bindparam("at"), receipt=sa.bindparam("with_receipt"), outcome=sa.bindparam("with_outcome"))
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What some log entries made: rows, and answers (request, time, receipt, outcome) that close twins."""

    entries: list[Row]
    twins: list[Row]
    answers: list[Row]
    aggregates: list[Row]


class TraceStore:
    """The rows of one projection.

    Args:
        folder: where its file is or is made.
        name: of the file.
    """

    def __init__(self, folder: Path, name: str = FILE) -> None:
        self.path = folder / name
        self.database = Database(self.path, _tables, FORMAT)

    def open(self) -> None:
        """Make the file if there is none; raises as ``Database.check``."""
        if self.path.exists():
            self.database.check()
        else:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self.database.create()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def position(self) -> tuple[int, bytes]:
        """Return the first log index that is not applied, and the leaf hash of the one before it (empty: none)."""
        rows = self.database.fetch(_position)
        return (rows[0][0], rows[0][1]) if rows else (0, b"")

    def apply(self, made: Applied, position: tuple[int, bytes]) -> None:
        """Write what log entries made, and how far that is, in one transaction."""
        with self.database.transaction() as connection:
            self.database.insert(connection, ENTRIES, made.entries)
            self.database.insert(connection, TWINS, made.twins)
            self.database.insert(connection, AGGREGATES, made.aggregates)
            names = ("asked_by", "at", "with_receipt", "with_outcome")
            if made.answers:
                connection.execute(_close, [dict(zip(names, answer, strict=True)) for answer in made.answers])
            connection.execute(POSITION.delete())
            self.database.insert(connection, POSITION, [position])

    def entries_of(self, commitments: Sequence[bytes]) -> list[Row]:
        """Return the entries of records, in log order."""
        rows: list[Row] = []
        for first in range(0, len(commitments), _SLICE):
            rows += self.database.fetch_in(_by_commitments, list(commitments[first : first + _SLICE]))
        return sorted(rows, key=lambda row: row[:2])

    def entries_by(self, column: str, value: bytes) -> list[Row]:
        """Return the entries with a value in ``entry``, ``member``, ``account`` or ``request``, in log order."""
        return self.database.fetch(_by[column], value)

    def twin(self, request: bytes) -> Row | None:
        """Return the twin of a request, None when there is none."""
        rows = self.database.fetch(_twin, request)
        return rows[0] if rows else None

    def twins(self) -> list[Row]:
        """Return every twin, oldest first."""
        return self.database.fetch(_all_twins)

    def open_twins(self, asked_until: int) -> list[Row]:
        """Return the twins without an answer that were opened up to a time, oldest first."""
        return self.database.fetch(_open, asked_until)

    def aggregates(self, from_minute: int) -> list[Row]:
        """Return the aggregates from a minute on."""
        return self.database.fetch(_aggregates, from_minute)


def differences(one: TraceStore, other: TraceStore) -> dict[str, int]:
    """Return for each table in which two projections differ, in how many rows."""
    found = {}
    for table in COMPARED:
        rows = [_rows(store, table) for store in (one, other)]
        differing = sum(left != right for left, right in zip_longest(*rows))
        if differing:
            found[table.name] = differing
    return found


def _rows(store: TraceStore, table: sa.Table) -> list[Row]:
    return store.database.fetch(sa.select(table).order_by(*table.primary_key.columns))
