"""The key hierarchy of a home, in this one place (D10; S8.2d).

    key of the key store -> institution key -> key of a patient -> secrets of a record
                                            -> index key, lookup key, other keys by purpose

The institution key is random, kept in the keyring encrypted to the key store. What hangs on it by derivation can't be
destroyed apart from it; patient keys and record secrets are random rows and can. This module stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.hashing import Tag, preimage, tagged

LOOKUP_BYTES = 16
"""Length of a keyed hash by which a row is found."""
Randomness = Callable[[int], bytes]
"""Returns that many unpredictable bytes."""


class InstitutionKeys:
    """The keys that derive from one institution key.

    Args:
        suite: the home's suite.
        root: the institution key, 32 bytes.
    """

    def __init__(self, suite: Suite, root: bytes) -> None:
        self.suite = suite
        self._root = root
        self._lookup = self.derive("lookup")

    def derive(self, purpose: str) -> bytes:
        """Return the key for one purpose: H("vault-key", root, purpose), cut to the length of a sealing key."""
        return tagged(self.suite.hash, Tag.VAULT_KEY, self._root, purpose)[: self.suite.key_size]

    def lookups(self, values: Sequence[tuple[int | bytes, ...]]) -> list[bytes]:
        """Return a keyed hash of each value, 16 bytes: equal for equal values, telling nothing without the key."""
        images = [preimage(Tag.VAULT_LOOKUP, self._lookup, value) for value in values]
        return [digest[:LOOKUP_BYTES] for digest in self.suite.hash_many(images)]

    def sealer(self, purpose: str) -> Sealer:
        """Return what seals under the key of one purpose."""
        return Sealer(self.suite, self.derive(purpose))


class Sealer:
    """Seals and opens many small values under one key; ``aads`` bind each to its place."""

    def __init__(self, suite: Suite, key: bytes) -> None:
        self._suite = suite
        self._key = key

    def seal(self, plaintext: bytes, aad: bytes = b"") -> bytes:
        """Return one value sealed."""
        return self._suite.seal(self._key, plaintext, aad)

    def open(self, sealed: bytes, aad: bytes = b"") -> bytes:
        """Return one value opened.

        Raises:
            OpenFailed: it was altered or belongs elsewhere.
        """
        return self._suite.open(self._key, sealed, aad)

    def seal_many(self, plaintexts: Sequence[bytes], aads: Sequence[bytes]) -> list[bytes]:
        """Return each value sealed."""
        return self._suite.seal_many([self._key] * len(plaintexts), plaintexts, aads)

    def open_many(self, sealed: Sequence[bytes], aads: Sequence[bytes]) -> list[bytes | None]:
        """Return each value opened, None where it does not open."""
        return self._suite.open_many([self._key] * len(sealed), sealed, aads)
