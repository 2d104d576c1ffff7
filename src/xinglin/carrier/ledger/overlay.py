"""Changes on top of a version of the state: read through, write aside, keep or drop as a whole (D5.5)."""

from __future__ import annotations

from collections.abc import Iterator

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
        """Yield (key, value) of every key with the prefix, in bytewise order, changes included."""
        mine = {key: value for key, value in self.changes.items() if key.startswith(prefix)}
        if not mine:
            yield from self._base.scan(prefix)
            return
        merged: dict[bytes, bytes | None] = dict(self._base.scan(prefix)) | mine
        for key in sorted(merged):
            value = merged[key]
            if value is not None:
                yield key, value

    def keep(self, into: Overlay) -> None:
        """Hand all changes to the overlay below."""
        into.changes.update(self.changes)
