"""The vault keeps originals encrypted under keys kept apart, and gives back exactly what it was given or nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.storage_home import StorageHome
from xinglin.carrier.crypto.errors import OpenFailed
from xinglin.kernel.errors import IdentifierInvalid, PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.lifecycle.storage.errors import (
    CommitmentMismatch,
    KeyMissing,
    RecordNotFound,
    RootKeyRefused,
    StorageExists,
    StorageMissing,
    StorageUnwritable,
    StorageVersionUnknown,
    VaultBehindHead,
    VaultLocked,
)
from xinglin.service.lifecycle.storage.keyring import Keyring
from xinglin.service.lifecycle.storage.vault import location_of
from xinglin.service.lifecycle.storage.verification import findings

CONTENT = b'{"resourceType": "Observation", "subject": "Zhang Wei", "value": 6.50}'


@pytest.mark.requirement("S6.2d", "S8.2d")
def test_an_original_comes_back_byte_for_byte_and_lies_nowhere_in_the_open(store: StorageHome) -> None:
    source = b"ward 7's own system"  # so long that it stands nowhere by chance
    [new] = store.records([CONTENT])
    store.vault.put([replace(new, source=source)])
    record = identifier(new.record)
    assert store.vault.read(record) == CONTENT
    store.close()
    for path in store.files():
        data = path.read_bytes()
        assert b"Zhang Wei" not in data
        assert b"Observation" not in data, path
        assert source not in data, path
    store.open()
    assert store.vault.read(record) == CONTENT


@pytest.mark.requirement("S7.1b2", "S8.2d")
def test_neither_vault_nor_keyring_alone_opens_a_record(store: StorageHome, tmp_path: Path) -> None:
    record = store.put([CONTENT])[0]
    store.close()
    other = StorageHome(tmp_path / "other").create()
    other.close()
    shutil.rmtree(other.path / "vault")
    shutil.copytree(store.path / "vault", other.path / "vault")
    with pytest.raises(PlatformError) as refusal:
        other.open().vault.read(record)
    assert refusal.value.code == "vault.head_damaged"
    with pytest.raises(RootKeyRefused):
        Keyring.open(store.path / "keyring", store.gm, lambda it: store.gm.decrypt(b"\x01" * 32, it), os.urandom)
    store.open()


@pytest.mark.requirement("S8.6a")
def test_every_record_has_an_identifier_by_which_it_is_found(store: StorageHome) -> None:
    first, second = store.put([b"one", b"two"])
    assert first != second
    stored = store.vault.find(second)
    assert identifier(stored.record) == second
    assert (stored.number, stored.details.logical_id, stored.details.source) == (2, b"o1", b"his")
    found = store.vault.index.by_resource([(b"his", b"Observation", b"o1", 0), (b"his", b"Observation", b"o1", 1)])
    assert found == [stored, None]


def test_unknown_and_malformed_ids_are_refused(store: StorageHome) -> None:
    with pytest.raises(RecordNotFound):
        store.vault.read(identifier(bytes(16)))
    with pytest.raises(IdentifierInvalid):
        store.vault.read("../keyring")


def test_the_parts_of_the_commitment_can_be_opened(store: StorageHome) -> None:
    opened = store.vault.open_record(store.put([CONTENT])[0])
    assert opened.parts.original[1] == CONTENT
    assert opened.parts.behaviour[1] == b"behaviour 0"
    assert store.vault.rule([opened.parts])[0].commitment == opened.stored.details.commitment


def test_a_record_that_does_not_match_its_commitment_is_not_served(store: StorageHome) -> None:
    wrong = store.records([CONTENT])[0]
    store.vault.put([replace(wrong, commitment=bytes(32))])
    with pytest.raises(CommitmentMismatch):
        store.vault.read(identifier(wrong.record))
    assert [type(one) for one in findings(store.vault)] == [CommitmentMismatch]


def test_same_tells_equal_bytes_without_opening(store: StorageHome) -> None:
    record = store.put([CONTENT])[0]
    stored = store.vault.find(record)
    assert store.vault.same([stored, stored], [CONTENT, CONTENT + b" "]) == [True, False]


def test_segments_roll_over_and_everything_stays_readable(tmp_path: Path) -> None:
    store = StorageHome(tmp_path / "home", segment_bytes=300).create()
    records = [store.put([b"%d" % number * 90], number)[0] for number in range(12)]
    assert len(store.vault.segments.numbers()) > 3
    assert [store.vault.read(record) for record in records] == [b"%d" % number * 90 for number in range(12)]
    assert list(findings(store.vault)) == []
    store.close()


@settings(max_examples=15)
@given(contents=st.lists(st.binary(max_size=300), min_size=1, max_size=20), cut=st.integers(0, 20))
def test_whatever_is_put_in_any_chunks_comes_back(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], cut: int
) -> None:
    store = StorageHome(tmp_path_factory.mktemp("vault") / "home").create()
    try:
        records = []
        for start, part in ((0, contents[:cut]), (len(contents[:cut]), contents[cut:])):
            records += store.put(part, start) if part else []
        assert [store.vault.read(record) for record in records] == contents
        assert list(findings(store.vault)) == []
    finally:
        store.close()


def test_one_process_writes_at_a_time_while_others_may_look(store: StorageHome) -> None:
    with pytest.raises(VaultLocked):
        StorageHome(store.path).open()
    record = store.put([CONTENT])[0]
    other = StorageHome(store.path).open_for_reading()
    assert other.vault.read(record) == CONTENT
    assert list(findings(other.vault)) == []
    other.close()


def test_making_twice_and_opening_nothing_are_refused(store: StorageHome, tmp_path: Path) -> None:
    with pytest.raises(StorageExists):
        store.vault.create()
    with pytest.raises(StorageExists):
        Keyring.create(store.path / "keyring", store.gm, lambda root: root, os.urandom)
    (tmp_path / "empty" / "keyring").mkdir(parents=True)
    with pytest.raises(StorageMissing):
        StorageHome(tmp_path / "empty").open()


def test_a_store_of_a_later_version_is_not_touched(store: StorageHome) -> None:
    with store.vault.database.transaction() as connection:
        connection.exec_driver_sql("PRAGMA user_version=2")
    store.close()
    with pytest.raises(StorageVersionUnknown):
        StorageHome(store.path).open()


def test_an_index_put_back_is_refused_and_nothing_removed(store: StorageHome, tmp_path: Path) -> None:
    store.put([b"one"])
    store.close()
    shutil.copy(store.path / "vault" / "index.sqlite", tmp_path / "old.sqlite")
    store.open().put([b"two"], 1)
    store.close()
    before = _content(store, "segments")
    shutil.copy(tmp_path / "old.sqlite", store.path / "vault" / "index.sqlite")
    with pytest.raises(VaultBehindHead):
        store.open()
    assert _content(store, "segments") == before
    reading = StorageHome(store.path).open_for_reading()
    assert "vault.behind_head" in [one.code for one in findings(reading.vault)]
    reading.close()


def test_a_keyring_put_back_is_found(store: StorageHome, tmp_path: Path) -> None:
    store.put([b"one"])
    store.close()
    shutil.copy(store.path / "keyring" / "keyring.sqlite", tmp_path / "old.sqlite")
    second = store.open().put([b"two"], 1)[0]
    store.close()
    shutil.copy(tmp_path / "old.sqlite", store.path / "keyring" / "keyring.sqlite")
    store.open()
    with pytest.raises(KeyMissing):
        store.vault.read(second)
    assert [one.code for one in findings(store.vault)] == ["keyring.key_missing"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write to anything")
def test_a_folder_without_permission_is_a_clear_error(store: StorageHome) -> None:
    (store.path / "vault" / "segments").chmod(0o500)
    with pytest.raises(StorageUnwritable):
        store.put([b"one"])


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.support.storage_home import StorageHome
from xinglin.service.lifecycle.storage.errors import StorageUnwritable
from xinglin.service.lifecycle.storage.vault import location_of
from xinglin.service.lifecycle.storage.verification import findings

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = StorageHome(Path(sys.argv[1])).open()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store.put([b"x" * int(sys.argv[3])], 1)
except StorageUnwritable as refusal:
    print("refused", refusal.facts["file"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.put([b"y" * 1_000], 1)
print([one.code for one in findings(store.vault)])
store.close()
"""


