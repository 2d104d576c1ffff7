"""Asks one node what its log has of submissions, and checks that it holds together (docs/spec/node-http.md, NH22).

Leaf, receipt and path are checked against a head; the head's signature lines against the epochs, which the node shows
too. Compares nothing with what the node said elsewhere, and names nobody: that is for ``proving``.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.checkpoint import Head, SignedNote, parse_note, parse_text
from xinglin.carrier.ledger.errors import CheckpointInvalid, ProofInvalid, ProofUnknown
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.carrier.ledger.model import Leaf, Receipt, Transaction
from xinglin.carrier.ledger.proof import read, require
from xinglin.carrier.ledger.trust import Support
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.remote.claims import Asking, Open, Time
from xinglin.node.remote.continuing import SHORT_SECONDS, Continuity, NamesFalse
from xinglin.node.remote.errors import HeadContradicted, HeadNotContinued, HeadOld, NodeAway, NodeUnreached
from xinglin.node.remote.forms import (
    MAX_ANSWER_BYTES,
    MAX_EPOCHS_BYTES,
    MAX_GENESIS_BYTES,
    MAX_PROOFS,
    PREFIX,
    AbsentSaid,
    CommittedSaid,
    EpochsSaid,
    GenesisSaid,
    NotKeptSaid,
    PlaceSaid,
    ProofSaid,
    ProofsSaid,
    ProvenSaid,
    committed_said,
    frame_asked,
    read_answer,
)
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.remembered import Memory
from xinglin.node.remote.transport import Address, Ask, is_own
from xinglin.node.remote.trusting import ChainNamed, ChainTrust

AHEAD_SECONDS = 300
"""So far ahead of the client's clock may a head be that is accepted; one that is not may count, and binds nobody."""
EPOCHS_SECONDS = 60.0
"""So long what a node has shown of the epochs is not asked for again, unless a line does not fit them."""
_MAX_BYTES: Mapping[type[msgspec.Struct], int] = {
    GenesisSaid: MAX_GENESIS_BYTES,
    EpochsSaid: MAX_EPOCHS_BYTES,
    ProofsSaid: MAX_ANSWER_BYTES,
}
T = TypeVar("T", bound=msgspec.Struct)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Evidence:
    """An answer that members signed: the checkpoint as it was shown, and what was shown under it."""

    checkpoint: str
    height: int
    proof: ProofSaid
    continuing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By address, proofs that the checkpoint continues the accepted one, which do not hold."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A transaction as it stands in the log that a node showed, and who signed the head; ``evidence`` if anybody."""

    said: CommittedSaid
    support: Support
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class Unfit:
    """What a node showed does not hold together, and why; ``evidence`` if a member signed a head that contradicts."""

    reason: str
    evidence: Evidence | None = None


Look = Seen | AbsentSaid | NotKeptSaid | Unfit


