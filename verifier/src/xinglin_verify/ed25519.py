"""Verifying Ed25519 signatures strictly, written from RFC 8032, 5.1.

It never signs. Strictly: S is below the order, the key and R are canonical encodings, the key has no small order, and
the equation is the one without the cofactor; so nobody but the key's holder can turn a signature into another.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


class Point(NamedTuple):
    """A point in extended homogeneous coordinates: x / z, y / z, and t = x * y / z (RFC 8032, 5.1.4)."""

    x: int
    y: int
    z: int
    t: int


NEUTRAL = Point(0, 1, 1, 0)
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 4 * pow(5, -1, P) % P
BASE = Point(BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature holds (RFC 8032, 5.1.7).

    Args:
        public: 32 bytes.
        message: what was signed, of any length.
        signature: 64 bytes, R || S.
    """
    key = decode_key(public)
    if key is None or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    negative = Point(P - key.x, key.y, 1, P - key.t)
    return encode(double_multiply(s, k, negative)) == signature[:32]


def decode_key(public: bytes) -> Point | None:
    """Return the point of a 32-byte public key, or None if it is not canonical, not on the curve or of small order."""
    point = decode(public)
    if point is None:
        return None
    eightfold = add(point, point)
    for _ in range(2):
        eightfold = add(eightfold, eightfold)
    return None if eightfold.x % P == 0 else point


def decode(encoded: bytes) -> Point | None:
    """Return the point of a canonical encoding (RFC 8032, 5.1.3), or None."""
    if len(encoded) != 32:
        return None
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return Point(x, y, 1, x * y % P)


def encode(point: Point) -> bytes:
    """Return the 32-byte encoding of a point (RFC 8032, 5.1.2)."""
    inverse = pow(point.z, -1, P)
    x, y = point.x * inverse % P, point.y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add(left: Point, right: Point) -> Point:
    """Return the sum of two points, equal or not (RFC 8032, 5.1.4)."""
    a = (left.y - left.x) * (right.y - right.x) % P
    b = (left.y + left.x) * (right.y + right.x) % P
    c = 2 * left.t * right.t * D % P
    d = 2 * left.z * right.z % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return Point(e * f % P, g * h % P, f * g % P, e * h % P)


def double_multiply(s: int, k: int, point: Point) -> Point:
    """Return [s]B + [k]point in one pass over the bits of both."""
    both = add(BASE, point)
    sum_ = NEUTRAL
    for bit in range(253, -1, -1):
        sum_ = add(sum_, sum_)
        chosen = (s >> bit & 1) + 2 * (k >> bit & 1)
        if chosen:
            sum_ = add(sum_, (BASE, point, both)[chosen - 1])
    return sum_
