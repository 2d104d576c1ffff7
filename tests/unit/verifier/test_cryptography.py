"""SM3, SM2 and Ed25519 of the verifier against published vectors, OpenSSL, and what must be refused."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xinglin_verify import ed25519, ed25519_verify, sm2, sm2_verify, sm3

from tests.support.signing import Ed25519Key, Sm2Key

# GB/T 32918.5-2017, A.2: the example of a signature on the recommended curve, with the default user id.
PUBLISHED_KEY = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
PUBLISHED_DIGEST = 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
PUBLISHED_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
# RFC 8032, 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
# Points of small order, and encodings of y = 0 and y = 1 that aren't canonical (RFC 8032, 5.1.3 asks for y < p).
BAD_ED25519_KEYS = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    b"\x02" + bytes(31),
    bytes(31),
]
# Points of the SM2 curve with x = 1 and with y = 1: x + p and y + p fit into 32 bytes too.
SMALL_X = (1, 0x9F7A091433A81E3F218F405F792355BF2AA98B5FFA95982F03870800065279A3)
SMALL_Y = (0x9C17043EFFE1A805A74A9A5E70B9D659705D3242094A566DC016F49311178D1F, 1)
SM2_KEY, ED25519_KEY = Sm2Key("one"), Ed25519Key("one")


def vectors(path: Path, length: str, message: str, digest: str) -> Iterator[tuple[bytes, bytes]]:
    """Return messages and digests of a file of `name = value` blocks."""
    for block in re.split(r"\n\s*\n", path.read_text()):
        fields = dict(re.findall(r"^(\w+) = (\S*)$", block, re.MULTILINE))
        if {message, digest} <= fields.keys() and fields.get("Digest", "SM3") == "SM3":
            empty = fields.get(length) == "0"
            yield b"" if empty else bytes.fromhex(fields[message]), bytes.fromhex(fields[digest])


def der_integers(der: bytes) -> bytes:
    """Return r || s of a DER signature."""
    first = der[4 : 4 + der[3]]
    second = der[6 + der[3] :]
    assert der[0] == 0x30
    assert len(der) == der[1] + 2
    return b"".join(int.from_bytes(part, "big").to_bytes(32, "big") for part in (first, second))


def to_der(signature: bytes) -> bytes:
    """Return r || s as a DER signature."""
    parts = b""
    for half in (signature[:32], signature[32:]):
        number = int.from_bytes(half, "big")
        data = number.to_bytes(number.bit_length() // 8 + 1, "big")
        parts += bytes([2, len(data)]) + data
    return bytes([0x30, len(parts)]) + parts


def signed_part(pem: Path) -> tuple[bytes, bytes, bytes]:
    """Return what is signed, r || s, and the public key within, of a certificate or request in PEM."""
    text = re.sub(r"-----[^-]+-----|\s", "", pem.read_text())
    der = base64.b64decode(text)
    assert der[:2] == b"\x30\x82"
    assert der[4:6] == b"\x30\x82"
    signed = der[4 : 8 + int.from_bytes(der[6:8], "big")]
    bits = 4 + len(signed) + 12  # after the algorithm's identifier, SM2-with-SM3
    assert der[bits] == 3
    key = der[der.index(b"\x03\x42\x00\x04") + 3 :][:65]
    return signed, der_integers(der[bits + 3 :]), key


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("sm/cryptography_vectors/hashes__SM3__oscca.txt", ("Len", "Msg", "MD")),
        ("sm/openssl/evpmd_sm3.txt", ("", "Input", "Output")),
    ],
)
def test_sm3_gives_the_published_hashes(shared_data: Path, file: str, names: tuple[str, str, str]) -> None:
    found = list(vectors(shared_data / file, *names))
    assert len(found) >= 4
    for message, expected in found:
        assert sm3(message) == expected


def test_sm3_gives_the_hashes_of_the_standard() -> None:
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_sm2_verifies_the_example_of_the_standard() -> None:
    assert sm2.digest(PUBLISHED_KEY, b"message digest") == PUBLISHED_DIGEST
    assert sm2_verify(PUBLISHED_KEY, b"message digest", PUBLISHED_SIGNATURE)
    assert not sm2_verify(PUBLISHED_KEY, b"message digesu", PUBLISHED_SIGNATURE)


def test_sm2_verifies_openssl_vectors(shared_data: Path) -> None:
    text = (shared_data / "sm/openssl/evppkey_sm2.txt").read_text()
    private = base64.b64decode("".join(text.split("PRIVATE KEY-----")[1].split("\n")[1:-1]))
    key = sm2.decode_key(private[-65:])
    assert key is not None
    found = re.findall(r"^Verify = \S+\nCtrl = digest:SM3\nInput = (\w+)\nOutput = (\w+)$", text, re.MULTILINE)
    assert len(found) == 2
    for digest, der in found:
        signature = der_integers(bytes.fromhex(der))
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        assert sm2.verify_digest(key, int(digest, 16), r, s)
        assert not sm2.verify_digest(key, int(digest, 16) ^ 1, r, s)


@pytest.mark.parametrize(("signed", "signer"), [("sm2-root.crt", "sm2-root.crt"), ("sm2.pem", "sm2-ca-cert.pem")])
def test_sm2_verifies_openssl_certificates(shared_data: Path, signed: str, signer: str) -> None:
    folder = shared_data / "sm/openssl/certs"
    message, signature, _ = signed_part(folder / signed)
    assert sm2_verify(signed_part(folder / signer)[2], message, signature)
    assert not sm2_verify(signed_part(folder / signer)[2], message + b"\x00", signature)


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_ed25519_gives_the_published_signatures(secret: str, public: str, message: str, signature: str) -> None:
    pair = Ed25519Key("", bytes.fromhex(secret))
    assert pair.public.hex() == public
    assert pair.sign(bytes.fromhex(message)).hex() == signature
    assert ed25519_verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))
    assert not ed25519_verify(bytes.fromhex(public), bytes.fromhex(message) + b"\x00", bytes.fromhex(signature))


@pytest.mark.parametrize("verify", [sm2_verify, ed25519_verify])
@given(message=st.binary(max_size=100), bit=st.integers(0, 511))
def test_a_changed_signature_or_message_is_refused(verify: object, message: bytes, bit: int) -> None:
    pair = SM2_KEY if verify is sm2_verify else ED25519_KEY
    signature = pair.sign(message)
    changed = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")
    assert verify(pair.public, message, signature)
    assert not verify(pair.public, message, changed)
    assert not verify(pair.public, message + b"\x00", signature)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_signatures_of_another_length_are_refused(length: int) -> None:
    assert not sm2_verify(PUBLISHED_KEY, b"message digest", (PUBLISHED_SIGNATURE * 2)[:length])
    padded = PUBLISHED_SIGNATURE[:32] + b"\0" + PUBLISHED_SIGNATURE[32:]
    assert not sm2_verify(PUBLISHED_KEY, b"message digest", padded)
    assert not ed25519_verify(ED25519_KEY.public, b"", ED25519_KEY.sign(b"") + b"\0")
    assert not ed25519_verify(ED25519_KEY.public, b"", (ED25519_KEY.sign(b"") * 2)[:length])


def test_sm2_refuses_numbers_out_of_range() -> None:
    r, s = PUBLISHED_SIGNATURE[:32], PUBLISHED_SIGNATURE[32:]
    order = sm2.N.to_bytes(32, "big")
    for signature in (bytes(32) + s, r + bytes(32), order + s, r + order, b"\xff" * 64):
        assert not sm2_verify(PUBLISHED_KEY, b"message digest", signature)
    key = sm2.decode_key(PUBLISHED_KEY)
    assert key is not None
    e, r_, s_ = PUBLISHED_DIGEST, int.from_bytes(r, "big"), int.from_bytes(s, "big")
    assert sm2.verify_digest(key, e, r_, s_)
    for pair in ((r_ + sm2.N, s_), (r_, s_ + sm2.N), (r_ - sm2.N, s_), (r_, s_ - sm2.N), (r_, sm2.N - r_)):
        assert not sm2.verify_digest(key, e, *pair)


def test_sm2_refuses_by_each_rule_what_the_equation_alone_would_take() -> None:
    """For chosen r and s there is a digest that fits; so each range is refused by its own rule."""
    key = sm2.decode_key(SM2_KEY.public)
    assert key is not None

    def fitting(r: int, s: int) -> int:
        point = sm2.double_multiply(s % sm2.N, (r + s) % sm2.N, key)
        assert point is not None
        return (r - point.x) % sm2.N

    assert sm2.verify_digest(key, fitting(5, 7), 5, 7)
    for r, s in ((5, 7 + sm2.N), (0, 7), (5, 0), (5, sm2.N - 5)):
        assert not sm2.verify_digest(key, fitting(r, s), r, s)
    t = 11
    s = -t * SM2_KEY.private % sm2.N  # [s]G + [t]P is the point at infinity
    assert not sm2.verify_digest(key, 0, (t - s) % sm2.N, s)


def test_sm2_signatures_have_no_second_form_for_strangers() -> None:
    """The changes that make a second ECDSA signature of a first make none here."""
    r, s = (int.from_bytes(PUBLISHED_SIGNATURE[start : start + 32], "big") for start in (0, 32))
    key = sm2.decode_key(PUBLISHED_KEY)
    assert key is not None
    for pair in ((r, sm2.N - s), (sm2.N - r, s), (sm2.N - r, sm2.N - s), (r, (-s - r) % sm2.N), ((r + s) % sm2.N, s)):
        assert not sm2.verify_digest(key, PUBLISHED_DIGEST, *pair)


def test_sm2_refuses_bad_keys() -> None:
    minus_g = b"\x04" + sm2.G.x.to_bytes(32, "big") + (sm2.P - sm2.G.y).to_bytes(32, "big")
    beyond = b"\x04" + sm2.P.to_bytes(32, "big") + PUBLISHED_KEY[33:]
    off_curve = PUBLISHED_KEY[:-1] + b"\x14"
    compressed = b"\x03" + PUBLISHED_KEY[1:33]
    hybrid = b"\x07" + PUBLISHED_KEY[1:]
    for key in (
        minus_g,
        beyond,
        off_curve,
        compressed,
        hybrid,
        bytes(65),
        b"\x04" + bytes(64),
        b"",
        PUBLISHED_KEY + b"\0",
    ):
        assert sm2.decode_key(key) is None
        assert not sm2_verify(key, b"message digest", PUBLISHED_SIGNATURE)


@pytest.mark.parametrize(("x", "y"), [SMALL_X, SMALL_Y])
def test_sm2_keys_have_one_encoding(x: int, y: int) -> None:
    def encoded(x: int, y: int) -> bytes:
        return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")

    assert sm2.decode_key(encoded(x, y)) == (x, y)
    if x == 1:
        assert sm2.decode_key(encoded(x + sm2.P, y)) is None
    else:
        assert sm2.decode_key(encoded(x, y + sm2.P)) is None


def test_minus_g_would_verify_whatever_s_is() -> None:
    """Why -G is refused: below the key check, a signature by it holds for any s."""
    minus_g = sm2.Point(sm2.G.x, sm2.P - sm2.G.y)
    r = 5
    point = sm2.double_multiply(sm2.N - r, 0, sm2.G)
    assert point is not None
    e = (r - point.x) % sm2.N
    assert sm2.verify_digest(minus_g, e, r, 7)
    assert sm2.verify_digest(minus_g, e, r, 8)


def test_ed25519_refuses_s_beyond_the_order() -> None:
    signature = ED25519_KEY.sign(b"x")
    s = int.from_bytes(signature[32:], "little") + ed25519.L
    assert not ed25519_verify(ED25519_KEY.public, b"x", signature[:32] + s.to_bytes(32, "little"))


def test_ed25519_keys_have_one_encoding() -> None:
    """y = 3 is on the curve, and 3 + p fits too; 1 with the sign of x set would be x = -0; a key has 32 bytes."""
    three, three_again = (3).to_bytes(32, "little"), (3 + ed25519.P).to_bytes(32, "little")
    assert ed25519.decode_key(three) is not None
    for encoded in (three_again, three[:31], three + b"\0"):
        assert ed25519.decode_key(encoded) is None
    assert ed25519.decode(b"\x01" + bytes(31)) == ed25519.NEUTRAL
    assert ed25519.decode(b"\x01" + bytes(30) + b"\x80") is None


@pytest.mark.parametrize("key", BAD_ED25519_KEYS)
def test_ed25519_refuses_bad_keys(key: bytes) -> None:
    """For the neutral point as key, R = [S]B would be a signature of any message."""
    forged = ed25519.encode(ed25519.BASE) + (1).to_bytes(32, "little")
    assert not ed25519_verify(key, b"any message", forged)
    assert ed25519.decode_key(key) is None


@pytest.fixture
def openssl() -> str:
    """Return the openssl command when it knows SM2; skip with the reason, or fail where it is required."""
    command = shutil.which("openssl")
    if (
        command
        and b"SM2" in subprocess.run([command, "ecparam", "-list_curves"], capture_output=True, check=True).stdout
    ):
        return command
    if os.environ.get("XINGLIN_REQUIRE_OPENSSL") == "1":
        pytest.fail("openssl with SM2 is required here")
    pytest.skip("no openssl command that knows SM2")


def test_openssl_and_the_verifier_agree(openssl: str, tmp_path: Path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([openssl, *map(str, arguments)], capture_output=True, check=False, cwd=tmp_path)

    identity = ["-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]
    assert run("genpkey", "-algorithm", "SM2", "-out", "key.pem").returncode == 0
    assert run("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der").returncode == 0
    public = (tmp_path / "public.der").read_bytes()[-65:]
    for size in (1, 32, 300):
        message = os.urandom(size)
        (tmp_path / "message").write_bytes(message)
        assert run("pkeyutl", "-sign", "-inkey", "key.pem", *identity, "-in", "message", "-out", "sig").returncode == 0
        assert sm2_verify(public, message, der_integers((tmp_path / "sig").read_bytes()))
    header = (tmp_path / "public.der").read_bytes()[:-65]
    (tmp_path / "ours.der").write_bytes(header + SM2_KEY.public)
    (tmp_path / "sig").write_bytes(to_der(SM2_KEY.sign(message)))
    verify = ("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "ours.der", *identity, "-in", "message")
    assert run(*verify, "-sigfile", "sig").returncode == 0
