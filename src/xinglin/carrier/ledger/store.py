"""The store of one chain in LMDB: everything a block changes, in one transaction (design D5.8, D6).

Knows keys and bytes, not their meaning. One writer thread; readers take short snapshots from any thread. The file of
another process is refused by a lock of our own, because LMDB would let two writers take turns.

Tables: ``state`` key -> value; ``undo`` height -> what the block replaced; ``entry`` log index -> (leaf, receipt,
transaction); ``body`` valid_until || body id -> log index (in the order of time, so that inserts stay local);
``block`` height -> what the block was; ``tile`` level, index -> hashes; ``leaf`` log index -> leaf, where a home that
began from a snapshot has no entry; ``meta`` the genesis, and how much of the log before such a beginning is here.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lmdb

from xinglin.carrier.ledger.errors import ChainNotFound, MapRefused, StoreDamaged, StoreFull, StoreLocked
from xinglin.kernel.errors import PlatformError

TABLES = ("state", "undo", "entry", "body", "block", "tile", "leaf", "meta")
FULL_PERCENT = 80
MAX_KEY_BYTES = 500
DEFAULT_MAP_BYTES = 64 << 30
GENESIS_NAME = "genesis"
"""The file beside a store that has the chain's genesis once more, for when the store can't be read."""
_MAX_READERS = 1024


def number_key(number: int) -> bytes:
    """Return the key of a height or log index: 8 bytes, big-endian, so that order is kept."""
    return number.to_bytes(8, "big")


def tile_key(level: int, index: int) -> bytes:
    """Return the key of a tile."""
    return bytes([level]) + number_key(index)


def body_key(valid_until: int, body: bytes) -> bytes:
    """Return the key of the index from body id to log index."""
    return number_key(valid_until) + body


@dataclass(frozen=True, slots=True)
class Write:
    """All writes of one block: for each table what is put and what is removed; ``appends`` grow at the end."""

    puts: Mapping[str, Iterable[tuple[bytes, bytes]]]
    appends: Mapping[str, Iterable[tuple[bytes, bytes]]]
    deletes: Mapping[str, Iterable[bytes]]

    def with_puts(self, more: Write) -> Write:
        """Return this with what another puts besides."""
        names = {**self.puts, **more.puts}
        puts = {name: [*self.puts.get(name, ()), *more.puts.get(name, ())] for name in names}
        return replace(self, puts=puts)


class Store:
    """One chain's LMDB environment.

    Args:
        folder: ``chain/<id>`` of a home.
        chain: the chain's id, for messages.
        map_bytes: size of the sparse map; the store stops at 80 % of it.
        writable: False opens for reading only and takes no lock.
        sync: False leaves durability to the system, for scratch stores.

    Raises:
        StoreLocked: it is open elsewhere.
        MapRefused: the system gives no room for the map.
        StoreDamaged: LMDB can't open it.
    """

    def __init__(
        self,
        folder: Path,
        chain: str,
        map_bytes: int = DEFAULT_MAP_BYTES,
        *,
        writable: bool = True,
        sync: bool = True,
    ) -> None:
        self._chain = chain
        self._lock = lock_folder(folder, chain) if writable else None
        if writable:
            (folder / "data").mkdir(mode=0o700, exist_ok=True)
        try:
            self._env = lmdb.open(
                str(folder / "data"),
                map_size=map_bytes,
                max_dbs=len(TABLES),
                readonly=not writable,
                readahead=False,
                sync=sync,
                max_readers=_MAX_READERS,
                mode=0o600,
            )
        except lmdb.Error as error:
            self._unlock()
            raise _refusal(chain, "open", error) from None
        try:
            self._tables = {name: self._env.open_db(name.encode(), create=writable) for name in TABLES}
            self._env.reader_check()  # a reader that was killed would keep old pages from being used again
        except lmdb.Error as error:
            self.close()
            raise _refusal(chain, "open", error) from None

    def close(self) -> None:
        """Close the environment and release the lock."""
        self._env.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def commit(self, write: Write) -> int:
        """Write one block durably, whole or not at all.

        Returns: LMDB's id of the transaction.

        Raises:
            StoreFull: the map or the disk is at its limit; nothing was written.
            StoreDamaged: LMDB can't write, or a table already has what would be appended; nothing was written.
        """
        try:
            with self._env.begin(write=True) as txn:
                self._fill(txn, write)
                return int(txn.id())
        except lmdb.Error as error:
            raise _refusal(self._chain, "write", error) from None

    def _fill(self, txn: Any, write: Write) -> None:
        for name, items in write.appends.items():
            with txn.cursor(self._tables[name]) as cursor:
                for key, value in items:
                    if not cursor.put(key, value, append=True):
                        raise StoreDamaged(chain=self._chain, what=f"table {name} has keys beyond its end")
        for name, items in write.puts.items():
            with txn.cursor(self._tables[name]) as cursor:
                cursor.putmulti(items)
        for name, keys in write.deletes.items():
            for key in keys:
                txn.delete(key, db=self._tables[name])

    @contextmanager
    def snapshot(self, *, in_place: bool = False) -> Iterator[Snapshot]:
        """Give one consistent view; keep it for a few seconds at most.

        ``in_place`` is for who reads only the beginning of many values: the rest of them is not touched.
        """
        try:
            with self._env.begin(buffers=True) if in_place else self._env.begin() as txn:
                yield Snapshot(txn, self._tables, self._chain)
        except lmdb.Error as error:
            raise _refusal(self._chain, "read", error) from None

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return one value from the newest commit."""
        with self.snapshot() as view:
            return view.get(table, key)

    def check_room(self) -> None:
        """Raise StoreFull once the used pages reach 80 % of the map."""
        used, room = self.usage()
        percent = used * 100 // room
        if percent >= FULL_PERCENT:
            raise StoreFull(chain=self._chain, percent=percent)

    def usage(self) -> tuple[int, int]:
        """Return how many bytes the pages take that were ever used, and how many the map has."""
        info = self._env.info()
        return (info["last_pgno"] + 1) * self._env.stat()["psize"], int(info["map_size"])


