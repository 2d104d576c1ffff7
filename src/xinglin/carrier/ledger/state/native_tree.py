"""The state tree of the native library: in memory, compact, copy-on-write (native/internal/statetree; design D6).

It never holds a key or value, and nothing of it survives the process.
"""

from __future__ import annotations

import sys
import weakref
from array import array
from collections.abc import Sequence

from xinglin.carrier.crypto import native
from xinglin.carrier.crypto.errors import LengthInvalid
from xinglin.carrier.crypto.native import buffer, check, lib, pieces
from xinglin.carrier.crypto.native_suite import joined, same_count
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.state.errors import TreeKeyDuplicate, TreeVersionUnknown
from xinglin.carrier.ledger.state.tree import StateTree, TreeStats

_DELETED = bytes(32)
_EXPECTED_PROOF_BYTES = 1024  # a proof is about 700 bytes at a million keys; longer ones cost a second call
_EXPECTED_SUBTREE_BYTES = 1 << 20


class NativeTree(StateTree):
    """A state tree in the native library's memory, freed by ``close`` or with the object.

    Args:
        suite: gives the hash.
    """

    def __init__(self, suite: Suite) -> None:
        handle = buffer(8)
        check(lib.xl_tree_new(suite.hash_number, handle))
        self._handle = _number(handle.raw)
        self._finalizer = weakref.finalize(self, _close, self._handle)

    def empty(self) -> int:
        """See ``StateTree.empty``."""
        version = buffer(8)
        check(lib.xl_tree_empty(self._handle, version))
        return _number(version.raw)

    def update(self, base: int, khs: Sequence[bytes], vhs: Sequence[bytes | None]) -> int:
        """See ``StateTree.update``."""
        same_count(len(khs), vhs, "value hashes")
        keys = joined(khs, 32, "key hash")
        values = joined([_DELETED if vh is None else vh for vh in vhs], 32, "value hash")
        version = buffer(8)
        status = lib.xl_tree_update(self._handle, base, keys, values, len(khs), version)
        if status == native.DUPLICATE:
            raise TreeKeyDuplicate(keys=len(khs))
        self._check(status, base)
        return _number(version.raw)

    def drop(self, version: int) -> None:
        """See ``StateTree.drop``."""
        self._check(lib.xl_tree_drop(self._handle, version), version)

    def root(self, version: int) -> bytes:
        """See ``StateTree.root``."""
        root = buffer(32)
        self._check(lib.xl_tree_root(self._handle, version, root, buffer(8)), version)
        return root.raw

    def get_many(self, version: int, khs: Sequence[bytes]) -> list[bytes | None]:
        """See ``StateTree.get_many``."""
        keys, values = joined(khs, 32, "key hash"), buffer(32 * len(khs))
        self._check(lib.xl_tree_get(self._handle, version, keys, len(khs), values), version)
        return [None if value == _DELETED else value for value in pieces(values.raw, 32)]

    def prove_many(self, version: int, khs: Sequence[bytes]) -> list[bytes]:
        """See ``StateTree.prove_many``."""
        keys, capacity = joined(khs, 32, "key hash"), _EXPECTED_PROOF_BYTES * len(khs)
        while True:
            out, lengths = buffer(capacity), buffer(8 * len(khs))
            status = lib.xl_tree_prove_many(self._handle, version, keys, len(khs), out, capacity, lengths)
            self._check(status, version)
            sizes = array("Q", lengths.raw)
            if sum(sizes) <= capacity:
                return _cut(out.raw, sizes)
            capacity = sum(sizes)

    def subtree(self, version: int, prefix: bytes, bits: int) -> bytes:
        """See ``StateTree.subtree``."""
        if not 0 <= bits <= 256:
            raise LengthInvalid(what="prefix in bits", found=bits, needed="0 to 256")
        start, capacity = joined((prefix,), 32, "prefix"), _EXPECTED_SUBTREE_BYTES
        while True:
            out, length = buffer(capacity), buffer(8)
            status = lib.xl_tree_subtree(self._handle, version, start, bits, out, capacity, length)
            self._check(status, version)
            size = _number(length.raw)
            if size <= capacity:
                return out.raw[:size]
            capacity = size

    def stats(self) -> TreeStats:
        """See ``StateTree.stats``."""
        numbers = buffer(32)
        check(lib.xl_tree_stats(self._handle, numbers))
        return TreeStats(*array("Q", numbers.raw))

    def close(self) -> None:
        """See ``StateTree.close``."""
        self._finalizer()

    def _check(self, status: int, version: int) -> None:
        if status == native.UNKNOWN:
            raise TreeVersionUnknown(version=version)
        check(status)


def _close(handle: int) -> None:
    lib.xl_tree_close(handle)


def _number(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)


def _cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    items, start = [], 0
    for size in sizes:
        items.append(data[start : start + size])
        start += size
    return items
