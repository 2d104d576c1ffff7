"""What a home keeps of destructions: ``destruction/destruction.sqlite`` (docs/spec/destruction.md DE16; S7.1f).

Apart from vault and keyring, so that certificates outlive both. A row for each order says which record it names, holds
the plan once shredding began and the certificate once it is made; a row for each hold on a patient says, sealed, whom.
Rows carry a keyed hash. The folder is made with the first row. Decides nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from xinglin.carrier.crypto.files import sync_folder
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import Integrity, Invalid, PlatformError
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.basic.destruction.errors import DestructionRowDamaged, HoldOpeningMissing
from xinglin.service.basic.destruction.model import Certificate, ShredPlan, SubjectOpening
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.disk import writing
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys

FORMAT = 1
_tables = sa.MetaData()
_orders = sa.Table(
    "orders",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("commitment", Blob, nullable=False, unique=True),
    sa.Column("record", Blob, nullable=False),
    sa.Column("plan", Blob, nullable=False),
    sa.Column("certificate", Blob, nullable=False),
    sa.Column("mac", Blob, nullable=False),
)
_openings = sa.Table(
    "openings",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("hold", Blob, nullable=False, unique=True),
    sa.Column("sealed", Blob, nullable=False),
)
_all = sa.select(_orders).order_by(_orders.c.number)
_by_commitment = sa.select(_orders).where(_orders.c.commitment == sa.bindparam("commitment"))
_opening_of = sa.select(_openings.c.sealed).where(_openings.c.hold == sa.bindparam("hold"))


@dataclass(frozen=True, slots=True)
class OrderRow:
    """What the home keeps of one order.

    ``record``: 16 bytes of the record's id. ``plan`` and ``certificate``: encoded, empty before there is one.
    """

    commitment: bytes
    record: bytes
    plan: bytes = b""
    certificate: bytes = b""

    def planned(self) -> ShredPlan | None:
        """Return the plan, None while shredding has not begun."""
        return decode(ShredPlan, self.plan) if self.plan else None

    def certified(self) -> Certificate | None:
        """Return the certificate, None while there is none."""
        return decode(Certificate, self.certificate) if self.certificate else None


class DestructionStore:
    """Reads and writes the rows; each write is durable when it returns.

    Args:
        folder: the home's ``destruction`` folder; it need not be there.
        keys: the home's, for keyed hashes and sealing.
    """

    def __init__(self, folder: Path, keys: InstitutionKeys) -> None:
        self.folder = folder
        self.database = Database(folder / "destruction.sqlite", _tables, FORMAT)
        self._keys = keys
        self._sealer = keys.sealer("hold")

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def order(self, commitment: bytes) -> OrderRow | None:
        """Return the row of a record commitment, None when there is none.

        Raises:
            DestructionRowDamaged: it was altered.
        """
        rows = self.database.fetch(_by_commitment, commitment) if self._there() else []
        return self._row(rows[0]) if rows else None

    def put(self, row: OrderRow) -> None:
        """Write a row, new or in place of the one with the same commitment.

        Raises:
            StorageUnwritable: the disk refuses.
        """
        self._make()
        with self.database.transaction() as connection:
            number = self._next(connection, _orders, _orders.c.commitment == row.commitment)
            values = (number, row.commitment, row.record, row.plan, row.certificate)
            self.database.insert(connection, _orders, [(*values, self._mac(values))])

    def opening(self, hold: str) -> SubjectOpening:
        """Return what opens the subject of a hold.

        Raises:
            HoldOpeningMissing: it is not here, or was altered.
        """
        name = identifier_bytes(hold)
        rows = self.database.fetch(_opening_of, name) if self._there() else []
        try:
            return decode(SubjectOpening, self._sealer.open(rows[0][0], name))
        except (IndexError, Invalid, Integrity):
            raise HoldOpeningMissing(hold=hold) from None

    def put_opening(self, hold: str, opening: SubjectOpening) -> None:
        """Keep what opens the subject of a hold, sealed."""
        self._make()
        name = identifier_bytes(hold)
        with self.database.transaction() as connection:
            number = self._next(connection, _openings, _openings.c.hold == name)
            self.database.insert(connection, _openings, [(number, name, self._sealer.seal(encode(opening), name))])

    def rows(self) -> Iterator[OrderRow | PlatformError]:
        """Yield every order's row in order, faults of the file and of rows as errors."""
        if not self._there():
            return
        damage = self.database.damage()
        yield from damage
        for values in self.database.fetch(_all) if not damage else []:
            try:
                yield self._row(values)
            except DestructionRowDamaged as fault:
                yield fault

    def _there(self) -> bool:
        return self.database.path.is_file()

    def _make(self) -> None:
        """Make the folder with its database, whole or not at all: beside its place first."""
        if self._there():
            return
        making = self.folder.with_name(f".{self.folder.name}.tmp")
        with writing(self.folder):
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(mode=0o700)
        database = Database(making / self.database.path.name, _tables, FORMAT)
        database.create()
        database.close()
        with writing(self.folder):
            sync_folder(making)
            making.rename(self.folder)
            sync_folder(self.folder.parent)

    def _next(self, connection: sa.Connection, table: sa.Table, same: sa.ColumnElement[bool]) -> int:
        """Remove the row that is to be replaced and return its number; a new one where there is none."""
        known: int | None = connection.execute(sa.select(table.c.number).where(same)).scalar()
        if known is not None:
            connection.execute(table.delete().where(table.c.number == known))
            return known
        return int(connection.execute(sa.select(sa.func.max(table.c.number))).scalar() or 0) + 1

    def _row(self, values: tuple[Any, ...]) -> OrderRow:
        if values[-1] != self._mac(values[:-1]):
            raise DestructionRowDamaged(number=values[0])
        return OrderRow(*values[1:-1])

    def _mac(self, values: tuple[int | bytes, ...]) -> bytes:
        return self._keys.lookups([(b"destruction", *values)])[0]
