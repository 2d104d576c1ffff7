"""All of the state after a height, from a view of the store and the undo records since (design D6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import StoreDamaged
from xinglin.carrier.ledger.store import Snapshot
from xinglin.carrier.ledger.undo import replaced_since
from xinglin.carrier.ledger.versions import StateVersions

_PROOF_BYTES = 80
"""The hashes of a key and of its value, as they are encoded."""


@dataclass(frozen=True, slots=True)
class WholeState:
    """All of the state after the height of ``head``; ``view`` is of that height or a later one."""

    head: Head
    view: Snapshot
    _replaced: Mapping[bytes, bytes | None]
    _versions: StateVersions
    _version: int

    @property
    def bytes_at_most(self) -> int:
        """What keys, values and the proof of all of it have at most, in bytes; it is not read for that."""
        old = sum(len(key) + len(value or b"") for key, value in self._replaced.items())
        return self.view.size("state") + old + _PROOF_BYTES * (self.view.count("state") + len(self._replaced))

    def keys(self) -> Iterator[bytes]:
        """Yield every key once, in no order."""
        yield from (key for key, _ in self.view.items("state") if key not in self._replaced)
        yield from (key for key, value in self._replaced.items() if value is not None)

    def value(self, key: bytes) -> bytes:
        """Return the value of one of the keys."""
        value = self._replaced[key] if key in self._replaced else self.view.get("state", key)
        return value or b""

    def subtree(self, prefix: bytes, bits: int) -> bytes:
        """Return all keys under a prefix, proven (``state.proof.StateSubtree``)."""
        return self._versions.subtree(self._version, prefix, bits)


@contextmanager
def state_after(
    head: Head, view: Snapshot, versions: StateVersions, version: int, *, made: bool
) -> Iterator[WholeState]:
    """Give all of the state after a head.

    Args:
        head: of a height of which every undo record since is there.
        view: a view of the store.
        versions: the tree.
        version: of it, the view's; or, if ``made``, the one after the head.
        made: see ``version``.

    Raises:
        StoreDamaged: the undo records don't lead to the head.
    """
    with ExitStack() as stack:
        replaced = replaced_since(view, head.chain, head.height)
        if not made and replaced:
            version = versions.change(version, replaced)
            stack.callback(versions.drop, version)
        if versions.root(version) != head.state_root:
            raise StoreDamaged(chain=head.chain, what=f"its undo records don't lead to height {head.height}")
        yield WholeState(head, view, replaced, versions, version)
