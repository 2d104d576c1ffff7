"""The border of a listener: limits before anything is read, refusals as answers, no fault let out (D3, D12)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xinglin.kernel.errors import PlatformError
from xinglin.server.errors import BodySlow, BodyTooLarge, MethodUnfit, RouteUnknown, ServerBusy, ServerFault
from xinglin.server.limits import SourceRates, source_of
from xinglin.server.problems import problem, tongue

logger = logging.getLogger(__name__)
_METHOD_NOT_ALLOWED = 405
SHARE = 2
"""One source may have half of the requests in hand."""
LOCAL = "here"
"""The source of what comes through a Unix socket."""


@dataclass(slots=True)
class Bearing:
    """What a listener bears: requests in hand, rates by source (None for no limit), seconds for one whole request."""

    requests: int
    seconds: float
    rates: SourceRates | None = None
    in_hand: Counter[str] = field(default_factory=Counter, init=False)

    def admit(self, source: str) -> None:
        """Take a request in hand.

        Raises:
            SourceTooFast, ServerBusy: it is one too many; nothing of it was read.
        """
        share = self.requests
        if self.rates is not None:
            self.rates.take(source)
            share = max(2, self.requests // SHARE)  # slow requests of one address keep nobody else out
        if self.in_hand.total() >= self.requests or self.in_hand[source] >= share:
            raise ServerBusy
        self.in_hand[source] += 1

    def done(self, source: str) -> None:
        """Have done with a request."""
        self.in_hand[source] -= 1
        if not self.in_hand[source]:
            del self.in_hand[source]


class Border:
    """Stands before an application (ASGI): admits, bounds in time, and lets no fault out."""

    def __init__(self, app: ASGIApp, bearing: Bearing) -> None:
        self._app = app
        self._bearing = bearing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        whence = source(scope)
        try:
            self._bearing.admit(whence)
        except PlatformError as refusal:
            await problem(refusal, language(scope))(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._bearing.seconds):
                await self._app(scope, receive, sending)
        except Exception as fault:  # noqa: BLE001  (the outermost border of a listener)
            tell_fault(fault)
            if not started:
                await problem(ServerFault(), language(scope))(scope, receive, send)
        finally:
            self._bearing.done(whence)


def source(scope: Scope) -> str:
    """Return whence a request comes, as it is counted."""
    client = scope.get("client")
    return source_of(client[0]) if client else LOCAL


def language(scope: Scope) -> str:
    """Return the language that a request asks for."""
    wanted = [value for name, value in scope["headers"] if name == b"accept-language"]
    return tongue(wanted[0].decode("latin-1")) if wanted else "en"


async def read_body(request: Request, maximum: int, seconds: float) -> bytes:
    """Return the whole body of a request.

    Raises:
        BodyTooLarge: it is, or says that it will be.
        BodySlow: it is not there in time.
    """
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or len(said) > 15 or int(said) > maximum:
        raise BodyTooLarge(maximum=maximum)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > maximum:
                    raise BodyTooLarge(maximum=maximum)
                parts.append(part)
    except TimeoutError:
        raise BodySlow(seconds=int(seconds)) from None
    return b"".join(parts)


def tell_fault(fault: BaseException) -> None:
    """Log a fault by its type and place alone: what it says may hold content or a secret."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "-" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
    logger.error("a request met a fault: %s at %s", type(fault).__name__, place)


async def on_http_exception(request: Request, fault: Exception) -> Response:
    """Answer what the router refuses: no such path, or not with this method."""
    if isinstance(fault, HTTPException) and fault.status_code == _METHOD_NOT_ALLOWED:
        unfit = problem(MethodUnfit(), language(request.scope))
        unfit.headers.update(fault.headers or {})  # which methods it takes
        return unfit
    return problem(RouteUnknown(), language(request.scope))
