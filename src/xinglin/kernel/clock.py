"""The clock port. The real clock is built in ``xinglin.node``; rules never ask for the present time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells the present time."""

    def now_ms(self) -> int:
        """Return whole milliseconds since 1970-01-01T00:00:00Z."""
        ...
