"""What a client holds of its submissions while it settles them, and how sure it wants to be (S6.2f; NH22 to NH27)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from xinglin.carrier.consensus.ports import Committed
from xinglin.kernel.errors import PlatformError
from xinglin.node.remote.errors import CommitmentUnproven
from xinglin.node.remote.forms import Answer, CommittedSaid
from xinglin.node.remote.transport import Address, Ask


class Assurance(StrEnum):
    """What stands behind an answer: a node's word; a log that the node shows; a head that a quorum signed."""

    TOLD = "told"
    NODE = "node"
    QUORUM = "quorum"


@dataclass(frozen=True, slots=True)
class Assured(Committed):
    """Where a transaction went, and what stands behind that.

    ``assurance``: told by a node that is believed; shown in the log of one node; proven by a quorum of its epoch's
    cosigners. ``cosigners``: how many members signed the head under which it was shown.
    """

    assurance: Assurance = field(default=Assurance.TOLD, compare=False)
    cosigners: int = field(default=0, compare=False)


@dataclass(slots=True)
class Open:
    """A transaction whose outcome is open: its bytes, body id and end.

    ``uncertain``: a node may have taken it. ``refusal``: what a node said of it since. ``turned_away``: the last
    problem with which a node answered without taking anything. ``refused``: the addresses whose nodes refused it for
    good; ``told``: those whose nodes, not believed, had it and did not take it by their word; ``past``: those whose
    nodes lack it as of a block past its end. ``assurance`` and ``cosigners`` are of an outcome that is a commit.
    """

    raw: bytes
    body: bytes
    valid_until: int
    uncertain: bool = False
    refusal: PlatformError | None = None
    outcome: CommittedSaid | PlatformError | None = None
    turned_away: PlatformError | None = None
    refused: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    past: set[str] = field(default_factory=set)
    assurance: Assurance = Assurance.TOLD
    cosigners: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a node says of a transaction: that it is committed, and where."""

    one: Open
    said: CommittedSaid


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a transaction went as it was shown, and what stands behind that."""

    said: CommittedSaid
    assurance: Assurance
    cosigners: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits, in seconds.

    ``seconds``: for a submission on all nodes together. ``request_seconds``: for one request. ``quorum_seconds``: for
    a quorum, after a node has shown a transaction in its log.
    """

    seconds: float = 120.0
    request_seconds: float = 30.0
    quorum_seconds: float = 10.0


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Time:
    """How a client waits: a clock that never goes back, and sleeping, in seconds; and what time it is, in ms."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    now_ms: Callable[[], int] = _system_ms


Asking = Callable[[Address, Ask], Answer]
"""Asks a node, as ``transport.ask``."""


class Checks(Protocol):
    """What checks nodes that are not believed."""

    def check(
        self, address: Address, claims: Sequence[Claim], until: float = math.inf
    ) -> list[Shown | CommitmentUnproven]:
        """Return what is shown of each claim of a node, or why it is not believed; ``until`` is by the client's clock.

        Raises:
            NodeAway, NodeUnreached: the node gives no answer.
        """
        ...

    def faults(self, *, of_all: bool = False, until: float = math.inf) -> int | None:
        """Return how many nodes may lie at once by the chain's own measure; None while it can't be told.

        Args:
            of_all: whether every node of the list has to have shown its epochs just now; else more than half of them
                at any time. This user's own node is enough.
            until: when asking ends, by the client's clock.
        """
        ...
