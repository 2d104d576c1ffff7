"""What asks a ledger which keys its blocks have changed, so that nobody need go through the state to see (D6)."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Watch:
    """The keys under a prefix that committed blocks changed and that were not taken yet. Usable from any thread.

    Args:
        prefix: of keys of the state.
    """

    __slots__ = ("_changed", "_lock", "_prefix")

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._changed: set[bytes] = set()
        self._lock = threading.Lock()

    def note(self, changed: Iterable[bytes]) -> None:
        """Note which keys a block changed, written or deleted."""
        mine = [key for key in changed if key.startswith(self._prefix)]
        if mine:
            with self._lock:
                self._changed.update(mine)

    def take(self) -> set[bytes]:
        """Return the keys that were noted since this was called last."""
        with self._lock:
            taken, self._changed = self._changed, set()
        return taken
