"""The suites: which signature, hash, cipher and encryption a chain uses, behind names that name none of them.

``suite("gm")`` is SM2, SM3, SM4-GCM and SM2 encryption; ``suite("intl")`` is Ed25519, SHA-256, AES-256-GCM
and HPKE. A chain's genesis fixes one (design D4, W2). Nothing here reads a file, and no other package may
name an algorithm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache

from xinglin.carrier.crypto.errors import SuiteUnknown

NONCE_SIZE = 12
"""Bytes of a sealing nonce, in every suite."""
TAG_SIZE = 16
"""Bytes of a sealing tag, in every suite."""


class Suite(ABC):
    """One set of algorithms. Objects are stateless and may be used from any thread.

    Batch calls release the interpreter's lock and use all cores; they give the same results, in order, as
    one call an item. All arguments are ``bytes``.
    """

    name: str
    """``gm`` or ``intl``, as in a genesis."""
    hash_number: int
    """The native library's number of this suite's hash."""
    hash_size: int = 32
    private_key_size: int = 32
    public_key_size: int
    """Bytes of a public signing key."""
    signature_size: int = 64
    encryption_public_key_size: int
    """Bytes of a public encryption key."""
    encryption_overhead: int
    """Bytes that ``encrypt`` adds to the plaintext."""
    key_size: int
    """Bytes of a sealing key."""

    # --- hashing ---

    @abstractmethod
    def hash(self, data: bytes) -> bytes:
        """Return the 32-byte hash of ``data``."""

    @abstractmethod
    def hash_many(self, items: Sequence[bytes]) -> list[bytes]:
        """Return the hash of each item."""

    def leaf_hash(self, data: bytes) -> bytes:
        """Return hash(0x00 || data), the leaf hash of RFC 6962, 2.1."""
        return self.hash(b"\x00" + data)

    def node_hash(self, left: bytes, right: bytes) -> bytes:
        """Return hash(0x01 || left || right), the node hash of RFC 6962, 2.1."""
        return self.hash(b"\x01" + left + right)

    @abstractmethod
    def leaf_hashes(self, items: Sequence[bytes]) -> list[bytes]:
        """Return the RFC 6962 leaf hash of each item."""

    @abstractmethod
    def merkle_root(self, leaf_hashes: Sequence[bytes]) -> bytes:
        """Return the RFC 6962 root over leaf hashes; of none, the hash of the empty string.

        Raises:
            LengthInvalid: a leaf hash is not 32 bytes.
        """

    @abstractmethod
    def merkle_roots_of(self, groups: Sequence[Sequence[bytes]]) -> list[bytes]:
        """Return one RFC 6962 root for each group of raw items (leaf hashing included)."""

    @abstractmethod
    def merkle_path(self, leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
        """Return the audit path of one leaf (RFC 6962, 2.1.1), nearest sibling first.

        Raises:
            LengthInvalid: a leaf hash is not 32 bytes, or ``index`` is not below their number.
        """

    # --- signing ---

    @abstractmethod
    def generate_private_key(self) -> bytes:
        """Return a new signing key, 32 bytes, uniform in the suite's range."""

    @abstractmethod
    def public_key(self, private: bytes) -> bytes:
        """Return the public key of a signing key.

        Raises:
            PrivateKeyInvalid: wrong length or out of range.
        """

    @abstractmethod
    def check_public_key(self, public: bytes) -> None:
        """Refuse what is not a public signing key of this suite.

        Raises:
            PublicKeyInvalid: wrong length or form, or not a point that the suite allows.
        """

    def sign(self, private: bytes, message: bytes) -> bytes:
        """Return the 64-byte signature over a message of any length.

        Raises:
            PrivateKeyInvalid: wrong length or out of range.
        """
        return self.sign_many(private, (message,))[0]

    @abstractmethod
    def sign_many(self, private: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """Return the signature of one key over each message; raises as ``sign``."""

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether the signature holds; False also for a malformed key or signature."""
        return self.verify_many((public,), (message,), (signature,))[0]

    @abstractmethod
    def verify_many(
        self, publics: Sequence[bytes], messages: Sequence[bytes], signatures: Sequence[bytes]
    ) -> list[bool]:
        """Verify item by item: ``signatures[i]`` of ``publics[i]`` over ``messages[i]``.

        Raises:
            LengthInvalid: the three sequences differ in length.
        """

    # --- sealing (symmetric, authenticated) ---

    def seal(self, key: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
        """Return nonce 12 || ciphertext || tag 16 under a fresh random nonce.

        Raises:
            LengthInvalid: the key has another length than ``key_size``.
        """
        return self.seal_many((key,), (plaintext,), (aad,))[0]

    def open(self, key: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
        """Return the plaintext of what ``seal`` made.

        Raises:
            OpenFailed: too short, another key, other additional data, or a changed byte.
            LengthInvalid: the key has another length than ``key_size``.
        """
        return self.open_at(key, sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], aad)

    def seal_at(self, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
        """Return ciphertext || tag 16 under a nonce that MUST never be used twice with this key.

        Raises:
            LengthInvalid: key or nonce has another length than ``key_size`` or 12.
        """
        return self.seal_many_at((key,), (nonce,), (plaintext,), (aad,))[0]

    @abstractmethod
    def open_at(self, key: bytes, nonce: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
        """Return the plaintext of what ``seal_at`` made; raises as ``open``."""

    @abstractmethod
    def seal_many(self, keys: Sequence[bytes], plaintexts: Sequence[bytes], aads: Sequence[bytes] = ()) -> list[bytes]:
        """Seal each plaintext under its own key with a fresh random nonce; no ``aads`` means none for any.

        Raises:
            LengthInvalid: a key has a wrong length, or the sequences differ in length.
        """

    @abstractmethod
    def open_many(
        self, keys: Sequence[bytes], sealed: Sequence[bytes], aads: Sequence[bytes] = ()
    ) -> list[bytes | None]:
        """Open what ``seal_many`` made; None for each item that does not open. Raises as ``seal_many``."""

    @abstractmethod
    def seal_many_at(
        self,
        keys: Sequence[bytes],
        nonces: Sequence[bytes],
        plaintexts: Sequence[bytes],
        aads: Sequence[bytes] = (),
    ) -> list[bytes]:
        """Seal each plaintext as ``seal_at`` does; raises likewise."""

    @abstractmethod
    def open_many_at(
        self,
        keys: Sequence[bytes],
        nonces: Sequence[bytes],
        sealed: Sequence[bytes],
        aads: Sequence[bytes] = (),
    ) -> list[bytes | None]:
        """Open what ``seal_many_at`` made, None for each item that does not open; raises likewise."""

    # --- encrypting (to a public key) ---

    @abstractmethod
    def generate_encryption_key(self) -> bytes:
        """Return a new private encryption key, 32 bytes."""

    @abstractmethod
    def encryption_public_key(self, private: bytes) -> bytes:
        """Return the public key of a private encryption key.

        Raises:
            PrivateKeyInvalid: wrong length or out of range.
        """

    @abstractmethod
    def check_encryption_public_key(self, public: bytes) -> None:
        """Refuse what is not a public encryption key of this suite.

        Raises:
            PublicKeyInvalid: wrong length or form, or not a point that the suite allows.
        """

    @abstractmethod
    def encrypt(self, public: bytes, plaintext: bytes) -> bytes:
        """Return the plaintext encrypted to a public encryption key, ``encryption_overhead`` bytes longer.

        Raises:
            PublicKeyInvalid: not a public encryption key.
            LengthInvalid: the plaintext is empty.
        """

    @abstractmethod
    def decrypt(self, private: bytes, ciphertext: bytes) -> bytes:
        """Return the plaintext of what ``encrypt`` made.

        Raises:
            OpenFailed: too short, for another key, or a changed byte.
            PrivateKeyInvalid: wrong length or out of range.
        """


@cache
def suite(name: str) -> Suite:
    """Return the suite of that name, the same object each time.

    Raises:
        SuiteUnknown: the name is neither ``gm`` nor ``intl``.
    """
    # Imported here: the two modules build on the class above.
    from xinglin.carrier.crypto.gm import GmSuite  # noqa: PLC0415
    from xinglin.carrier.crypto.intl import IntlSuite  # noqa: PLC0415

    for known in (GmSuite, IntlSuite):
        if known.name == name:
            return known()
    raise SuiteUnknown(name=name)
