"""The one table from refusals to HTTP: status, and problem+json in the language asked for (RFC 9457; design D3)."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from xinglin.carrier.ledger.errors import (
    CheckpointFork,
    CheckpointInvalid,
    CheckpointUnavailable,
    SignerEnded,
    SignerUnknown,
)
from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound, PlatformError, Unavailable
from xinglin.node.remote.errors import RequestForged, RequestStale, RequestUnsigned
from xinglin.node.remote.forms import facts_said
from xinglin.server.errors import (
    BodySlow,
    BodyTooLarge,
    MethodUnfit,
    ServerBusy,
    ServerFault,
    SourceTooFast,
    SubmissionsClosed,
)

PROBLEM = "application/problem+json"
_CASES: dict[type[PlatformError], int] = {
    RequestUnsigned: 401,
    RequestStale: 401,
    RequestForged: 401,
    SignerUnknown: 401,
    SignerEnded: 403,
    MethodUnfit: 405,
    BodySlow: 408,
    BodyTooLarge: 413,
    SourceTooFast: 429,
    ServerFault: 500,
    CheckpointFork: 409,
    CheckpointInvalid: 400,
    CheckpointUnavailable: 404,
}
_KINDS: dict[type[PlatformError], int] = {
    Invalid: 400,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Integrity: 500,
    Unavailable: 503,
}
_CLOSING = (BodySlow, BodyTooLarge, ServerBusy, SourceTooFast, SubmissionsClosed)
"""Answered before the body was read: the connection ends, so that nobody goes on sending it."""


def status_of(refusal: PlatformError) -> int:
    """Return the HTTP status of a refusal."""
    case = _CASES.get(type(refusal))
    return case or next(status for kind, status in _KINDS.items() if isinstance(refusal, kind))


def tongue(accept_language: str) -> str:
    """Return ``zh`` where a header Accept-Language names Chinese first, else ``en``."""
    return "zh" if accept_language.strip().lower().startswith("zh") else "en"


def problem(refusal: PlatformError, language: str = "en") -> Response:
    """Return a refusal as an answer."""
    status = status_of(refusal)
    body = {
        "type": f"urn:xinglin:error:{refusal.code}",
        "title": refusal.sentence(language),
        "status": status,
        "detail": refusal.hint(language),
        "code": refusal.code,
        "number": refusal.number,
        "facts": facts_said(refusal.facts),
    }
    headers = {"content-language": language, "cache-control": "no-store"}
    if isinstance(refusal, _CLOSING):
        headers["connection"] = "close"
    if isinstance(refusal, ServerBusy | SourceTooFast):
        headers["retry-after"] = "1"
    return Response(msgspec.json.encode(body), status, headers, PROBLEM)
