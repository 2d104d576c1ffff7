"""Signed requests between members: who may ask a node for what is for members only (docs/spec/node-http.md; S6.3a).

A request is signed by a key of an account of an active member, over everything that makes it this request to this node.
Pure: time, state and nonces come in. That a request is answered once is for whoever keeps the nonces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.ports import SignerDirectory, StateReader
from xinglin.kernel.encoding import (
    Bytes16,
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    PublicKey,
    encode,
)
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.node.remote.errors import RequestForged, RequestStale, RequestUnsigned
from xinglin.stakeholders.caller import Caller

HEADER = "xinglin-request"
"""The HTTP header of a signature."""
WINDOW_MS = 30_000
"""A request is answered for so long after it was signed."""
AHEAD_MS = 10_000
"""So far may the asker's clock be ahead (design D5.4)."""
_FORM = re.compile(
    r"key=(?P<key>[0-9a-f]{64}|[0-9a-f]{130}),time=(?P<time>0|[1-9][0-9]{0,15}),"
    r"nonce=(?P<nonce>[0-9a-f]{32}),signature=(?P<signature>[0-9a-f]{128})",
    re.ASCII,
)


class NodeRequest(ChainObject, frozen=True, kw_only=True):
    """What is signed: which request, to which node of which chain, by which key, when (ms), with which nonce.

    ``path`` has the query as it is on the wire; ``body`` is the suite's hash of the body's bytes.
    """

    kind: Literal["node-request"] = "node-request"
    version: Literal[1] = 1
    chain: ChainId
    node: Identifier
    method: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3,7}\Z")]
    path: Annotated[bytes, msgspec.Meta(max_length=2_048)]
    body: Digest
    key: PublicKey
    time: Milliseconds
    nonce: Bytes16


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: method, path with query, body; ``signature`` is the header's text, None without one."""

    method: str
    path: bytes
    body: bytes
    signature: str | None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, by a signature that verified: the caller, and the nonce that is used up by it."""

    caller: Caller
    nonce: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Addressee:
    """To whom requests must be signed: chain and node; ``suite`` and ``signers`` are the chain's."""

    chain: str
    node: str
    suite: Suite
    signers: SignerDirectory


def sign_request(hash_: Hash, asked: NodeRequest, signer: Signer) -> str:
    """Return the text of the header that signs a request."""
    signature = signer.sign(request_hash(hash_, asked))
    return f"key={asked.key.hex()},time={asked.time},nonce={asked.nonce.hex()},signature={signature.hex()}"


def request_hash(hash_: Hash, request: NodeRequest) -> bytes:
    """Return H("node-request", request); raises EncodingInvalid where a field is out of form."""
    encode(request)
    return tagged(hash_, Tag.NODE_REQUEST, request)


def authenticate(asked: Asked, to: Addressee, state: StateReader, block_time: int, now: int) -> Asker:
    """Return who signed a request; the dear part comes last.

    Args:
        asked: the request.
        to: this node.
        state: the consortium chain's, newest.
        block_time: of that state, ms; keys are judged by it.
        now: this node's clock, ms; the request's age is judged by it.

    Raises:
        RequestUnsigned: no signature, or none in form.
        RequestStale: too old, or too far ahead.
        SignerUnknown, SignerEnded: the key is not of an active account of an active member.
        RequestForged: the signature does not verify.
    """
    found = _FORM.fullmatch(asked.signature or "")
    if found is None:
        raise RequestUnsigned(reason="there is no signature in form")
    time = int(found["time"])
    if not now - WINDOW_MS <= time <= now + AHEAD_MS:
        raise RequestStale(time=time, now=now, maximum=WINDOW_MS)
    key, nonce = bytes.fromhex(found["key"]), bytes.fromhex(found["nonce"])
    caller = to.signers.resolve(state, key, block_time)
    request = NodeRequest(
        chain=to.chain,
        node=to.node,
        method=asked.method,
        path=asked.path,
        body=to.suite.hash(asked.body),
        key=key,
        time=time,
        nonce=nonce,
    )
    try:
        hash_ = request_hash(to.suite.hash, request)
    except Invalid as refusal:
        raise RequestUnsigned(reason=refusal.code) from None
    if not to.suite.verify(key, hash_, bytes.fromhex(found["signature"])):
        raise RequestForged
    return Asker(caller, nonce, time)
