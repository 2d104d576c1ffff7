"""Waiting in tests: for what has to come, as long as a stalled machine may need; it costs nothing when all is well."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds: longer than a shared machine stands still, shorter than a test may take (``timeout`` in pyproject.toml)."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something that has to come is there."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
