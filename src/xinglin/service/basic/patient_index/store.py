"""The tables of the patient index: one sealed row for each registration, one for each decision (D13; H1).

A row's plain columns are its number and, for registrations, a keyed hash of (source, subject); everything else is
sealed and bound to these. So the file tells neither who is in it nor which rows are of one person. Decisions are only
ever added; a registration is written anew when the source says something else of the patient. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.service.basic.patient_index.errors import DecisionsMissing, IndexRowDamaged
from xinglin.service.basic.patient_index.model import Decision, Registration
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys

FORMAT: Final = 1
PURPOSE: Final = "patient-index"
SALT: Final = "identity-salt"
_SLICE: Final = 1_000

_tables = sa.MetaData()
_registrations = sa.Table(
    "registrations",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("lookup", Blob, nullable=False, unique=True),
    sa.Column("sealed", Blob, nullable=False),
)
_decisions = sa.Table(
    "decisions",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("sealed", Blob, nullable=False),
)
_by_lookup = sa.select(_registrations).where(_registrations.c.lookup.in_(sa.bindparam("lookups", expanding=True)))
_by_number = sa.select(_registrations).where(_registrations.c.number.in_(sa.bindparam("numbers", expanding=True)))
_slice = (
    sa.select(_registrations)
    .where(_registrations.c.number.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(_registrations.c.number)
)
_next = sa.select(sa.func.min(_registrations.c.number)).where(_registrations.c.number >= sa.bindparam("first"))
_decisions_from = (
    sa.select(_decisions).where(_decisions.c.number >= sa.bindparam("first")).order_by(_decisions.c.number)
)

Row = tuple[int, Registration]
"""A registration with the number of its row, from 0."""


class IndexStore:
    """Reads and writes the rows of one home.

    Args:
        folder: the home's ``patient_index`` folder.
        keys: of the home's keyring.
    """

    def __init__(self, folder: Path, keys: InstitutionKeys) -> None:
        self.database = Database(folder / "index.sqlite", _tables, FORMAT)
        self._keys = keys
        self._sealer = keys.sealer(PURPOSE)
        self.hash = keys.suite.hash

    def find(self, subjects: Sequence[tuple[bytes, bytes]]) -> list[Row | None]:
        """Return for each (source, subject) its registration, None for those not there.

        Raises:
            IndexRowDamaged: a row was altered.
        """
        found: dict[bytes, Row] = {}
        lookups = self._lookups(subjects)
        for start in range(0, len(lookups), _SLICE):
            rows = self.database.fetch_in(_by_lookup, lookups[start : start + _SLICE])
            found.update(zip((row[1] for row in rows), self._opened(rows), strict=True))
        return [found.get(lookup) for lookup in lookups]

    def numbered(self, numbers: Sequence[int]) -> list[Row]:
        """Return the registrations of some rows, in their order; raises as ``find``."""
        rows = [
            row
            for start in range(0, len(numbers), _SLICE)
            for row in self.database.fetch_in(_by_number, numbers[start : start + _SLICE])
        ]
        return sorted(self._opened(rows), key=lambda row: row[0])

    def registrations(self) -> Iterator[Row]:
        """Yield every registration in order; raises as ``find``."""
        for rows in self._slices():
            yield from self._opened(rows)

    def decisions(self, first: int = 0) -> list[Decision]:
        """Return the record of decisions in order, from a number on.

        Raises:
            IndexRowDamaged: a row was altered.
            DecisionsMissing: there is a gap.
        """
        rows = self.database.fetch(_decisions_from, first)
        contents = self._sealer.open_many([row[1] for row in rows], [_decision_aad(row[0]) for row in rows])
        found: list[Decision] = []
        for number, ((seen, _), content) in enumerate(zip(rows, contents, strict=True), first):
            if seen != number:
                raise DecisionsMissing(number=number)
            found.append(_decoded(Decision, content, "decisions", number))
        return found

    def write(
        self,
        connection: sa.Connection,
        new: Sequence[Row] = (),
        changed: Sequence[Row] = (),
        decisions: Sequence[tuple[int, Decision]] = (),
    ) -> None:
        """Write inside a transaction: new registrations, changed ones, decisions, each with its number."""
        self.database.insert(connection, _registrations, self._sealed(new))
        if changed:
            update = _registrations.update().where(_registrations.c.number == sa.bindparam("row"))
            values = [{"row": number, "sealed": sealed} for number, _, sealed in self._sealed(changed)]
            connection.execute(update, values)
        contents = [pack(decision) for _, decision in decisions]
        sealed = self._sealer.seal_many(contents, [_decision_aad(number) for number, _ in decisions])
        rows = [(number, content) for (number, _), content in zip(decisions, sealed, strict=True)]
        self.database.insert(connection, _decisions, rows)

    def remove(self, connection: sa.Connection, number: int) -> None:
        """Remove a registration's row inside a transaction; its bytes are overwritten."""
        connection.execute(_registrations.delete().where(_registrations.c.number == number))

    def salt(self, act: int) -> bytes:
        """Return the salt of a decision's commitment on the private chain, 16 bytes that only this home can make."""
        return self._keys.lookups([(SALT.encode(), act)])[0]

    def damage(self) -> Iterator[PlatformError]:
        """Yield everything that is wrong with the file and its rows."""
        yield from self.database.damage()
        try:
            self.decisions()
        except PlatformError as fault:
            yield fault
        for rows in self._slices():
            for row in rows:
                try:
                    self._opened([row])
                except IndexRowDamaged as fault:
                    yield fault

    def _slices(self) -> Iterator[list[tuple[Any, ...]]]:
        first = self.database.fetch(_next, 0)[0][0]
        while first is not None:
            yield self.database.fetch(_slice, first, first + _SLICE - 1)
            first = self.database.fetch(_next, first + _SLICE)[0][0]

    def _lookups(self, subjects: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        return self._keys.lookups([(PURPOSE.encode(), *one) for one in subjects])

    def _sealed(self, rows: Sequence[Row]) -> list[tuple[int, bytes, bytes]]:
        lookups = self._lookups([(one.source, one.subject) for _, one in rows])
        aads = [_aad(number, lookup) for (number, _), lookup in zip(rows, lookups, strict=True)]
        contents = self._sealer.seal_many([pack(one) for _, one in rows], aads)
        return [(number, lookup, content) for (number, _), lookup, content in zip(rows, lookups, contents, strict=True)]

    def _opened(self, rows: Sequence[tuple[Any, ...]]) -> list[Row]:
        contents = self._sealer.open_many([row[2] for row in rows], [_aad(row[0], row[1]) for row in rows])
        return [
            (row[0], _decoded(Registration, content, "registrations", row[0]))
            for row, content in zip(rows, contents, strict=True)
        ]


def _aad(number: int, lookup: bytes) -> bytes:
    return pack(("registration", number, lookup))


def _decision_aad(number: int) -> bytes:
    return pack(("decision", number))


def _decoded(kind: Any, content: bytes | None, table: str, number: int) -> Any:
    try:
        return decode(kind, content or b"")
    except Invalid:
        raise IndexRowDamaged(table=table, number=number) from None
