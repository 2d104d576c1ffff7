"""What every suite must do, shown on both: hashing, Merkle trees, signatures, sealing, encryption (W2; design D4)."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.naive_merkle import naive_path, naive_root
from xinglin.carrier.crypto.errors import LengthInvalid, OpenFailed, PrivateKeyInvalid, PublicKeyInvalid, SuiteUnknown
from xinglin.carrier.crypto.suite import Suite, suite

SUITES = {name: suite(name) for name in ("gm", "intl")}
both = pytest.mark.parametrize("chosen", SUITES.values(), ids=SUITES)
any_suite = st.sampled_from(list(SUITES.values()))
items = st.lists(st.binary(max_size=100), max_size=40)

SM2_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
SM2_PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
ORDERS = {"gm": (SM2_ORDER, "big"), "intl": (ED25519_ORDER, "little")}


def flipped(data: bytes, at: int) -> bytes:
    """Return the bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_there_are_two_suites() -> None:
    assert suite("gm") is suite("gm")
    for name in ("", "GM", "sm", "gm\n"):
        with pytest.raises(SuiteUnknown):
            suite(name)


class TestHashing:
    @given(any_suite, items)
    def test_batches_equal_single_calls(self, chosen: Suite, data: list[bytes]) -> None:
        assert chosen.hash_many(data) == [chosen.hash(item) for item in data]
        assert chosen.leaf_hashes(data) == [chosen.hash(b"\x00" + item) for item in data]
        assert [chosen.leaf_hash(item) for item in data] == chosen.leaf_hashes(data)

    @given(st.binary(max_size=300))
    def test_intl_is_sha256(self, data: bytes) -> None:
        assert SUITES["intl"].hash(data) == hashlib.sha256(data).digest()

    @both
    def test_long_input_and_long_batches(self, chosen: Suite) -> None:
        """Both ways through the library: keeping the interpreter's lock, and on all cores without it."""
        long = os.urandom(1 << 20)
        assert chosen.hash_many([long, b"", long]) == [chosen.hash(long), chosen.hash(b""), chosen.hash(long)]
        many = [n.to_bytes(3, "big") for n in range(5000)]
        assert chosen.hash_many(many) == [chosen.hash(item) for item in many]

    @given(any_suite, items)
    def test_merkle_root_is_the_standards(self, chosen: Suite, data: list[bytes]) -> None:
        leaves = chosen.leaf_hashes(data)
        assert chosen.merkle_root(leaves) == naive_root(chosen.hash, leaves)
        assert chosen.merkle_roots_of([data]) == [chosen.merkle_root(leaves)]

    @given(any_suite, st.lists(items, max_size=12))
    def test_roots_of_groups(self, chosen: Suite, groups: list[list[bytes]]) -> None:
        assert chosen.merkle_roots_of(groups) == [chosen.merkle_root(chosen.leaf_hashes(group)) for group in groups]

    @both
    @pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 3000, 4097])
    def test_large_trees(self, chosen: Suite, count: int) -> None:
        """Sizes around where the library begins to use all cores."""
        data = [n.to_bytes(4, "big") for n in range(count)]
        leaves = chosen.leaf_hashes(data)
        expected = naive_root(chosen.hash, leaves)
        assert chosen.merkle_root(leaves) == expected
        assert chosen.merkle_roots_of([data, [], data[:5]])[0] == expected
        for index in {0, count // 2, count - 1}:
            assert chosen.merkle_path(leaves, index) == naive_path(chosen.hash, index, leaves)

    @given(any_suite, st.lists(st.binary(max_size=5), min_size=1, max_size=40), st.data())
    def test_paths_are_the_standards(self, chosen: Suite, data: list[bytes], draw: st.DataObject) -> None:
        leaves = chosen.leaf_hashes(data)
        index = draw.draw(st.integers(0, len(data) - 1))
        assert chosen.merkle_path(leaves, index) == naive_path(chosen.hash, index, leaves)

    @both
    def test_refusals(self, chosen: Suite) -> None:
        good = chosen.hash(b"")
        for leaves in ([good, good[:-1]], [good + b"\x00"], [b""]):
            with pytest.raises(LengthInvalid):
                chosen.merkle_root(leaves)
            with pytest.raises(LengthInvalid):
                chosen.merkle_path(leaves, 0)
        for index in (-1, 1):
            with pytest.raises(LengthInvalid):
                chosen.merkle_path([good], index)


class TestSigning:
    @pytest.mark.requirement("W2", part="SM2, SM3 and SM4; SM9 comes with identity keys")
    @both
    def test_a_signature_holds_for_its_message_and_key_only(self, chosen: Suite) -> None:
        private = chosen.generate_private_key()
        public, other = chosen.public_key(private), chosen.public_key(chosen.generate_private_key())
        for message in (b"", b"m", os.urandom(1000)):
            signature = chosen.sign(private, message)
            assert len(signature) == chosen.signature_size
            assert chosen.verify(public, message, signature)
            assert not chosen.verify(other, message, signature)
            assert not chosen.verify(public, message + b"\x00", signature)
            assert not any(chosen.verify(public, message, flipped(signature, at)) for at in range(64))
            assert not any(chosen.verify(flipped(public, at), message, signature) for at in range(len(public)))

    @given(any_suite, st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=30))
    def test_a_batch_tells_good_from_bad(self, chosen: Suite, cases: list[tuple[bytes, bool]]) -> None:
        private = chosen.generate_private_key()
        messages = [message for message, _ in cases]
        signatures = [
            signature if good else flipped(signature, 5)
            for signature, (_, good) in zip(chosen.sign_many(private, messages), cases, strict=True)
        ]
        verdicts = chosen.verify_many([chosen.public_key(private)] * len(cases), messages, signatures)
        assert verdicts == [good for _, good in cases]

    @both
    def test_a_key_that_comes_back_often_is_judged_as_at_first(self, chosen: Suite) -> None:
        """From some use on the library may take another way (decision 0012)."""
        private = chosen.generate_private_key()
        public = chosen.public_key(private)
        messages = [b"%d" % n for n in range(400)]
        signatures = chosen.sign_many(private, messages)
        for n in range(0, 400, 2):
            signatures[n] = flipped(signatures[n], n % 64)
        assert chosen.verify_many([public] * 400, messages, signatures) == [False, True] * 200
        assert [chosen.verify(public, *each) for each in zip(messages[:9], signatures, strict=False)] == (
            [False, True] * 4 + [False]
        )

    @both
    def test_malformed_keys_and_signatures_do_not_verify(self, chosen: Suite) -> None:
        private = chosen.generate_private_key()
        public = chosen.public_key(private)
        good = chosen.sign(private, b"m")
        order, byte_order = ORDERS[chosen.name]
        number = {n: n.to_bytes(32, byte_order) for n in (0, order - 1, order, order + 1, 2**256 - 1)}  # type: ignore[arg-type]
        bad = [b"", good[:-1], good + b"\x00", bytes(64), good[32:] + good[:32]]
        bad += [good[:32] + number[n] for n in number] + [number[n] + good[32:] for n in number]
        # The same number again, beyond the order: a second signature that would verify if it were not refused.
        s = int.from_bytes(good[32:], byte_order)  # type: ignore[arg-type]
        if s + order < 2**256:
            bad.append(good[:32] + (s + order).to_bytes(32, byte_order))  # type: ignore[arg-type]
        assert not any(chosen.verify(public, b"m", signature) for signature in bad)
        for key in (b"", public[:-1], public + b"\x00", bytes(len(public))):
            assert not chosen.verify(key, b"m", good)
        assert chosen.verify_many([public, b"", public], [b"m"] * 3, [good, good, b""]) == [True, False, False]

    @both
    def test_columns_of_unequal_length_are_refused(self, chosen: Suite) -> None:
        public, signature = bytes(chosen.public_key_size), bytes(64)
        for publics, signatures in (([], [signature]), ([public], []), ([public] * 2, [signature])):
            with pytest.raises(LengthInvalid):
                chosen.verify_many(publics, [b"m"], signatures)

    @both
    def test_private_keys_of_wrong_length_are_refused(self, chosen: Suite) -> None:
        for private in (b"", bytes(31), bytes(33)):
            for call in (chosen.public_key, chosen.encryption_public_key):
                with pytest.raises(PrivateKeyInvalid):
                    call(private)
            with pytest.raises(PrivateKeyInvalid):
                chosen.sign(private, b"m")
            with pytest.raises(PrivateKeyInvalid):
                chosen.decrypt(private, bytes(200))

    @both
    def test_public_keys_are_checked(self, chosen: Suite) -> None:
        public = chosen.public_key(chosen.generate_private_key())
        encryption = chosen.encryption_public_key(chosen.generate_encryption_key())
        chosen.check_public_key(public)
        chosen.check_encryption_public_key(encryption)
        for key in (b"", public[:-1], public + b"\x00", bytes(len(public))):
            with pytest.raises(PublicKeyInvalid):
                chosen.check_public_key(key)
            with pytest.raises(PublicKeyInvalid):
                chosen.check_encryption_public_key(key)
            with pytest.raises(PublicKeyInvalid):
                chosen.encrypt(key, b"m")


