"""The ABCI socket server: a Unix socket of the owner's, a thread for each of an engine's four connections (design D7).

An engine that dies takes its connections with it; the next one begins anew. What an engine may not send ends its
connection and nothing else. When the application can't go on, the engine is told so, ends itself, and ``failure`` tells
whoever supervises it why; later connections are refused until the application answers for its state again.
"""

from __future__ import annotations

import logging
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from xinglin.carrier.consensus.comet.handler import AbciHandler, exception
from xinglin.carrier.consensus.comet.wire import FrameReader, encode_frames
from xinglin.carrier.consensus.errors import EngineFailed, EngineProtocol, EngineRequestRefused
from xinglin.kernel.errors import PlatformError, Unavailable

MAX_CONNECTIONS = 16
_PAUSE_SECONDS = 0.1
logger = logging.getLogger(__name__)


class _Gone(Exception):
    """The other end of a connection is no longer there."""


class AbciServer:
    """Listens on a Unix socket, mode 0600, and answers one engine at a time from a handler.

    Args:
        path: of the socket, see ``place.socket_path``; what is left there by a process that ended is replaced.
        handler: gives the answers.
    """

    def __init__(self, path: Path, handler: AbciHandler) -> None:
        self._path = path
        self._handler = handler
        self._connections: dict[socket.socket, int] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._failure: PlatformError | None = None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(str(path))
            path.chmod(0o600)
            self._listener.listen(MAX_CONNECTIONS)
        except OSError:
            self._listener.close()
            raise
        self._thread = threading.Thread(target=self._accept, name="abci", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> PlatformError | None:
        """Why the application could not go on, None while it does; a fault of the program is ``engine.failed``."""
        return self._failure

    @property
    def may_restart(self) -> bool:
        """Whether it is of use to start an engine again: no failure, or one of this machine that may pass.

        A damaged store, a decided block that can't be applied, a fault of the program stay until somebody has looked.
        """
        failure = self._failure
        return failure is None or (isinstance(failure, Unavailable) and not isinstance(failure, EngineFailed))

    def close(self) -> None:
        """Stop listening, end every connection after the request in hand, and wait for their threads.

        The application may be closed afterwards, not before.
        """
        with self._lock:
            self._closing = True
            for one in [self._listener, *self._connections]:
                with suppress(OSError):  # it may be gone already
                    one.shutdown(socket.SHUT_RDWR)
            threads = [self._thread, *self._threads]
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError as failure:
                if not self._closing:
                    logger.warning("no ABCI connection could be taken: %s", type(failure).__name__)
                    time.sleep(_PAUSE_SECONDS)  # out of file descriptors, mostly
                continue
            self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        """Serve a connection on a thread, or close it: too many, or another process's while an engine is here."""
        with self._lock:
            engine = _peer(connection)
            others = set(self._connections.values()) - {engine}
            if self._closing or others or len(self._connections) >= MAX_CONNECTIONS:
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="abci-connection", daemon=True)
            self._connections[connection] = engine
            self._threads.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        reader = FrameReader(connection)
        try:
            self._ask_again()
            while requests := _read(reader):
                self._answer(connection, requests)
        except _Gone:
            pass  # the engine has ended; a new one begins with Info
        except (EngineProtocol, EngineRequestRefused) as failure:
            logger.warning("an ABCI connection was ended: %s", failure.code)
            _send(connection, [exception(failure)])
        except Exception as failure:  # noqa: BLE001  (whatever it is, the engine may not go on)
            self._failed(failure)
            _send(connection, [exception(failure)])
        finally:
            with self._lock:
                self._connections.pop(connection, None)
                if not self._connections:
                    self._handler.left()
                self._threads.discard(threading.current_thread())
                connection.close()

    def _ask_again(self) -> None:
        """After a failure, serve nobody until the application can say where it stands."""
        if self._failure is not None:
            self._handler.ask_state()
            self._failure = None

    def _failed(self, failure: Exception) -> None:
        """Keep why the application can't go on; the log has the place of a fault, never what it was about."""
        code, place = getattr(failure, "code", type(failure).__name__), traceback.extract_tb(failure.__traceback__)[-1]
        logger.error("the application can't go on: %s (%s:%s)", code, Path(place.filename).name, place.lineno)
        if isinstance(failure, PlatformError):
            self._failure = failure
        else:
            self._failure = EngineFailed(fault=type(failure).__name__)
            self._failure.__cause__ = failure

    def _answer(self, connection: socket.socket, requests: Sequence[Any]) -> None:
        """Answer in order; transactions that stand together are checked together."""
        responses: list[Any] = []
        committed = False
        try:
            for kind, several in groupby(requests, key=lambda request: request.WhichOneof("value")):
                if kind == "check_tx":
                    responses += self._handler.check(list(several))
                    continue
                for request in several:
                    committed = committed or kind == "commit"
                    responses.append(self._handler.answer(request))
            if not _send(connection, responses):
                raise _Gone
        finally:
            # What is durable is told to whoever waits for it, whether or not the engine is there to hear of it.
            if committed:
                self._handler.tell()


def _peer(connection: socket.socket) -> int:
    """Return the process at the other end; 0 where the system doesn't tell, so that all are taken for one."""
    if not sys.platform.startswith("linux"):
        return 0
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)


def _read(reader: FrameReader) -> list[Any]:
    """Read requests; a failure of the connection is told apart from one of the application."""
    try:
        return reader.read()
    except OSError:
        raise _Gone from None


def _send(connection: socket.socket, responses: Sequence[Any]) -> bool:
    """Send responses; tell whether somebody was there to take them."""
    try:
        connection.sendall(encode_frames(responses))
    except OSError:
        return False
    return True
