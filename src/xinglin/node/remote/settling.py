"""Brings signed transactions into the log through whichever of several nodes answers (S6.2f; docs/spec/node-http.md).

The very same bytes are handed in again after a node's death or time-out: the ledger takes a body id once. A transaction
that a node may have taken is given up only when committed block time is past its ``valid_until`` and no node that
answers has it in its index. Until then its outcome is open, never "failed".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.carrier.ledger.errors import TransactionExpired, TransactionReplayed
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.node.remote.errors import (
    CommitmentUnproven,
    NodeAway,
    NodesAway,
    NodeUnreached,
    SubmissionUnknown,
)
from xinglin.node.remote.forms import (
    MAX_ANSWER_BYTES,
    MAX_SUBMISSION_BYTES,
    MAX_TRANSACTIONS,
    PREFIX,
    Answer,
    CommittedSaid,
    OutcomeSaid,
    OutcomesSaid,
    PlaceAnswer,
    PlaceSaid,
    RefusedSaid,
    error_of,
    frame,
    read_answer,
)
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.transport import Address, Ask

_NOT_TAKEN = (400, 403, 408, 413, 429)
"""Statuses by which a node says that it handed nothing in."""
_UNPROVEN_REST_SECONDS = 60.0
_PAUSE_SECONDS = 0.25

Asking = Callable[[Address, Ask], Answer]
"""Asks a node, as ``transport.ask``."""
Check = Callable[[Address, "Open", CommittedSaid], None]
"""Raises CommitmentUnproven where a node does not prove what it says of a transaction."""
Settled = CommittedSaid | PlatformError


@dataclass(slots=True)
class Open:
    """A transaction whose outcome is open: its bytes, body id and end.

    ``uncertain``: a node may have taken it. ``refusal``: what a node said of it since.
    """

    raw: bytes
    body: bytes
    valid_until: int
    uncertain: bool = False
    refusal: PlatformError | None = None
    outcome: Settled | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits: for a submission on all nodes together, and for one request, in seconds."""

    seconds: float = 120.0
    request_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Time:
    """How a client waits: a clock that never goes back, and sleeping, in seconds."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


class Settling:
    """Settles submissions on a list of nodes; see the module.

    Args:
        nodes: whom to ask.
        ask: asks one.
        time: how to wait.
        patience: how long.
        check: of what nodes say; None believes them.
    """

    def __init__(self, nodes: Nodes, ask: Asking, time: Time, patience: Patience, check: Check | None = None) -> None:
        self._nodes = nodes
        self._ask = ask
        self._time = time
        self._patience = patience
        self._check = check

    def settle(self, transactions: Sequence[Open]) -> list[Settled]:
        """Return what became of each transaction; SubmissionUnknown or NodesAway where patience was over first."""
        deadline = self._time.monotonic() + self._patience.seconds
        while left := [one for one in transactions if one.outcome is None]:
            address = self.next_node(deadline)
            if address is None:
                break
            self._hand_in(address, _chunk(left))
        return [self._settled(one) for one in transactions]

    def next_node(self, deadline: float) -> Address | None:
        """Return the node to ask now, waiting until one has rested; None when the deadline is over."""
        while (now := self._time.monotonic()) < deadline:
            ready = self._nodes.ready()
            if ready:
                return ready[0]
            self._time.sleep(min(self._nodes.wait_seconds(), deadline - now) + 0.001)
        return None

    def find(self, one: Open) -> bool:
        """Ask every node that may be asked where a transaction went; settle it if that is certain.

        It is, when a node has it, or when none has it and at least one has committed a block past its end.
        """
        expired = 0
        for address in self._nodes.ready():
            place = self._place(address, one)
            if isinstance(place, CommittedSaid):
                self._accept(address, one, place)
                if one.outcome is not None:
                    return True
            elif place is not None and place.time > one.valid_until:
                expired = max(expired, place.time)
        if expired:
            one.outcome = one.refusal or TransactionExpired(valid_until=one.valid_until, time=expired)
        return one.outcome is not None

    @staticmethod
    def unknown(one: Open) -> SubmissionUnknown:
        """Return the refusal to say more of a transaction than that its outcome is open."""
        return SubmissionUnknown(body=one.body, valid_until=one.valid_until)

    def _settled(self, one: Open) -> Settled:
        if one.outcome is not None:
            return one.outcome
        if one.uncertain:
            return self.unknown(one)
        if one.refusal is not None:
            return one.refusal
        return NodesAway(nodes=len(self._nodes), reason="none took it in time")

    def _hand_in(self, address: Address, chunk: Sequence[Open]) -> None:
        asked = Ask(
            "POST",
            f"{PREFIX}/transactions",
            frame([one.raw for one in chunk]),
            {"content-type": "application/octet-stream"},
            self._patience.request_seconds,
            MAX_ANSWER_BYTES,
        )
        try:
            answer = self._ask(address, asked)
        except NodeUnreached:
            self._nodes.failed(address)
            return
        except NodeAway:
            _taken(chunk)
            self._nodes.failed(address)
            return
        outcomes = _outcomes(answer, len(chunk))
        if outcomes is None:
            if answer.status not in _NOT_TAKEN:
                _taken(chunk)
            self._nodes.failed(address, answer.retry_after)
            return
        self._nodes.answered(address)
        for one, said in zip(chunk, outcomes, strict=True):
            self._take(address, one, said)
        self._after_round(address, chunk)

    def _after_round(self, address: Address, chunk: Sequence[Open]) -> None:
        """Look up what was refused though another node may have taken it; let a node rest that settles nothing."""
        for one in chunk:
            if one.outcome is None and one.refusal is not None:
                self.find(one)
        if all(one.outcome is None for one in chunk):
            self._nodes.failed(address)
            self._time.sleep(_PAUSE_SECONDS)

    def _take(self, address: Address, one: Open, said: OutcomeSaid) -> None:
        if isinstance(said, CommittedSaid):
            self._accept(address, one, said)
        elif isinstance(said, RefusedSaid):
            self._refused(one, error_of(said.number, said.facts))
        else:
            one.uncertain = True

    def _refused(self, one: Open, refusal: PlatformError) -> None:
        if isinstance(refusal, Unavailable | TransactionReplayed):
            one.uncertain = True  # it is in the log, or the node can't say
            one.refusal = one.refusal or (None if isinstance(refusal, Unavailable) else refusal)
        elif one.uncertain or isinstance(refusal, TransactionExpired):
            one.refusal = refusal
        else:
            one.outcome = refusal

    def _accept(self, address: Address, one: Open, said: CommittedSaid) -> None:
        """Take a node's word, or its proof, that a transaction is committed."""
        one.uncertain = True
        if said.time > one.valid_until:
            self._nodes.failed(address, _UNPROVEN_REST_SECONDS)
            return
        try:
            if self._check is not None:
                self._check(address, one, said)
        except (NodeAway, NodeUnreached):
            self._nodes.failed(address)
        except CommitmentUnproven:
            self._nodes.failed(address, _UNPROVEN_REST_SECONDS)
        else:
            one.outcome = said

    def _place(self, address: Address, one: Open) -> PlaceSaid | None:
        path = f"{PREFIX}/transactions/{one.body.hex()}?valid_until={one.valid_until}"
        try:
            answer = self._ask(address, Ask("GET", path, seconds=self._patience.request_seconds))
        except (NodeAway, NodeUnreached):
            self._nodes.failed(address)
            return None
        said = read_answer(answer, PlaceAnswer)
        return None if said is None else said.place


def _outcomes(answer: Answer, count: int) -> list[OutcomeSaid] | None:
    said = read_answer(answer, OutcomesSaid)
    return said.outcomes if said is not None and len(said.outcomes) == count else None


def _taken(chunk: Sequence[Open]) -> None:
    for one in chunk:
        one.uncertain = True


def _chunk(left: Sequence[Open]) -> list[Open]:
    """Return as many as fit into one submission, at least one."""
    chosen: list[Open] = []
    size = 0
    for one in left[:MAX_TRANSACTIONS]:
        size += len(one.raw) + 4
        if chosen and size > MAX_SUBMISSION_BYTES:
            break
        chosen.append(one)
    return chosen
