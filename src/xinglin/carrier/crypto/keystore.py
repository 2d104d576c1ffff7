"""Private keys and what may be done with them: the port ``KeyStore`` and the store in software (design D4; S8.2d).

The software store is a folder of its own. ``store`` holds a random master key, sealed under a key that scrypt
(RFC 7914) derives from the passphrase; ``<name>.key`` holds one private key, sealed under the master key, with name,
use and public key as additional data. So the passphrase is stretched once for each opening, and no file can stand in
for another. Private keys never leave the store: callers get public keys, signatures and plaintexts.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from xinglin.carrier.crypto.errors import OpenFailed
from xinglin.carrier.crypto.files import write_durably
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
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.kernel.encoding import Bytes16, ChainObject, Digest, PublicKey, decode, encode, pack
from xinglin.kernel.errors import Invalid

MIN_PASSPHRASE_BYTES = 8
_STORE_FILE = "store"
_KEY_SUFFIX = ".key"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_MAX_SCRYPT_BYTES = 1 << 30

Sealed = Annotated[bytes, msgspec.Meta(max_length=128)]


class KeyUse(StrEnum):
    """What a key is for; a key never serves both."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"


class KeyStore(ABC):
    """Private keys by name. Implementations MUST keep them in; all methods may be called from any thread."""

    suite: Suite

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of all keys, ascending."""

    @abstractmethod
    def generate(self, name: str, use: KeyUse) -> bytes:
        """Make a key and return its public key. The key MUST be durable when this returns.

        Raises:
            KeyNameInvalid: not 1 to 64 lower-case letters, digits and hyphens, a letter first.
            KeyExists: the name is taken.
        """

    @abstractmethod
    def public(self, name: str) -> bytes:
        """Return a key's public key.

        Raises:
            KeyNameInvalid, KeyNotFound: no such key.
            KeyStoreDamaged: the key is not what was written.
        """

    def sign(self, name: str, message: bytes) -> bytes:
        """Return the key's signature over a message; raises as ``sign_many``."""
        return self.sign_many(name, (message,))[0]

    @abstractmethod
    def sign_many(self, name: str, messages: Sequence[bytes]) -> list[bytes]:
        """Return the key's signature over each message.

        Raises:
            KeyUseForbidden: the key is for encryption.
            KeyNameInvalid, KeyNotFound, KeyStoreDamaged: as ``public``.
        """

    @abstractmethod
    def decrypt(self, name: str, ciphertext: bytes) -> bytes:
        """Return the plaintext of what was encrypted to the key (``Suite.encrypt``).

        Raises:
            KeyUseForbidden: the key is for signing.
            OpenFailed: the ciphertext does not open.
            KeyNameInvalid, KeyNotFound, KeyStoreDamaged: as ``public``.
        """

    @abstractmethod
    def check(self, name: str) -> None:
        """Read a key again from where it is kept, and compare its private with its public part.

        Raises:
            KeyNameInvalid, KeyNotFound, KeyStoreDamaged: as ``public``.
        """


class Stretching(ChainObject, frozen=True):
    """How the passphrase is stretched: scrypt's cost, block size and parallelism. The default takes 32 MiB."""

    log_n: Annotated[int, msgspec.Meta(ge=10, le=20)] = 15
    r: Annotated[int, msgspec.Meta(ge=1, le=16)] = 8
    p: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3


class _StoreFile(ChainObject, frozen=True, kw_only=True):
    """The file ``store``. ``check`` tells damage from a wrong passphrase: it is the hash of all before it."""

    kind: Literal["key-store"] = "key-store"
    version: Literal[1] = 1
    suite: Literal["gm", "intl"]
    stretching: Stretching
    salt: Bytes16
    master: Sealed
    check: Digest