@pytest.mark.parametrize(
    ("room", "size", "file"),
    [(20_000, 100_000, "00000001.seg"), (4_000, 100, "keyring.sqlite"), (14_000, 100, "index.sqlite")],
)
def test_a_full_disk_keeps_nothing_half_and_the_next_write_goes_on(
    store: StorageHome, room: int, size: int, file: str
) -> None:
    record = store.put([CONTENT])[0]
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(store.path), str(room), str(size)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused, found = done.stdout.splitlines()
    assert refused == f"refused {file}"
    assert found == "[]"
    store.open()
    assert store.vault.read(record) == CONTENT


def test_what_fails_in_the_last_commit_leaves_nothing_stored(store: StorageHome) -> None:
    def refuse(_: object, first: int) -> None:
        raise StorageUnwritable(file="index.sqlite", what=str(first))

    with pytest.raises(StorageUnwritable):
        store.vault.put(store.records([CONTENT]), [refuse])
    assert store.vault.index.last_number() == 0
    record = store.put([b"other content, other length"])[0]
    assert store.vault.read(record) == b"other content, other length"
    assert list(findings(store.vault)) == []


@pytest.mark.requirement("S8.2d")
def test_secrets_that_a_crash_left_are_overwritten(store: StorageHome) -> None:
    def refuse(_: object, __: int) -> None:
        raise StorageUnwritable(file="index.sqlite", what="full")

    store.put([CONTENT])
    with pytest.raises(StorageUnwritable):
        store.vault.put(store.records([CONTENT], 1), [refuse])
    database = store.keyring._database
    with database.transaction() as connection:
        sealed = connection.exec_driver_sql("SELECT sealed FROM records WHERE number = 2").scalar_one()
    store.close()
    assert sealed in (store.path / "keyring" / "keyring.sqlite").read_bytes()
    store.open()
    store.close()
    assert not any(sealed in path.read_bytes() for path in store.files())
    store.open()


