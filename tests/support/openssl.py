"""The ``openssl`` command as a second implementation, and the DER that it wants; none of it is the product's.

Where the command is absent the tests that need it are skipped, with XINGLIN_REQUIRE_OPENSSL=1 they fail.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

COMMAND = shutil.which("openssl")
REQUIRED = os.environ.get("XINGLIN_REQUIRE_OPENSSL") == "1"
needs_openssl = pytest.mark.skipif(
    COMMAND is None and not REQUIRED, reason="the command openssl is not here (XINGLIN_REQUIRE_OPENSSL=1 demands it)"
)

SM2_CURVE = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
"""AlgorithmIdentifier of an SM2 key: id-ecPublicKey with the curve's object identifier."""


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    """Run the command and return what it prints.

    Raises:
        subprocess.CalledProcessError: it refused.
    """
    assert COMMAND is not None, "the command openssl is required and is not here"
    done = subprocess.run([COMMAND, *map(str, arguments)], input=data, capture_output=True, check=True)
    return done.stdout


def tlv(tag: int, content: bytes) -> bytes:
    """Return one DER value."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(value: bytes) -> bytes:
    """Return a DER INTEGER of a number without sign."""
    value = value.lstrip(b"\x00") or b"\x00"
    return tlv(0x02, (b"\x00" if value[0] & 0x80 else b"") + value)


def values(der: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each value that lies in ``der``, one after the other."""
    found, at = [], 0
    while at < len(der):
        tag, size, start = der[at], der[at + 1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[at + 2 : start], "big")
        found.append((tag, der[start : start + size]))
        at = start + size
    assert at == len(der)
    return found


def raw_signature(der: bytes) -> bytes:
    """Return r || s of SEQUENCE { r, s }."""
    ((_, sequence),) = values(der)
    return b"".join(number.lstrip(b"\x00").rjust(32, b"\x00") for _, number in values(sequence))


def der_signature(raw: bytes) -> bytes:
    """Return SEQUENCE { r, s } of r || s."""
    return tlv(0x30, integer(raw[:32]) + integer(raw[32:]))


def raw_ciphertext(der: bytes) -> bytes:
    """Return C1 || C3 || C2 of SEQUENCE { x, y, C3, C2 } (GM/T 0009)."""
    ((_, sequence),) = values(der)
    x, y, c3, c2 = (content for _, content in values(sequence))
    point = b"".join(number.lstrip(b"\x00").rjust(32, b"\x00") for number in (x, y))
    return b"\x04" + point + c3 + c2


def der_ciphertext(raw: bytes) -> bytes:
    """Return SEQUENCE { x, y, C3, C2 } of C1 || C3 || C2."""
    x, y, c3, c2 = raw[1:33], raw[33:65], raw[65:97], raw[97:]
    return tlv(0x30, integer(x) + integer(y) + tlv(0x04, c3) + tlv(0x04, c2))


def sm2_private_pem(folder: Path, private: bytes, public: bytes) -> Path:
    """Write a PKCS #8 file of an SM2 key pair."""
    key = tlv(0x30, tlv(0x02, b"\x01") + tlv(0x04, private) + tlv(0xA1, tlv(0x03, b"\x00" + public)))
    return _pem(folder / "private.pem", "PRIVATE KEY", tlv(0x30, tlv(0x02, b"\x00") + SM2_CURVE + tlv(0x04, key)))


def sm2_public_pem(folder: Path, public: bytes) -> Path:
    """Write a SubjectPublicKeyInfo file of an SM2 public key."""
    return _pem(folder / "public.pem", "PUBLIC KEY", tlv(0x30, SM2_CURVE + tlv(0x03, b"\x00" + public)))


def rfc8410_private_pem(folder: Path, curve: str, private: bytes) -> Path:
    """Write a PKCS #8 file of an ``ed25519`` or ``x25519`` key (RFC 8410)."""
    content = tlv(0x02, b"\x00") + _rfc8410(curve) + tlv(0x04, tlv(0x04, private))
    return _pem(folder / f"{curve}-private.pem", "PRIVATE KEY", tlv(0x30, content))


def rfc8410_public_pem(folder: Path, curve: str, public: bytes) -> Path:
    """Write a SubjectPublicKeyInfo file of an ``ed25519`` or ``x25519`` key (RFC 8410)."""
    content = _rfc8410(curve) + tlv(0x03, b"\x00" + public)
    return _pem(folder / f"{curve}-public.pem", "PUBLIC KEY", tlv(0x30, content))


def pem_content(path: Path) -> bytes:
    """Return the DER in a file that holds one PEM block."""
    lines = path.read_text().strip().splitlines()
    return base64.b64decode("".join(lines[1:-1]))


def _rfc8410(curve: str) -> bytes:
    return tlv(0x30, tlv(0x06, bytes([0x2B, 0x65, {"x25519": 110, "ed25519": 112}[curve]])))


def _pem(path: Path, label: str, der: bytes) -> Path:
    body = base64.encodebytes(der).decode()
    path.write_text(f"-----BEGIN {label}-----\n{body}-----END {label}-----\n")
    return path
