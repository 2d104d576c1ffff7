"""A TCP proxy in front of a node that dies in the middle of requests, as a seeded plan says."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

HANG_SECONDS = 8.0


@dataclass(frozen=True)
class Death:
    """How a connection dies: after so many bytes of the request, or of the answer; ``hang`` keeps it open first."""

    of_answer: bool
    after: int
    hang: bool = False


@dataclass
class Plan:
    """Deaths of the next connections, whichever proxy they come to; without one they live."""

    deaths: deque[Death] = field(default_factory=deque)
    died: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> Death | None:
        """Return how the next connection dies."""
        with self._lock:
            return self.deaths.popleft() if self.deaths else None


class DyingProxy:
    """Forwards connections to a node until the plan lets them die."""

    def __init__(self, target: tuple[str, int], plan: Plan) -> None:
        self._target = target
        self._plan = plan
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, self._plan.next()), daemon=True).start()

    def _serve(self, client: socket.socket, death: Death | None) -> None:
        with client, socket.create_connection(self._target) as node:
            forth, back = (None, death) if death and death.of_answer else (death, None)
            up = threading.Thread(target=self._pump, args=(client, node, forth, (client, node)), daemon=True)
            up.start()
            self._pump(node, client, back, (client, node))
            up.join(HANG_SECONDS + 1)

    def _pump(
        self, source: socket.socket, sink: socket.socket, death: Death | None, both: tuple[socket.socket, ...]
    ) -> None:
        passed = 0
        with suppress(OSError):
            while True:
                part = source.recv(4_096)
                if death is not None and passed + len(part) >= death.after:
                    sink.sendall(part[: death.after - passed])
                    self._plan.died += 1
                    time.sleep(HANG_SECONDS if death.hang else 0)
                    break
                if not part:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(part)
                passed += len(part)
            for one in both:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
