"""The store and the head file beside it: whole commits or none, one writer, and what is appended stays at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from tests.support.damage import flip
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.errors import StoreBehindHead, StoreDamaged, StoreFull, StoreLocked
from xinglin.carrier.ledger.head import HeadFile, HeadSlot, check_head
from xinglin.carrier.ledger.store import TABLES, StateView, Store, Write, body_key, number_key, tile_key

CHAIN = "c" + "a" * 26
MAP = 1 << 20


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """Give an empty store."""
    opened = Store(home / "store", CHAIN, MAP)
    yield opened
    opened.close()


def write(puts: dict[str, list[tuple[bytes, bytes]]], **others: dict[str, list[tuple[bytes, bytes]]]) -> Write:
    """Return a write of some tables."""
    return Write(puts, others.get("appends", {}), others.get("deletes", {}))  # type: ignore[arg-type]


def everything(store: Store) -> dict[str, list[tuple[bytes, bytes]]]:
    """Return all tables."""
    with store.snapshot() as view:
        return {table: list(view.items(table)) for table in TABLES}


class TestStore:
    """LMDB as the ledger uses it."""

    def test_a_commit_writes_every_table(self, store: Store) -> None:
        puts = {table: [(b"key", table.encode())] for table in TABLES}
        transaction = store.commit(write(puts))
        assert everything(store) == puts
        with store.snapshot() as view:
            assert view.transaction == transaction
            assert [view.count(table) for table in TABLES] == [1] * len(TABLES)
        assert store.commit(Write({}, {}, {"state": [b"key", b"absent"]})) == transaction + 1
        assert store.get("state", b"key") is None

    def test_items_in_order_by_prefix_and_start(self, store: Store) -> None:
        keys = [b"a", b"a\x00", b"ab", b"b", b"\xff"]
        store.commit(write({"state": [(key, b"") for key in reversed(keys)]}))
        with store.snapshot() as view:
            assert [key for key, _ in view.items("state")] == keys
            assert [key for key, _ in view.items("state", prefix=b"a")] == keys[:3]
            assert [key for key, _ in view.items("state", start=b"aa")] == keys[2:]
            assert [key for key, _ in view.items("state", prefix=b"a", start=b"a\x01")] == [b"ab"]
            assert [key for key, _ in StateView(view).scan(b"\xff")] == [b"\xff"]
            assert list(view.items("undo")) == []
            assert (view.last("state"), view.last("undo")) == ((b"\xff", b""), None)

    def test_keys_keep_the_order_of_what_they_name(self) -> None:
        numbers = [0, 1, 255, 256, 1 << 40, (1 << 63) - 1]
        assert sorted(map(number_key, reversed(numbers))) == [number_key(one) for one in numbers]
        tiles = [(0, 255), (0, 256), (1, 0)]
        assert sorted(tile_key(*tile) for tile in tiles) == [tile_key(*tile) for tile in tiles]
        assert body_key(255, b"z") < body_key(256, b"a")

    def test_a_view_is_of_one_commit(self, store: Store) -> None:
        store.commit(write({"state": [(b"k", b"old")]}))
        with store.snapshot() as view:
            store.commit(write({"state": [(b"k", b"new")]}))
            assert view.get("state", b"k") == b"old"
        assert store.get("state", b"k") == b"new"

    def test_what_is_appended_must_be_the_end(self, store: Store) -> None:
        store.commit(write({}, appends={"entry": [(number_key(5), b"5")]}))
        before = everything(store)
        for index in (5, 4):
            late = write({"state": [(b"k", b"v")]}, appends={"entry": [(number_key(index), b"late")]})
            with pytest.raises(StoreDamaged):
                store.commit(late)
            assert everything(store) == before
        store.commit(write({}, appends={"entry": [(number_key(6), b"6")]}))

    def test_a_full_map_takes_nothing(self, store: Store) -> None:
        store.check_room()
        rows = [(number_key(number), bytes(4000)) for number in range(1000)]
        with pytest.raises(StoreFull):
            store.commit(write({"state": rows}))
        assert everything(store) == {table: [] for table in TABLES}
        for row in rows[:205]:
            store.commit(write({"state": [row]}))
        with pytest.raises(StoreFull) as full:
            store.check_room()
        assert 80 <= int(full.value.facts["percent"]) < 90
        store.commit(write({"state": rows[205:210]}))

    def test_one_writer(self, store: Store, home: Path) -> None:
        for writable in (True, False):
            with pytest.raises(StoreLocked):
                Store(home / "store", CHAIN, MAP, writable=writable)
        store.close()
        store.close()
        Store(home / "store", CHAIN, MAP).close()

    def test_what_only_reads_takes_no_lock_and_makes_nothing(self, store: Store, home: Path) -> None:
        store.commit(write({"state": [(b"k", b"v")]}))
        store.close()
        reader = Store(home / "store", CHAIN, writable=False)
        assert reader.get("state", b"k") == b"v"
        with pytest.raises(StoreDamaged):
            reader.commit(write({"state": [(b"k", b"w")]}))
        reader.close()
        with pytest.raises(StoreDamaged):
            Store(home / "absent", CHAIN, writable=False)
        assert sorted(path.name for path in home.iterdir()) == ["store"]

    def test_a_store_that_lacks_a_table_is_refused_and_left_closed(self, home: Path) -> None:
        (home / "store").mkdir()
        lmdb.open(str(home / "store" / "data"), max_dbs=2).close()
        for _ in range(2):
            with pytest.raises(StoreDamaged):
                Store(home / "store", CHAIN, writable=False)

    def test_bytes_that_are_no_store_are_refused_and_left_closed(self, home: Path) -> None:
        (home / "store" / "data").mkdir(parents=True)
        (home / "store" / "data" / "data.mdb").write_bytes(os.urandom(8192))
        for _ in range(2):
            with pytest.raises(StoreDamaged):
                Store(home / "store", CHAIN, MAP)


def slot(height: int, app_hash: bytes = bytes(32), transaction: int = 100) -> HeadSlot:
    """Return a slot."""
    return HeadSlot(height, app_hash, height, transaction + height)


class TestHeadFile:
    """Two slots in turn, and how a store is compared with them."""

    @pytest.fixture
    def head(self, home: Path, gm: Suite) -> Iterator[HeadFile]:
        """Give a new head file."""
        opened = HeadFile(home / "head", gm.hash)
        yield opened
        opened.close()

    def test_the_newest_slot_counts(self, head: HeadFile) -> None:
        assert (head.read().newest, head.read().damaged) == (None, 0)
        for height in range(5):
            head.write(slot(height))
            head.sync()
            assert (head.read().newest, head.read().damaged) == (slot(height), 0)

    def test_every_flipped_bit_of_a_slot_is_noticed(self, head: HeadFile, home: Path) -> None:
        head.write(slot(1))
        head.write(slot(2))
        used = len((home / "head").read_bytes()[:256].rstrip(b"\x00"))
        for offset in range(used):
            flip(home / "head", offset, offset % 8)
            reading = head.read()
            assert (reading.newest, reading.damaged) == (slot(1), 1), offset
            flip(home / "head", offset, offset % 8)
        assert head.read().newest == slot(2)

    @pytest.mark.parametrize("size", [0, 1, 50, 256, 300])
    def test_a_file_that_was_cut_has_what_is_left(self, head: HeadFile, home: Path, size: int) -> None:
        head.write(slot(2))
        head.write(slot(3))
        os.truncate(home / "head", size)
        assert head.read().newest == (slot(2) if size >= 256 else None)

    def test_a_store_is_compared_with_the_newest_slot(self, head: HeadFile) -> None:
        check_head(CHAIN, head.read(), 0, bytes(32), 7)
        with pytest.raises(StoreDamaged):
            check_head(CHAIN, head.read(), 1, bytes(32), 7)
        head.write(slot(4))
        head.write(slot(5))
        check_head(CHAIN, head.read(), 5, bytes(32), 105)
        check_head(CHAIN, head.read(), 6, b"other" * 6, 106)
        with pytest.raises(StoreBehindHead):
            check_head(CHAIN, head.read(), 4, bytes(32), 104)
        for app_hash, transaction in ((b"\x01" * 32, 105), (bytes(32), 104), (bytes(32), 106)):
            with pytest.raises(StoreDamaged):
                check_head(CHAIN, head.read(), 5, app_hash, transaction)

    def test_no_good_slot_is_damage_even_at_height_0(self, head: HeadFile, home: Path) -> None:
        head.write(slot(0))
        flip(home / "head", 10, 0)
        with pytest.raises(StoreDamaged):
            check_head(CHAIN, head.read(), 0, bytes(32), 100)