class Looker:
    """Looks into the logs of nodes; what it learns of a chain's members serves for all of them. From any thread.

    Args:
        named: the chain.
        ask: asks a node.
        time: a clock.
        seconds: for one request.
        nodes: all that the client was given; without them one is as good as all.
        names: is told which node proved falsely that two heads are of one log.
        memory: of what earlier runs accepted; None for none.

    Raises:
        MemoryDamaged: what is remembered can't be used.
    """

    def __init__(
        self,
        named: ChainNamed,
        ask: Asking,
        time: Time,
        seconds: float,
        nodes: Nodes | None = None,
        names: NamesFalse = lambda address, body, reason: None,
        memory: Memory | None = None,
    ) -> None:
        self.trust = ChainTrust(named)
        self._suite = named.suite
        self._continuity = Continuity(named, self.trust, ask, time, nodes, names)
        self._ask = ask
        self._time = time
        self._seconds = seconds
        self._learned: dict[str, float] = {}
        self._nodes, self._memory = nodes, memory
        recalled = None if memory is None else memory.load()
        if memory is not None and recalled is not None:
            try:
                self.trust.recall(recalled)
            except PlatformError as refusal:
                raise memory.damaged(refusal.code) from None

    def look(self, address: Address, ones: Sequence[Open], until: float = math.inf) -> list[Look]:
        """Return what a node shows of transactions, in order, by a time of the client's clock.

        Raises:
            NodeAway, NodeUnreached: it gives no answer, or none in form.
        """
        looks: list[Look] = []
        for at in range(0, len(ones), MAX_PROOFS):
            looks += self._look(address, ones[at : at + MAX_PROOFS], until)
        return looks

    def learned(self, within: float = math.inf) -> set[str]:
        """Return the addresses of nodes that have shown their epochs in the last so many seconds."""
        since = self._time.monotonic() - within
        return {text for text, at in list(self._learned.items()) if at >= since}

    def learn(self, address: Address, until: float = math.inf, *, anew: bool = False) -> None:
        """Have the first node show the genesis, and each its epochs, once a minute: one node may hide the newest.

        Raises:
            NodeAway, NodeUnreached: see ``look``.
            ProofInvalid: they are not those of the chain.
        """
        if not self.trust.begun:
            self.trust.begin(bytes.fromhex(self._read(address, "GET", "genesis", GenesisSaid, until).genesis))
        now = self._time.monotonic()
        if anew or address.text not in self.learned(EPOCHS_SECONDS):
            said = self._read(address, "GET", "epochs", EpochsSaid, until)
            grown = self.trust.extend([bytes.fromhex(one) for one in said.epochs])
            self._learned[address.text] = now
            if grown:
                self._remember()

    def _look(self, address: Address, ones: Sequence[Open], until: float) -> Sequence[Look]:
        asked = frame_asked([(one.valid_until, one.body) for one in ones])
        said = self._read(address, "POST", "proofs", ProofsSaid, until, asked)
        if len(said.proofs) != len(ones):
            raise NodeAway(address=address.text, reason="its proofs are not in form")
        try:
            note = _note(said.checkpoint)
            support = self._support(address, note, until, ones[0].body)
        except (ProofInvalid, ProofUnknown, CheckpointInvalid) as refusal:
            return [Unfit(refusal.sentence())] * len(ones)
        except HeadOld as refusal:
            return [Unfit(refusal.sentence())] * len(ones)
        except (HeadContradicted, HeadNotContinued) as refusal:
            signed = bool(note.signatures)  # they verified before the head was compared
            false = refusal.proofs if isinstance(refusal, HeadNotContinued) else {}
            shown = [Evidence(said.checkpoint, note.head.height, proof, false) for proof in said.proofs]
            return [Unfit(refusal.sentence(), one if signed else None) for one in shown]
        return [
            self._seen(one, proof, said.checkpoint, note, support) for one, proof in zip(ones, said.proofs, strict=True)
        ]

    def _support(self, address: Address, note: SignedNote, until: float, body: bytes) -> Support:
        """Return who signed a note; what epochs are not known yet is asked for, before anybody is refused."""
        self.learn(address, until)
        epochs = self.trust.epochs
        try:
            found = self.trust.support(note)
        except (ProofInvalid, HeadContradicted):
            self.learn(address, until, anew=True)
            epochs = self.trust.epochs
            found = self.trust.support(note)
        if not found.reached or self.trust.has(note.head):
            return found
        widely = self._learn_widely(until)
        if self.trust.epochs != epochs:
            epochs = self.trust.epochs
            found = self.trust.support(note)
        if not found.reached:
            return found
        if not self._continuity.holds(address, note.head, until, body):
            return replace(found, counted=0)  # who showed it may be late: it counts once that is seen
        ahead = note.head.time - self._time.now_ms() > AHEAD_SECONDS * 1000
        binds = widely and not ahead and self.trust.is_of_newest_epoch(note.head.height)
        if binds and self.trust.accept(note, epochs, address.text):
            self._remember()
        return found

    def _learn_widely(self, until: float) -> bool:
        """Have nodes show their epochs till more than half of the list have; tell whether these have, by a time.

        Nobody can hide the newest epochs from a client that asks an honest one: what former members sign is no quorum.
        """
        if self._nodes is None:
            return True
        for address in self._nodes.ready():
            now = self._time.monotonic()
            if self._widely_learned() or now >= until:
                break
            try:
                self.learn(address, min(until, now + SHORT_SECONDS))
            except (NodeAway, NodeUnreached):
                self._nodes.failed(address)
            except ProofInvalid:
                continue  # when it shows a head it is named
        return self._widely_learned()

    def _widely_learned(self) -> bool:
        shown = self.learned(EPOCHS_SECONDS)
        return self._nodes is None or len(shown) > len(self._nodes) // 2 or any(map(is_own, shown))

    def _remember(self) -> None:
        if self._memory is None:
            return
        try:
            with self._memory.held():
                stored = self._memory.load()
                what = self.trust.remembered() if stored is None else self.trust.together(stored)
                if what is not None and what != stored:
                    self._memory.save(what)
        except (OSError, PlatformError) as fault:
            logger.error("what was accepted of the chain can't be remembered: %s", type(fault).__name__)

    def _seen(self, one: Open, proof: ProofSaid, text: str, note: SignedNote, support: Support) -> Look:
        if not isinstance(proof, ProvenSaid):
            return proof
        evidence = Evidence(text, note.head.height, proof) if note.signatures else None
        try:
            return Seen(_committed(self._suite, one, proof, note.head), support, evidence)
        except (ProofInvalid, ProofUnknown) as refusal:
            return Unfit(refusal.sentence())  # nobody signed what does not lead to the head

    def _read(self, address: Address, method: str, what: str, kind: type[T], until: float, body: bytes = b"") -> T:
        seconds = min(self._seconds, until - self._time.monotonic())
        if seconds <= 0:
            raise NodeAway(address=address.text, reason="there is no time to ask it")
        headers = {"content-type": "application/octet-stream"} if body else None
        answer = self._ask(address, Ask(method, f"{PREFIX}/{what}", body, headers, seconds, _MAX_BYTES[kind]))
        said = read_answer(answer, kind)
        if said is None:
            raise NodeAway(address=address.text, reason=f"it shows no {what} in form (status {answer.status})")
        return said


