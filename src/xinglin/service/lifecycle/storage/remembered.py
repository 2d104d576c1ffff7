"""Answers that are kept as long as what they were made from stays the same.

Whoever remembers names a version, which changes with every change of what an answer rests on. It is asked for at each
question, and before the answer is made: what is changed meanwhile is of a later version, so that an answer which has
only half of it is never given again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Versions:
    """The versions of several stores. Usable from any thread.

    Args:
        **stores: for each, by name, what returns its version.
    """

    def __init__(self, **stores: Callable[[], Hashable]) -> None:
        self._stores = stores
        self._work = threading.local()

    def of(self, *names: str) -> Callable[[], Hashable]:
        """Return what returns the versions of some of the stores together: equal only if none of them changed."""
        return lambda: tuple(map(self._version, names))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Ask each store once at most, when it is first needed, in a piece of work on this thread.

        What was changed before the piece of work began is seen in it; what is changed during it, perhaps.
        """
        if getattr(self._work, "seen", None) is not None:
            raise AssertionError("a piece of work in another would see less than it should")
        self._work.seen = {}
        try:
            yield
        finally:
            self._work.seen = None

    def _version(self, name: str) -> Hashable:
        seen: dict[str, Hashable] | None = getattr(self._work, "seen", None)
        if seen is None:
            return self._stores[name]()
        if name not in seen:
            seen[name] = self._stores[name]()
        return seen[name]


class Remembered(Generic[K, V]):
    """Answers by question, those of one version. Usable from any thread.

    Args:
        version: returns what changes with every change; compared and no more.
        most: answers that are kept; the one that was not asked for longest goes first.
    """

    def __init__(self, version: Callable[[], Hashable], most: int) -> None:
        self._version = version
        self._most = most
        self._as_of: Hashable = None
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the answer to a question, made if there is none of the present version; raises what ``make`` does."""
        version = self._version()
        with self._lock:
            if version != self._as_of:
                self._kept.clear()
                self._as_of = version
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if version == self._as_of:
                self._kept[key] = made
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return made
