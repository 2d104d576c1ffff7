"""HTTP/1.1 of uvicorn with what it lacks against slow and greedy clients (S8.5c).

A request's head has to be there in time, counted from the connection or the answer before; a client that does not take
its answer in time is cut off; one source has a share of all connections.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from xinglin.server.errors import HttpInvalid
from xinglin.server.limits import source_of
from xinglin.server.problems import problem

_AT_ONCE = struct.pack("ii", 1, 0)
SHARE = 4
"""One source may have a quarter of all connections."""


class BoundedProtocol(H11Protocol):
    """One connection; ``seconds`` for a head, and for a client to take what is sent; ``connections`` at once."""

    seconds = 10.0
    connections_at_once = 512
    _timer: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or cut it off where its source or all have too many."""
        super().connection_made(transport)
        own = self._source()
        same = sum(1 for one in self.connections if isinstance(one, BoundedProtocol) and one._source() == own)
        if len(self.connections) > self.connections_at_once or (own and same > self.connections_at_once // SHARE):
            self._cut()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop("_timer")
        self._stop("_writing")
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop waiting for a head that has come; a body is bounded by who reads it."""
        super().handle_events()
        cycle: Any = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            self._stop("_timer")

    def on_response_complete(self) -> None:
        """Wait for the next head."""
        self._wait_for_head()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Cut off a client that does not take its answer in time."""
        super().pause_writing()
        self._stop("_writing")
        self._writing = self.loop.call_later(self.seconds, self._cut)

    def resume_writing(self) -> None:
        """Go on; the client takes what is sent."""
        self._stop("_writing")
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in our own form."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._cut()
            return
        answer = problem(HttpInvalid())
        headers = [*answer.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._stop("_timer")
        self._timer = self.loop.call_later(self.seconds, self._cut)

    def _cut(self) -> None:
        """End the connection now; the system keeps nothing for a client that does not take it."""
        own = self.transport.get_extra_info("socket")
        if own is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _source(self) -> str:
        return source_of(self.client[0]) if self.client else ""

    def _stop(self, name: str) -> None:
        timer: Any = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


def bounded(seconds: float, connections: int) -> type[BoundedProtocol]:
    """Return the protocol of a listener with its bounds."""
    return type("Bounded", (BoundedProtocol,), {"seconds": seconds, "connections_at_once": connections})
