"""SQLite databases of a home: how they are opened, written in bulk, and how their faults become errors (D13).

WAL with full synchronisation, so that a commit that returned survives a power cut; deleted content is overwritten.
Transactions are begun by hand, because the driver would begin only at the first write and a reader would see two
states. Holds no tables: each store has its own.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from xinglin.carrier.crypto.files import sync_folder
from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.storage.disk import writing
from xinglin.service.lifecycle.storage.errors import (
    DatabaseDamaged,
    StorageExists,
    StorageMissing,
    StorageUnwritable,
    StorageVersionUnknown,
)

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "cell_size_check=ON",
    "trusted_schema=OFF",
    "busy_timeout=10000",
    "cache_size=-16384",
    "wal_autocheckpoint=4000",  # pages: each checkpoint rewrites every page that changed, so few of them
)
_LIST = re.compile(r"\(__\[POSTCOMPILE_[a-z]+\]\)")
_UNWRITABLE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    )
)


_Clean = Callable[[Any], Any]
Version = tuple[int, int]
"""What a file held at a moment: two are equal only if nothing was committed in between."""
_watchers = count()
"""Numbers the connections that watch: what one says of a file can't be compared with what another says."""


class Blob(sa.types.UserDefinedType[bytes]):
    """A column of bytes. What is no bytes in the file, after damage, reads as empty and authenticates nowhere."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name in SQL."""
        return "BLOB"

    def result_processor(self, dialect: object, coltype: object) -> _Clean:
        """Return what turns a value of the driver into bytes."""
        return _bytes


class Whole(sa.types.UserDefinedType[int]):
    """A column of whole numbers. What is neither a number nor empty in the file, after damage, reads as -1."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name in SQL."""
        return "INTEGER"

    def result_processor(self, dialect: object, coltype: object) -> _Clean:
        """Return what turns a value of the driver into a number."""
        return _whole


def _bytes(value: Any) -> bytes:
    return value if type(value) is bytes else b""


def _whole(value: Any) -> int | None:
    return value if value is None or type(value) is int else -1


def _cleaner(kind: sa.types.TypeEngine[Any]) -> _Clean:
    return _bytes if isinstance(kind, Blob) else _whole