def test_a_resource_is_stored_once(store: StorageHome) -> None:
    record = store.put([CONTENT])[0]
    with pytest.raises(StorageExists):
        store.put([b"again"])
    assert store.vault.read(record) == CONTENT
    assert list(findings(store.vault)) == []


def test_files_are_readable_by_their_owner_alone(store: StorageHome) -> None:
    store.put([CONTENT])
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in store.files()} == {
        path.name: "0o0" for path in store.files()
    }


def _content(store: StorageHome, folder: str) -> bytes:
    return b"".join(path.read_bytes() for path in store.files() if path.parent.name == folder)


def test_originals_and_copies_come_back_each_as_itself(store: StorageHome) -> None:
    records = store.records([b"one", b"two", b"three"], copies=True)
    store.vault.put(records)
    store.put([b"four"], 3)
    store.close()
    store.open()
    store.put([b"five"], 4)
    opened = [store.vault.open_record(identifier(one.record)) for one in records]
    assert [one.parts.original[1] for one in opened] == [b"one", b"two", b"three"]
    assert [one.parts.copy[1] for one in opened] == [b"copy of one", b"", b"copy of three"]
    assert list(findings(store.vault)) == []


def test_a_copy_never_opens_as_an_original(store: StorageHome) -> None:
    (record,) = store.records([b"one"], copies=True)
    store.vault.put([record])
    details = store.vault.find(identifier(record.record)).details
    copy = store.vault.segments.read(record.record, location_of(details).next(details.copy_length))
    assert copy is not None
    key = record.secrets.key
    assert store.gm.open(key, copy, record.record + b"copy") == b"copy of one"
    with pytest.raises(OpenFailed):
        store.gm.open(key, copy, record.record)


def test_a_crash_behind_a_copy_is_cut_off_behind_the_copy(store: StorageHome) -> None:
    store.vault.put(store.records([b"one"], copies=True))
    segment = Path(store.vault.segments.path(1))
    whole = segment.read_bytes()
    store.close()
    segment.write_bytes(whole + b"left by a crash")
    store.open()
    assert segment.read_bytes() == whole


def test_the_records_of_a_patient_are_found(store: StorageHome) -> None:
    first = store.put([b"one", b"two"], 0, b"p1")
    store.put([b"other"], 2, b"p2")
    last = store.put([b"three"], 3, b"p1")
    found = store.vault.records_of([(b"his", b"p1"), (b"his", b"nobody")])
    assert [identifier(one.record) for one in found] == [*first, *last]
    assert store.vault.records_of([(b"other system", b"p1")]) == store.vault.records_of([]) == []


def test_a_correction_is_stored_beside_what_it_corrects(store: StorageHome) -> None:
    store.put([b"one"])
    (second,) = store.records([b"corrected"])
    with pytest.raises(StorageExists):
        store.vault.put([second])
    store.vault.put([replace(second, version=1)])
    found = store.vault.index.by_resource([(b"his", b"Observation", b"o0", version) for version in range(3)])
    assert [one is not None for one in found] == [True, True, False]


def test_records_are_found_by_commitment_and_by_handle(store: StorageHome) -> None:
    made = store.records([b"one", b"two"])
    store.vault.put(made)
    for one in made:
        by_commitment = store.vault.find_commitment(one.commitment)
        by_handle = store.vault.find_handle(one.secrets.handle)
        assert by_commitment == by_handle == store.vault.find(identifier(one.record))
    assert store.vault.find_commitment(bytes(32)) is None
    assert store.vault.find_handle(bytes(16)) is None


def test_a_handle_that_was_moved_to_another_row_finds_nothing(store: StorageHome) -> None:
    made = store.records([b"one", b"two"])
    store.vault.put(made)
    with sqlite3.connect(store.path / "keyring" / "keyring.sqlite") as keyring:
        first, second = (row[0] for row in keyring.execute("SELECT handle FROM records ORDER BY number"))
        keyring.execute("UPDATE records SET handle = ? WHERE number = 2", [bytes(16)])
        keyring.execute("UPDATE records SET handle = ? WHERE number = 1", [second])
        keyring.execute("UPDATE records SET handle = ? WHERE number = 2", [first])
    keyring.close()
    assert store.vault.find_handle(made[0].secrets.handle) is None
