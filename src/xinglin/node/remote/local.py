"""Unix sockets of homes: connecting however long a path is, and which process listens (design D13)."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_NAME = "node.sock"
"""The local socket of a served home."""
_PEER = struct.Struct("iII")


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Give a name of a path that fits into a socket's address (108 bytes), through its folder's descriptor."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect_unix(path: Path) -> socket.socket:
    """Return a connection to a Unix socket, however long its path is; raises OSError."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_name(path) as name:
            connected.connect(name)
    except BaseException:
        connected.close()
        raise
    return connected


def serving_process(home: Path) -> int | None:
    """Return the process that serves a home, None when nobody listens at its socket."""
    try:
        with connect_unix(home / SOCKET_NAME) as connected:
            process, _, _ = _PEER.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    except OSError:
        return None
    return int(process)
