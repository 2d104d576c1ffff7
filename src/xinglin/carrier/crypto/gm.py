"""Suite ``gm``, the national algorithms: SM2 signatures and encryption, SM3, SM4-GCM (W2).

Signatures are 64 bytes r || s under the user id 1234567812345678 (GB/T 32918.2), never DER; public keys are 65 bytes
uncompressed; ciphertexts are raw C1 || C3 || C2 (GB/T 32918.4). The arithmetic is the native library's. Signing and
encryption keys have one form, but MUST be separate keys.
"""

from __future__ import annotations

from xinglin.carrier.crypto.native import buffer, check, lib
from xinglin.carrier.crypto.native_suite import NativeSuite


class GmSuite(NativeSuite):
    """SM2, SM3, SM4-GCM; private keys are in [1, n-2]."""

    name = "gm"
    hash_number = 1
    cipher_number = 1
    signing = "sm2"
    encryption = "sm2"
    public_key_size = 65
    encryption_public_key_size = 65
    encryption_overhead = 97
    key_size = 16

    def generate_private_key(self) -> bytes:
        """See ``Suite.generate_private_key``."""
        out = buffer(32)
        check(lib.xl_sm2_generate(out))
        return out.raw

    def generate_encryption_key(self) -> bytes:
        """See ``Suite.generate_encryption_key``."""
        return self.generate_private_key()
