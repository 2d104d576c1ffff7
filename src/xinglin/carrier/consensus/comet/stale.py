"""Finds and stops engines that run in a home already: left by a node that was killed.

They are known by their command line, read from ``/proc``, not by a number in a file, which may have gone to another
process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

from xinglin.carrier.consensus.comet.errors import EngineHomeInUse

_PROC = Path("/proc")
_MAX_COMMAND = 8192
_RUNNING = ([b"start"], [b"inspect"])


def strays(home: Path) -> list[int]:
    """Return the processes that run or inspect an engine in a home (``cometbft start --home HOME``)."""
    return [pid for pid in _pids() if _is_engine_of(pid, home)]


def stop_strays(home: Path, seconds: float) -> list[int]:
    """Stop them in order, killing what takes longer than so many seconds, and return which there were.

    Raises:
        EngineHomeInUse: one can't be stopped.
    """
    found = strays(home)
    for pid in found:
        try:
            _stop(pid, home, seconds)
        except PermissionError:
            raise EngineHomeInUse(pid=pid, home=str(home)) from None
    return found


def _stop(pid: int, home: Path, seconds: float) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle names this process for good; looked at once more, it can't be another's.
        if not _is_engine_of(pid, home):
            return
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if _ended(handle, seconds):
            return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not _ended(handle, seconds):
            raise EngineHomeInUse(pid=pid, home=str(home))
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _ended(handle: int, seconds: float) -> bool:
    """Wait until the process of a handle has ended; tell whether it has."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(int(seconds * 1000)))


def _pids() -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError):
        for entry in _PROC.iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                yield int(entry.name)


def _is_engine_of(pid: int, home: Path) -> bool:
    try:
        with (_PROC / str(pid) / "cmdline").open("rb") as file:
            words = file.read(_MAX_COMMAND).split(b"\0")
    except OSError:
        return False
    return words[1:2] in _RUNNING and words[2:4] == [b"--home", os.fsencode(home)]
