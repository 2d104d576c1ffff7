"""Published vectors of SM2, SM3 and SM4: the standards' own, OpenSSL's, RFC 8998 (W2).

The files are read from the shared data. Two kinds of its cases have no counterpart here: OpenSSL's SM2 ``Verify`` signs
a bare digest, without the user id, and its SM4 modes other than GCM are not offered; ``test_openssl.py`` compares both
with the command instead, the modes as parts of GCM.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.openssl import pem_content, raw_ciphertext, raw_signature, tlv, values
from xinglin.carrier.crypto.errors import OpenFailed, PrivateKeyInvalid
from xinglin.carrier.crypto.suite import suite

pytestmark = pytest.mark.requirement("W2")
GM = suite("gm")


def stanzas(path: Path) -> Iterator[dict[str, str]]:
    """Yield the cases of an OpenSSL test file: the key = value lines between blank ones."""
    for block in re.split(r"\n\s*\n", path.read_text()):
        pairs = [line.split("=", 1) for line in block.splitlines() if "=" in line and not line.startswith("#")]
        if pairs:
            yield {name.strip(): value.strip() for name, value in pairs}


def given_bytes(text: str) -> bytes:
    """Return a value: text in quotes, or hexadecimal."""
    return text[1:-1].encode() if text.startswith('"') else bytes.fromhex(text)


def test_sm3(shared_data: Path) -> None:
    cases = [case for case in stanzas(shared_data / "sm/openssl/evpmd_sm3.txt") if case.get("Digest") == "SM3"]
    assert len(cases) >= 8
    for case in cases:
        assert GM.hash(given_bytes(case["Input"])) == bytes.fromhex(case["Output"])


def test_sm3_of_the_state_administration(shared_data: Path) -> None:
    text = (shared_data / "sm/cryptography_vectors/hashes__SM3__oscca.txt").read_text()
    cases = re.findall(r"Len = (\d+)\nMsg = ([0-9a-f]+)\nMD = ([0-9a-f]+)", text)
    assert len(cases) >= 6
    for bits, message, digest in cases:
        assert GM.hash(bytes.fromhex(message)[: int(bits) // 8]).hex() == digest


def test_sm4_gcm_of_rfc_8998(shared_data: Path) -> None:
    text = (shared_data / "sm/cryptography_vectors/ciphers__SM4__rfc8998.txt").read_text()
    fields = re.findall(r"^([A-Z]+) = ([0-9a-f]{4,})$", text, re.MULTILINE)
    case = {name: bytes.fromhex(value) for name, value in fields}
    sealed = case["CIPHERTEXT"] + case["TAG"]
    assert GM.seal_at(case["KEY"], case["IV"], case["PLAINTEXT"], case["AAD"]) == sealed
    assert GM.open_at(case["KEY"], case["IV"], sealed, case["AAD"]) == case["PLAINTEXT"]


def test_hmac_over_sm3(shared_data: Path) -> None:
    cases = [case for case in stanzas(shared_data / "sm/openssl/evpmac_sm3.txt") if case.get("Algorithm") == "SM3"]
    assert len(cases) == 4
    for case in cases:
        key = given_bytes(case["Key"]).ljust(64, b"\x00")
        inner = GM.hash(bytes(byte ^ 0x36 for byte in key) + given_bytes(case["Input"]))
        assert GM.hash(bytes(byte ^ 0x5C for byte in key) + inner) == bytes.fromhex(case["Output"])


def sm2_key(path: Path) -> tuple[bytes, bytes]:
    """Return private and public key of a PKCS #8 file."""
    ((_, info),) = values(pem_content(path))
    return key_pair(info)


def key_pair(info: bytes) -> tuple[bytes, bytes]:
    """Return private and public key (empty if absent) of a PKCS #8 value's content."""
    _, _, (_, wrapped) = values(info)
    ((_, key),) = values(wrapped)
    _, (_, private), *more = values(key)
    if not more:
        return private, b""
    ((_, bits),) = values(more[-1][1])
    return private, bits[1:]


def test_sm2_decryption(shared_data: Path) -> None:
    path = shared_data / "sm/openssl/evppkey_sm2.txt"
    pem = re.search(r"BEGIN PRIVATE KEY-----\n(.*?)-----END", path.read_text(), re.DOTALL)
    assert pem
    ((_, info),) = values(base64.b64decode(pem[1]))
    private, public = key_pair(info)
    assert GM.public_key(private) == public
    cases = [case for case in stanzas(path) if "Decrypt" in case and "Result" not in case]
    assert len(cases) == 4
    for case in cases:
        ciphertext = raw_ciphertext(bytes.fromhex(case["Input"]))
        assert GM.decrypt(private, ciphertext) == given_bytes(case["Output"])
        with pytest.raises(OpenFailed):
            GM.decrypt(private, ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]))


@pytest.mark.parametrize("file", ["sm2_bad_0.pem", "sm2_bad_1.pem", "sm2_bad_neg1.pem"])
def test_private_keys_out_of_range_are_refused(shared_data: Path, file: str) -> None:
    private, _ = sm2_key(shared_data / "sm/openssl/certs" / file)
    assert len(private) == 32
    with pytest.raises(PrivateKeyInvalid):
        GM.public_key(private)
    with pytest.raises(PrivateKeyInvalid):
        GM.sign(private, b"message")


@pytest.mark.parametrize("file", ["sm2.key", "sm2-root.key"])
def test_key_files_hold_matching_pairs(shared_data: Path, file: str) -> None:
    private, public = sm2_key(shared_data / "sm/openssl/certs" / file)
    assert GM.public_key(private) == public


def public_of(info: bytes) -> bytes:
    """Return the key in a SubjectPublicKeyInfo's content."""
    _, (_, bits) = values(info)
    return bits[1:]


@pytest.mark.parametrize("file", ["sm2.pem", "sm2-ca-cert.pem", "sm2-root.crt"])
def test_certificates_verify_under_their_issuer(shared_data: Path, file: str) -> None:
    folder = shared_data / "sm/openssl/certs"

    def opened(name: str) -> tuple[bytes, bytes, bytes]:
        ((_, certificate),) = values(pem_content(folder / name))
        (tag, body), _, (_, bits) = values(certificate)
        fields = values(body)
        return tlv(tag, body), public_of(fields[6][1]), raw_signature(bits[1:])

    signed, _, signature = opened(file)
    _, issuer, _ = opened("sm2-ca-cert.pem")
    assert GM.verify(issuer, signed, signature)
    assert not GM.verify(issuer, signed[:-1] + b"\x00", signature)


def test_certificate_request_verifies_under_its_own_key(shared_data: Path) -> None:
    ((_, request),) = values(pem_content(shared_data / "sm/openssl/certs/sm2-csr.pem"))
    (tag, body), _, (_, bits) = values(request)
    fields = values(body)
    assert GM.verify(public_of(fields[2][1]), tlv(tag, body), raw_signature(bits[1:]))


class TestStandard:
    """GB/T 32918.5-2017, Annexes A and C: the recommended curve with the default user id."""

    private = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
    public = bytes.fromhex(
        "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    )

    def test_signature(self) -> None:
        signature = bytes.fromhex(
            "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
            "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
        )
        assert GM.public_key(self.private) == self.public
        assert GM.verify(self.public, b"message digest", signature)
        assert not GM.verify(self.public, b"message digesT", signature)

    def test_encryption(self) -> None:
        ciphertext = bytes.fromhex(
            "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
            "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
            "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
            "21886CA989CA9C7D58087307CA93092D651EFA"
        )
        assert GM.decrypt(self.private, ciphertext) == b"encryption standard"
