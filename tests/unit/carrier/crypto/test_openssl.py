"""Both suites against the ``openssl`` command, in both directions (W2; design D4)."""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.openssl import (
    der_ciphertext,
    der_signature,
    needs_openssl,
    openssl,
    raw_ciphertext,
    raw_signature,
    rfc8410_private_pem,
    rfc8410_public_pem,
    sm2_private_pem,
    sm2_public_pem,
)
from xinglin.carrier.crypto.suite import Suite, suite

pytestmark = [needs_openssl, pytest.mark.requirement("W2")]

GM, INTL = suite("gm"), suite("intl")
SM2_SIGNING = ("-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678")
MESSAGES = [b"", b"a", os.urandom(55), os.urandom(64), os.urandom(119), os.urandom(10_000)]


@pytest.mark.parametrize(("chosen", "name"), [(GM, "sm3"), (INTL, "sha256")])
def test_hashes(chosen: Suite, name: str) -> None:
    for message in MESSAGES:
        expected = openssl("dgst", f"-{name}", "-binary", data=message)
        assert chosen.hash(message) == expected
    assert chosen.hash_many(MESSAGES) == [chosen.hash(message) for message in MESSAGES]


@pytest.mark.parametrize("turn", range(4))
def test_sm2_signatures_of_ours_verify_there(tmp_path: Path, turn: int) -> None:
    private = GM.generate_private_key()
    public = GM.public_key(private)
    key, message, signed = sm2_public_pem(tmp_path, public), tmp_path / "message", tmp_path / "signature"
    message.write_bytes(MESSAGES[turn] or b"x")  # the command takes no empty input
    signed.write_bytes(der_signature(GM.sign(private, message.read_bytes())))
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", key, "-in", message, "-sigfile", signed, *SM2_SIGNING)
    assert b"Verified Successfully" in openssl(*verify)
    message.write_bytes(message.read_bytes() + b".")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*verify)


@pytest.mark.parametrize("turn", range(4))
def test_sm2_signatures_of_theirs_verify_here(tmp_path: Path, turn: int) -> None:
    private = GM.generate_private_key()
    public = GM.public_key(private)
    key, message = sm2_private_pem(tmp_path, private, public), tmp_path / "message"
    message.write_bytes(MESSAGES[turn] or b"x")
    signature = raw_signature(openssl("pkeyutl", "-sign", "-inkey", key, "-in", message, *SM2_SIGNING))
    assert GM.verify(public, message.read_bytes(), signature)
    assert not GM.verify(public, message.read_bytes() + b".", signature)


def test_sm2_public_keys_are_derived_alike(tmp_path: Path) -> None:
    for private in (GM.generate_private_key(), (1).to_bytes(32, "big"), (2).to_bytes(32, "big")):
        public = GM.public_key(private)
        key = sm2_private_pem(tmp_path, private, public)
        # The command derives the public key again when it checks the pair.
        assert b"Key is valid" in openssl("pkey", "-in", key, "-check", "-noout")
        assert openssl("pkey", "-in", key, "-pubout", "-outform", "DER").endswith(public)


@pytest.mark.parametrize("size", [1, 2, 16, 31, 32, 33, 200])
def test_sm2_encryption_both_ways(tmp_path: Path, size: int) -> None:
    private, plaintext = GM.generate_encryption_key(), os.urandom(size)
    public = GM.encryption_public_key(private)
    key, public_key = sm2_private_pem(tmp_path, private, public), sm2_public_pem(tmp_path, public)
    ours = der_ciphertext(GM.encrypt(public, plaintext))
    assert openssl("pkeyutl", "-decrypt", "-inkey", key, data=ours) == plaintext
    theirs = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public_key, data=plaintext)
    assert GM.decrypt(private, raw_ciphertext(theirs)) == plaintext


