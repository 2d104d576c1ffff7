"""What a client trusts of a chain that it knows by its id: epochs, quorums, heads (docs/spec/node-http.md, NH23).

The id is a hash of the genesis, which has the founders; each later epoch is passed by votes of the one before. So a
client believes no node on its way to whose signatures count. Asks nobody itself.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.access.governance.model import EpochState
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import EpochStep, EpochVote
from xinglin.carrier.ledger.checkpoint import Head, SignedNote, parse_note
from xinglin.carrier.ledger.errors import ProofInvalid
from xinglin.carrier.ledger.genesis import chain_id, check_genesis, epoch_zero
from xinglin.carrier.ledger.model import Epoch, Genesis
from xinglin.carrier.ledger.proof import require
from xinglin.carrier.ledger.trust import Support, check_cosignatures, check_epochs
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import Invalid
from xinglin.node.remote.errors import HeadContradicted
from xinglin.node.remote.remembered import Remembered

MAX_HEADS = 256
"""How many of the newest heads that a quorum signed a client remembers."""


@dataclass(frozen=True, slots=True)
class ChainNamed:
    """Which chain a client speaks of: its id and suite."""

    chain: str
    suite: Suite


class ChainTrust:
    """Whose signatures count on one chain, as far as nodes have shown. From any thread.

    Args:
        named: the chain.
    """

    def __init__(self, named: ChainNamed) -> None:
        self._named = named
        self._lock = threading.Lock()
        self._genesis: Genesis | None = None
        self._epochs: list[Epoch] = []
        self._states: list[bytes] = []
        self._heads: dict[int, SignedNote] = {}

    @property
    def begun(self) -> bool:
        """Whether the genesis is known."""
        return self._genesis is not None

    @property
    def faults(self) -> int | None:
        """How many of the newest epoch's voting members may lie: fewer than a third; None before any is known."""
        with self._lock:
            if not self._epochs:
                return None
            voters = sum(member.votes for member in self._epochs[-1].members)
        return (voters - 1) // 3

    def begin(self, data: bytes) -> None:
        """Take the genesis that a node shows, if it is the one that the chain's id names.

        Raises:
            ProofInvalid: it is not.
        """
        suite = self._named.suite
        try:
            genesis = decode(Genesis, data)
            require("P3", chain_id(suite.hash, genesis) == self._named.chain, "it is of another chain")
            check_genesis(genesis, suite.hash, suite.verify)
        except Invalid as refusal:
            raise ProofInvalid(step="P3", reason=refusal.code) from None
        with self._lock:
            self._genesis = genesis
            self._epochs = self._epochs or [epoch_zero(self._named.chain, genesis)]
            self._states = self._states or [pack(EpochState(epoch=self._epochs[0], votes=()))]

    def extend(self, states: Sequence[bytes]) -> None:
        """Take the epochs from 0 up that a node shows, if they go on from those that are known; fewer change nothing.

        Raises:
            ProofInvalid: they don't.
        """
        try:
            shown = [decode(EpochState, state) for state in states]
        except Invalid as refusal:
            raise ProofInvalid(step="P4", reason=refusal.code) from None
        with self._lock:
            known = self._epochs
        same = all(pack(one.epoch) == pack(two) for one, two in zip(shown, known, strict=False))
        require("P4", same, "an epoch is another than was shown before")
        steps = [
            EpochStep(state.epoch, tuple(EpochVote(vote.member, vote.signature) for vote in state.votes))
            for state in shown[len(known) :]
        ]
        more = check_epochs(self._named.suite, known[-1], steps)[1:]
        with self._lock:
            if len(self._epochs) == len(known):
                self._epochs = [*known, *more]
                self._states = [*self._states, *map(pack, shown[len(known) :])]

    def support(self, note: SignedNote) -> Support:
        """Return who signed a checkpoint, and whether that is a quorum; one without signature lines has none.

        A head that a quorum signed is accepted (``accept``) once it is seen to be of one log with the newest accepted.

        Raises:
            ProofInvalid: a line is not a cosigner's of that height, or does not verify.
            HeadContradicted: a quorum signed another head, at this height or one that it can't go together with.
        """
        require("P6", note.head.chain == self._named.chain, "the checkpoint is of another chain")
        with self._lock:
            genesis, epochs = self._genesis, [one for one in self._epochs if one.from_height <= note.head.height]
        if genesis is None or not epochs:
            raise ProofInvalid(step="P4", reason="no epoch is known")
        found = check_cosignatures(self._named.suite, genesis.suite, note, epochs[-1], None)
        with self._lock:
            _compare(self._heads, note.head)
        return found

    @property
    def accepted(self) -> SignedNote | None:
        """The checkpoint of greatest height that was accepted; None before any was."""
        with self._lock:
            return self._heads[max(self._heads)] if self._heads else None

    def has(self, head: Head) -> bool:
        """Tell whether just this head was accepted."""
        with self._lock:
            return head.height in self._heads and self._heads[head.height].head == head

    def accept(self, note: SignedNote) -> bool:
        """Remember a checkpoint that a quorum signed and that goes together with the newest; tell if it is the newest.

        Raises:
            HeadContradicted: another was accepted meanwhile that contradicts it.
        """
        with self._lock:
            _compare(self._heads, note.head)
            newest = note.head.height > max(self._heads, default=-1)
            self._heads[note.head.height] = note
            while len(self._heads) > MAX_HEADS:
                del self._heads[min(self._heads)]
        return newest

    def remembered(self) -> Remembered | None:
        """Return what is to be remembered for the next run; None before a checkpoint was accepted."""
        note = self.accepted
        with self._lock:
            if note is None or self._genesis is None:
                return None
            states = [state.hex() for state in self._states]
            return Remembered(self._named.chain, pack(self._genesis).hex(), states, note.encode().decode())

    def recall(self, what: Remembered) -> None:
        """Begin with what was remembered, which is checked as if a node showed it.

        Raises:
            ProofInvalid, CheckpointInvalid: it does not hold.
        """
        self.begin(bytes.fromhex(what.genesis))
        self.extend([bytes.fromhex(state) for state in what.epochs])
        note = parse_note(what.checkpoint.encode())
        require("P6", self.support(note).reached, "no quorum signed the checkpoint")
        self.accept(note)

    def known(self, height: int) -> SignedNote | None:
        """Return the checkpoint with a quorum that is nearest to a height, None when none is known."""
        with self._lock:
            nearest = min(self._heads, key=lambda one: abs(one - height), default=None)
            return None if nearest is None else self._heads[nearest]


def _compare(heads: dict[int, SignedNote], head: Head) -> None:
    """Compare a head with those that a quorum signed: the same at its height; later ones are later, and hold no less.

    Raises:
        HeadContradicted: it is not so.
    """
    for note in heads.values():
        other = note.head
        if other.height == head.height:
            holds = other == head
        else:
            first, second = sorted((other, head), key=lambda one: one.height)
            grown = first.log_root != second.log_root if first.size < second.size else first.log_root == second.log_root
            holds = first.time < second.time and first.size <= second.size and grown
        if not holds:
            raise HeadContradicted(height=head.height, known=other.height)
