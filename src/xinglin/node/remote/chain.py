"""A client of a chain that is given a list of nodes: submits, waits, and switches when one dies (S6.2f).

As ``ChainClient`` for a chain whose engine runs in another process, or on another machine.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from xinglin.carrier.ledger.build import Built, Signer, build_transaction
from xinglin.carrier.ledger.errors import TransactionOtherChain
from xinglin.carrier.ledger.model import Operation, Transaction
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.chains import Randomness
from xinglin.node.client import VALID_MS
from xinglin.node.remote.claims import Assurance, Assured, Open, Patience, Time
from xinglin.node.remote.errors import CommitmentUnproven, NodeAway, NodeElsewhere, NodesAway, NodeUnreached
from xinglin.node.remote.forms import (
    PREFIX,
    Answer,
    CommittedSaid,
    HeadSaid,
    Problem,
    error_of,
    read_answer,
)
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.proving import Keep, Prover
from xinglin.node.remote.remembered import Memory
from xinglin.node.remote.settling import Settling
from xinglin.node.remote.transport import Address, Ask, ask, parse_address
from xinglin.node.remote.trusting import ChainNamed

_RETRIED = (408, 429, 500, 502, 503, 504)


class RemoteChain:
    """Submits to a chain through any of several nodes; from any thread.

    What a node says is checked as far as it was asked for; a Unix socket's node is this user's own, and believed.

    Args:
        addresses: of nodes, as texts or parsed (see ``parse_address``); the first is asked first.
        named: the chain.
        clock: for ``valid_until``.
        randomness: for nonces, and so that clients don't wait in step.
        patience: how long to wait.
        assurance: what has to stand behind an answer. A quorum is waited for as long as ``patience`` says; an answer
            says what it has. ``TOLD`` believes every node.
        keep: keeps signed answers that do not hold, as ``Home.keep_answer``.
        memory: of what was accepted of the chain before: nodes that all show another, or an older one, are found out.

    Raises:
        NodeAddressInvalid: an address is none.
        MemoryDamaged: what is remembered can't be used.
    """

    def __init__(
        self,
        addresses: Sequence[str | Address],
        named: ChainNamed,
        clock: Clock,
        randomness: Randomness,
        patience: Patience | None = None,
        assurance: Assurance = Assurance.QUORUM,
        keep: Keep | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.chain, self.suite = named.chain, named.suite
        self._clock = clock
        self._randomness = randomness
        self._patience = patience or Patience()
        self._nodes = Nodes(
            [parse_address(one) if isinstance(one, str) else one for one in dict.fromkeys(addresses)],
            time.monotonic,
            lambda: int.from_bytes(randomness(2), "big") / 65_536,
        )
        clocks, quorum = Time(time.monotonic, time.sleep, clock.now_ms), assurance is Assurance.QUORUM
        self._prover = Prover(named, self._nodes, ask, clocks, self._patience, quorum=quorum, keep=keep, memory=memory)
        checks = None if assurance is Assurance.TOLD else self._prover
        self._settling = Settling(self._nodes, ask, clocks, self._patience, checks)

    @property
    def doubted(self) -> list[CommitmentUnproven]:
        """What nodes said and did not prove, the newest last; each names its node."""
        return list(self._prover.doubted)

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

    def submit(self, transaction: bytes) -> Assured:
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

    def submit_many(self, transactions: Sequence[bytes]) -> list[Assured | PlatformError]:
        """Hand in several, each on its own merits, and return their outcomes in order; see ``submit``.

        Raises:
            TransactionOtherChain, EncodingInvalid, EncodingNotCanonical: one is no transaction of this chain; none was
                handed in.
        """
        opened = [self._open(raw) for raw in transactions]
        settled = self._settling.settle(opened)
        return [
            _assured(one, said) if isinstance(said, CommittedSaid) else said
            for one, said in zip(opened, settled, strict=True)
        ]

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> Assured:
        """Sign, submit, wait, and return where it went.

        Raises:
            PlatformError: the refusal, whether before a block or in the receipt; see ``submit``.
        """
        return self.call_built(self.build(operations, signers))

    def call_built(self, built: Built, *, again: bool = False) -> Assured:
        """As ``call``, of a transaction that was signed before; the very same may be handed in again.

        Args:
            built: the transaction.
            again: whether it may have been handed in before, by whomever: then no refusal is final that such a node
                could not have given, and nodes that are away leave it open.

        Raises:
            PlatformError: the refusal; see ``submit``.
        """
        one = Open(built.raw, built.body, built.valid_until, uncertain=again)
        (settled,) = self._settling.settle([one])
        if isinstance(settled, PlatformError):
            raise settled
        if settled.code:
            raise error_of(settled.code, settled.facts)
        return _assured(one, settled)

    def find(self, valid_until: int, body: bytes) -> Assured | None:
        """Return where a body id went; None when it is not logged and never will be.

        Raises:
            SubmissionUnknown: no node has it, and none says that it can't come any more.
        """
        one = Open(b"", body, valid_until, uncertain=True)
        deadline = time.monotonic() + self._patience.seconds
        while self._settling.next_node(deadline) is not None:
            if self._settling.find(one, deadline) or self._nodes.ready():
                break
        if isinstance(one.outcome, CommittedSaid):
            return _assured(one, one.outcome)
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


def _assured(one: Open, said: CommittedSaid) -> Assured:
    """Return where a transaction went, with what stands behind it."""
    receipt = bytes.fromhex(said.receipt)
    return Assured(said.height, said.time, said.index, said.code, receipt, one.assurance, one.cosigners)


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
