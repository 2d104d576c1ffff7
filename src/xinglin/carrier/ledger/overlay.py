"""Changes on top of a version of the state: read through, write aside, keep or drop as a whole (D5.5).

Below them all is a ``ReadMemory``, so that what a block rests on can be compared with the state tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xinglin.carrier.ledger.ports import StateReader


class Overlay:
    """A state with changes on top; nested by giving one overlay as the base of another.

    ``changes`` maps a key to its new value, or None where it was removed.
    """

    __slots__ = ("_base", "changes")

    def __init__(self, base: StateReader) -> None:
        self._base = base
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value under a key, None when absent or removed."""
        if key in self.changes:
            return self.changes[key]
        return self._base.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Write a value."""
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key; absent is no error."""
        self.changes[key] = None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) of every key with the prefix, in bytewise order, changes included.

        What is written while the scan runs is not seen by it.
        """
        mine = sorted((key, value) for key, value in self.changes.items() if key.startswith(prefix))
        for key, value in _merged(self._base.scan(prefix), mine):
            if value is not None:
                yield key, value

    def keep(self, into: Overlay) -> None:
        """Hand all changes to the overlay below."""
        into.changes.update(self.changes)


class ReadMemory:
    """A state that remembers what was read of it: ``read`` maps each key to its value, or None where it was absent."""

    __slots__ = ("_base", "read")

    def __init__(self, base: StateReader) -> None:
        self._base = base
        self.read: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value under a key, None when absent."""
        try:
            return self.read[key]
        except KeyError:
            found = self.read[key] = self._base.get(key)
            return found

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) of every key with the prefix, in bytewise order, and remember those that are taken.

        They are compared with the state tree like values of ``get``. A row that the store has lost is not noticed, so
        a contract must not decide on absence by a scan.
        """
        for key, value in self._base.scan(prefix):
            self.read[key] = value
            yield key, value


def _merged(
    below: Iterator[tuple[bytes, bytes]], above: Sequence[tuple[bytes, bytes | None]]
) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield the items of both in order of keys; of a key that both have, the upper one."""
    at = 0
    for key, value in below:
        while at < len(above) and above[at][0] < key:
            yield above[at]
            at += 1
        if at == len(above) or above[at][0] != key:
            yield key, value
    yield from above[at:]