class _KeyFile(ChainObject, frozen=True, kw_only=True):
    """A file ``<name>.key``; the fields before ``private`` are its additional data."""

    kind: Literal["key"] = "key"
    version: Literal[1] = 1
    name: Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9-]{0,63}\Z")]
    use: KeyUse
    public: PublicKey
    private: Sealed


DEFAULT_STRETCHING = Stretching()


def check_passphrase(passphrase: bytes) -> None:
    """Refuse a passphrase that is too short for a new key store.

    Raises:
        PassphraseTooShort: it has fewer than 8 bytes.
    """
    if len(passphrase) < MIN_PASSPHRASE_BYTES:
        raise PassphraseTooShort(found=len(passphrase), needed=MIN_PASSPHRASE_BYTES)


def create_keystore(
    folder: Path, suite: Suite, passphrase: bytes, stretching: Stretching = DEFAULT_STRETCHING
) -> KeyStore:
    """Make a key store in a folder, which is made too if it is not there.

    Raises:
        PassphraseTooShort: the passphrase has fewer than 8 bytes.
        KeyStoreExists: there is a key store already.
    """
    check_passphrase(passphrase)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / _STORE_FILE).exists():
        raise KeyStoreExists(folder=str(folder))
    master = os.urandom(suite.key_size)
    write_durably(folder / _STORE_FILE, _store_file(suite, master, passphrase, stretching))
    return _SoftwareKeyStore(folder, suite, master)


def open_keystore(folder: Path, passphrase: bytes) -> KeyStore:
    """Open the key store in a folder; stretching the passphrase takes a good part of a second.

    Raises:
        KeyStoreNotFound: there is none.
        KeyStoreDamaged: its main file is not what was written.
        PassphraseWrong: the passphrase does not open it.
    """
    return _SoftwareKeyStore(folder, *_opened(folder, passphrase))


def _store_file(suite: Suite, master: bytes, passphrase: bytes, stretching: Stretching) -> bytes:
    """Return the main file of a key store whose master key a passphrase opens."""
    salt = os.urandom(16)
    file = _StoreFile(suite=suite.name, stretching=stretching, salt=salt, master=b"", check=bytes(32))  # type: ignore[arg-type]
    key = _stretch(passphrase, file, suite)
    file = msgspec.structs.replace(file, master=suite.seal(key, master, _header(file)))
    return encode(msgspec.structs.replace(file, check=_check_hash(file, suite)))


def _opened(folder: Path, passphrase: bytes) -> tuple[Suite, bytes]:
    """Return suite and master key of a key store; raises as ``open_keystore``."""
    path = folder / _STORE_FILE
    if not path.is_file():
        raise KeyStoreNotFound(folder=str(folder))
    file = _read(_StoreFile, path)
    chosen = suite(file.suite)
    too_large = 128 * (1 << file.stretching.log_n) * file.stretching.r > _MAX_SCRYPT_BYTES
    if file.check != _check_hash(file, chosen) or too_large:
        raise KeyStoreDamaged(file=path.name)
    try:
        master = chosen.open(_stretch(passphrase, file, chosen), file.master, _header(file))
    except OpenFailed:
        raise PassphraseWrong(folder=str(folder)) from None
    return chosen, master


def change_passphrase(folder: Path, before: bytes, after: bytes, stretching: Stretching = DEFAULT_STRETCHING) -> None:
    """Have another passphrase open the key store in a folder; its keys stay, and the one before opens it no more.

    A copy of the store that was made earlier is opened by the passphrase before.

    Raises:
        PassphraseTooShort: the new passphrase has fewer than 8 bytes.
        KeyStoreNotFound, KeyStoreDamaged, PassphraseWrong: as ``open_keystore``.
    """
    check_passphrase(after)
    chosen, master = _opened(folder, before)
    write_durably(folder / _STORE_FILE, _store_file(chosen, master, after, stretching))


