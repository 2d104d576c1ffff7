"""Shredding: the structure stays, nothing else of the record does; rebuilding the files is not for nothing."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.storage_home import StorageHome
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.lifecycle.erasure.errors import DestroyedStillHere, ShreddedUnordered
from xinglin.service.lifecycle.erasure.shredding import Shredder
from xinglin.service.lifecycle.erasure.verification import OrderedDestruction
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.errors import RecordShredded, StorageUnwritable
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import location_of
from xinglin.service.lifecycle.storage.verification import findings


@pytest.fixture
def store(tmp_path: Path) -> StorageHome:
    """Return a home with twelve records, half of them with copies, in small segments."""
    home = StorageHome(tmp_path / "home", segment_bytes=900).create()
    for first in range(0, 12, 3):
        home.vault.put(home.records([b"record %d %s" % (first, b"." * 90)] * 3, first, copies=True))
    return home


def rows(store: StorageHome) -> list[StoredRecord]:
    """Return all rows."""
    found = [row for part in store.vault.index.slices(1, store.vault.index.last_number()) for row in part]
    return [row for row in found if isinstance(row, StoredRecord)]


@pytest.mark.parametrize("numbers", [[1], [2], [12], [3, 4, 5, 6], list(range(1, 13))])
def test_the_vault_goes_on_around_what_is_shredded(store: StorageHome, numbers: list[int]) -> None:
    """First, last and all of the records: recovery finds the end, and what is stored later stands."""
    chosen = [row for row in rows(store) if row.number in numbers]
    shredder = Shredder(store.vault)
    assert shredder.left(chosen) == ["keys"] * len(chosen)
    sizes = {path: path.stat().st_size for path in store.files() if path.suffix == ".seg"}
    shredder.shred(chosen)
    shredder.scrub()
    assert shredder.left([row for row in rows(store) if row.number in numbers]) == [""] * len(chosen)
    assert {path: path.stat().st_size for path in sizes} == sizes
    store.close()
    store.open()
    later = store.put([b"later"], first=100)[0]
    assert store.vault.read(later) == b"later"
    judge = OrderedDestruction(store.vault, {row.details.commitment for row in chosen}, set())
    assert list(findings(store.vault, judge)) == []
    for row in rows(store):
        opened = store.vault.open_many([row])[0]
        assert isinstance(opened, RecordShredded) == (row.number in numbers)
    store.close()


def test_shredding_twice_is_shredding_once(store: StorageHome) -> None:
    chosen, shredder = rows(store)[:2], Shredder(store.vault)
    shredder.shred(chosen)
    after = [shredder.measure(row) for row in rows(store)[:2]]
    shredder.shred(chosen)
    shredder.shred(rows(store)[:2])
    assert [shredder.measure(row) for row in rows(store)[:2]] == after
    store.close()


def test_who_verifies_without_a_chain_is_told_too(store: StorageHome) -> None:
    Shredder(store.vault).shred(rows(store)[:1])
    assert [type(one) for one in findings(store.vault)] == [RecordShredded]
    store.close()


@pytest.mark.parametrize(("done", "what"), [(0, "keys"), (1, "content"), (2, "row")])
def test_half_a_destruction_is_no_fault_before_the_certificate_and_one_after(
    store: StorageHome, done: int, what: str
) -> None:
    row = rows(store)[0]
    if done >= 1:
        store.vault.keyring.destroy([row.number])
    if done >= 2:
        original = location_of(row.details)
        store.vault.segments.overwrite(row.record, [original, original.next(row.details.copy_length)])
    ordered = {row.details.commitment}
    assert list(findings(store.vault, OrderedDestruction(store.vault, ordered, set()))) == []
    [fault] = findings(store.vault, OrderedDestruction(store.vault, ordered, ordered))
    assert isinstance(fault, DestroyedStillHere)
    assert fault.facts["what"] == what
    store.close()


def test_destroyed_without_an_order_is_a_fault(store: StorageHome) -> None:
    Shredder(store.vault).shred(rows(store)[:1])
    [fault] = findings(store.vault, OrderedDestruction(store.vault, set(), set()))
    assert isinstance(fault, ShreddedUnordered)
    assert identifier_bytes(str(fault.facts["record"])) == rows(store)[0].record
    store.close()


_tables = sa.MetaData()
_rows = sa.Table(
    "rows", _tables, sa.Column("number", Whole, primary_key=True), sa.Column("sealed", Blob, nullable=False)
)
PARTS = (0, 40, 84)


def left(data: bytes, gone: list[bytes]) -> int:
    """Return how many of some values are there, in part at least."""
    return sum(any(one[start : start + 16] in data for start in PARTS) for one in gone)


def filled(path: Path, seed: int) -> tuple[Database, dict[int, bytes], list[bytes]]:
    """Return a database into which rows were put and from which some were deleted, some rounds long."""
    source = random.Random(seed)
    database = Database(path, _tables, 1)
    database.create()
    kept: dict[int, bytes] = {}
    gone: list[bytes] = []
    for _ in range(6):
        first = max(kept, default=0) + 1
        fresh = {first + number: os.urandom(100) for number in range(source.randrange(1, 400))}
        with database.transaction() as connection:
            database.insert(connection, _rows, list(fresh.items()))
        kept |= fresh
        picked = source.sample(sorted(kept), min(len(kept) // 3, source.randrange(1, 200)))
        if source.random() < 0.4:  # neighbours, as the records of one stay are: pages run empty and are joined
            start = source.randrange(len(kept))
            picked = sorted(kept)[start : start + 150]
        with database.transaction() as connection:
            for number in picked:
                connection.execute(_rows.delete().where(_rows.c.number == number))
        gone += [kept.pop(number) for number in picked]
    connection = database.engine.raw_connection()
    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    return database, kept, gone


def test_deleted_rows_leave_copies_that_only_rebuilding_removes(tmp_path: Path) -> None:
    """``secure_delete`` does not reach the copies that SQLite leaves when it moves rows between pages."""
    found = 0
    for seed in range(20):
        database, kept, gone = filled(tmp_path / f"{seed}.sqlite", seed)
        found += left(database.path.read_bytes(), gone)
        database.scrub()
        data = b"".join(path.read_bytes() for path in tmp_path.glob(f"{seed}.*"))
        assert left(data, gone) == 0
        assert left(data, list(kept.values())) == len(kept)
        database.close()
        if found:
            break
    assert found, "SQLite leaves nothing any more: rebuilding may be needless"


def test_a_reader_of_an_old_state_keeps_the_file_from_being_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is said, and not taken for done."""
    database = Database(tmp_path / "rows.sqlite", _tables, 1)
    database.create()
    with database.engine.connect() as reader:
        reader.exec_driver_sql("SELECT * FROM rows").all()
        with database.transaction() as connection:
            database.insert(connection, _rows, [(1, b"x")])
        raw = database.engine.raw_connection
        monkeypatch.setattr(database.engine, "raw_connection", lambda: _impatient(raw()))
        with pytest.raises(StorageUnwritable):
            database.scrub()
    database.scrub()
    database.close()


def _impatient(connection: sa.PoolProxiedConnection) -> sa.PoolProxiedConnection:
    connection.cursor().execute("PRAGMA busy_timeout=50")
    return connection
