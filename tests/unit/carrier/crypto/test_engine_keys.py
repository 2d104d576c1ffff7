"""Engine keys: Ed25519 verified strictly, and as the independent verifier's own arithmetic does."""

from __future__ import annotations

import pytest
from xinglin_verify import ed25519
from xinglin_verify.ed25519 import ed25519_verify

from xinglin.carrier.crypto.engine_keys import ENGINE_KEY_SIZE, verify_engine_signature
from xinglin.carrier.crypto.suite import suite

PRIVATE = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")  # RFC 8032, 7.1, test 2
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
P, L = ed25519.P, ed25519.L
SMALL = [
    0,
    1,
    P - 1,
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
]


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


def with_s(s: int) -> bytes:
    return SIGNATURE[:32] + number(s)


S = int.from_bytes(SIGNATURE[32:], "little")
BAD = {
    "a larger S of the same class": (PUBLIC, b"r", with_s(S + L)),
    "S at the order": (PUBLIC, b"r", with_s(L)),
    "S of all bits": (PUBLIC, b"r", with_s(2**256 - 1)),
    "another message": (PUBLIC, b"s", SIGNATURE),
    "another sign of the key": (PUBLIC[:31] + bytes([PUBLIC[31] ^ 0x80]), b"r", SIGNATURE),
    "a short key": (PUBLIC[:31], b"r", SIGNATURE),
    "a long key": (PUBLIC + b"\0", b"r", SIGNATURE),
    "a short signature": (PUBLIC, b"r", SIGNATURE[:63]),
    "a long signature": (PUBLIC, b"r", SIGNATURE + b"\0"),
    "nothing": (b"", b"", b""),
    "a key beyond the field": (number(P + 3), b"r", SIGNATURE),
    "a key of all bits": (b"\xff" * 32, b"r", SIGNATURE),
    "no point": (number(2), b"r", SIGNATURE),
    # With such a key, R the neutral point and S zero, the equation holds whatever was signed.
    **{
        f"small order {index}, sign {sign}": (number(y | sign << 255), b"r", number(1) + bytes(32))
        for index, y in enumerate(SMALL)
        for sign in (0, 1)
    },
    "small order, not canonical": (number(P + 1), b"r", number(1) + bytes(32)),
}


def test_a_good_signature_verifies() -> None:
    assert suite("intl").public_key(PRIVATE) == PUBLIC
    assert len(PUBLIC) == ENGINE_KEY_SIZE
    assert verify_engine_signature(PUBLIC, b"r", SIGNATURE)
    assert ed25519_verify(PUBLIC, b"r", SIGNATURE)


@pytest.mark.parametrize("name", BAD)
def test_whatever_is_not_strictly_one_does_not(name: str) -> None:
    assert not verify_engine_signature(*BAD[name])
    assert not ed25519_verify(*BAD[name])


def test_every_changed_byte_is_found_by_both() -> None:
    for position in range(64):
        bad = bytearray(SIGNATURE)
        bad[position] ^= 1 << position % 8
        assert not verify_engine_signature(PUBLIC, b"r", bytes(bad))
        assert not ed25519_verify(PUBLIC, b"r", bytes(bad))


def test_any_key_of_its_own_agrees() -> None:
    intl = suite("intl")
    for size in range(20):
        private, message = intl.generate_private_key(), bytes(size)
        public, signature = intl.public_key(private), intl.sign(private, message)
        assert verify_engine_signature(public, message, signature)
        assert ed25519_verify(public, message, signature)
