"""Logs of a network's nodes: their last lines, and what is written from now on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.node.network_tool.folder import NetworkFolder, NetworkNode

_TAIL_BYTES = 64 << 10
_LOOK_SECONDS = 0.2
_PART_BYTES = 1 << 16


def log_of(network: NetworkFolder, node: NetworkNode, *, engine: bool) -> Path:
    """Return the log of a node's process, or of its engine."""
    return EngineHome(node.engine_folder(network.chain)).log if engine else node.serve_log


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, as far as they lie in its last 64 KiB; none where there is no log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            data = file.read(_TAIL_BYTES)
    except FileNotFoundError:
        return []
    return data.decode(errors="replace").splitlines()[-lines:] if lines else []


def follow_log(path: Path, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Yield each line that is written from now on, also when the log begins anew under its name.

    Args:
        path: the log; it may not be there yet.
        wait: sleeps; for tests.
    """
    place = path.stat().st_size if path.exists() else 0
    kept, node = b"", _node(path)
    while True:
        if _node(path) != node or (path.exists() and path.stat().st_size < place):
            place, kept, node = 0, b"", _node(path)  # it was put aside or cut, and begins anew
        try:
            with path.open("rb") as file:
                file.seek(place)
                part = file.read(_PART_BYTES)
        except FileNotFoundError:
            part = b""
        place += len(part)
        *whole, kept = (kept + part).split(b"\n")
        kept = kept[-_PART_BYTES:]  # a line that never ends is not kept whole
        for line in whole:
            yield line.decode(errors="replace")
        if not part:
            wait(_LOOK_SECONDS)


def _node(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
