"""Access requests and receipts between a reader and a custodian (docs/spec/access.md AR1 to AR8; H4, H11).

A reader's account signs a request; the custodian's node signs a receipt once the access entry is durable on its private
chain. Both can be checked by anyone who has the consortium chain's registry, also after keys have ended. Pure: what the
consortium chain says comes in as a callable, signing as a ``Signer``. Whether the reader may read is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import AccountState, KeyState
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.encoding import (
    ChainObject,
    decode,
    decode_often,
    state_key,
)
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.service.basic.audit.errors import (
    ReceiptInvalid,
    RequestElsewhere,
    RequestExpired,
    RequestMalformed,
    RequestSignatureInvalid,
)
from xinglin.service.basic.audit.messages import AccessReceipt, AccessRequest, SignedReceipt, SignedRequest
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.coordination.model import AnchorState
from xinglin.stakeholders.kinds import Role

MAX_REQUEST_BYTES = 65_536
MAX_RECEIPT_BYTES = 1_024
MAX_REQUEST_MS = 600_000
"""A request runs for so long at most."""
MAX_AHEAD_MS = 10_000
"""Clocks and consortium heads of two nodes may differ by as much (design D5.4)."""

Values = Callable[[bytes], bytes | None]
"""Gives values of the consortium chain's state by key, such as ``Ledger.value``."""
T = TypeVar("T", bound=ChainObject)


@dataclass(frozen=True, slots=True)
class Here:
    """The custodian that a request must be for: consortium chain, node, and the present time (ms)."""

    chain: str
    node: str
    now: int


def request_hash(hash_: Hash, request: AccessRequest) -> bytes:
    """Return H("access-request", request)."""
    return tagged(hash_, Tag.ACCESS_REQUEST, request)


def receipt_hash(hash_: Hash, receipt: AccessReceipt) -> bytes:
    """Return H("access-receipt", receipt)."""
    return tagged(hash_, Tag.ACCESS_RECEIPT, receipt)


def sign_request(hash_: Hash, request: AccessRequest, signer: Signer) -> SignedRequest:
    """Return a request signed by a key of the reader's account."""
    return signed_by(request, request_hash(hash_, request), signer)


def signed_by(request: AccessRequest, hash_: bytes, signer: Signer) -> SignedRequest:
    """Return a request of which the hash is known, signed by a key of the reader's account."""
    return SignedRequest(request=request, key=signer.key, signature=signer.sign(hash_))


def sign_receipt(hash_: Hash, receipt: AccessReceipt, signer: Signer) -> SignedReceipt:
    """Return a receipt signed by the service account of the custodian's node."""
    return sign_receipts(hash_, [receipt], signer)[0]


def sign_receipts(hash_: Hash, receipts: Sequence[AccessReceipt], signer: Signer) -> list[SignedReceipt]:
    """Return receipts signed together by the service account of the custodian's node."""
    signatures = signer.sign_all([receipt_hash(hash_, one) for one in receipts])
    return [
        SignedReceipt(receipt=receipt, key=signer.key, signature=signature)
        for receipt, signature in zip(receipts, signatures, strict=True)
    ]


def receipt_of(chain: str, entry: AccessEntry, hash_: bytes, index: int, item: int) -> AccessReceipt:
    """Return the receipt of an entry that is durable.

    Args:
        chain: the private chain that holds it.
        entry: the entry.
        hash_: its hash.
        index: the log entry that holds it.
        item: which of its items.
    """
    return AccessReceipt(
        chain=chain,
        entry=hash_,
        request=entry.request,
        outcome=entry.outcome,
        index=index,
        item=item,
        seen_height=entry.seen_height,
        seen_time=entry.seen_time,
        time=entry.time,
    )


def read_request(data: bytes) -> SignedRequest:
    """Return the signed request that bytes are (AR1).

    Raises:
        RequestMalformed: too large, not canonical, or a value out of form.
    """
    try:
        return _read(SignedRequest, data, MAX_REQUEST_BYTES)
    except Invalid as refusal:
        raise RequestMalformed(reason=refusal.code) from None


def read_receipt(data: bytes) -> SignedReceipt:
    """Return the signed receipt that bytes are (AR5); raises ReceiptInvalid."""
    try:
        return _read(SignedReceipt, data, MAX_RECEIPT_BYTES)
    except Invalid as refusal:
        raise ReceiptInvalid(reason=refusal.code) from None


def authenticate_many(
    suite: Suite, signed: Sequence[SignedRequest], hashes: Sequence[bytes], here: Here, value: Values
) -> list[KeyState | PlatformError]:
    """Check who asks, of several requests; see ``authenticate``, whose errors are returned.

    Args:
        suite: of the consortium chain.
        signed: the requests as they came.
        hashes: the hash of each.
        here: whom they must be for.
        value: the consortium chain's state.
    """
    found = [_asker(one, here, value) for one in signed]
    asked = [place for place, one in enumerate(found) if isinstance(one, KeyState)]
    verified = suite.verify_many(
        [signed[place].key for place in asked],
        [hashes[place] for place in asked],
        [signed[place].signature for place in asked],
    )
    for place, good in zip(asked, verified, strict=True):
        if not good:
            found[place] = RequestSignatureInvalid(account=signed[place].request.account)
    return found


