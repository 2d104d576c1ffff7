"""The ABCI socket server: a Unix socket of the owner's, a thread for each of an engine's four connections (design D7).

An engine that dies takes its connections with it; the next one begins anew. When the application can't go on, the
engine is told so and the connection ends: whoever supervises the engine finds out why from ``failure``.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from xinglin.carrier.consensus.comet.handler import AbciHandler, exception
from xinglin.carrier.consensus.comet.wire import FrameReader, encode_frames

MAX_CONNECTIONS = 16
logger = logging.getLogger(__name__)


class AbciServer:
    """Listens on a Unix socket, mode 0600, and answers engines from a handler.

    Args:
        path: of the socket; what is left there by a process that ended is replaced.
        handler: gives the answers.
    """

    def __init__(self, path: Path, handler: AbciHandler) -> None:
        self._path = path
        self._handler = handler
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = False
        self.failure: Exception | None = None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(MAX_CONNECTIONS)
        self._thread = threading.Thread(target=self._accept, name="abci", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end every connection after the request in hand."""
        with self._lock:
            self._closing = True
            connections = list(self._connections)
        for one in [self._listener, *connections]:
            with suppress(OSError):  # it may be gone already
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                refuse = self._closing or len(self._connections) >= MAX_CONNECTIONS
                if not refuse:
                    self._connections.add(connection)
            if refuse:
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="abci-connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = FrameReader(connection)
        try:
            while requests := reader.read():
                self._answer(connection, requests)
        except OSError:
            pass  # the engine is gone; a new one begins with Info
        except Exception as failure:
            self.failure = failure
            logger.error("ABCI connection ended: %s", getattr(failure, "code", type(failure).__name__), exc_info=True)
            _tell(connection, failure)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, requests: Sequence[Any]) -> None:
        """Answer in order; transactions that stand together are checked together."""
        responses: list[Any] = []
        for kind, several in groupby(requests, key=lambda request: request.WhichOneof("value")):
            if kind == "check_tx":
                responses += self._handler.check(list(several))
            else:
                for request in several:
                    responses.append(self._handler.answer(request))
        connection.sendall(encode_frames(responses))
        for request in requests:
            self._handler.after(request)


def _tell(connection: socket.socket, failure: Exception) -> None:
    with suppress(OSError):  # nobody may be there to hear it
        connection.sendall(encode_frames([exception(failure)]))
