"""The two cipher suites of the specification (docs/spec/encoding.md): hash, signature, key form; and the tagged hash H.

This is the only place that says which suite means which algorithm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from xinglin_verify import ed25519, sm2
from xinglin_verify.ed25519 import ed25519_verify
from xinglin_verify.encoding import Value, encode
from xinglin_verify.sm2 import sm2_verify
from xinglin_verify.sm3 import sm3

Hash = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Suite:
    """A cipher suite: its hash, its signature check (key, message, signature), and what its keys are."""

    name: str
    hash: Hash
    verify: Callable[[bytes, bytes, bytes], bool]
    is_key: Callable[[bytes], bool]
    checkpoint_label: bytes

    def tagged(self, tag: str, *values: Value) -> bytes:
        """Return H(tag, values...): the hash of tag, a zero byte and the canonical array of the values."""
        return self.hash(tag.encode("ascii") + b"\x00" + encode(values))


def sha256(data: bytes) -> bytes:
    """Return the 32-byte SHA-256 hash."""
    return hashlib.sha256(data).digest()


GM = Suite("gm", sm3, sm2_verify, lambda key: sm2.decode_key(key) is not None, b"xinglin/sm2-sm3/v1")
INTL = Suite("intl", sha256, ed25519_verify, lambda key: ed25519.decode_key(key) is not None, b"xinglin/ed25519/v1")
SUITES = {1: GM, 2: INTL}
