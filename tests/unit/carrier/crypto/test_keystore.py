"""The key store in software: what opens, what doesn't, and that no file of it can be changed or swapped (S8.2d)."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from xinglin.carrier.crypto.errors import OpenFailed
from xinglin.carrier.crypto.keystore import (
    KeyStore,
    KeyUse,
    Stretching,
    change_passphrase,
    create_keystore,
    open_keystore,
)
from xinglin.carrier.crypto.keystore_errors import (
    KeyExists,
    KeyNameInvalid,
    KeyNotFound,
    KeyStoreDamaged,
    KeyStoreExists,
    KeyStoreNotFound,
    KeyUseForbidden,
    PassphraseTooShort,
    PassphraseWrong,
)
from xinglin.carrier.crypto.suite import suite

PASSPHRASE = b"correct horse battery staple"
QUICK = Stretching(log_n=10, r=8, p=1)


@pytest.fixture(params=["gm", "intl"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    """Return a store with one key of each use."""
    made = create_keystore(tmp_path / "keys", suite(request.param), PASSPHRASE, QUICK)
    made.generate("signing", KeyUse.SIGNING)
    made.generate("sealing", KeyUse.ENCRYPTION)
    return made


@pytest.fixture
def folder(store: KeyStore, tmp_path: Path) -> Path:
    """Return the folder of the store."""
    return tmp_path / "keys"


def test_keys_survive_closing_and_opening(store: KeyStore, folder: Path) -> None:
    opened = open_keystore(folder, PASSPHRASE)
    chosen = opened.suite
    assert opened.names() == ["sealing", "signing"]
    assert [opened.public(name) for name in opened.names()] == [store.public(name) for name in store.names()]
    messages = [b"one", b"two"]
    signatures = opened.sign_many("signing", messages)
    assert chosen.verify_many([store.public("signing")] * 2, messages, signatures) == [True, True]
    assert chosen.verify(store.public("signing"), b"three", opened.sign("signing", b"three"))
    assert opened.decrypt("sealing", chosen.encrypt(store.public("sealing"), b"secret")) == b"secret"
    with pytest.raises(OpenFailed):
        opened.decrypt("sealing", bytes(200))
    for name in opened.names():
        opened.check(name)


def test_the_default_stretching_opens_again(tmp_path: Path) -> None:
    create_keystore(tmp_path / "keys", suite("gm"), PASSPHRASE)
    open_keystore(tmp_path / "keys", PASSPHRASE)
    with pytest.raises(PassphraseWrong):
        open_keystore(tmp_path / "keys", PASSPHRASE + b" ")


def test_another_passphrase_opens_the_same_keys(store: KeyStore, folder: Path) -> None:
    other = b"another passphrase"
    with pytest.raises(PassphraseTooShort):
        change_passphrase(folder, PASSPHRASE, b"short", QUICK)
    with pytest.raises(PassphraseWrong):
        change_passphrase(folder, other, other, QUICK)
    change_passphrase(folder, PASSPHRASE, other, QUICK)
    with pytest.raises(PassphraseWrong):
        open_keystore(folder, PASSPHRASE)
    opened = open_keystore(folder, other)
    for name in store.names():
        opened.check(name)
        assert opened.public(name) == store.public(name)


@pytest.mark.parametrize(
    "wrong", [b"", b"correct horse battery stapl", b"Correct horse battery staple", PASSPHRASE + b"\n"]
)
def test_a_wrong_passphrase_opens_nothing(folder: Path, wrong: bytes) -> None:
    with pytest.raises(PassphraseWrong):
        open_keystore(folder, wrong)


def test_every_changed_byte_of_the_main_file_is_found(folder: Path) -> None:
    path = folder / "store"
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(KeyStoreDamaged):
            open_keystore(folder, PASSPHRASE)
    for other in (b"", good[:-1], good + b"\x00"):
        path.write_bytes(other)
        with pytest.raises(KeyStoreDamaged):
            open_keystore(folder, PASSPHRASE)
    path.write_bytes(good)
    open_keystore(folder, PASSPHRASE)


@pytest.mark.parametrize("name", ["signing", "sealing"])
def test_every_changed_byte_of_a_key_is_found(folder: Path, name: str) -> None:
    path, opened = folder / f"{name}.key", open_keystore(folder, PASSPHRASE)
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(KeyStoreDamaged):
            opened.check(name)
        with pytest.raises(KeyStoreDamaged):
            opened.public(name)
    for other in (b"", good[:-1], good + b"\x00"):
        path.write_bytes(other)
        with pytest.raises(KeyStoreDamaged):
            opened.check(name)


def test_no_file_stands_in_for_another(store: KeyStore, folder: Path, tmp_path: Path) -> None:
    """A copied, renamed or foreign key file is refused, though every byte of it was written by a store."""
    original = (folder / "signing.key").read_bytes()
    (folder / "copied.key").write_bytes(original)
    with pytest.raises(KeyStoreDamaged):
        store.check("copied")
    other = create_keystore(tmp_path / "other", store.suite, PASSPHRASE, QUICK)
    other.generate("signing", KeyUse.SIGNING)
    (folder / "signing.key").write_bytes((tmp_path / "other" / "signing.key").read_bytes())
    with pytest.raises(KeyStoreDamaged):
        open_keystore(folder, PASSPHRASE).public("signing")


def test_keys_serve_their_use_only(store: KeyStore) -> None:
    with pytest.raises(KeyUseForbidden):
        store.sign("sealing", b"m")
    with pytest.raises(KeyUseForbidden):
        store.decrypt("signing", bytes(200))


def test_nothing_is_overwritten(store: KeyStore, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for use in KeyUse:
        with pytest.raises(KeyExists):
            store.generate("signing", use)
    with pytest.raises(KeyStoreExists):
        create_keystore(folder, store.suite, PASSPHRASE, QUICK)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a.b", "../a", "a/b", "a" * 65, "键", "a\n"])
def test_names_that_are_no_file_names_are_refused(store: KeyStore, name: str) -> None:
    for call in (store.public, store.check):
        with pytest.raises(KeyNameInvalid):
            call(name)
    with pytest.raises(KeyNameInvalid):
        store.generate(name, KeyUse.SIGNING)
    with pytest.raises(KeyNameInvalid):
        store.sign(name, b"m")


def test_what_is_not_there(store: KeyStore, tmp_path: Path) -> None:
    for call in (store.public, store.check):
        with pytest.raises(KeyNotFound):
            call("absent")
    with pytest.raises(KeyStoreNotFound):
        open_keystore(tmp_path / "nowhere", PASSPHRASE)


def test_short_passphrases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PassphraseTooShort):
        create_keystore(tmp_path / "keys", suite("gm"), b"1234567", QUICK)
    assert not (tmp_path / "keys").exists()


def test_files_are_private_and_hold_no_key_in_the_clear(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    opened = open_keystore(folder, PASSPHRASE)
    for name in opened.names():
        path = folder / f"{name}.key"
        assert path.stat().st_mode & 0o777 == 0o600
        private = opened._load(name)[1]  # type: ignore[attr-defined]
        assert not any(private in each.read_bytes() for each in folder.iterdir())
        assert not any(opened._master in each.read_bytes() for each in folder.iterdir())  # type: ignore[attr-defined]


@pytest.mark.parametrize("stretching", [[21, 8, 1], [20, 16, 1], [9, 8, 1], [15, 0, 1], [15, 8, 17]])
def test_a_stretching_out_of_bounds_is_refused_before_it_costs_anything(
    store: KeyStore, folder: Path, stretching: list[int]
) -> None:
    """A file that asks for gigabytes is damage, not work, even where its hash is right."""
    path = folder / "store"
    fields = msgspec.msgpack.decode(path.read_bytes())
    fields[3] = stretching
    fields[6] = store.suite.hash(msgspec.msgpack.encode(fields[:5]) + fields[5])
    path.write_bytes(msgspec.msgpack.encode(fields))
    with pytest.raises(KeyStoreDamaged):
        open_keystore(folder, PASSPHRASE)


def test_a_key_can_not_be_given_another_use(store: KeyStore, folder: Path) -> None:
    path = folder / "signing.key"
    fields = msgspec.msgpack.decode(path.read_bytes())
    assert fields[3] == "signing"
    fields[3] = "encryption"
    path.write_bytes(msgspec.msgpack.encode(fields))
    with pytest.raises(KeyStoreDamaged):
        store.check("signing")


def test_a_public_key_that_is_not_the_private_ones_is_found(store: KeyStore, folder: Path) -> None:
    """Written so by whoever holds the master key, thus with the right seal."""
    chosen, master = store.suite, store._master  # type: ignore[attr-defined]
    other = chosen.public_key(chosen.generate_private_key())
    header = ["key", 1, "signing", "signing", other]
    sealed = chosen.seal(master, chosen.generate_private_key(), msgspec.msgpack.encode(header))
    (folder / "signing.key").write_bytes(msgspec.msgpack.encode([*header, sealed]))
    with pytest.raises(KeyStoreDamaged):
        store.check("signing")


def test_interrupted_writes_leave_no_key(store: KeyStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="no space"):
        store.generate("new", KeyUse.SIGNING)
    assert sorted(path.name for path in folder.iterdir()) == ["sealing.key", "signing.key", "store"]
    monkeypatch.undo()
    store.generate("new", KeyUse.SIGNING)
