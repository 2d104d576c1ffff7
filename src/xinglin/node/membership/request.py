"""Join requests: what an applicant gives members, and how anybody checks it (docs/spec/membership.md JR1 to JR5).

A request proves itself: each key signs that it is meant for this member on this chain, and the cosigning key signs the
whole. It is no secret and has none. Whether the applicant is who it says is for people, by the documents behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from xinglin.carrier.access.registry.model import VALIDATOR, Address, EngineKey, PeerId
from xinglin.carrier.access.registry.rules import roles_in_form
from xinglin.carrier.crypto.engine_keys import verify_engine_signature
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.genesis import founder_proofs_hold, key_proof_message
from xinglin.carrier.ledger.model import Founder
from xinglin.kernel.encoding import (
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    PublicKey,
    Signature,
    Text,
    decode,
    encode,
)
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.membership.errors import JoinRequestInvalid
from xinglin.stakeholders.kinds import Role

MAX_REQUEST_BYTES = 65_536
MAX_EVIDENCE = 32
"""Documents that a request may name."""
_GM_KEY_BYTES = 65


class ValidatorOffer(ChainObject, frozen=True):
    """The engine key by which an applicant wants to validate, and its proof (RG12)."""

    key: EngineKey
    proof: Signature


class Document(ChainObject, frozen=True):
    """A document behind a request: a name for people, and the hash of its bytes under the chain's suite."""

    name: Text
    digest: Digest


class JoinRequest(ChainObject, frozen=True, kw_only=True):
    """Who asks to join a chain, with what keys and node; ``made`` by the applicant's clock."""

    kind: Literal["join-request"] = "join-request"
    version: Literal[1] = 1
    chain: ChainId
    founder: Founder
    node: Identifier
    sealing_key: PublicKey
    peer: PeerId
    address: Address
    validator: Annotated[tuple[ValidatorOffer, ...], msgspec.Meta(max_length=1)]
    contact: Text
    evidence: Annotated[tuple[Document, ...], msgspec.Meta(max_length=MAX_EVIDENCE)]
    made: Milliseconds


class SignedRequest(ChainObject, frozen=True):
    """A join request and the signature of its cosigning key over H("join-request", request)."""

    request: JoinRequest
    signature: Signature


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A join request that proved itself: what it asks, and the hash of its file, which goes on record."""

    request: JoinRequest
    digest: bytes

    def has(self, document: bytes) -> bool:
        """Tell whether a document is one of those that the request names."""
        digest = request_suite(self.request).hash(document)
        return any(one.digest == digest for one in self.request.evidence)


def request_suite(request: JoinRequest) -> Suite:
    """Return the suite of a request's keys."""
    return suite("gm" if len(request.founder.key) == _GM_KEY_BYTES else "intl")


def request_message(chosen: Suite, request: JoinRequest) -> bytes:
    """Return what the cosigning key signs."""
    return tagged(chosen.hash, Tag.JOIN_REQUEST, request)


def read_request(data: bytes, chain: str = "") -> Reviewed:
    """Read a join request and check everything that can be checked without the chain.

    Args:
        data: the file's bytes.
        chain: the chain that it must be for; empty for any.

    Raises:
        JoinRequestInvalid: it is too long, out of form, for another chain, or one of its proofs does not verify.
    """
    _require(len(data) <= MAX_REQUEST_BYTES, f"it is longer than {MAX_REQUEST_BYTES} bytes")
    try:
        signed = decode(SignedRequest, data)
    except Invalid:
        raise JoinRequestInvalid(reason="it is not in form") from None
    request, founder = signed.request, signed.request.founder
    chosen = request_suite(request)
    _require(chain in ("", request.chain), f"it is for chain {request.chain}")
    proven = founder_proofs_hold(founder, request.chain, chosen.hash, chosen.verify)
    _require(proven, "a key of it is not proven for this chain")
    _require(chosen.verify(founder.key, request_message(chosen, request), signed.signature), "its signature is wrong")
    _check_founder(founder)
    _check_validator(chosen, request)
    for text in (founder.name, request.contact, *(one.name for one in request.evidence)):
        _require(_printable(text), "a text of it can't be printed")
    return Reviewed(request, chosen.hash(data))


def write_request(request: JoinRequest, signature: bytes) -> bytes:
    """Return a request's file; raises JoinRequestInvalid where it would not be taken."""
    data = encode(SignedRequest(request, signature))
    read_request(data, request.chain)
    return data


def _check_founder(founder: Founder) -> None:
    accounts = founder.accounts
    _require(all(roles_in_form(one.roles) for one in accounts), "roles of an account are not in form")
    supers = [one for one in accounts if Role.SUPER_ADMINISTRATOR in one.roles]
    _require(bool(supers), "no account of it is a super administrator")
    keys = [founder.key, *(one.key for one in accounts)]
    _require(len(set(keys)) == len(keys), "one key serves for two things")
    _require(len({one.account for one in accounts}) == len(accounts), "two accounts have one id")
    _require(bool(founder.name), "it has no name")


def _check_validator(chosen: Suite, request: JoinRequest) -> None:
    for offer in request.validator:
        _require(request.founder.votes == 1, "it offers a validator without asking for a vote")
        message = key_proof_message(chosen.hash, request.chain, request.founder.member, VALIDATOR, offer.key)
        _require(verify_engine_signature(offer.key, message, offer.proof), "its validator key is not proven")


def _printable(text: bytes) -> bool:
    try:
        return text.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise JoinRequestInvalid(reason=reason)
