"""Suite ``gm``, the national algorithms: SM2 signatures and encryption, SM3, SM4-GCM (W2).

Signatures are 64 bytes r || s under the user id 1234567812345678 (GB/T 32918.2), never DER; public keys
are 65 bytes uncompressed; ciphertexts are raw C1 || C3 || C2 (GB/T 32918.4). The arithmetic is the native
library's.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.crypto import native
from xinglin.carrier.crypto.errors import LengthInvalid, OpenFailed, PrivateKeyInvalid, PublicKeyInvalid
from xinglin.carrier.crypto.native import buffer, check, lengths, lib, pieces
from xinglin.carrier.crypto.native_suite import NativeSuite, same_count


class GmSuite(NativeSuite):
    """SM2, SM3, SM4-GCM. Signing and encryption keys have the same form but are separate keys."""

    name = "gm"
    hash_number = 1
    cipher_number = 1
    public_key_size = 65
    encryption_public_key_size = 65
    encryption_overhead = 97
    key_size = 16

    def generate_private_key(self) -> bytes:
        """Return a private key, uniform in [1, n-2]."""
        out = buffer(32)
        check(lib.xl_sm2_generate(out))
        return out.raw

    def public_key(self, private: bytes) -> bytes:
        """See ``Suite.public_key``."""
        out = buffer(65)
        self._check_private(lib.xl_sm2_public(self._private(private), out))
        return out.raw

    def check_public_key(self, public: bytes) -> None:
        """See ``Suite.check_public_key``."""
        if lib.xl_sm2_check_public(public, len(public)) != native.OK:
            raise PublicKeyInvalid(suite=self.name)

    def sign_many(self, private: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """See ``Suite.sign_many``."""
        data, out = b"".join(messages), buffer(64 * len(messages))
        status = lib.xl_sm2_sign_many(self._private(private), data, len(data), lengths(messages), len(messages), out)
        self._check_private(status)
        return pieces(out.raw, 64)

    def verify_many(
        self, publics: Sequence[bytes], messages: Sequence[bytes], signatures: Sequence[bytes]
    ) -> list[bool]:
        """See ``Suite.verify_many``."""
        n = len(messages)
        same_count(n, publics, "public keys")
        same_count(n, signatures, "signatures")
        # The library reads fixed sizes: items of another length are replaced by zeros, which never verify.
        keys = b"".join(key if len(key) == 65 else _NO_KEY for key in publics)
        signed = b"".join(item if len(item) == 64 else _NO_SIGNATURE for item in signatures)
        data, out = b"".join(messages), buffer(n)
        check(lib.xl_sm2_verify_many(keys, signed, data, len(data), lengths(messages), n, out))
        return [verdict == 1 for verdict in out.raw]

    def generate_encryption_key(self) -> bytes:
        """Return a private key, uniform in [1, n-2]."""
        return self.generate_private_key()

    def encryption_public_key(self, private: bytes) -> bytes:
        """See ``Suite.encryption_public_key``."""
        return self.public_key(private)

    def check_encryption_public_key(self, public: bytes) -> None:
        """See ``Suite.check_encryption_public_key``."""
        self.check_public_key(public)

    def encrypt(self, public: bytes, plaintext: bytes) -> bytes:
        """See ``Suite.encrypt``."""
        if not plaintext:
            raise LengthInvalid(what="plaintext", found=0, needed="1 or more")
        if len(public) != 65:
            raise PublicKeyInvalid(suite=self.name)
        out = buffer(len(plaintext) + self.encryption_overhead)
        status = lib.xl_sm2_encrypt(public, plaintext, len(plaintext), out)
        if status == native.KEY:
            raise PublicKeyInvalid(suite=self.name)
        check(status)
        return out.raw

    def decrypt(self, private: bytes, ciphertext: bytes) -> bytes:
        """See ``Suite.decrypt``."""
        out = buffer(max(0, len(ciphertext) - self.encryption_overhead))
        status = lib.xl_sm2_decrypt(self._private(private), ciphertext, len(ciphertext), out)
        if status == native.REFUSED:
            raise OpenFailed
        self._check_private(status)
        return out.raw

    def _private(self, private: bytes) -> bytes:
        if len(private) != 32:
            raise PrivateKeyInvalid(suite=self.name)
        return private

    def _check_private(self, status: int) -> None:
        if status == native.KEY:
            raise PrivateKeyInvalid(suite=self.name)
        check(status)


_NO_KEY = bytes(65)
_NO_SIGNATURE = bytes(64)
