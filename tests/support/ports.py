"""Ports of loopback for what a test starts: nobody else's, in whatever processes tests run beside one another.

A port that nobody listens on now may be somebody's when it is bound, seconds later, or when a node is started again.
So each process that runs tests has a block of its own, as long as it lives; ports in it are given one after the other.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TextIO

_FIRST, _BLOCKS, _PORTS = 10_000, 50, 200
"""Below those that the product draws from, and that systems give to clients."""
_given = [0]


@cache
def _block() -> tuple[int, TextIO]:
    """Return the first port of this process's block, and the file whose lock says so until the process ends."""
    folder = Path(tempfile.gettempdir()) / f"xinglin-test-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(_BLOCKS):
        held = (folder / str(number)).open("a")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            continue
        return _FIRST + number * _PORTS, held
    raise AssertionError(f"{_BLOCKS} processes run tests on this machine already")


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """Return the first of so many ports in a row that nobody listens on, and that no other test process is given."""
    first, _ = _block()
    for _ in range(_PORTS):
        if _given[0] + count > _PORTS:
            _given[0] = 0
        base = first + _given[0]
        _given[0] += count
        if _free(base, count, host):
            return base
    raise AssertionError(f"no {count} of the ports from {first} on are free")


def free_port() -> int:
    """Return such a port."""
    return free_ports(1)


def _free(base: int, count: int, host: str) -> bool:
    with ExitStack() as stack:
        try:
            for port in range(base, base + count):
                stack.enter_context(socket.socket()).bind((host, port))
        except OSError:
            return False
    return True
