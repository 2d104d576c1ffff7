"""A consortium that grew from three members to seven, as its nodes show it to a client; without any network."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tests.support.contract_parties import Party, genesis_of, next_epoch
from xinglin.carrier.access.governance.model import EpochState, Vote
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.checkpoint import Head, SignatureType, SignedNote, sign_head
from xinglin.carrier.ledger.errors import SignerUnknown
from xinglin.carrier.ledger.genesis import epoch_hash, epoch_zero
from xinglin.carrier.ledger.model import SuiteNumber
from xinglin.kernel.encoding import pack
from xinglin.node.remote.claims import Open, Patience, Time
from xinglin.node.remote.errors import NodeUnreached
from xinglin.node.remote.forms import (
    AbsentSaid,
    Answer,
    EpochsSaid,
    GenesisSaid,
    OutcomesSaid,
    PlaceAnswer,
    refusal_said,
)
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.proving import Prover
from xinglin.node.remote.settling import Settling
from xinglin.node.remote.transport import Address, Ask
from xinglin.node.remote.trusting import ChainNamed
from xinglin.stakeholders.kinds import MemberKind

GM = suite("gm")
END = 10**12
REFUSED = msgspec.json.encode(OutcomesSaid([refusal_said(SignerUnknown(key=b"k"))]))
LIAR = "liar"


class Grown:
    """A consortium that three founded and that has seven members now; nodes refuse what they are handed, all alike.

    Args:
        names: of the nodes that a client is given; the first is asked first.
        hide: whose nodes show the first epoch alone.
        dead: whose nodes don't answer.
    """

    def __init__(self, *names: str, hide: Sequence[str] = (LIAR,), dead: Sequence[str] = ()) -> None:
        parties = sorted((Party(GM, MemberKind.MEDICAL_INSTITUTION) for _ in range(7)), key=lambda one: one.member)
        self.parties = parties
        self.chain, self.genesis = genesis_of(*parties[:3])
        first = epoch_zero(self.chain, self.genesis)
        epoch = next_epoch(first, epoch_hash(GM.hash, first), 4, *(one.entry() for one in parties))
        votes = tuple(Vote(one.member, one.vote(epoch)) for one in parties[:3])
        self.states = [pack(EpochState(epoch=first, votes=())), pack(EpochState(epoch=epoch, votes=votes))]
        self.hide, self.dead, self.slow = set(hide), set(dead), set[str]()
        self.past = END - 1
        self.now = 0.0
        self.nodes = Nodes([Address(name) for name in names], lambda: self.now, lambda: 0.5)
        time = Time(lambda: self.now, self._sleep)
        self.prover = Prover(ChainNamed(self.chain, GM), self.nodes, self.ask, time, Patience(5.0))
        self.settling = Settling(self.nodes, self.ask, time, Patience(5.0), self.prover)

    def ask(self, address: Address, asked: Ask) -> Answer:
        """Answer a request."""
        self.now += asked.seconds - 0.001 if address.text in self.slow else 0.01
        if address.text in self.dead:
            raise NodeUnreached(address=address.text, reason="-")
        if asked.path.endswith("/genesis"):
            return Answer(200, msgspec.json.encode(GenesisSaid(pack(self.genesis).hex())))
        if asked.path.endswith("/epochs"):
            shown = self.states[: 1 if address.text in self.hide else None]
            return Answer(200, msgspec.json.encode(EpochsSaid([one.hex() for one in shown])))
        if asked.method == "POST":
            return Answer(200, REFUSED)
        past = END + 1 if address.text == LIAR else self.past
        return Answer(200, msgspec.json.encode(PlaceAnswer(AbsentSaid(9, past))))

    def settle(self) -> object:
        """Settle one transaction."""
        return self.settling.settle([Open(b"raw", bytes(32), END)])[0]

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def signed(head: Head, parties: Sequence[Party]) -> SignedNote:
    """Return a head that members sign."""
    lines = [
        sign_head(head, one.member, one.key.public, SuiteNumber.GM, SignatureType.CHECKPOINT, one.key.sign)
        for one in parties
    ]
    return SignedNote(head, tuple(sorted(lines, key=lambda one: one.member)))