def _note(text: str) -> SignedNote:
    """Return a checkpoint, or a head that nobody signed; raises CheckpointInvalid."""
    data = text.encode()
    return parse_note(data) if b"\n\n" in data else SignedNote(parse_text(data), ())


def place_of(proof: ProofSaid) -> PlaceSaid | None:
    """Return where a transaction went as an answer says, unchecked; None where it does not."""
    if not isinstance(proof, ProvenSaid):
        return proof if isinstance(proof, AbsentSaid) else None
    try:
        leaf, receipt = read(Leaf, bytes.fromhex(proof.leaf), "P7"), read(Receipt, bytes.fromhex(proof.receipt), "P7")
    except (ProofInvalid, ProofUnknown):
        return None
    return _said(leaf, receipt)


def _said(leaf: Leaf, receipt: Receipt) -> CommittedSaid:
    committed = Committed(leaf.height, leaf.time, leaf.index, receipt.number, leaf.receipt)
    return committed_said(committed, {fact.name: fact.value for fact in receipt.facts})


def _committed(suite: Suite, one: Open, proof: ProvenSaid, head: Head) -> CommittedSaid:
    """Return where a transaction went by its leaf and receipt, which are in the log of a head.

    Raises:
        ProofInvalid: they are not of this transaction, or not in that log.
        ProofUnknown: they are of a version that is not known here.
    """
    leaf = read(Leaf, bytes.fromhex(proof.leaf), "P7")
    receipt = read(Receipt, bytes.fromhex(proof.receipt), "P7")
    require("P7", (leaf.body, leaf.valid_until) == (one.body, one.valid_until), "the leaf is of another transaction")
    if one.raw:
        sent = decode(Transaction, one.raw)
        found = tagged(suite.hash, Tag.TRANSACTION, sent.header, sent.signatures)
        require("P7", leaf.transaction == found, "the leaf is of another signature")
    require("P7", leaf.receipt == tagged(suite.hash, Tag.RECEIPT, receipt), "the leaf names another receipt")
    require("P7", leaf.time <= leaf.valid_until, "it was logged after it had expired")
    require("P7", leaf.height <= head.height and leaf.time <= head.time, "the leaf is later than the head")
    path = [bytes.fromhex(one) for one in proof.path]
    held = verify_inclusion(suite, suite.leaf_hash(pack(leaf)), leaf.index, head.size, path, head.log_root)
    require("P7", held, "the path does not lead to the log root")
    return _said(leaf, receipt)
