"""The values of a chain's newest state that were compared with the tree already: looked up once, not at each question.

What is here was compared under the version of the tree that it is kept for. A block takes out what it changes, so that
nothing else than the committed value is ever given; who compared under an earlier version keeps nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import EllipsisType

MAX_KEPT = 65_536
MAX_VALUE_BYTES = 1_024
"""Larger values are not kept, so that this stays within some ten megabytes."""


class ComparedValues:
    """Compared values of one version of the state. Usable from any thread.

    Args:
        version: of the tree, as the ledger numbers it.
    """

    def __init__(self, version: int) -> None:
        self._version = version
        self._kept: dict[bytes, bytes | None] = {}
        self._lock = threading.Lock()

    def get(self, key: bytes) -> bytes | EllipsisType | None:
        """Return what is known of a key (None: there is no such value), ``...`` when it has to be compared."""
        return self._kept.get(key, ...)

    def get_many(self, keys: Iterable[bytes]) -> tuple[dict[bytes, bytes | None], list[bytes]]:
        """Return what is known of keys (None: there is no such value), and the keys that have to be compared."""
        known: dict[bytes, bytes | None] = {}
        unknown: list[bytes] = []
        with self._lock:
            for key in keys:
                if key in self._kept:
                    known[key] = self._kept[key]
                else:
                    unknown.append(key)
        return known, unknown

    def keep(self, version: int, compared: Mapping[bytes, bytes | None]) -> None:
        """Keep what was compared under a version; nothing if a block has been committed since."""
        small = {key: value for key, value in compared.items() if value is None or len(value) <= MAX_VALUE_BYTES}
        with self._lock:
            if version != self._version:
                return
            if len(self._kept) + len(small) > MAX_KEPT:
                self._kept.clear()
            self._kept.update(small)

    def move(self, version: int, changed: Iterable[bytes]) -> None:
        """Go on to the version after a block, without what the block changed."""
        with self._lock:
            self._version = version
            for key in changed:
                self._kept.pop(key, None)