class _SoftwareKeyStore(KeyStore):
    """Keys in files; a key used once stays unsealed in memory."""

    def __init__(self, folder: Path, suite: Suite, master: bytes) -> None:
        self.suite = suite
        self._folder = folder
        self._master = master
        self._opened: dict[str, tuple[_KeyFile, bytes]] = {}
        self._making = threading.Lock()

    def names(self) -> list[str]:
        """See ``KeyStore.names``."""
        return sorted(path.stem for path in self._folder.glob(f"*{_KEY_SUFFIX}") if _NAME.fullmatch(path.stem))

    def generate(self, name: str, use: KeyUse) -> bytes:
        """See ``KeyStore.generate``."""
        path = self._path(name)
        if use is KeyUse.SIGNING:
            private = self.suite.generate_private_key()
            public = self.suite.public_key(private)
        else:
            private = self.suite.generate_encryption_key()
            public = self.suite.encryption_public_key(private)
        file = _KeyFile(name=name, use=use, public=public, private=b"")
        file = msgspec.structs.replace(file, private=self.suite.seal(self._master, private, _header(file)))
        with self._making:
            if path.exists():
                raise KeyExists(name=name)
            write_durably(path, encode(file))
        return public

    def public(self, name: str) -> bytes:
        """See ``KeyStore.public``."""
        return self._key(name)[0].public

    def sign_many(self, name: str, messages: Sequence[bytes]) -> list[bytes]:
        """See ``KeyStore.sign_many``."""
        return self.suite.sign_many(self._private(name, KeyUse.SIGNING), messages)

    def decrypt(self, name: str, ciphertext: bytes) -> bytes:
        """See ``KeyStore.decrypt``."""
        return self.suite.decrypt(self._private(name, KeyUse.ENCRYPTION), ciphertext)

    def check(self, name: str) -> None:
        """See ``KeyStore.check``."""
        self._load(name)

    def _private(self, name: str, use: KeyUse) -> bytes:
        file, private = self._key(name)
        if file.use is not use:
            raise KeyUseForbidden(name=name, use=file.use.value)
        return private

    def _key(self, name: str) -> tuple[_KeyFile, bytes]:
        if name not in self._opened:
            self._opened[name] = self._load(name)
        return self._opened[name]

    def _load(self, name: str) -> tuple[_KeyFile, bytes]:
        path = self._path(name)
        if not path.is_file():
            raise KeyNotFound(name=name)
        file = _read(_KeyFile, path)
        try:
            private = self.suite.open(self._master, file.private, _header(file))
            derive = self.suite.public_key if file.use is KeyUse.SIGNING else self.suite.encryption_public_key
            if file.name != name or derive(private) != file.public:
                raise KeyStoreDamaged(file=path.name)
        except (OpenFailed, Invalid):
            raise KeyStoreDamaged(file=path.name) from None
        return file, private

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise KeyNameInvalid(name=name[:64])
        return self._folder / f"{name}{_KEY_SUFFIX}"


File = TypeVar("File", bound=ChainObject)


def _read(kind: type[File], path: Path) -> File:
    try:
        return decode(kind, path.read_bytes())
    except Invalid:
        raise KeyStoreDamaged(file=path.name) from None


def _header(file: _StoreFile | _KeyFile) -> bytes:
    """Return what the sealed part of a file is bound to: the fields before it."""
    if isinstance(file, _StoreFile):
        return pack((file.kind, file.version, file.suite, file.stretching, file.salt))
    return pack((file.kind, file.version, file.name, file.use, file.public))


def _check_hash(file: _StoreFile, suite: Suite) -> bytes:
    return suite.hash(_header(file) + file.master)


def _stretch(passphrase: bytes, file: _StoreFile, suite: Suite) -> bytes:
    cost = file.stretching
    return hashlib.scrypt(
        passphrase,
        salt=file.salt,
        n=1 << cost.log_n,
        r=cost.r,
        p=cost.p,
        maxmem=_MAX_SCRYPT_BYTES + (1 << 26),
        dklen=suite.key_size,
    )
