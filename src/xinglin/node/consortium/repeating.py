"""Looks at something again and again while a node runs: the thread that its keepers have in common."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Repeating:
    """Calls a look every so many seconds on a thread of its own. Start it once; close it.

    Args:
        what: is done, for the thread's name and the log: ``changing peers``.
        look: is called; what it raises is logged, and the next one comes: a thread that ended would do nothing more.
        seconds: before the first look, and between two.
    """

    def __init__(self, what: str, look: Callable[[], None], seconds: float) -> None:
        self._what = what
        self._look = look
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=what.replace(" ", "-"), daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop; a look that is under way is waited for."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._look()
            except Exception as fault:  # noqa: BLE001  (see ``look``)
                logger.error("%s met a fault: %s", self._what, getattr(fault, "code", type(fault).__name__))