class Snapshot:
    """One consistent view of all tables."""

    __slots__ = ("_chain", "_tables", "_txn")

    def __init__(self, txn: Any, tables: Mapping[str, Any], chain: str) -> None:
        self._txn, self._tables, self._chain = txn, tables, chain

    @property
    def transaction(self) -> int:
        """LMDB's id of the commit that this is a view of."""
        return int(self._txn.id())

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return the value under a key, None when absent."""
        value = self._txn.get(key, db=self._tables[table])
        return None if value is None else bytes(value)

    def beginning(self, table: str, key: bytes, count: int) -> bytes | None:
        """Return the first ``count`` bytes of the value under a key, None when absent."""
        value = self._txn.get(key, db=self._tables[table])
        return None if value is None else bytes(value[:count])

    def items(self, table: str, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) in bytewise order, of keys with ``prefix``, from ``start`` on."""
        with self._txn.cursor(self._tables[table]) as cursor:
            if not cursor.set_range(max(prefix, start)):
                return
            for found, value in cursor:
                key = bytes(found)
                if not key.startswith(prefix):
                    return
                yield key, bytes(value)

    def last(self, table: str) -> tuple[bytes, bytes] | None:
        """Return the item with the highest key."""
        with self._txn.cursor(self._tables[table]) as cursor:
            if not cursor.last():
                return None
            key, value = cursor.item()
            return bytes(key), bytes(value)

    def count(self, table: str) -> int:
        """Return the number of items of a table."""
        return int(self._txn.stat(self._tables[table])["entries"])

    def size(self, table: str) -> int:
        """Return the bytes of the pages that hold a table's items."""
        stat = self._txn.stat(self._tables[table])
        return int((stat["leaf_pages"] + stat["overflow_pages"]) * stat["psize"])


class StateView:
    """The state table of a snapshot, as the ledger's rules read it."""

    __slots__ = ("_view",)

    def __init__(self, view: Snapshot) -> None:
        self._view = view

    def get(self, key: bytes) -> bytes | None:
        """Return the value under a canonical key, None when absent."""
        return self._view.get("state", key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) of every key with the prefix, in bytewise order."""
        return self._view.items("state", prefix)


def chain_folder(home: Path, chain: str) -> Path:
    """Return ``chain/<id>`` of a home, which must exist.

    Raises:
        ChainNotFound: the home has no such chain.
    """
    folder = home / "chain" / chain
    if not (folder / "data").is_dir():
        raise ChainNotFound(chain=chain)
    return folder


def lock_folder(folder: Path, chain: str) -> int:
    """Make and lock the folder of a store; the lock goes when the descriptor that is returned is closed.

    Raises:
        StoreLocked: it is locked already.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreLocked(chain=chain) from None
    return descriptor


def _refusal(chain: str, doing: str, error: lmdb.Error) -> PlatformError:
    """Return what an error of LMDB is to us."""
    if isinstance(error, (lmdb.MapFullError, lmdb.DiskError)):
        return StoreFull(chain=chain, percent=100)
    if isinstance(error, lmdb.MemoryError):
        return MapRefused(chain=chain)
    if "already open in this process" in str(error):
        return StoreLocked(chain=chain)
    return StoreDamaged(chain=chain, what=f"LMDB can't {doing} it ({type(error).__name__})")