@pytest.mark.parametrize(("chosen", "cipher"), [(GM, "sm4"), (INTL, "aes-256")])
@pytest.mark.parametrize("size", [0, 1, 16, 17, 64, 257, 5000])
@pytest.mark.parametrize("aad_size", [0, 5, 16, 40])
def test_sealing_is_gcm_over_their_block_cipher(chosen: Suite, cipher: str, size: int, aad_size: int) -> None:
    """Counter mode and block from the command, GHASH from its definition (NIST SP 800-38D, 6.4, 7.1)."""
    key, nonce = os.urandom(chosen.key_size), os.urandom(12)
    plaintext, aad = os.urandom(size), os.urandom(aad_size)

    def counter(start: int, data: bytes) -> bytes:
        iv = nonce + start.to_bytes(4, "big")
        return openssl("enc", f"-{cipher}-ctr", "-K", key.hex(), "-iv", iv.hex(), data=data)

    subkey = openssl("enc", f"-{cipher}-ecb", "-nopad", "-K", key.hex(), data=bytes(16))
    ciphertext = counter(2, plaintext)
    tag = counter(1, ghash(subkey, aad, ciphertext))
    assert chosen.seal_at(key, nonce, plaintext, aad) == ciphertext + tag
    assert chosen.open_at(key, nonce, ciphertext + tag, aad) == plaintext


def ghash(subkey: bytes, aad: bytes, ciphertext: bytes) -> bytes:
    """Return GHASH of additional data and ciphertext (NIST SP 800-38D, 6.4)."""
    h, y = int.from_bytes(subkey, "big"), 0
    lengths = (8 * len(aad)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    data = aad + bytes(-len(aad) % 16) + ciphertext + bytes(-len(ciphertext) % 16) + lengths
    for at in range(0, len(data), 16):
        y = multiply(y ^ int.from_bytes(data[at : at + 16], "big"), h)
    return y.to_bytes(16, "big")


def multiply(x: int, y: int) -> int:
    """Multiply in GF(2**128) as NIST SP 800-38D, 6.3 orders the bits."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def test_ed25519_both_ways(tmp_path: Path) -> None:
    private = INTL.generate_private_key()
    public = INTL.public_key(private)
    key, public_key = rfc8410_private_pem(tmp_path, "ed25519", private), rfc8410_public_pem(tmp_path, "ed25519", public)
    message, signed = tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"a message")
    signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message)
    assert INTL.sign(private, b"a message") == signature
    assert INTL.verify(public, b"a message", signature)
    signed.write_bytes(signature)
    verify = ("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public_key, "-in", message, "-sigfile", signed)
    assert b"Verified Successfully" in openssl(*verify)


def test_hpke_is_rfc_9180_over_their_x25519(tmp_path: Path) -> None:
    """Key agreement from the command, key schedule from RFC 9180 (4.1, 5.1) with hashlib."""
    private, plaintext = INTL.generate_encryption_key(), b"for one reader"
    public = INTL.encryption_public_key(private)
    sealed = INTL.encrypt(public, plaintext)
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    key, peer = rfc8410_private_pem(tmp_path, "x25519", private), rfc8410_public_pem(tmp_path, "x25519", encapsulated)
    agreed = openssl("pkeyutl", "-derive", "-inkey", key, "-peerkey", peer)

    kem, scheme = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"  # X25519; with HKDF-SHA256 and AES-256-GCM
    prk = extract(kem, b"", b"eae_prk", agreed)
    shared = expand(kem, prk, b"shared_secret", encapsulated + public, 32)
    context = b"\x00" + extract(scheme, b"", b"psk_id_hash", b"") + extract(scheme, b"", b"info_hash", b"")
    secret = extract(scheme, shared, b"secret", b"")
    sealing_key, nonce = expand(scheme, secret, b"key", context, 32), expand(scheme, secret, b"base_nonce", context, 12)
    assert INTL.open_at(sealing_key, nonce, ciphertext) == plaintext


def extract(scheme: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    """LabeledExtract of RFC 9180, 4."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + scheme + label + key, hashlib.sha256)


def expand(scheme: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """LabeledExpand of RFC 9180, 4, for one block of output."""
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + scheme + label + info
    return hmac.digest(key, labelled + b"\x01", hashlib.sha256)[:size]
