"""One request to one node, by HTTP over TCP, TLS or a Unix socket: bounded in time and bytes whatever the node does.

Decides nothing about what an answer means. A connection is used for one request: a node that died is met at once.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from xinglin.node.remote.errors import NodeAddressInvalid, NodeAway, NodeUnreached
from xinglin.node.remote.forms import Answer
from xinglin.node.remote.local import connect_unix
from xinglin.node.remote.tls import context_of

_HTTP = re.compile(
    r"http(?P<tls>s?)://(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):(?P<port>[0-9]{1,5})/?", re.ASCII
)
_MAX_PORT = 65_535
_READ = 65_536
_NO_TIME = "its time is over"
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node listens: host and port, or the path of a Unix socket.

    ``tls``: its listener is behind a TLS proxy, whose certificate has to be of ``host``; ``ca_file``: of an authority
    in this file, one of the system's where it is empty.
    """

    text: str
    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False
    ca_file: str = ""


def is_own(text: str) -> bool:
    """Whether an address is of a node of this very user, who alone can open its socket."""
    return text.startswith("unix:")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: method, path with query, body, headers; within how many seconds, for at most how many bytes."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    seconds: float = 30.0
    max_bytes: int = 1 << 20


def parse_address(text: str, ca_file: str = "") -> Address:
    """Return the address that a text is.

    Args:
        text: ``http://HOST:PORT``, ``https://HOST:PORT`` or ``unix:/PATH``.
        ca_file: of the authorities for ``https``; the system's where it is empty.

    Raises:
        NodeAddressInvalid: it is none of these.
    """
    found = _HTTP.fullmatch(text)
    if found is not None and 0 < int(found["port"]) <= _MAX_PORT:
        host, port, tls = found["host"].strip("[]"), int(found["port"]), bool(found["tls"])
        return Address(text, host=host, port=port, tls=tls, ca_file=ca_file if tls else "")
    if text.startswith("unix:/") and text.isprintable():
        return Address(text, path=text.removeprefix("unix:"))
    raise NodeAddressInvalid(address=text[:200])


def ask(address: Address, asked: Ask) -> Answer:
    """Ask a node.

    Raises:
        AuthoritiesInvalid: the file of authorities can't be used.
        NodeUnreached: no connection, or no certificate that holds; the node was told nothing.
        NodeAway: no answer in time, too large an answer, or none that is HTTP. The node may have taken the request.
    """
    seconds = min(asked.seconds, CONNECT_SECONDS)
    over = threading.Event()
    if address.path:
        connection: http.client.HTTPConnection = _UnixConnection(address.path)
    elif address.tls:
        connection = _TlsConnection(address, seconds, context_of(address.ca_file), over)
    else:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    # Each read has its own time-out; a node that sends a byte now and then is cut off by the clock.
    timer = threading.Timer(asked.seconds, _cut, (connection, over))
    timer.daemon = True
    timer.start()
    try:
        with closing(connection):
            try:
                connection.connect()
            except (OSError, ValueError) as fault:  # ValueError: a host that can be no name, as "a..b"
                raise NodeUnreached(address=address.text, reason=_reason(fault)) from None
            if over.is_set():  # there may have been no connection yet that could be cut
                raise NodeUnreached(address=address.text, reason=_NO_TIME)
            return _answered(address, connection, asked, over)
    finally:
        timer.cancel()


def _answered(address: Address, connection: http.client.HTTPConnection, asked: Ask, over: threading.Event) -> Answer:
    try:
        connection.sock.settimeout(asked.seconds)
        connection.request(asked.method, asked.path, asked.body or None, dict(asked.headers or {}))
        return _read(address, connection.getresponse(), asked.max_bytes, over)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise NodeAway(address=address.text, reason=_reason(fault)) from None


def _reason(fault: Exception) -> str:
    certificate = getattr(fault, "verify_message", "")  # what the library says of it is short and has no full stop
    return certificate.rstrip(".") or str(getattr(fault, "strerror", None) or type(fault).__name__)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = Path(path)

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = connect_unix(self._path)


class _TlsConnection(http.client.HTTPConnection):
    """Has the socket that ``_cut`` needs before the handshake, which takes as long as the other side likes."""

    default_port = 443

    def __init__(self, address: Address, seconds: float, context: ssl.SSLContext, over: threading.Event) -> None:
        super().__init__(address.host, address.port, timeout=seconds)
        self._context = context
        self._over = over

    def connect(self) -> None:
        """Connect, and shake hands."""
        super().connect()
        secured = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = secured
        if self._over.is_set():
            raise TimeoutError
        secured.do_handshake()


def _cut(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    over.set()
    cut = connection.sock
    if cut is not None:
        with suppress(OSError):
            # Not the method of a TLS socket: that forgets its keys, and the next read would take what is in clear.
            socket.socket.shutdown(cut, socket.SHUT_RDWR)


def _read(address: Address, response: http.client.HTTPResponse, max_bytes: int, over: threading.Event) -> Answer:
    parts: list[bytes] = []
    size = 0
    while part := response.read(_READ):
        if over.is_set():
            raise NodeAway(address=address.text, reason=_NO_TIME)
        size += len(part)
        if size > max_bytes:
            raise NodeAway(address=address.text, reason="its answer is too large")
        parts.append(part)
    if response.length:  # the library takes the end of a connection for the end of an answer
        raise NodeAway(address=address.text, reason="its answer is cut off")
    after = response.getheader("retry-after", "")
    return Answer(response.status, b"".join(parts), float(after) if after.isdecimal() and len(after) < 4 else 0.0)
