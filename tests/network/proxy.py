"""A TCP proxy before an engine's P2P port that cuts off what comes from the other side of a partition.

All engines are on one host, so a connection is told apart by whose process holds its other end, as ``/proc`` says.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Origin = Callable[[int], str]
"""Says which node's engine connects from a local port; empty if none is found."""
_TCP_FIELDS = (1, 2, 9)


def socket_owner(port: int, to_port: int, pids: dict[str, int]) -> str:
    """Return the name whose process has the connection from ``port`` to ``to_port`` of loopback; empty if none has."""
    near, far = f"0100007F:{port:04X}", f"0100007F:{to_port:04X}"
    inode = ""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if (words[_TCP_FIELDS[0]], words[_TCP_FIELDS[1]]) == (near, far):
            inode = f"socket:[{words[_TCP_FIELDS[2]]}]"
    for name, pid in pids.items():
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if inode and str(entry.readlink()) == inode:
                        return name
    return ""


class Partition:
    """Which nodes hear one another; all, until ``split``."""

    def __init__(self) -> None:
        self._sides: dict[str, int] = {}
        self._open: list[tuple[str, str, tuple[socket.socket, socket.socket]]] = []
        self._lock = threading.Lock()
        self.cut = 0

    def split(self, groups: tuple[tuple[str, ...], ...]) -> None:
        """Cut every connection between groups, and let none begin."""
        with self._lock:
            self._sides = {name: number for number, group in enumerate(groups) for name in group}
            for source, target, both in self._open:
                if not self._together(source, target):
                    self.cut += 1
                    _end(both)

    def heal(self) -> None:
        """Let all through."""
        with self._lock:
            self._sides = {}

    def join(self, source: str, target: str, both: tuple[socket.socket, socket.socket]) -> bool:
        """Take note of a connection; tell whether it may be."""
        with self._lock:
            if not self._together(source, target):
                self.cut += 1
                return False
            self._open = [one for one in self._open if one[2][0].fileno() >= 0]
            self._open.append((source, target, both))
            return True

    def _together(self, source: str, target: str) -> bool:
        return not self._sides or (source in self._sides and self._sides[source] == self._sides.get(target))


class Proxy:
    """Forwards connections to one node's engine as long as the partition lets it."""

    def __init__(self, node: str, port: int, target: int, partition: Partition, pids: Callable[[], dict[str, int]]):
        self._node = node
        self._port, self._target = port, target
        self._partition = partition
        self._pids = pids
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, address[1]), daemon=True).start()

    def _serve(self, client: socket.socket, port: int) -> None:
        source = socket_owner(port, self._port, self._pids())
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._target), 5) as engine:
            engine.settimeout(None)
            both = (client, engine)
            if not self._partition.join(source, self._node, both):
                return
            up = threading.Thread(target=_pump, args=(client, engine, both), daemon=True)
            up.start()
            _pump(engine, client, both)
            up.join(5)


def _pump(source: socket.socket, sink: socket.socket, both: tuple[socket.socket, socket.socket]) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            sink.sendall(part)
    _end(both)


def _end(both: tuple[socket.socket, socket.socket]) -> None:
    for one in both:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
