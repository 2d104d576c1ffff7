"""The state tree of a ledger, in keys and values: building, changing, comparing, proving (design D6).

The tree knows hashes only; here they are made, many at a time. Whoever gets a version's number owns it and drops it.
Keeps no value: values are in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.state.native_tree import NativeTree

_LOAD_SLICE = 100_000


class StateVersions:
    """Versions of the state of one chain.

    Args:
        suite: gives the hash.
    """

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._tree = NativeTree(suite)

    def close(self) -> None:
        """Free every version."""
        self._tree.close()

    def load(self, items: Iterable[tuple[bytes, bytes]]) -> int:
        """Build a version from all keys and values, a slice at a time so that memory stays flat."""
        version, rest = self._tree.empty(), iter(items)
        while batch := dict(islice(rest, _LOAD_SLICE)):
            newer = self.change(version, batch)
            self.drop(version)
            version = newer
        return version

    def change(self, base: int, changes: Mapping[bytes, bytes | None]) -> int:
        """Make a version from another; a value of None removes the key."""
        values = list(changes.values())
        hashes = iter(self._suite.hash_many([value for value in values if value is not None]))
        value_hashes = [None if value is None else next(hashes) for value in values]
        return self._tree.update(base, self._suite.hash_many(list(changes)), value_hashes)

    def copy(self, version: int) -> int:
        """Make a version that is the same and may outlive the other."""
        return self._tree.update(version, (), ())

    def drop(self, version: int) -> None:
        """Let a version go."""
        self._tree.drop(version)

    def root(self, version: int) -> bytes:
        """Return the state root."""
        return self._tree.root(version)

    def hold(self, version: int, said: Mapping[bytes, bytes | None]) -> bool:
        """Tell whether every key has the value that is said of it, None for absent."""
        present = {key: value for key, value in said.items() if value is not None}
        hashes = dict(zip(present, self._suite.hash_many(list(present.values())), strict=True))
        found = self._tree.get_many(version, self._suite.hash_many(list(said)))
        return found == [hashes.get(key) for key in said]

    def prove(self, version: int, keys: Sequence[bytes]) -> list[bytes]:
        """Return the proof of each key."""
        return self._tree.prove_many(version, self._suite.hash_many(list(keys)))

    def subtree(self, version: int, prefix: bytes, bits: int) -> bytes:
        """Return all keys under a prefix, proven (``state.proof.StateSubtree``)."""
        return self._tree.subtree(version, prefix, bits)