class TestSm2Range:
    """SM2's own limits (GB/T 32918.1, 6.1; 32918.2, 7.1)."""

    gm = SUITES["gm"]
    one = (1).to_bytes(32, "big")

    @pytest.mark.parametrize("number", [0, SM2_ORDER - 1, SM2_ORDER, SM2_ORDER + 1, 2**256 - 1])
    def test_private_keys_out_of_range(self, number: int) -> None:
        private = number.to_bytes(32, "big")
        with pytest.raises(PrivateKeyInvalid):
            self.gm.public_key(private)
        with pytest.raises(PrivateKeyInvalid):
            self.gm.sign(private, b"m")
        with pytest.raises(PrivateKeyInvalid):
            self.gm.decrypt(private, bytes(100))

    @pytest.mark.parametrize("number", [1, SM2_ORDER - 2])
    def test_the_smallest_and_largest_private_key(self, number: int) -> None:
        private = number.to_bytes(32, "big")
        assert self.gm.verify(self.gm.public_key(private), b"m", self.gm.sign(private, b"m"))

    def test_points_that_are_none(self) -> None:
        generator = self.gm.public_key(self.one)
        x, y = int.from_bytes(generator[1:33], "big"), int.from_bytes(generator[33:], "big")
        self.gm.check_public_key(generator)

        def point(x: int, y: int, form: int = 4) -> bytes:
            return bytes([form]) + x.to_bytes(32, "big") + y.to_bytes(32, "big")

        compressed = bytes([2 + y % 2]) + generator[1:33]
        for bad in (
            point(x, SM2_PRIME - y),  # -G, of the excluded private key n-1
            point(x, y ^ 1),
            point(x, SM2_PRIME),
            point(SM2_PRIME, y),
            point(0, 0),
            point(x, y, form=6 + y % 2),
            point(x, y, form=0),
            compressed,
            compressed.ljust(65, b"\x00"),
            b"\x00",
        ):
            with pytest.raises(PublicKeyInvalid):
                self.gm.check_public_key(bad)
            assert not self.gm.verify(bad, b"m", self.gm.sign(self.one, b"m"))

    def test_coordinates_beyond_the_prime_are_refused(self) -> None:
        """A point with a small x has a second spelling, x + p, that must not pass for it."""
        for x in range(1000):
            square = (pow(x, 3, SM2_PRIME) - 3 * x + SM2_B) % SM2_PRIME
            y = pow(square, (SM2_PRIME + 1) // 4, SM2_PRIME)
            if y * y % SM2_PRIME == square and x + SM2_PRIME < 2**256:
                break
        self.gm.check_public_key(b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big"))
        with pytest.raises(PublicKeyInvalid):
            self.gm.check_public_key(b"\x04" + (x + SM2_PRIME).to_bytes(32, "big") + y.to_bytes(32, "big"))


SM2_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93


class TestIntlKeys:
    """Points of small order verify what nobody signed, or agree on zero; non-canonical ones have two spellings."""

    intl = SUITES["intl"]
    prime = 2**255 - 19

    def test_signing_keys_of_small_order(self) -> None:
        for y in (0, 1, self.prime - 1, self.prime, self.prime + 1):
            for sign in (0, 1 << 255):
                key = (y + sign).to_bytes(32, "little")
                with pytest.raises(PublicKeyInvalid):
                    self.intl.check_public_key(key)
                # With S = 0 and R = A such a key would verify one message in eight or more.
                forged = (1).to_bytes(32, "little") + bytes(32)
                assert not any(self.intl.verify(key, bytes([n]), forged) for n in range(64))

    def test_encryption_keys_of_small_order(self) -> None:
        for u in (0, 1, self.prime - 1, self.prime, self.prime + 1):
            with pytest.raises(PublicKeyInvalid):
                self.intl.check_encryption_public_key(u.to_bytes(32, "little"))
            with pytest.raises(PublicKeyInvalid):
                self.intl.encrypt(u.to_bytes(32, "little"), b"m")

    def test_rfc_8032_first_vectors(self) -> None:
        """RFC 8032, 7.1, TEST 1 and TEST 2."""
        for private, public, message, signature in (
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
                "25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c3"
                "87b2eaeb4302aeeb00d291612bb0c00",
            ),
        ):
            key = bytes.fromhex(private)
            assert self.intl.public_key(key).hex() == public
            assert self.intl.sign(key, bytes.fromhex(message)).hex() == signature


class TestSealing:
    @given(any_suite, st.binary(max_size=200), st.binary(max_size=50))
    def test_what_is_sealed_opens(self, chosen: Suite, plaintext: bytes, aad: bytes) -> None:
        key = os.urandom(chosen.key_size)
        sealed = chosen.seal(key, plaintext, aad)
        assert len(sealed) == len(plaintext) + 28
        assert chosen.open(key, sealed, aad) == plaintext
        assert chosen.open_at(key, sealed[:12], sealed[12:], aad) == plaintext
        assert chosen.seal_at(key, sealed[:12], plaintext, aad) == sealed[12:]
        assert chosen.seal(key, plaintext, aad) != sealed

    @both
    def test_any_change_is_refused(self, chosen: Suite) -> None:
        key = os.urandom(chosen.key_size)
        sealed = chosen.seal(key, b"plaintext", b"aad")
        attempts = [(key, flipped(sealed, at), b"aad") for at in range(len(sealed))]
        attempts += [(flipped(key, 0), sealed, b"aad"), (key, sealed, b"aae"), (key, sealed, b"")]
        attempts += [(key, sealed[:size], b"aad") for size in range(len(sealed))]
        attempts += [(key, sealed + b"\x00", b"aad")]
        for attempt in attempts:
            with pytest.raises(OpenFailed):
                chosen.open(*attempt)
        keys, damaged, aads = zip(*attempts, strict=True)
        assert chosen.open_many(keys, damaged, aads) == [None] * len(attempts)

    @given(any_suite, st.lists(st.binary(max_size=60), max_size=30), st.booleans(), st.data())
    def test_batches(self, chosen: Suite, texts: list[bytes], with_aad: bool, draw: st.DataObject) -> None:
        keys = [os.urandom(chosen.key_size) for _ in texts]
        aads = [b"%d" % n for n in range(len(texts))] if with_aad else []
        sealed = chosen.seal_many(keys, texts, aads)
        assert chosen.open_many(keys, sealed, aads) == texts
        single = [aads[n] if aads else b"" for n in range(len(texts))]
        assert [chosen.open(*each) for each in zip(keys, sealed, single, strict=True)] == texts
        if texts:
            spoiled = draw.draw(st.integers(0, len(texts) - 1))
            sealed[spoiled] = flipped(sealed[spoiled], len(sealed[spoiled]) - 1)
            opened = chosen.open_many(keys, sealed, aads)
            assert opened == [None if n == spoiled else text for n, text in enumerate(texts)]

    @both
    def test_batches_with_chosen_nonces(self, chosen: Suite) -> None:
        keys = [os.urandom(chosen.key_size)] * 300
        nonces = [n.to_bytes(12, "big") for n in range(300)]
        texts = [os.urandom(n) for n in range(300)]
        sealed = chosen.seal_many_at(keys, nonces, texts)
        assert sealed == [chosen.seal_at(keys[0], *each) for each in zip(nonces, texts, strict=True)]
        assert chosen.open_many_at(keys, nonces, sealed) == texts

    @both
    def test_wrong_lengths_are_refused(self, chosen: Suite) -> None:
        key, nonce = bytes(chosen.key_size), bytes(12)
        for bad in (b"", key[:-1], key + b"\x00"):
            with pytest.raises(LengthInvalid):
                chosen.seal(bad, b"")
            with pytest.raises(LengthInvalid):
                chosen.open(bad, bytes(40))
        for bad in (b"", nonce[:-1], nonce + b"\x00"):
            with pytest.raises(LengthInvalid):
                chosen.seal_at(key, bad, b"")
            with pytest.raises(OpenFailed):
                chosen.open_at(key, bad, bytes(16))
        for keys, texts, aads in (([], [b""], []), ([key], [], []), ([key], [b""], [b"", b""])):
            with pytest.raises(LengthInvalid):
                chosen.seal_many(keys, texts, aads)


class TestEncryption:
    @given(any_suite, st.binary(min_size=1, max_size=300))
    def test_what_is_encrypted_decrypts(self, chosen: Suite, plaintext: bytes) -> None:
        private = chosen.generate_encryption_key()
        public = chosen.encryption_public_key(private)
        ciphertext = chosen.encrypt(public, plaintext)
        assert len(ciphertext) == len(plaintext) + chosen.encryption_overhead
        assert chosen.decrypt(private, ciphertext) == plaintext
        assert chosen.encrypt(public, plaintext) != ciphertext

    @both
    def test_any_change_is_refused(self, chosen: Suite) -> None:
        private = chosen.generate_encryption_key()
        ciphertext = chosen.encrypt(chosen.encryption_public_key(private), b"plaintext")
        attempts = [flipped(ciphertext, at) for at in range(len(ciphertext))]
        attempts += [ciphertext[:size] for size in range(len(ciphertext))] + [ciphertext + b"\x00"]
        for attempt in attempts:
            with pytest.raises(OpenFailed):
                chosen.decrypt(private, attempt)
        with pytest.raises(OpenFailed):
            chosen.decrypt(chosen.generate_encryption_key(), ciphertext)

    @both
    def test_nothing_is_not_encrypted(self, chosen: Suite) -> None:
        with pytest.raises(LengthInvalid):
            chosen.encrypt(chosen.encryption_public_key(chosen.generate_encryption_key()), b"")

    def test_one_form_of_ciphertext_only(self) -> None:
        """gmsm would take a compressed C1 too; a second spelling of one ciphertext is refused."""
        gm = SUITES["gm"]
        private = gm.generate_encryption_key()
        raw = gm.encrypt(gm.encryption_public_key(private), os.urandom(64))
        compressed = bytes([2 + raw[64] % 2]) + raw[1:33] + raw[65:]
        with pytest.raises(OpenFailed):
            gm.decrypt(private, compressed)
