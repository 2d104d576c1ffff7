"""The node's store of protection: one sealed row for each consent, guardianship, grant and the like (D13; S8.2d).

Plain columns are a number, what kind of thing it is, and keyed hashes by which rows are found: of its id, of the
person, of an account. Everything else is sealed, bound to these, so that a changed or exchanged byte is found. Rows are
written anew but never removed. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa

from xinglin.kernel.encoding import decode, encode, pack
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.protection.errors import ProtectionRowDamaged
from xinglin.service.basic.protection.store_model import (
    Kept,
    KeptConsent,
    KeptDefault,
    KeptDraft,
    KeptGrant,
    KeptGuardianship,
    KeptLook,
    KeptMandate,
    KeptPaper,
)
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys

FORMAT = 1
_KINDS: Final[dict[type[Kept], int]] = {
    KeptConsent: 1,
    KeptPaper: 2,
    KeptDefault: 3,
    KeptGuardianship: 4,
    KeptGrant: 5,
    KeptMandate: 6,
    KeptDraft: 7,
    KeptLook: 8,
}
K = TypeVar("K", KeptConsent, KeptPaper, KeptDefault, KeptGuardianship, KeptGrant, KeptMandate, KeptDraft, KeptLook)

_tables = sa.MetaData()
_rows = sa.Table(
    "rows",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("kind", Whole, nullable=False),
    sa.Column("id", Blob, nullable=False, unique=True),
    sa.Column("person", Blob, nullable=False, index=True),
    sa.Column("account", Blob, nullable=False, index=True),
    sa.Column("sealed", Blob, nullable=False),
)
_all = sa.select(_rows).order_by(_rows.c.number)
_of_person = _all.where(_rows.c.kind == sa.bindparam("kind")).where(_rows.c.person == sa.bindparam("person"))
_of_account = _all.where(_rows.c.kind == sa.bindparam("kind")).where(_rows.c.account == sa.bindparam("account"))
_of_kind = _all.where(_rows.c.kind == sa.bindparam("kind"))
_by_id = _all.where(_rows.c.id == sa.bindparam("id"))
_last = sa.select(sa.func.max(_rows.c.number))


@dataclass(frozen=True, slots=True)
class Row(Generic[K]):
    """A value as it is stored: its row number and whose it is (16 bytes of the node's index)."""

    number: int
    person: bytes
    value: K


class ProtectionStore:
    """The store of one home.

    Args:
        folder: where ``protection.sqlite`` lies; it exists.
        keys: the home's key hierarchy.
    """

    def __init__(self, folder: Path, keys: InstitutionKeys) -> None:
        self.database = Database(folder / "protection.sqlite", _tables, FORMAT)
        self._keys = keys
        self._sealer = keys.sealer("protection")

    def create(self) -> None:
        """Make the store; raises StorageExists, StorageUnwritable."""
        self.database.create()

    def check(self) -> None:
        """Refuse a store that is not there or of another format; raises StorageMissing, StorageVersionUnknown."""
        self.database.check()

    def close(self) -> None:
        """Close the store."""
        self.database.close()

    def add(self, value: Kept, id_: bytes, person: bytes, account: bytes = b"") -> None:
        """Keep a value durably.

        Args:
            value: what is kept.
            id_: its id, unique among its kind.
            person: whose it is, 16 bytes of the node's index.
            account: an account by which it is found, empty for none.

        Raises:
            StorageExists: there is one of that kind and id.
            StorageUnwritable: the disk refuses.
        """
        kind = _KINDS[type(value)]
        where = self._lookups(kind, id_, person, account)
        with self.database.transaction() as connection:
            number = (connection.execute(_last).scalar() or 0) + 1
            self.database.insert(
                connection, _rows, [(number, kind, *where, self._seal(number, kind, where, value, person))]
            )

    def replace(self, row: Row[K], value: K) -> None:
        """Write the value of a row anew, durably; its id, person and account stay.

        Raises:
            ProtectionRowDamaged: the row is gone.
        """
        kind = _KINDS[type(value)]
        with self.database.transaction() as connection:
            found = connection.execute(_all.where(_rows.c.number == row.number)).one_or_none()
            if found is None:
                raise ProtectionRowDamaged(number=row.number)
            where = (found.id, found.person, found.account)
            sealed = self._seal(row.number, kind, where, value, row.person)
            connection.execute(_rows.update().where(_rows.c.number == row.number), {"sealed": sealed})

    def of_person(self, kind: type[K], person: bytes) -> list[Row[K]]:
        """Return what is kept of a person, oldest first; raises ProtectionRowDamaged."""
        number = _KINDS[kind]
        lookup = self._lookup(b"person", number, person)
        return [self._row(kind, row) for row in self.database.fetch(_of_person, number, lookup)]

    def of_account(self, kind: type[K], account: bytes) -> list[Row[K]]:
        """Return what is kept under an account, oldest first; raises ProtectionRowDamaged."""
        number = _KINDS[kind]
        lookup = self._lookup(b"account", number, account)
        return [self._row(kind, row) for row in self.database.fetch(_of_account, number, lookup)]

    def of_kind(self, kind: type[K]) -> list[Row[K]]:
        """Return everything of a kind, oldest first; raises ProtectionRowDamaged."""
        return [self._row(kind, row) for row in self.database.fetch(_of_kind, _KINDS[kind])]

    def by_id(self, kind: type[K], id_: bytes) -> Row[K] | None:
        """Return one value, None when it is not there; raises ProtectionRowDamaged."""
        found = self.database.fetch(_by_id, self._lookup(b"id", _KINDS[kind], id_))
        return self._row(kind, found[0]) if found else None

    def damage(self) -> Iterator[PlatformError]:
        """Yield what is wrong: of the file, each row that does not open, each number that is missing."""
        yield from self.database.damage()
        classes = {number: kind for kind, number in _KINDS.items()}
        expected = 1
        for row in self.database.fetch(_all):
            yield from (ProtectionRowDamaged(number=number) for number in range(expected, row[0]))
            expected = row[0] + 1
            try:
                self._opened(classes.get(row[1], KeptPaper), row)
            except ProtectionRowDamaged as damage:
                yield damage

    def _row(self, kind: type[K], row: tuple[Any, ...]) -> Row[K]:
        person, value = self._opened(kind, row)
        return Row(row[0], person, value)

    def _opened(self, kind: type[Any], row: tuple[Any, ...]) -> tuple[bytes, Any]:
        number, kind_number, *where, sealed = row
        try:
            person, data = decode(tuple[bytes, bytes], self._sealer.open(sealed, _aad(number, kind_number, where)))
            return person, decode(kind, data)
        except PlatformError:
            raise ProtectionRowDamaged(number=number) from None

    def _seal(self, number: int, kind: int, where: tuple[bytes, ...], value: Kept, person: bytes) -> bytes:
        return self._sealer.seal(pack((person, encode(value))), _aad(number, kind, where))

    def _lookups(self, kind: int, id_: bytes, person: bytes, account: bytes) -> tuple[bytes, ...]:
        return (
            self._lookup(b"id", kind, id_),
            self._lookup(b"person", kind, person),
            self._lookup(b"account", kind, account) if account else b"",
        )

    def _lookup(self, what: bytes, kind: int, value: bytes) -> bytes:
        return self._keys.lookups([(b"protection", what, kind, value)])[0]


def _aad(number: int, kind: int, where: Any) -> bytes:
    return pack((number, kind, *where))
