"""A clock that a test holds, for modules that read ``time``."""

from __future__ import annotations


class Clock:
    """Tells the last of a list of seconds, as the time of day and as the time that never goes back."""

    def __init__(self, seconds: list[float]) -> None:
        self._seconds = seconds

    def time(self) -> float:
        """Return the last second."""
        return self._seconds[-1]

    monotonic = time