def _asker(signed: SignedRequest, here: Here, value: Values) -> KeyState | PlatformError:
    """Return who a request says that it is of, before the dear part of finding out, or why it needs no more."""
    request = signed.request
    for what, found, expected in (("chain", request.chain, here.chain), ("node", request.custodian, here.node)):
        if found != expected:
            return RequestElsewhere(what=what, found=found)
    if not here.now <= request.valid_until <= here.now + MAX_REQUEST_MS + MAX_AHEAD_MS:
        return RequestExpired(valid_until=request.valid_until, now=here.now, maximum=MAX_REQUEST_MS)
    known = _key(value, signed.key)
    if known is None or (known.account, known.member) != (request.account, request.member):
        return RequestSignatureInvalid(account=request.account)
    return known


def authenticate(suite: Suite, signed: SignedRequest, here: Here, value: Values) -> KeyState:
    """Check who asks (AR2 to AR4); whether key, account and member are in force is the policy's to say, on record.

    Args:
        suite: of the consortium chain.
        signed: the request as it came.
        here: whom it must be for.
        value: the consortium chain's state.

    Returns: the registry's entry of the key that signed.

    Raises:
        RequestElsewhere: for another chain or node.
        RequestExpired: past its end, or longer than a request may run.
        RequestSignatureInvalid: the signature does not verify, or the key is not one of the account that is named:
            it is not known who asked.
    """
    found = authenticate_many(suite, [signed], [request_hash(suite.hash, signed.request)], here, value)[0]
    if isinstance(found, KeyState):
        return found
    raise found


def check_receipt(suite: Suite, signed: SignedReceipt, request: bytes, custodian: str, value: Values) -> None:
    """Check a receipt by the consortium chain's state, today or years later (AR6 to AR8).

    Args:
        suite: of the consortium chain.
        signed: the receipt.
        request: the hash of the request that it must be for.
        custodian: the member that was asked.
        value: the consortium chain's state.

    Raises:
        ReceiptInvalid: another request's; its chain is not the custodian's; the signature does not verify; the key was
            not of a service account of the custodian, or not in force when it signed.
    """
    receipt = signed.receipt
    _hold(receipt.request == request, "it is for another request")
    stored = value(state_key("anchor", "chain", receipt.chain))
    anchored = decode_often(AnchorState, stored) if stored is not None else None
    _hold(anchored is not None and anchored.member == custodian, "its chain is not the custodian's")
    key = _key(value, signed.key)
    if key is None or key.member != custodian or not _serves(value, key.account):
        raise ReceiptInvalid(reason="its key is not that of a service account of the custodian")
    _hold(in_force(key, receipt.time), "its key was not in force")
    good = suite.verify(signed.key, receipt_hash(suite.hash, receipt), signed.signature)
    _hold(good, "its signature does not verify")


def check_receipt_time(receipt: AccessReceipt, consortium_time: int, now: int) -> None:
    """Check, when a receipt comes, that it does not claim a later time and so more lag than it has (AR8).

    Args:
        receipt: as it came.
        consortium_time: block time of the consortium head that the reader's node sees, ms.
        now: the reader's clock, ms.

    Raises:
        ReceiptInvalid: it claims a consortium head or a time that lies ahead.
    """
    _hold(receipt.seen_time <= consortium_time + MAX_AHEAD_MS, "it claims a consortium head of the future")
    _hold(receipt.time <= now + MAX_AHEAD_MS, "it claims a time of the future")


def in_force(key: KeyState, time: int) -> bool:
    """Tell whether a key was in force at a time (docs/spec/contracts.md RG3, RG6, RG7)."""
    ended = key.until and time >= key.until[0]
    compromised = key.compromised and time >= key.compromised[0]
    return key.from_ms <= time and not ended and not compromised


def _key(value: Values, key: bytes) -> KeyState | None:
    stored = value(state_key(REGISTRY, "key", key))
    return decode_often(KeyState, stored) if stored is not None else None


def _serves(value: Values, account: str) -> bool:
    stored = value(state_key(REGISTRY, "account", account))
    return stored is not None and Role.SERVICE in decode_often(AccountState, stored).roles


def _read(kind: type[T], data: bytes, maximum: int) -> T:
    if len(data) > maximum:
        raise RequestMalformed(reason=f"it has {len(data)} bytes of {maximum}")
    return decode(kind, data)


def _hold(holds: bool, reason: str) -> None:
    if not holds:
        raise ReceiptInvalid(reason=reason)
