"""The port of the state tree: any number of versions of one map from key hashes to value hashes (design D6).

What an implementation MUST do, beyond each method's own text:

- Roots follow docs/spec/state-tree.md and depend on the map only, never on the order or history of changes.
- A version never changes. Versions may be dropped in any order, and what only a dropped one held is freed.
- All methods may be called from any thread; an update may make readers wait.
- A refused call changes nothing.

The tree never sees a key or value, only their hashes, and never writes to a disk: whoever owns it keeps the
values, builds it again at start and compares the root.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TreeStats:
    """What a tree holds, all versions together."""

    versions: int
    nodes: int
    leaves: int
    reserved_bytes: int


class StateTree(ABC):
    """A versioned map with a root hash; ``kh`` is the hash of a key, ``vh`` of a value, 32 bytes each."""

    @abstractmethod
    def empty(self) -> int:
        """Make a version with no keys and return its number."""

    @abstractmethod
    def update(self, base: int, khs: Sequence[bytes], vhs: Sequence[bytes | None]) -> int:
        """Make a version from another and return its number, higher than any before.

        Args:
            base: the version to start from; it stays as it is and as long as it did.
            khs: the keys that change, in any order, each once.
            vhs: for each key its new value hash, None to delete it. Deleting a key that is not there changes
                nothing.

        Raises:
            TreeVersionUnknown: there is no version ``base``.
            TreeKeyDuplicate: a key occurs twice.
            LengthInvalid: a hash is not 32 bytes, or the two sequences differ in length.
        """

    @abstractmethod
    def drop(self, version: int) -> None:
        """Let a version go; raises ``TreeVersionUnknown``."""

    @abstractmethod
    def root(self, version: int) -> bytes:
        """Return the root hash, 32 zero bytes for no keys; raises ``TreeVersionUnknown``."""

    @abstractmethod
    def get_many(self, version: int, khs: Sequence[bytes]) -> list[bytes | None]:
        """Return the value hash of each key, None for a key that is not there.

        Raises:
            TreeVersionUnknown: there is no such version.
            LengthInvalid: a hash is not 32 bytes.
        """

    @abstractmethod
    def prove_many(self, version: int, khs: Sequence[bytes]) -> list[bytes]:
        """Return a proof of presence or absence for each key, encoded (``proof.StateProof``).

        Raises:
            TreeVersionUnknown: there is no such version.
            LengthInvalid: a hash is not 32 bytes.
        """

    @abstractmethod
    def subtree(self, version: int, prefix: bytes, bits: int) -> bytes:
        """Return all keys under a prefix with the way down to them, encoded (``proof.StateSubtree``).

        Args:
            version: which version.
            prefix: 32 bytes, of which the first ``bits`` bits count.
            bits: 0 for the whole tree, at most 256.

        Raises:
            TreeVersionUnknown: there is no such version.
            LengthInvalid: ``prefix`` is not 32 bytes, or ``bits`` out of range.
        """

    @abstractmethod
    def stats(self) -> TreeStats:
        """Return what the tree holds; tests tell by it that nothing is kept which no version needs."""

    @abstractmethod
    def close(self) -> None:
        """Free everything; no version is known afterwards. Closing twice does nothing."""
