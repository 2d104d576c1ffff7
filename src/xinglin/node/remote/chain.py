"""A client of a chain that is given a list of nodes: submits, waits, and switches when one dies (S6.2f).

As ``ChainClient`` for a chain whose engine runs in another process, or on another machine.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from xinglin.carrier.consensus.ports import Committed, Outcome
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Built, Signer, build_transaction
from xinglin.carrier.ledger.errors import TransactionOtherChain
from xinglin.carrier.ledger.model import Operation, Transaction
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.chains import Randomness
from xinglin.node.client import VALID_MS
from xinglin.node.remote.errors import NodeAway, NodeElsewhere, NodesAway, NodeUnreached
from xinglin.node.remote.forms import (
    PREFIX,
    Answer,
    CommittedSaid,
    HeadSaid,
    Problem,
    committed_read,
    error_of,
    read_answer,
)
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.settling import Check, Open, Patience, Settling, Time
from xinglin.node.remote.transport import Address, Ask, ask, parse_address

_RETRIED = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class ChainNamed:
    """Which chain a client speaks of: its id and suite."""

    chain: str
    suite: Suite


class RemoteChain:
    """Submits to a chain through any of several nodes; from any thread.

    Args:
        addresses: of nodes, ``http://HOST:PORT`` or ``unix:/PATH``; the first is asked first.
        named: the chain.
        clock: for ``valid_until``.
        randomness: for nonces, and so that clients don't wait in step.
        patience: how long to wait.
        check: what is asked of a node that says that a transaction is committed; None believes the node.

    Raises:
        NodeAddressInvalid: an address is none.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        named: ChainNamed,
        clock: Clock,
        randomness: Randomness,
        patience: Patience | None = None,
        check: Check | None = None,
    ) -> None:
        self.chain, self.suite = named.chain, named.suite
        self._clock = clock
        self._randomness = randomness
        self._patience = patience or Patience()
        self._nodes = Nodes(
            [parse_address(text) for text in dict.fromkeys(addresses)],
            time.monotonic,
            lambda: int.from_bytes(randomness(2), "big") / 65_536,
        )
        self._settling = Settling(self._nodes, ask, Time(time.monotonic, time.sleep), self._patience, check)

    def head(self) -> HeadSaid:
        """Return the newest block of a node that answers.

        Raises:
            NodesAway: none does in time.
            NodeElsewhere: it is of another chain.
        """
        address, answer = self.ask_any(Ask("GET", f"{PREFIX}/head", seconds=self._patience.request_seconds))
        said = read_answer(answer, HeadSaid)
        if said is None:
            raise NodeAway(address=address.text, reason="its head is not in form")
        if said.chain != self.chain:
            raise NodeElsewhere(address=address.text, found=said.chain, chain=self.chain)
        return said

    def build(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> Built:
        """Return a signed transaction that may wait five minutes for a block."""
        valid_until = self._clock.now_ms() + VALID_MS
        return build_transaction(self.suite, self.chain, self._randomness(16), valid_until, operations, signers)

    def submit(self, transaction: bytes) -> Committed:
        """Hand in a signed transaction and wait until it is committed; a receipt may be a refusal.

        Raises:
            PlatformError: its refusal without a receipt.
            SubmissionUnknown: patience was over; it may still be committed.
            NodesAway: no node was reached; it was handed in nowhere.
        """
        outcome = self.submit_many([transaction])[0]
        if isinstance(outcome, PlatformError):
            raise outcome
        return outcome

    def submit_many(self, transactions: Sequence[bytes]) -> list[Outcome]:
        """Hand in several, each on its own merits, and return their outcomes in order; see ``submit``.

        Raises:
            TransactionOtherChain, EncodingInvalid, EncodingNotCanonical: one is no transaction of this chain; none was
                handed in.
        """
        settled = self._settling.settle([self._open(raw) for raw in transactions])
        return [committed_read(one) if isinstance(one, CommittedSaid) else one for one in settled]

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> Committed:
        """Sign, submit, wait, and return where it went.

        Raises:
            PlatformError: the refusal, whether before a block or in the receipt; see ``submit``.
        """
        return self.call_built(self.build(operations, signers))

    def call_built(self, built: Built) -> Committed:
        """As ``call``, of a transaction that was signed before; the very same may be handed in again.

        Raises:
            PlatformError: the refusal; see ``submit``.
        """
        (settled,) = self._settling.settle([Open(built.raw, built.body, built.valid_until)])
        if isinstance(settled, PlatformError):
            raise settled
        if settled.code:
            raise error_of(settled.code, settled.facts)
        return committed_read(settled)

    def find(self, valid_until: int, body: bytes) -> Committed | None:
        """Return where a body id went; None when it is not logged and never will be.

        Raises:
            SubmissionUnknown: no node has it, and none says that it can't come any more.
        """
        one = Open(b"", body, valid_until, uncertain=True)
        deadline = time.monotonic() + self._patience.seconds
        while self._settling.next_node(deadline) is not None:
            if self._settling.find(one) or self._nodes.ready():
                break
        if isinstance(one.outcome, CommittedSaid):
            return committed_read(one.outcome)
        if one.outcome is not None:
            return None
        raise self._settling.unknown(one)

    def ask_any(self, asked: Ask) -> tuple[Address, Answer]:
        """Ask nodes in turn until one answers and is not too busy; for requests that change nothing.

        Raises:
            NodesAway: none does in time.
            PlatformError: the refusal of the node that answers.
        """
        deadline = time.monotonic() + self._patience.seconds
        reason = "there was no time"
        while (address := self._settling.next_node(deadline)) is not None:
            try:
                answer = ask(address, asked)
            except (NodeAway, NodeUnreached) as away:
                reason = str(away.facts["reason"])
                self._nodes.failed(address)
                continue
            if answer.status in _RETRIED:
                reason = f"status {answer.status}"
                self._nodes.failed(address, answer.retry_after)
                continue
            self._nodes.answered(address)
            raise_refusal(address, answer)
            return address, answer
        raise NodesAway(nodes=len(self._nodes), reason=reason)

    def _open(self, raw: bytes) -> Open:
        header = decode(Transaction, raw).header
        if header.chain != self.chain:
            raise TransactionOtherChain(found=header.chain, chain=self.chain)
        return Open(raw, tagged(self.suite.hash, Tag.BODY, header), header.valid_until)


def raise_refusal(address: Address, answer: Answer) -> None:
    """Raise the refusal that an answer is, if it is one.

    Raises:
        NodeAway: it is none of ours.
    """
    if answer.status < 300:
        return
    try:
        problem = msgspec.json.decode(answer.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NodeAway(address=address.text, reason=f"status {answer.status}") from None
    raise error_of(problem.number, problem.facts)
