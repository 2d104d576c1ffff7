"""The listeners of a running node: all open before anything is answered, closed before the chains (design D13)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from xinglin.kernel.errors import PlatformError
from xinglin.node.remote.local import SOCKET_NAME, short_name
from xinglin.node.running import Running
from xinglin.server.app import Applications
from xinglin.server.errors import ListenRefused
from xinglin.server.protocol import bounded

MAX_HEAD_BYTES = 16_384
_BACKLOG = 128
_KEEP_ALIVE_SECONDS = 5
_SEND_BYTES = 1 << 18
"""What the system holds for a client that does not take its answers."""
_STOP_SECONDS = 15
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a node listens: the path of the local socket, and HOST:PORT of the others, empty for none."""

    local: str
    members: str
    metrics: str


@dataclass(frozen=True, slots=True)
class _Listener:
    socket: socket.socket
    app: ASGIApp
    place: str


def serve(running: Running, tell: Callable[[Listening], None]) -> PlatformError | None:
    """Answer until SIGTERM or SIGINT, or until an engine of the node is stopped by a failure. For the main thread.

    Args:
        running: the node; the caller closes it after.
        tell: is called when the node answers.

    Returns: what stopped an engine, None when a signal asked for the end.

    Raises:
        ListenRefused: the system does not let the node listen.
    """
    # What uvicorn logs of a fault has content; the border tells all that may be told.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    settings, applications = running.node.settings.listener, Applications(running)
    with ExitStack() as stack:
        path = running.node.home.path / SOCKET_NAME
        listeners = [_Listener(stack.enter_context(_local_socket(path)), applications.local(), str(path))]
        places = {}
        for name, place, app in (
            ("members", settings.listen, applications.member),
            ("metrics", settings.metrics, applications.metrics),
        ):
            if place:
                bound = stack.enter_context(_tcp_socket(place))
                places[name] = _place(bound)
                listeners.append(_Listener(bound, app(), places[name]))
        listening = Listening(str(path), places.get("members", ""), places.get("metrics", ""))
        return asyncio.run(_answer(running, listeners, lambda: tell(listening)))


class _Server(uvicorn.Server):
    """Leaves signals to us: there are several servers in this process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _answer(running: Running, listeners: list[_Listener], tell: Callable[[], None]) -> PlatformError | None:
    settings = running.node.settings.listener
    protocol = bounded(settings.request_seconds, settings.connections)
    servers = [_server(one, protocol) for one in listeners]
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, stop.set)
    tasks = [asyncio.create_task(server.serve([one.socket])) for server, one in zip(servers, listeners, strict=True)]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
    tell()
    fault = await _until(stop, running)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)
    return fault


def _server(listener: _Listener, protocol: type[asyncio.Protocol]) -> _Server:
    return _Server(
        uvicorn.Config(
            listener.app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )


async def _until(stop: asyncio.Event, running: Running) -> PlatformError | None:
    """Wait for a signal, or for the end of an engine."""
    while not stop.is_set():
        fault = await asyncio.to_thread(running.fault)
        if fault is not None:
            return fault
        try:
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        except TimeoutError:
            continue
    return None


@contextmanager
def _local_socket(path: Path) -> Iterator[socket.socket]:
    """Give a socket that only this user reaches; one of a killed process is replaced: the home's lock is held."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            if path.is_socket():
                path.unlink()
            # Before it has a name; the process's umask is for what all its threads make.
            os.fchmod(listener.fileno(), 0o600)
            with short_name(path) as name:
                listener.bind(name)
            listener.listen(_BACKLOG)
        except OSError as refused:
            raise ListenRefused(place=str(path), reason=refused.strerror or "-") from None
        yield listener
    path.unlink(missing_ok=True)


@contextmanager
def _tcp_socket(place: str) -> Iterator[socket.socket]:
    host, _, port = place.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as refused:
        raise ListenRefused(place=place, reason=refused.strerror or "-") from None
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)  # of each connection
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as refused:
            raise ListenRefused(place=place, reason=refused.strerror or "-") from None
        yield listener


def _place(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
