"""Whether a head that a quorum signed is of one log with the newest that a client accepted (node-http.md, NH36).

The node that showed the accepted head is asked for a proof first, then the one that showed the new head, then others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.merkle import consistency_roots
from xinglin.node.remote.claims import Asking, Time
from xinglin.node.remote.errors import HeadNotContinued, HeadOld, NodeAway, NodeUnreached
from xinglin.node.remote.forms import MAX_CONSISTENCY_BYTES, PREFIX, ConsistencySaid, read_answer
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.transport import Address, Ask
from xinglin.node.remote.trusting import ChainNamed, ChainTrust

OLDEST_SECONDS = 600
"""So much older than the newest accepted head may one be that a node shows; nodes differ by seconds."""
SHORT_SECONDS = 2.0
"""So long one node may take to show a proof, or its epochs, beside what it was asked for."""
_DONE = 200
NamesFalse = Callable[[Address, bytes, str], object]
"""Is told of a node's false proof: its address, the body id that was asked for, what is false."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """The accepted head and another, which are to be of one log."""

    accepted: Head
    other: Head

    @property
    def in_order(self) -> tuple[Head, Head]:
        """The older, the newer."""
        return (self.accepted, self.other) if self.accepted.height < self.other.height else (self.other, self.accepted)


@dataclass(slots=True)
class _Shown:
    """What nodes showed: whether one proved it, false proofs by address, and which are false by the accepted head."""

    proven: bool = False
    false: dict[Address, list[str]] = field(default_factory=dict)
    lies: set[Address] = field(default_factory=set)


class Continuity:
    """Has nodes prove that heads are of one log. From any thread.

    Args:
        named: the chain.
        trust: has the newest accepted head.
        ask: asks a node.
        time: a clock.
        nodes: all that the client was given; without them only the one that shows a head is asked.
        names: is told who proved falsely.
    """

    def __init__(
        self, named: ChainNamed, trust: ChainTrust, ask: Asking, time: Time, nodes: Nodes | None, names: NamesFalse
    ) -> None:
        self._suite, self._trust, self._ask, self._time = named.suite, trust, ask, time
        self._nodes, self._names = nodes, names

    def holds(self, address: Address, head: Head, until: float, body: bytes) -> bool:
        """Tell whether it is seen that a head that a quorum signed is of one log with the newest that was accepted.

        Args:
            address: of the node that showed the head.
            head: the head.
            until: when asking ends, by the client's clock.
            body: id of the transaction that was asked for.

        Raises:
            HeadOld: it is much older than the accepted one.
            HeadNotContinued: the node that showed it proves it falsely, and none proves it.
        """
        accepted = self._trust.accepted
        if accepted is None or self._trust.has(head):
            return True
        known = accepted.head
        if known.time - head.time > OLDEST_SECONDS * 1000:
            raise HeadOld(height=head.height, known=known.height, seconds=(known.time - head.time) // 1000)
        pair = _Pair(known, head)
        older, newer = pair.in_order
        if older.size in (0, newer.size):
            return True  # their roots were compared
        shown = _Shown()
        for node in self._to_ask(address):
            seconds = min(SHORT_SECONDS, until - self._time.monotonic())
            if shown.proven or seconds <= 0:
                break
            self._proves(node, pair, seconds, shown)
        self._name(address, pair, shown, body)
        if address in shown.false and not shown.proven:
            refusal = HeadNotContinued(height=head.height, known=known.height)
            refusal.proofs = {node.text: proof for node, proof in shown.false.items()}
            raise refusal
        return shown.proven

    def _to_ask(self, address: Address) -> list[Address]:
        """Return whom to ask, in order."""
        ready = [] if self._nodes is None else self._nodes.ready()
        first = [one for one in ready if one.text == self._trust.showed]
        return list(dict.fromkeys([*first, address, *ready]))

    def _proves(self, node: Address, pair: _Pair, seconds: float, shown: _Shown) -> None:
        """Note whether a node proves that the newer head's log continues the older's; who gives no answer rests."""
        older, newer = pair.in_order
        path = f"{PREFIX}/log/consistency/{older.size}?size={newer.size}"
        try:
            answer = self._ask(node, Ask("GET", path, seconds=seconds, max_bytes=MAX_CONSISTENCY_BYTES))
        except (NodeAway, NodeUnreached):
            if self._nodes is not None:
                self._nodes.failed(node)
            return
        said = read_answer(answer, ConsistencySaid)
        if said is None:
            return  # it may not have the longer log yet
        proof = [bytes.fromhex(one) for one in said.proof]
        roots = consistency_roots(self._suite, older.size, newer.size, proof, older.log_root)
        if roots == (older.log_root, newer.log_root):
            shown.proven = True
            return
        shown.false[node] = said.proof
        if roots is None or pair.accepted.log_root != (roots[0] if older == pair.accepted else roots[1]):
            shown.lies.add(node)

    def _name(self, address: Address, pair: _Pair, shown: _Shown, body: bytes) -> None:
        """Name who proved falsely for certain: it was proven, or the proof does not lead to the accepted head.

        Another's proof that leads to the accepted head, and not to the other one, may be of the true log. The node that
        showed the head is named for the head, if it was not proven.
        """
        for node in shown.false:
            if shown.proven or (node in shown.lies and node != address):
                heights = f"{pair.accepted.height} and {pair.other.height}"
                self._names(node, body, f"its proof that the heads of heights {heights} are of one log is false")
