"""One bundle under check: what its steps have established so far, and what a step hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import Bundle
from xinglin.carrier.ledger.checkpoint import SignedNote
from xinglin.carrier.ledger.model import Epoch
from xinglin.carrier.ledger.proof import require
from xinglin.carrier.ledger.trust import Trust
from xinglin.kernel.encoding import state_key

Said = int | str | bytes | tuple[str, ...]
"""A fact that a step says: a number, hash or id, or several ids. Times are in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step that passed says, and whether it leaves the trust open."""

    facts: Mapping[str, Said] = field(default_factory=dict)
    open: bool = False


def said(**facts: Said) -> Outcome:
    """Return the outcome of a step that passed and says these facts."""
    return Outcome(facts)


@dataclass
class Case:
    """The bundle, and each finding beside the step that makes it."""

    data: bytes
    given: Trust | bytes | None
    bundle: Bundle = field(init=False)  # P1
    strange: dict[str, int] = field(default_factory=dict)  # P1: suite or profile that is not known here
    suite: Suite = field(init=False)  # P2
    chain: str = field(init=False)  # P2
    genesis_hash: bytes = field(init=False)  # P2
    trust: Trust | None = field(init=False)  # P3
    epochs: list[Epoch] = field(init=False)  # P2 and P4
    note: SignedNote = field(init=False)  # P5
    states: dict[bytes, bytes | None] = field(init=False)  # P11
    signers: list[KeyState] = field(init=False)  # P12
    used: set[bytes] = field(default_factory=set)  # P12 to P14

    def epoch_at(self, height: int) -> Epoch:
        """Return the epoch in force at a height (N5)."""
        return [epoch for epoch in self.epochs if epoch.from_height <= height][-1]

    def state(self, step: str, namespace: str, *parts: str | bytes) -> bytes | None:
        """Return what the states say of a key, None when it is absent, and note that it was needed.

        Raises:
            ProofInvalid: the key is not among the states shown.
        """
        key = state_key(namespace, *parts)
        require(step, key in self.states, f"the state of {namespace} {parts[0]!r} is not shown")
        self.used.add(key)
        return self.states[key]

    def present(self, step: str, namespace: str, *parts: str | bytes) -> bytes:
        """Return the value of a key that must not be absent; raises as ``state``."""
        value = self.state(step, namespace, *parts)
        require(step, value is not None, f"the state has no {namespace} {parts[0]!r}")
        return value or b""
