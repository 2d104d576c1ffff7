"""Any flipped byte of any file of vault and keyring is found, or changes nothing (design D14.3)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.storage_home import StorageHome
from xinglin.kernel.errors import Integrity, PlatformError
from xinglin.service.lifecycle.storage.verification import findings

Homes = dict[str, tuple[Path, dict[str, bytes]]]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Return two homes and their records: one closed in order, one as a killed process leaves it, with its WAL."""
    made: Homes = {}
    for name in ("closed", "killed"):
        path = tmp_path_factory.mktemp(name) / "home"
        store = StorageHome(path, segment_bytes=900).create()
        records: dict[str, bytes] = {}
        for number in range(0, 12, 3):
            contents = [b"record %d %s" % (number + place, b"." * 40 * place) for place in range(3)]
            records |= dict(zip(store.put(contents, number, b"p%d" % (number % 2)), contents, strict=True))
        if name == "killed":
            shutil.copytree(path, path.with_name("copy"))
        store.close()
        made[name] = (path if name == "closed" else path.with_name("copy"), records)
    return made


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the copy that is damaged."""
    return tmp_path_factory.mktemp("scratch") / "home"


def check(path: Path, records: dict[str, bytes]) -> list[str]:
    """Read and verify everything of a damaged home and return the codes found.

    What is served must be right; what is not served, and what is missing, must be found. When nothing is found, the
    start for writing, which removes what a crash left, must leave everything in place.
    """
    try:
        store = StorageHome(path).open_for_reading()
    except Integrity as damage:
        return [damage.code]
    except PlatformError as other:
        return [other.code]  # an unknown version, a missing file: said, if not as damage
    try:
        found = [one.code for one in findings(store.vault)]
        assert found or served(store, records) == records
        assert not wrong(store, records)
    finally:
        store.close()
    if not found:
        store = StorageHome(path).open()
        assert served(store, records) == records
        store.close()
    return found


def served(store: StorageHome, records: dict[str, bytes]) -> dict[str, bytes]:
    got: dict[str, bytes] = {}
    for record in records:
        try:
            got[record] = store.vault.read(record)
        except PlatformError:
            continue
    return got


def wrong(store: StorageHome, records: dict[str, bytes]) -> list[str]:
    return [record for record, content in served(store, records).items() if content != records[record]]


def flip(path: Path, position: int, mask: int) -> None:
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= mask
    path.write_bytes(data)


def test_a_schema_that_is_not_even_text_is_found(homes: Homes, scratch: Path) -> None:
    path, records = homes["closed"]
    for name in ("index.sqlite", "keyring.sqlite"):
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(path, scratch)
        file = next(one for one in StorageHome(scratch).files() if one.name == name)
        file.write_bytes(file.read_bytes().replace(b"NOT NULL", b"NUL\x8c NUL"))
        assert "storage.database_damaged" in check(scratch, records)


@pytest.mark.requirement("S6.2d")
@pytest.mark.parametrize("name", ["closed", "killed"])
@given(file=st.integers(0, 50), position=st.integers(0, 1 << 30), mask=st.integers(1, 255))
def test_a_flipped_byte_is_found_or_changes_nothing(
    homes: Homes, scratch: Path, name: str, file: int, position: int, mask: int
) -> None:
    path, records = homes[name]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(path, scratch)
    files = [one for one in StorageHome(scratch).files() if one.stat().st_size]
    flip(files[file % len(files)], position, mask)
    check(scratch, records)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("index.sqlite-wal", "vault.behind_head"),
        ("keyring.sqlite-wal", "keyring.key_missing"),
    ],
)
def test_a_write_ahead_log_cut_short_is_found(homes: Homes, scratch: Path, name: str, code: str) -> None:
    """SQLite itself takes a log that ends early for one that never was longer."""
    path, records = homes["killed"]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(path, scratch)
    log = next(one for one in StorageHome(scratch).files() if one.name == name)
    log.write_bytes(log.read_bytes()[: -2 * 4120])
    assert code in check(scratch, records)


def test_missing_and_foreign_files_are_found(homes: Homes, scratch: Path) -> None:
    path, records = homes["closed"]
    for name, code in (("00000002.seg", "vault.entry_damaged"), ("head", "vault.head_damaged")):
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(path, scratch)
        next(one for one in StorageHome(scratch).files() if one.name == name).unlink()
        assert code in check(scratch, records)
    shutil.rmtree(scratch)
    shutil.copytree(path, scratch)
    (scratch / "vault" / "segments" / "notes.txt").write_text("put here by hand")
    assert check(scratch, records) == ["vault.leftover"]


def test_two_entries_that_changed_places_are_found(homes: Homes, scratch: Path) -> None:
    path, records = homes["closed"]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(path, scratch)
    first, second = (scratch / "vault" / "segments" / f"0000000{number}.seg" for number in (1, 2))
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    assert set(check(scratch, records)) == {"vault.entry_damaged"}


def test_rows_that_changed_places_are_found(homes: Homes, scratch: Path) -> None:
    path, records = homes["closed"]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(path, scratch)
    store = StorageHome(scratch).open_for_reading()
    with store.vault.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE records SET number = -number WHERE number < 3")
        connection.exec_driver_sql("UPDATE records SET number = 3 + number WHERE number < 0")
    store.close()
    assert set(check(scratch, records)) == {"vault.row_damaged"}


def test_a_removed_row_is_found(homes: Homes, scratch: Path) -> None:
    path, _ = homes["closed"]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(path, scratch)
    store = StorageHome(scratch).open_for_reading()
    with store.vault.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM records WHERE number IN (4, 5)")
    found = [one.facts for one in findings(store.vault) if one.code == "vault.row_missing"]
    store.close()
    assert found == [{"first": 4, "last": 5}]


def test_with_its_last_row_damaged_a_vault_goes_on_and_cuts_nothing(homes: Homes, scratch: Path) -> None:
    path, records = homes["closed"]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(path, scratch)
    store = StorageHome(scratch).open_for_reading()
    with store.vault.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE records SET sealed = zeroblob(300) WHERE number = 12")
    store.close()
    before = sorted((file.name, file.stat().st_size) for file in (scratch / "vault" / "segments").iterdir())
    store = StorageHome(scratch).open()
    assert sorted((file.name, file.stat().st_size) for file in (scratch / "vault" / "segments").iterdir()) == before
    new = store.put([b"one more"], 99)[0]
    assert store.vault.read(new) == b"one more"
    assert len(served(store, records)) == 11
    assert [one.code for one in findings(store.vault)] == ["vault.row_damaged"]
    store.close()
