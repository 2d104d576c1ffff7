"""What a client trusts of a chain that it knows by its id: epochs, quorums, heads (docs/spec/node-http.md, NH23).

The id is a hash of the genesis, which has the founders; each later epoch is passed by votes of the one before. So a
client believes no node on its way to whose signatures count. Asks nobody itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from xinglin.carrier.access.governance.model import EpochState
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import EpochStep, EpochVote
from xinglin.carrier.ledger.checkpoint import Head, SignedNote, parse_note
from xinglin.carrier.ledger.errors import CheckpointInvalid, ProofInvalid
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
logger = logging.getLogger(__name__)


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
        self._lock, self._growing = threading.Lock(), threading.Lock()
        self._genesis: Genesis | None = None
        self._epochs: list[Epoch] = []
        self._states: list[bytes] = []
        self._heads: dict[int, SignedNote] = {}
        self._showed: dict[int, str] = {}

    @property
    def begun(self) -> bool:
        """Whether the genesis is known."""
        return self._genesis is not None

    @property
    def epochs(self) -> int:
        """How many epochs are known."""
        with self._lock:
            return len(self._epochs)

    def is_of_newest_epoch(self, height: int) -> bool:
        """Tell whether a height is one of the newest epoch that is known."""
        with self._lock:
            return bool(self._epochs) and height >= self._epochs[-1].from_height

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

    def extend(self, states: Sequence[bytes]) -> bool:
        """Take the epochs from 0 up that a node shows, if they go on from those that are known; tell if they are more.

        Accepted heads of heights of new epochs that have no quorum by these were signed by those who had been one, and
        are forgotten.

        Raises:
            ProofInvalid: they don't.
        """
        try:
            shown = [decode(EpochState, state) for state in states]
        except Invalid as refusal:
            raise ProofInvalid(step="P4", reason=refusal.code) from None
        with self._growing:
            known = self._epochs
            same = all(pack(one.epoch) == pack(two) for one, two in zip(shown, known, strict=False))
            require("P4", same, "an epoch is another than was shown before")
            steps = [
                EpochStep(state.epoch, tuple(EpochVote(vote.member, vote.signature) for vote in state.votes))
                for state in shown[len(known) :]
            ]
            more = check_epochs(self._named.suite, known[-1], steps)[1:]
            if not more:
                return False
            with self._lock:
                self._epochs = [*known, *more]
                self._states = [*self._states, *map(pack, shown[len(known) :])]
                self._judge_again(more[0].from_height)
        return True

    def _judge_again(self, from_height: int) -> None:
        """Forget the accepted heads from a height up that have no quorum by the epochs known now; the lock is held."""
        for height in [one for one in self._heads if one >= from_height]:
            try:
                reached = self._count(self._heads[height]).reached
            except ProofInvalid:
                reached = False
            if not reached:
                logger.warning("the accepted head of height %d has no quorum by the epochs shown since", height)
                del self._heads[height], self._showed[height]

    def _count(self, note: SignedNote) -> Support:
        """Return who signed a checkpoint by the epoch of its height. Raises ProofInvalid."""
        genesis, epochs = self._genesis, [one for one in self._epochs if one.from_height <= note.head.height]
        if genesis is None or not epochs:
            raise ProofInvalid(step="P4", reason="no epoch is known")
        return check_cosignatures(self._named.suite, genesis.suite, note, epochs[-1], None)

    def support(self, note: SignedNote) -> Support:
        """Return who signed a checkpoint, and whether that is a quorum; one without signature lines has none.

        A head that a quorum signed is accepted (``accept``) once it is seen to be of one log with the newest accepted,
        and most nodes have shown the epochs by which it is a quorum.

        Raises:
            ProofInvalid: a line is not a cosigner's of that height, or does not verify.
            HeadContradicted: a quorum signed another head, at this height or one that it can't go together with.
        """
        require("P6", note.head.chain == self._named.chain, "the checkpoint is of another chain")
        found = self._count(note)
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

    @property
    def showed(self) -> str:
        """The address of the node that showed the newest accepted checkpoint; empty when it is of an earlier run."""
        with self._lock:
            return self._showed[max(self._heads)] if self._heads else ""

    def accept(self, note: SignedNote, epochs: int, address: str = "") -> bool:
        """Remember a checkpoint that a quorum signed and that goes together with the newest; tell if it is the newest.

        Args:
            note: the checkpoint.
            epochs: by how many known epochs it was found to have a quorum; more are known since: it is not accepted.
            address: of the node that showed it.

        Raises:
            HeadContradicted: another was accepted meanwhile that contradicts it.
        """
        with self._lock:
            _compare(self._heads, note.head)
            if epochs != len(self._epochs):
                return False
            newest = note.head.height > max(self._heads, default=-1)
            self._heads[note.head.height], self._showed[note.head.height] = note, address
            while len(self._heads) > MAX_HEADS:
                lowest = min(self._heads)
                del self._heads[lowest], self._showed[lowest]
        return newest

    def remembered(self) -> Remembered | None:
        """Return what is to be remembered for the next run; None before there is more than a genesis."""
        note = self.accepted
        with self._lock:
            if self._genesis is None or (note is None and len(self._states) == 1):
                return None
            states = [state.hex() for state in self._states]
            checkpoint = None if note is None else note.encode().decode()
            return Remembered(self._named.chain, pack(self._genesis).hex(), states, checkpoint)

    def together(self, stored: Remembered) -> Remembered | None:
        """Return what is to be remembered with what is remembered already: the longer epochs, the higher checkpoint.

        Another process may have saved since. What is stored counts as far as it holds by all epochs.

        Raises:
            ProofInvalid: its epochs do not go together with those known.
        """
        self.extend([bytes.fromhex(state) for state in stored.epochs])
        own, accepted = self.remembered(), self.accepted
        if own is None or stored.checkpoint is None:
            return own
        try:
            note = parse_note(stored.checkpoint.encode())
            if (accepted is None or note.head.height > accepted.head.height) and self.support(note).reached:
                return msgspec.structs.replace(own, checkpoint=stored.checkpoint)
        except (ProofInvalid, CheckpointInvalid, HeadContradicted):
            pass  # by the epochs known now it is no checkpoint with a quorum
        return own

    def recall(self, what: Remembered) -> None:
        """Begin with what was remembered, which is checked as if a node showed it.

        Raises:
            ProofInvalid, CheckpointInvalid: it does not hold.
        """
        self.begin(bytes.fromhex(what.genesis))
        self.extend([bytes.fromhex(state) for state in what.epochs])
        if what.checkpoint is not None:
            note = parse_note(what.checkpoint.encode())
            require("P6", self.support(note).reached, "no quorum signed the checkpoint")
            self.accept(note, self.epochs)

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