class Database:
    """One SQLite file of a home.

    Args:
        path: the file; its folder exists.
        tables: its tables.
        version: the number of its format, kept in the file.
    """

    def __init__(self, path: Path, tables: sa.MetaData, version: int) -> None:
        self.path = path
        self._tables = tables
        self._version = version
        self._inserts: dict[sa.Table, str] = {}
        self._queries: dict[sa.Select[Any], tuple[str, list[_Clean]]] = {}
        self._watching = threading.Lock()
        self._watcher: tuple[int, sqlite3.Connection] | None = None
        self.engine = sa.create_engine(f"sqlite:///{path}")
        sa.event.listen(self.engine, "connect", _prepare)
        sa.event.listen(self.engine, "begin", _begin)

    def create(self) -> None:
        """Make the file, readable by its owner alone, with its tables.

        Raises:
            StorageExists: there is such a file.
            StorageUnwritable: the disk refuses.
        """
        with writing(self.path):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with self.transaction() as connection:
            self._tables.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={self._version}")
        with writing(self.path):
            sync_folder(self.path.parent)

    def check(self) -> None:
        """Refuse a file that is not there or has another format.

        Raises:
            StorageMissing: there is no such file.
            StorageVersionUnknown: it was written by another version.
            DatabaseDamaged: it is not a database.
        """
        if not self.path.is_file():
            raise StorageMissing(what=self.path.name)
        with self.transaction() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found != self._version:
            raise StorageVersionUnknown(what=self.path.name, found=found, known=self._version)

    def open(self) -> None:
        """Check the file, made with its folder if there is none; raises as ``check`` and ``create``."""
        if self.path.exists():
            self.check()
            return
        with writing(self.path.parent):
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self.create()

    def close(self) -> None:
        """Close every connection; the file then holds everything and the WAL is gone."""
        with self._watching:
            if self._watcher is not None:
                self._watcher[1].close()
                self._watcher = None
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give a connection inside a transaction, durable once the block ends without an error.

        Raises:
            StorageUnwritable: disk full, read-only, I/O error, or locked for ten seconds.
            StorageExists: a row that must be the only one is there already.
            DatabaseDamaged: any other fault of the database.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._fault(error.orig) from None
        except UnicodeDecodeError as error:  # the driver can't read its own message about a damaged schema
            raise self._fault(error) from None

    def version(self) -> Version:
        """Return what changes with every commit to the file, by this process or another; compare it and no more.

        SQLite tells a connection of the commits of all others, so the one that asks here never writes.

        Raises:
            StorageUnwritable, DatabaseDamaged: as ``transaction``.
        """
        with self._watching:
            try:
                if self._watcher is None:
                    connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
                    connection.execute("PRAGMA busy_timeout=10000")
                    self._watcher = next(_watchers), connection
                number, connection = self._watcher
                return number, int(connection.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as error:
                raise self._fault(error) from None

    def insert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows, each with a value for every column in the table's order.

        Goes around SQLAlchemy's processing of each value, which costs as much as SQLite itself (measured: 26 us a
        row of four columns against 15).
        """
        if table not in self._inserts:
            self._inserts[table] = str(table.insert().compile(dialect=self.engine.dialect))
        if rows:
            connection.exec_driver_sql(self._inserts[table], list(rows))

    def fetch(self, query: sa.Select[Any], *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of one query that is read often, made once and called with its values in order.

        Goes to the driver: a transaction and a statement of SQLAlchemy cost five times what SQLite does here
        (measured: 180 us against 31).

        Raises:
            StorageUnwritable, DatabaseDamaged: as ``transaction``.
        """
        return self._fetch(query, 1, values)

    def fetch_in(self, query: sa.Select[Any], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of one query whose only parameter is a list of values; raises as ``fetch``."""
        return self._fetch(query, len(values), values)

    def _fetch(self, query: sa.Select[Any], count: int, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        text, cleaners = self._compiled(query, count)
        try:
            connection = self.engine.raw_connection()
            try:
                rows = connection.cursor().execute(text, values).fetchall()
            finally:
                connection.close()
        except DBAPIError as error:
            raise self._fault(error.orig) from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._fault(error) from None
        return [tuple(clean(value) for clean, value in zip(cleaners, row, strict=True)) for row in rows]

    def _compiled(self, query: sa.Select[Any], count: int) -> tuple[str, list[_Clean]]:
        if query not in self._queries:
            cleaners = [_cleaner(column.type) for column in query.selected_columns]
            self._queries[query] = str(query.compile(dialect=self.engine.dialect)), cleaners
        text, cleaners = self._queries[query]
        # SQLAlchemy leaves a mark where a list goes; the driver takes as many question marks as there are values.
        return _LIST.sub(f"({', '.join('?' * count)})", text), cleaners

    def scrub(self) -> None:
        """Leave nothing in the file or its WAL but what the tables say now.

        ``secure_delete`` overwrites where a row was deleted, but not the copies that stay behind in the gaps of pages
        when SQLite moves rows from one page to another; only rebuilding the file removes those. Takes as long as
        writing the whole file, so it is done once for many rows.

        Raises:
            StorageUnwritable: a reader holds on to an old state for ten seconds, or the disk refuses.
        """
        try:
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("VACUUM")
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
            finally:
                connection.close()
        except DBAPIError as error:
            raise self._fault(error.orig) from None
        except sqlite3.Error as error:
            raise self._fault(error) from None
        if busy:
            raise StorageUnwritable(file=self.path.name, what="SQLITE_BUSY")

    def damage(self) -> list[DatabaseDamaged]:
        """Return what SQLite's own check of all pages and indexes finds."""
        try:
            with self.transaction() as connection:
                found = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
        except PlatformError as error:
            return [DatabaseDamaged(file=self.path.name, what=error.code)]
        return [DatabaseDamaged(file=self.path.name, what=str(line)) for line in found if line != "ok"]

    def _fault(self, error: BaseException | None) -> PlatformError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind of fault
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if code == sqlite3.SQLITE_CONSTRAINT:
            return StorageExists(what=f"row of {self.path.name} for this")
        if code in _UNWRITABLE:
            return StorageUnwritable(file=self.path.name, what=name)
        return DatabaseDamaged(file=self.path.name, what=name)


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
