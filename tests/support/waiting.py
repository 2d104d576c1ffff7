"""Waiting in tests: for what has to come, as long as a stalled machine may need; it costs nothing when all is well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 120.0
"""Seconds: longer than a shared machine stands still, shorter than a test may take (``timeout`` in pyproject.toml)."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something that has to come is there."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


@contextmanager
def standstill() -> Iterator[Callable[[], float]]:
    """Measure how long this process is held up by its machine, and give what tells the seconds so far.

    What is promised within a time is promised on a machine that runs: a test adds to it what this tells.
    """
    held = [0.0]
    end = threading.Event()

    def watch() -> None:
        while True:
            begun = time.monotonic()
            if end.wait(_TICK_SECONDS):
                return
            late = time.monotonic() - begun - _TICK_SECONDS
            held[0] += late if late > _TICK_SECONDS else 0.0

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield lambda: held[0]
    finally:
        end.set()
        watching.join()


_TICK_SECONDS = 0.1
"""Less is the usual waiting of threads for one another."""
