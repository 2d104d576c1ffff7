"""Suite ``intl``: Ed25519 (RFC 8032), SHA-256, AES-256-GCM, HPKE base mode on X25519 (RFC 9180).

It is there to prove that nothing outside this package names an algorithm (design D4). Public keys of small order and
non-canonical encodings are refused, which RFC 8032 leaves open.
"""

from __future__ import annotations

import os

from xinglin.carrier.crypto.native_suite import NativeSuite


class IntlSuite(NativeSuite):
    """Ed25519, SHA-256, AES-256-GCM, HPKE; every 32 bytes are a private key."""

    name = "intl"
    hash_number = 2
    cipher_number = 2
    signing = "ed25519"
    encryption = "hpke"
    public_key_size = 32
    encryption_public_key_size = 32
    encryption_overhead = 48
    key_size = 32

    def generate_private_key(self) -> bytes:
        """See ``Suite.generate_private_key``."""
        return os.urandom(32)

    def generate_encryption_key(self) -> bytes:
        """See ``Suite.generate_encryption_key``."""
        return os.urandom(32)
