"""Who may ask for what is for members only: a request signed by an account of an active member, once (S6.3a).

The rules are in ``node/remote/signed.py``; here are the state, the clock and the nonces that they are applied to.
"""

from __future__ import annotations

from collections.abc import Iterator

from xinglin.carrier.ledger.errors import SignerEnded, SignerUnknown
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.remote.errors import RequestForged, RequestStale, RequestUnsigned
from xinglin.node.remote.signed import Asked, Asker, authenticate
from xinglin.node.running import Running
from xinglin.server.limits import SeenNonces

_STRANGERS = (RequestUnsigned, RequestStale, RequestForged, SignerUnknown, SignerEnded)
"""Who could not show who it is: counted by source and minute (AC9)."""


class Gate:
    """Checks signed requests to one node. From any thread."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._addressee = running.addressee()
        self._seen = SeenNonces(running.started_ms)
        self._clock = SystemClock()

    def check(self, asked: Asked, source: str) -> Asker:
        """Return who asks.

        Args:
            asked: the request.
            source: whence it came.

        Raises:
            RequestUnsigned, RequestStale, SignerUnknown, SignerEnded, RequestForged: see ``authenticate``.
            RequestSeen, ServerBusy: see ``SeenNonces.use``.
        """
        now, ledger = self._clock.now_ms(), self._running.consortium
        try:
            asker = authenticate(asked, self._addressee, self._state(), ledger.tip.time, now)
            self._seen.use(asker, now)
        except PlatformError as refusal:
            if isinstance(refusal, _STRANGERS):
                self._running.note_stranger(source.encode())
            raise
        return asker

    def _state(self) -> _Compared:
        return _Compared(self._running)


class _Compared:
    """The consortium chain's state, each value compared with the tree (port ``StateReader``)."""

    def __init__(self, running: Running) -> None:
        self._ledger = running.consortium

    def get(self, key: bytes) -> bytes | None:
        """Return a value of the newest state."""
        return self._ledger.value(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield what is under a prefix."""
        for key in self._ledger.keys(prefix):
            value = self._ledger.value(key)
            if value is not None:
                yield key, value
