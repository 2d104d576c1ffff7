"""Keys and signatures that come out the same every time, so that vectors can be made again and compared.

Private keys are hashes of names. Ed25519 signs deterministically by itself; for SM2 the nonce is made from key and
message here, with the curve arithmetic of ``xinglin_verify``. For vectors only: such keys protect nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from xinglin_verify.sm2 import G, N, Point, digest, double_multiply
from xinglin_verify.sm3 import sm3

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.kernel.identifiers import identifier


def fixed_bytes(name: str, count: int) -> bytes:
    """Return bytes that stand for random ones: the first of SHA-256(name), SHA-256(name 1), ..."""
    blocks = [hashlib.sha256(f"{name} {number}".encode("ascii")).digest() for number in range(count // 32 + 1)]
    return b"".join(blocks)[:count]


def fixed_id(name: str) -> str:
    """Return an identifier made from a name."""
    return identifier(fixed_bytes(f"id {name}", 16))


@dataclass(frozen=True)
class FixedKey:
    """A key pair made from a name."""

    suite: Suite
    name: str

    @cached_property
    def private(self) -> bytes:
        """The private key."""
        seed = fixed_bytes(f"key {self.suite.name} {self.name}", 32)
        if self.suite.name == "intl":
            return seed
        return (int.from_bytes(seed, "big") % (N - 2) + 1).to_bytes(32, "big")

    @cached_property
    def public(self) -> bytes:
        """The public key."""
        return self.suite.public_key(self.private)

    def sign(self, message: bytes, nonce: str = "nonce") -> bytes:
        """Return the signature over a message, the same each time; under SM2 another nonce gives another."""
        if self.suite.name == "intl":
            return self.suite.sign(self.private, message)
        return _sm2_sign(self.private, self.public, message, nonce)

    def prove(self, scope: str, member: str, account: str) -> bytes:
        """Return the proof of key for an account; the empty account is the member's cosigning key."""
        return self.sign(key_proof_message(self.suite.hash, scope, member, account, self.public))

    @property
    def signer(self) -> Signer:
        """What signs transactions with this key."""
        return Signer(self.public, self.sign)


def sm2_encrypt(public: bytes, plaintext: bytes, name: str) -> bytes:
    """Return C1 || C3 || C2 (GB/T 32918.4) with a nonce made from a name."""
    nonce = int.from_bytes(fixed_bytes(f"nonce {name}", 32), "big") % (N - 1) + 1
    key = Point(int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big"))
    c1, shared = _point(double_multiply(nonce, 0, G)), _point(double_multiply(0, nonce, key))
    stream = b"".join(sm3(shared + number.to_bytes(4, "big")) for number in range(1, len(plaintext) // 32 + 2))
    c2 = bytes(one ^ other for one, other in zip(plaintext, stream, strict=False))
    return b"\x04" + c1 + sm3(shared[:32] + plaintext + shared[32:]) + c2


def _sm2_sign(private: bytes, public: bytes, message: bytes, nonce: str) -> bytes:
    """Return r || s (GB/T 32918.2, 6.1) with a nonce made from a word, key and message."""
    d, e = int.from_bytes(private, "big"), digest(public, message)
    k = int.from_bytes(hashlib.sha256(nonce.encode("ascii") + private + message).digest(), "big") % (N - 1) + 1
    x = int.from_bytes(_point(double_multiply(k, 0, G))[:32], "big")
    r = (e + x) % N
    s = pow(1 + d, -1, N) * (k - r * d) % N
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _point(point: Point | None) -> bytes:
    """Return x || y; no nonce in use here leads to infinity."""
    if point is None:
        raise ArithmeticError("the point at infinity")
    return point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
