"""Verifying SM2 signatures, written from GB/T 32918.2-2016 (curve: GB/T 32918.5).

It never signs. A signature is 32 bytes r and 32 bytes s, a public key 0x04, x, y; anything else is refused. Nobody but
the key's holder can turn a valid signature into another: a second s for the same r would need the private key.
"""

from __future__ import annotations

from typing import NamedTuple

from xinglin_verify.sm3 import sm3

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
USER_ID = b"1234567812345678"


class Point(NamedTuple):
    """A point of the curve other than the point at infinity, in affine coordinates."""

    x: int
    y: int


Jacobian = tuple[int, int, int]
"""A point (x, y, z) in Jacobian coordinates: x / z^2, y / z^3; z = 0 is the point at infinity."""

G = Point(
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
INFINITY: Jacobian = (1, 1, 0)


def sm2_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature holds (GB/T 32918.2, 7.1), with the user id 1234567812345678.

    Args:
        public: 65 bytes, 0x04 || x || y.
        message: what was signed, of any length; hashed here with SM3, after Z.
        signature: 64 bytes, r || s.
    Returns: False also for a key that is no point of the curve or is -G, and for r or s outside [1, n-1].
    """
    key = decode_key(public)
    if key is None or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return verify_digest(key, digest(public, message), r, s)


def verify_digest(key: Point, e: int, r: int, s: int) -> bool:
    """Return whether (r, s) is a signature of the digest e (GB/T 32918.2, 7.1, B1, B2, B5 to B7)."""
    if not (0 < r < N and 0 < s < N):
        return False
    t = (r + s) % N
    if t == 0:
        return False
    point = double_multiply(s, t, key)
    return point is not None and (e + point.x) % N == r


def decode_key(public: bytes) -> Point | None:
    """Return the point of a 65-byte public key, or None if it is not on the curve or is -G.

    -G belongs to the private key n-1, which the standard excludes: for it, verification would not depend on s.
    """
    if len(public) != 65 or public[0] != 4:
        return None
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if x >= P or y >= P or (y * y - x * x * x - A * x - B) % P or (x, y) == (G.x, P - G.y):
        return None
    return Point(x, y)


def digest(public: bytes, message: bytes) -> int:
    """Return e, the hash of Z (GB/T 32918.2, 5.5) and the message, as an integer."""
    curve = b"".join(number.to_bytes(32, "big") for number in (A, B, *G))
    z = sm3((8 * len(USER_ID)).to_bytes(2, "big") + USER_ID + curve + public[1:])
    return int.from_bytes(sm3(z + message), "big")


def double_multiply(s: int, t: int, key: Point) -> Point | None:
    """Return [s]G + [t]key in one pass over the bits of both; None is the point at infinity."""
    both = affine(add((G.x, G.y, 1), key))
    sum_ = INFINITY
    for bit in range(255, -1, -1):
        sum_ = double(sum_)
        chosen = (s >> bit & 1) + 2 * (t >> bit & 1)
        if chosen == 3 and both is not None:
            sum_ = add(sum_, both)
        elif chosen in (1, 2):
            sum_ = add(sum_, G if chosen == 1 else key)
    return affine(sum_)


def double(point: Jacobian) -> Jacobian:
    """Return twice a point; a = -3 saves two multiplications."""
    x, y, z = point
    square = y * y % P
    z2 = z * z % P
    slope = 3 * (x - z2) * (x + z2) % P
    common = 4 * x * square % P
    x3 = (slope * slope - 2 * common) % P
    return x3, (slope * (common - x3) - 8 * square * square) % P, 2 * y * z % P


def add(point: Jacobian, other: Point) -> Jacobian:
    """Return the sum of a point and an affine one, whatever they are."""
    x, y, z = point
    if z == 0:
        return other.x, other.y, 1
    z2 = z * z % P
    run = (other.x * z2 - x) % P
    rise = (other.y * z2 * z - y) % P
    if run == 0:
        return INFINITY if rise else double(point)
    run2 = run * run % P
    run3 = run2 * run % P
    common = x * run2 % P
    x3 = (rise * rise - run3 - 2 * common) % P
    return x3, (rise * (common - x3) - y * run3) % P, z * run % P


def affine(point: Jacobian) -> Point | None:
    """Return a point in affine coordinates; None is the point at infinity."""
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return Point(x * square % P, y * square * inverse % P)
