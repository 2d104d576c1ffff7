"""Requests and receipts: one that holds, one change, that refusal; sizes are bounded; keys count by their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import GENESIS_TIME, Consortium, Key, Party, genesis_of
from xinglin.carrier.access.registry.model import EndKey
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.model import Profile
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.audit.errors import (
    ReceiptInvalid,
    RequestElsewhere,
    RequestExpired,
    RequestMalformed,
    RequestSignatureInvalid,
)
from xinglin.service.basic.audit.messages import (
    AccessReceipt,
    AccessRequest,
    Asked,
    PresentedConsent,
    SignedReceipt,
    SignedRequest,
)
from xinglin.service.basic.audit.receipts import (
    MAX_AHEAD_MS,
    MAX_RECEIPT_BYTES,
    MAX_REQUEST_BYTES,
    MAX_REQUEST_MS,
    Here,
    authenticate,
    check_receipt,
    check_receipt_time,
    read_receipt,
    read_request,
    receipt_hash,
    request_hash,
    sign_receipt,
    sign_request,
)
from xinglin.service.basic.coordination.model import OpenAnchor
from xinglin.stakeholders.kinds import Role

NODE = identifier(b"the custodian...")
NOW = GENESIS_TIME + 60_000


@dataclass
class Parties:
    """A consortium in which a practitioner of one hospital asks another."""

    c: Consortium
    private: str

    @property
    def suite(self) -> Suite:
        return self.c.ledger.suite

    def value(self, key: bytes) -> bytes | None:
        return self.c.ledger.state.get(key)

    def signer(self, party: Party, role: Role) -> Signer:
        key = party.accounts[role][1]
        return Signer(key.public, key.sign)

    def request(self, **fields: Any) -> AccessRequest:
        given = {
            "chain": self.c.ledger.chain,
            "id": bytes(16),
            "account": self.c.hospital.accounts[Role.PRACTITIONER][0],
            "member": self.c.hospital.member,
            "custodian": NODE,
            "asked": Asked("record", bytes(32)),
            "action": "read",
            "purpose": "treat",
            "consents": (PresentedConsent(identifier(bytes(16)), b"opening"),),
            "valid_until": NOW + 60_000,
        }
        return AccessRequest(**(given | fields))

    def signed(self, **fields: Any) -> SignedRequest:
        signer = self.signer(self.c.hospital, Role.PRACTITIONER)
        return sign_request(self.suite.hash, self.request(**fields), signer)

    def authenticate(self, signed: SignedRequest, now: int = NOW) -> Any:
        return authenticate(self.suite, signed, Here(self.c.ledger.chain, NODE, now), self.value)

    def receipt(self, **fields: Any) -> AccessReceipt:
        given = {
            "chain": self.private,
            "entry": b"e" * 32,
            "request": request_hash(self.suite.hash, self.request()),
            "outcome": 0,
            "index": 4,
            "item": 2,
            "seen_height": 9,
            "seen_time": NOW,
            "time": NOW,
        }
        return AccessReceipt(**(given | fields))

    def answer(self, party: Party | None = None, role: Role = Role.SERVICE, **fields: Any) -> SignedReceipt:
        return sign_receipt(self.suite.hash, self.receipt(**fields), self.signer(party or self.c.other, role))

    def check(self, signed: SignedReceipt, request: bytes | None = None) -> None:
        expected = request or request_hash(self.suite.hash, self.request())
        check_receipt(self.suite, signed, expected, self.c.other.member, self.value)


@pytest.fixture
def parties(consortium: Consortium) -> Parties:
    private, genesis = genesis_of(consortium.other, profile=Profile.PRIVATE)
    administrator = consortium.other.caller(Role.SUPER_ADMINISTRATOR)
    consortium.ledger.call(administrator, "anchor.open", OpenAnchor(genesis))
    return Parties(consortium, private)


@pytest.mark.requirement("H4", "H11")
def test_a_signed_request_tells_who_asks(parties: Parties) -> None:
    signed = read_request(encode(parties.signed()))
    known = parties.authenticate(signed)
    assert (known.account, known.member) == (signed.request.account, signed.request.member)
    assert parties.authenticate(parties.signed(asked=Asked("person", bytes(16)))) == known


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"chain": "c" + "b" * 26}, RequestElsewhere),
        ({"custodian": identifier(bytes(16))}, RequestElsewhere),
        ({"valid_until": NOW - 1}, RequestExpired),
        ({"valid_until": NOW + MAX_REQUEST_MS + MAX_AHEAD_MS + 1}, RequestExpired),
        ({"account": identifier(bytes(16))}, RequestSignatureInvalid),
        ({"member": identifier(bytes(16))}, RequestSignatureInvalid),
    ],
    ids=["chain", "node", "expired", "runs too long", "another account", "another member"],
)
def test_one_change_and_the_request_is_refused(
    parties: Parties, change: dict[str, Any], refusal: type[PlatformError]
) -> None:
    parties.authenticate(parties.signed())
    with pytest.raises(refusal) as caught:
        parties.authenticate(parties.signed(**change))
    assert type(caught.value) is refusal


@pytest.mark.parametrize("end", [NOW, NOW + MAX_REQUEST_MS + MAX_AHEAD_MS])
def test_a_request_holds_up_to_its_ends(parties: Parties, end: int) -> None:
    parties.authenticate(parties.signed(valid_until=end))


def test_nobody_can_ask_for_another(parties: Parties) -> None:
    good, stranger = parties.signed(), Key(parties.suite)
    other = parties.signer(parties.c.hospital, Role.AUDITOR)
    for forged in (
        replace(good, signature=stranger.sign(request_hash(parties.suite.hash, good.request))),
        replace(good, key=stranger.public, signature=stranger.sign(request_hash(parties.suite.hash, good.request))),
        sign_request(parties.suite.hash, good.request, other),
        replace(good, request=replace(good.request, purpose="hresch")),
    ):
        with pytest.raises(RequestSignatureInvalid):
            parties.authenticate(forged)


def test_an_ended_key_is_still_known_so_that_its_refusal_names_the_account(parties: Parties) -> None:
    signed = parties.signed()
    c = parties.c
    c.ledger.call(c.hospital.caller(Role.SUPER_ADMINISTRATOR), "registry.end_key", EndKey(signed.key, ()))
    assert parties.authenticate(signed).until == (c.ledger.time + 1,)


@pytest.mark.parametrize("what", ["record", "person"])
@pytest.mark.parametrize("size", [15, 16, 17, 31, 32, 33])
def test_what_is_asked_for_is_named_by_its_own_length(parties: Parties, what: Any, size: int) -> None:
    def made() -> SignedRequest:
        return parties.signed(asked=Asked(what, bytes(size)))

    if size == {"record": 32, "person": 16}[what]:
        assert read_request(encode(made())).request == made().request
        return
    with pytest.raises(ValueError, match="32 bytes"):
        made()
    other = {"record": 32, "person": 16}[what]
    good = encode(parties.signed(asked=Asked(what, b"\xaa" * other)))
    bad = good.replace(b"\xc4" + bytes([other]) + b"\xaa" * other, b"\xc4" + bytes([size]) + b"\xaa" * size)
    assert bad != good
    with pytest.raises(RequestMalformed):
        read_request(bad)


def test_a_request_is_bounded(parties: Parties) -> None:
    most = tuple(PresentedConsent(identifier(bytes(16)), bytes(4096)) for _ in range(8))
    assert len(encode(parties.signed(consents=most))) < MAX_REQUEST_BYTES
    for data in (bytes(MAX_REQUEST_BYTES + 1), b"", b"\x90", encode(parties.signed())[:-1], encode(parties.answer())):
        with pytest.raises(RequestMalformed):
            read_request(data)
    with pytest.raises(PlatformError):
        encode(parties.signed(consents=(*most, most[0])))


@pytest.mark.requirement("H11")
def test_a_receipt_holds_by_the_consortium_s_registry(parties: Parties) -> None:
    signed = read_receipt(encode(parties.answer()))
    parties.check(signed)
    assert len(encode(signed)) < MAX_RECEIPT_BYTES


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.answer(request=bytes(32)),
        lambda p: p.answer(chain="p" + "b" * 26),
        lambda p: p.answer(party=p.c.hospital),
        lambda p: p.answer(role=Role.SUPER_ADMINISTRATOR),
        lambda p: p.answer(time=GENESIS_TIME - 1),
        lambda p: replace(p.answer(), receipt=p.receipt(outcome=5601)),
        lambda p: replace(p.answer(), signature=p.answer(index=5).signature),
        lambda p: sign_receipt(p.suite.hash, p.receipt(), Signer(Key(p.suite).public, Key(p.suite).sign)),
    ],
    ids=[
        "another request",
        "an unknown chain",
        "another member's key",
        "no service account",
        "before the key was in force",
        "another outcome under a good signature",
        "a signature over another receipt",
        "an unknown key",
    ],
)
def test_one_change_and_the_receipt_does_not_hold(parties: Parties, change: Callable[[Parties], SignedReceipt]) -> None:
    parties.check(parties.answer())
    with pytest.raises(ReceiptInvalid):
        parties.check(change(parties))


def test_a_receipt_of_another_custodian_s_chain_does_not_hold(parties: Parties) -> None:
    c = parties.c
    mine, genesis = genesis_of(c.hospital, profile=Profile.PRIVATE)
    c.ledger.call(c.hospital.caller(Role.SUPER_ADMINISTRATOR), "anchor.open", OpenAnchor(genesis))
    with pytest.raises(ReceiptInvalid):
        parties.check(parties.answer(chain=mine))


@pytest.mark.parametrize("compromised", [(), (NOW - 5,)])
def test_a_receipt_holds_after_its_key_ended_and_none_made_later(parties: Parties, compromised: tuple[int]) -> None:
    c = parties.c
    before, key = parties.answer(time=NOW - 6), parties.signer(c.other, Role.SERVICE).key
    c.ledger.time = NOW
    c.ledger.call(c.other.caller(Role.SUPER_ADMINISTRATOR), "registry.end_key", EndKey(key, compromised))
    parties.check(before)
    for time in (NOW - 5, NOW, NOW + 1):
        ended = time > NOW or bool(compromised)
        if ended:
            with pytest.raises(ReceiptInvalid):
                parties.check(parties.answer(time=time))
        else:
            parties.check(parties.answer(time=time))


def test_a_receipt_that_claims_more_lag_than_it_has(parties: Parties) -> None:
    check_receipt_time(parties.receipt(), NOW - MAX_AHEAD_MS, NOW - MAX_AHEAD_MS)
    for seen, now in ((NOW - MAX_AHEAD_MS - 1, NOW), (NOW, NOW - MAX_AHEAD_MS - 1)):
        with pytest.raises(ReceiptInvalid):
            check_receipt_time(parties.receipt(), seen, now)


def test_a_receipt_is_bounded(parties: Parties) -> None:
    for data in (bytes(MAX_RECEIPT_BYTES + 1), b"", b"\x90", encode(parties.answer())[:-1], encode(parties.signed())):
        with pytest.raises(ReceiptInvalid):
            read_receipt(data)


def test_no_changed_byte_of_a_receipt_holds(parties: Parties) -> None:
    good = encode(parties.answer())
    for position in range(len(good)):
        for bit in (1, 16, 128):
            changed = good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :]
            with pytest.raises(ReceiptInvalid):
                parties.check(read_receipt(changed))


def test_the_hashes_are_of_all_that_an_object_says(parties: Parties) -> None:
    hash_ = parties.suite.hash
    receipts, requests = (
        (parties.receipt(), parties.receipt(item=3)),
        (parties.request(), parties.request(id=b"i" * 16)),
    )
    assert len({receipt_hash(hash_, one) for one in receipts}) == 2
    assert len({request_hash(hash_, one) for one in requests}) == 2
    assert request_hash(hash_, parties.request()) == request_hash(hash_, requests[0])
