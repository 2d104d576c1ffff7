"""Making keys and signatures in plain Python for tests of the verifier: deterministic, never for real keys.

What was made once is remembered, for many bundles are made of the same parts.

Signing is here and verifying in `xinglin_verify`, both by the words of GB/T 32918.2 and RFC 8032; the published vectors
and OpenSSL, which know neither, hold the two to the standards.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from xinglin_verify import ed25519, sm2
from xinglin_verify.sm3 import sm3


class KeyPair(Protocol):
    """A private key that signs, and its public key."""

    public: bytes

    def sign(self, message: bytes) -> bytes: ...


@dataclass(eq=False)
class Sm2Key:
    """An SM2 key pair made from a name."""

    name: str
    private: int = field(init=False)
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.private = 1 + _number(f"key {self.name}".encode()) % (sm2.N - 2)
        self.public = b"\x04" + b"".join(part.to_bytes(32, "big") for part in _multiple(self.private))

    @functools.cache  # noqa: B019 - the keys of a test run are few and live as long as it does
    def sign(self, message: bytes) -> bytes:
        """Return r || s (GB/T 32918.2, 6.1)."""
        e = sm2.digest(self.public, message)
        for attempt in range(100):
            k = 1 + _number(b"nonce %d " % attempt + self.name.encode() + message) % (sm2.N - 1)
            r = (e + _multiple(k)[0]) % sm2.N
            s = pow(1 + self.private, -1, sm2.N) * (k - r * self.private) % sm2.N
            if r and s and r + k != sm2.N:
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        raise ArithmeticError("no nonce fits")


@dataclass(eq=False)
class Ed25519Key:
    """An Ed25519 key pair made from a name (or from a seed, for the vectors)."""

    name: str
    seed: bytes = b""
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.seed = self.seed or hashlib.sha256(f"key {self.name}".encode()).digest()
        self.public = ed25519.encode(self._multiple(self._halves()[0]))

    @functools.cache  # noqa: B019 - as above
    def sign(self, message: bytes) -> bytes:
        """Return R || S (RFC 8032, 5.1.6)."""
        secret, prefix = self._halves()
        r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % ed25519.L
        commitment = ed25519.encode(self._multiple(r))
        k = int.from_bytes(hashlib.sha512(commitment + self.public + message).digest(), "little") % ed25519.L
        return commitment + ((r + k * secret) % ed25519.L).to_bytes(32, "little")

    def _halves(self) -> tuple[int, bytes]:
        digest = hashlib.sha512(self.seed).digest()
        clamped = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
        return clamped, digest[32:]

    def _multiple(self, factor: int) -> ed25519.Point:
        total, power = ed25519.NEUTRAL, ed25519.BASE
        while factor:
            total = ed25519.add(total, power) if factor & 1 else total
            power, factor = ed25519.add(power, power), factor >> 1
        return total


@dataclass(frozen=True)
class TestSuite:
    """What a suite of the specification is to a maker of test bundles."""

    __test__ = False
    number: int
    key: Callable[[str], KeyPair]
    hash: Callable[[bytes], bytes]
    checkpoint_label: bytes
    witness_label: bytes


GM = TestSuite(1, functools.cache(Sm2Key), functools.cache(sm3), b"xinglin/sm2-sm3/v1", b"xinglin/witness-sm2-sm3/v1")
INTL = TestSuite(
    2,
    functools.cache(Ed25519Key),
    lambda data: hashlib.sha256(data).digest(),
    b"xinglin/ed25519/v1",
    b"xinglin/witness-ed25519/v1",
)


def _number(text: bytes) -> int:
    return int.from_bytes(hashlib.sha512(text).digest(), "big")


def _multiple(factor: int) -> sm2.Point:
    point = sm2.double_multiply(factor, 0, sm2.G)
    assert point is not None
    return point
