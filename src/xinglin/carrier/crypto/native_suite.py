"""What both suites do through the native library: everything but the making of private keys.

A subclass names the library's functions and sizes. Lengths are checked here, because the library's fixed-size
parameters carry none. This module never holds a key longer than a call.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from xinglin.carrier.crypto import native
from xinglin.carrier.crypto.errors import LengthInvalid, OpenFailed, PrivateKeyInvalid, PublicKeyInvalid
from xinglin.carrier.crypto.native import buffer, check, lengths, lib, pieces
from xinglin.carrier.crypto.suite import NONCE_SIZE, TAG_SIZE, Suite

_SHORT_HASH = 16384  # bytes; below, hashing is shorter than giving up the interpreter's lock is worth


class NativeSuite(Suite):
    """A suite of the native library, by the numbers and names that the library gives its algorithms."""

    cipher_number: int
    """The native library's number of this suite's cipher."""
    signing: str
    """The signing functions are ``xl_<signing>_...``."""
    encryption: str
    """The encryption functions are ``xl_<encryption>_...``."""

    def hash(self, data: bytes) -> bytes:
        """See ``Suite.hash``."""
        out = buffer(32)
        call = lib.xl_hash_short if len(data) < _SHORT_HASH else lib.xl_hash
        check(call(self.hash_number, data, len(data), out))
        return out.raw

    def hash_many(self, items: Sequence[bytes]) -> list[bytes]:
        """See ``Suite.hash_many``."""
        return self._hash_each(items, -1)

    def leaf_hashes(self, items: Sequence[bytes]) -> list[bytes]:
        """See ``Suite.leaf_hashes``."""
        return self._hash_each(items, 0)

    def _hash_each(self, items: Sequence[bytes], prefix: int) -> list[bytes]:
        data, out = b"".join(items), buffer(32 * len(items))
        check(lib.xl_hash_many(self.hash_number, prefix, data, len(data), lengths(items), len(items), out))
        return pieces(out.raw, 32)

    def merkle_root(self, leaf_hashes: Sequence[bytes]) -> bytes:
        """See ``Suite.merkle_root``."""
        out = buffer(32)
        leaves = joined(leaf_hashes, 32, "leaf hash")
        check(lib.xl_merkle_root(self.hash_number, leaves, len(leaf_hashes), out))
        return out.raw

    def merkle_roots_of(self, groups: Sequence[Sequence[bytes]]) -> list[bytes]:
        """See ``Suite.merkle_roots_of``."""
        items = [item for group in groups for item in group]
        data, out = b"".join(items), buffer(32 * len(groups))
        counts = lengths(groups)  # type: ignore[arg-type]  # how many items each group has
        check(
            lib.xl_merkle_roots_of(
                self.hash_number, data, len(data), lengths(items), len(items), counts, len(groups), out
            )
        )
        return pieces(out.raw, 32)

    def merkle_path(self, leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
        """See ``Suite.merkle_path``."""
        if not 0 <= index < len(leaf_hashes):
            raise LengthInvalid(what="leaf index", found=index, needed=f"0 to {len(leaf_hashes) - 1}")
        leaves = joined(leaf_hashes, 32, "leaf hash")
        out, count = buffer(64 * 32), buffer(8)
        check(lib.xl_merkle_path(self.hash_number, leaves, len(leaf_hashes), index, out, count))
        return pieces(out.raw, 32)[: int.from_bytes(count.raw, native.BYTE_ORDER)]

    def public_key(self, private: bytes) -> bytes:
        """See ``Suite.public_key``."""
        return self._public(self.signing, private, self.public_key_size)

    def check_public_key(self, public: bytes) -> None:
        """See ``Suite.check_public_key``."""
        self._check_public(self.signing, public)

    def sign_many(self, private: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """See ``Suite.sign_many``."""
        key, data, out = self._private(private), b"".join(messages), buffer(64 * len(messages))
        sign = getattr(lib, f"xl_{self.signing}_sign_many")
        self._check_private(sign(key, data, len(data), lengths(messages), len(messages), out))
        return pieces(out.raw, 64)

    def verify_many(
        self, publics: Sequence[bytes], messages: Sequence[bytes], signatures: Sequence[bytes]
    ) -> list[bool]:
        """See ``Suite.verify_many``."""
        n = len(messages)
        same_count(n, publics, "public keys")
        same_count(n, signatures, "signatures")
        # The library reads fixed sizes: items of another length go in as zeros, which never verify.
        keys, signed = _padded(publics, self.public_key_size), _padded(signatures, self.signature_size)
        data, out = b"".join(messages), buffer(n)
        verify = getattr(lib, f"xl_{self.signing}_verify_many")
        check(verify(keys, signed, data, len(data), lengths(messages), n, out))
        return [verdict == 1 for verdict in out.raw]

    def encryption_public_key(self, private: bytes) -> bytes:
        """See ``Suite.encryption_public_key``."""
        return self._public(self.encryption, private, self.encryption_public_key_size)

    def check_encryption_public_key(self, public: bytes) -> None:
        """See ``Suite.check_encryption_public_key``."""
        self._check_public(self.encryption, public)

    def encrypt(self, public: bytes, plaintext: bytes) -> bytes:
        """See ``Suite.encrypt``."""
        if not plaintext:
            raise LengthInvalid(what="plaintext", found=0, needed="1 or more")
        if len(public) != self.encryption_public_key_size:
            raise PublicKeyInvalid(suite=self.name)
        out = buffer(len(plaintext) + self.encryption_overhead)
        status = getattr(lib, f"xl_{self.encryption}_encrypt")(public, plaintext, len(plaintext), out)
        if status == native.KEY:
            raise PublicKeyInvalid(suite=self.name)
        check(status)
        return out.raw

    def decrypt(self, private: bytes, ciphertext: bytes) -> bytes:
        """See ``Suite.decrypt``."""
        key, out = self._private(private), buffer(max(0, len(ciphertext) - self.encryption_overhead))
        status = getattr(lib, f"xl_{self.encryption}_decrypt")(key, ciphertext, len(ciphertext), out)
        if status == native.REFUSED:
            raise OpenFailed
        self._check_private(status)
        return out.raw

    def _public(self, functions: str, private: bytes, size: int) -> bytes:
        key, out = self._private(private), buffer(size)
        self._check_private(getattr(lib, f"xl_{functions}_public")(key, out))
        return out.raw

    def _check_public(self, functions: str, public: bytes) -> None:
        if getattr(lib, f"xl_{functions}_check_public")(public, len(public)) != native.OK:
            raise PublicKeyInvalid(suite=self.name)

    def _private(self, private: bytes) -> bytes:
        if len(private) != self.private_key_size:
            raise PrivateKeyInvalid(suite=self.name)
        return private

    def _check_private(self, status: int) -> None:
        if status == native.KEY:
            raise PrivateKeyInvalid(suite=self.name)
        check(status)

    def open_at(self, key: bytes, nonce: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
        """See ``Suite.open_at``."""
        if len(nonce) != NONCE_SIZE:
            raise OpenFailed
        opened = self.open_many_at((key,), (nonce,), (sealed,), (aad,))[0]
        if opened is None:
            raise OpenFailed
        return opened

    def seal_many(self, keys: Sequence[bytes], plaintexts: Sequence[bytes], aads: Sequence[bytes] = ()) -> list[bytes]:
        """See ``Suite.seal_many``."""
        nonces = pieces(os.urandom(NONCE_SIZE * len(plaintexts)), NONCE_SIZE)
        sealed = self.seal_many_at(keys, nonces, plaintexts, aads)
        return [nonce + item for nonce, item in zip(nonces, sealed, strict=True)]

    def open_many(
        self, keys: Sequence[bytes], sealed: Sequence[bytes], aads: Sequence[bytes] = ()
    ) -> list[bytes | None]:
        """See ``Suite.open_many``."""
        nonces = [item[:NONCE_SIZE].ljust(NONCE_SIZE, b"\x00") for item in sealed]
        return self.open_many_at(keys, nonces, [item[NONCE_SIZE:] for item in sealed], aads)

    def seal_many_at(
        self,
        keys: Sequence[bytes],
        nonces: Sequence[bytes],
        plaintexts: Sequence[bytes],
        aads: Sequence[bytes] = (),
    ) -> list[bytes]:
        """See ``Suite.seal_many_at``."""
        n = len(plaintexts)
        batch = self._batch(n, keys, nonces, plaintexts, aads)
        sizes = [len(plaintext) + TAG_SIZE for plaintext in plaintexts]
        out = buffer(sum(sizes))
        check(lib.xl_seal_many(self.cipher_number, *batch, n, out))
        return _cut(out.raw, sizes)

    def open_many_at(
        self,
        keys: Sequence[bytes],
        nonces: Sequence[bytes],
        sealed: Sequence[bytes],
        aads: Sequence[bytes] = (),
    ) -> list[bytes | None]:
        """See ``Suite.open_many_at``."""
        n = len(sealed)
        # What is too short to hold a tag goes in as a zero tag, and is refused below whatever comes out.
        whole = [item if len(item) >= TAG_SIZE else bytes(TAG_SIZE) for item in sealed]
        batch = self._batch(n, keys, nonces, whole, aads)
        sizes = [len(item) - TAG_SIZE for item in whole]
        out, verdicts = buffer(sum(sizes)), buffer(n)
        check(lib.xl_open_many(self.cipher_number, *batch, n, out, verdicts))
        opened = _cut(out.raw, sizes)
        return [
            text if verdict and len(item) >= TAG_SIZE else None
            for text, verdict, item in zip(opened, verdicts.raw, sealed, strict=True)
        ]

    def _batch(
        self,
        n: int,
        keys: Sequence[bytes],
        nonces: Sequence[bytes],
        texts: Sequence[bytes],
        aads: Sequence[bytes],
    ) -> tuple[bytes, bytes, bytes, int, bytes, bytes, int, bytes]:
        same_count(n, keys, "sealing keys")
        same_count(n, nonces, "nonces")
        if aads:
            same_count(n, aads, "additional data")
        text, aad = b"".join(texts), b"".join(aads)
        return (
            joined(keys, self.key_size, "sealing key"),
            joined(nonces, NONCE_SIZE, "nonce"),
            text,
            len(text),
            lengths(texts),
            aad,
            len(aad),
            lengths(aads) if aads else bytes(8 * n),
        )


def _padded(items: Sequence[bytes], size: int) -> bytes:
    absent = bytes(size)
    return b"".join([item if len(item) == size else absent for item in items])


def joined(items: Sequence[bytes], size: int, what: str) -> bytes:
    """Return the items end to end, each checked to be ``size`` bytes long.

    Raises:
        LengthInvalid: an item has another length.
    """
    for item in items:
        if len(item) != size:
            raise LengthInvalid(what=what, found=len(item), needed=size)
    return b"".join(items)


def same_count(n: int, items: Sequence[object], what: str) -> None:
    """Refuse a batch whose columns differ in length.

    Raises:
        LengthInvalid: there are not ``n`` items.
    """
    if len(items) != n:
        raise LengthInvalid(what=what, found=len(items), needed=n)


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    items, start = [], 0
    for size in sizes:
        items.append(data[start : start + size])
        start += size
    return items
