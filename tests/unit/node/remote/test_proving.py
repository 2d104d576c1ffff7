"""Checks of what nodes say: whose epochs count, and what one node can make a client believe (S6.2f)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.support.grown import END, LIAR, Grown
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.checkpoint import Head, SignatureType, SignedNote, sign_head
from xinglin.carrier.ledger.errors import SignerUnknown
from xinglin.carrier.ledger.model import SuiteNumber
from xinglin.kernel.encoding import pack
from xinglin.node.remote.claims import Claim, Open, Patience, Time
from xinglin.node.remote.errors import NodeAway, RefusalUnproven, SubmissionUnknown
from xinglin.node.remote.forms import (
    CommittedSaid,
)
from xinglin.node.remote.proving import Prover
from xinglin.node.remote.remembered import FileMemory, MemoryDamaged, Remembered
from xinglin.node.remote.transport import Address
from xinglin.node.remote.trusting import ChainNamed

GM = suite("gm")
DONE = CommittedSaid(height=7, time=900, index=3, code=0, receipt="00" * 32)


Honest = pytest.mark.parametrize("dead", [(), ("b", "c", "d")], ids=["all answer", "the others are dead"])


@Honest
@pytest.mark.requirement("S6.2f", part="a node that hides the newest members")
def test_who_hides_the_newest_epochs_can_not_refuse_for_good(dead: Sequence[str]) -> None:
    grown = Grown(LIAR, "b", "c", "d", dead=dead)
    outcome = grown.settling.settle([Open(b"raw", bytes(32), END + 2)])[0]  # nobody is past that end
    assert isinstance(outcome, RefusalUnproven)


@Honest
def test_who_hides_the_newest_epochs_can_not_say_alone_that_it_never_came(dead: Sequence[str]) -> None:
    assert isinstance(Grown(LIAR, "b", "c", "d", dead=dead).settle(), SubmissionUnknown)


def test_the_longest_row_of_epochs_counts_and_a_dead_node_does_not_hide_it() -> None:
    grown = Grown(LIAR, "b", "c", "d", dead=["d"])
    assert grown.prover.faults() == 2
    assert Grown(LIAR, "b", "c", "d", dead=["c", "d"]).prover.faults() is None
    grown = Grown("a", "b", "c", "d", dead=["d"])
    grown.past = END + 1
    assert isinstance(grown.settle(), SignerUnknown)  # three of a list are more than two


def test_an_epoch_that_comes_meanwhile_takes_a_refusal_its_finality() -> None:
    grown = Grown("a", "b", hide=["a", "b"])
    assert isinstance(grown.settle(), SignerUnknown)  # three members: none may lie
    grown.hide = {"a"}
    assert isinstance(grown.settle(), RefusalUnproven)


def test_where_one_has_not_shown_its_epochs_a_refusal_is_open() -> None:
    assert isinstance(Grown("a", "b", hide=["a", "b"], dead=["b"]).settle(), RefusalUnproven)


def test_asking_for_epochs_and_proofs_ends_in_time() -> None:
    grown = Grown("a", "b", "c", "d")
    grown.slow = {"a", "b", "c", "d"}
    grown.prover.faults(until=2.0)
    assert grown.now < 2.1
    with pytest.raises(NodeAway):
        grown.prover.check(Address("b"), [Claim(Open(b"raw", bytes(32), END), DONE)], until=grown.now + 2.0)
    assert grown.now < 4.2


def test_who_remembers_the_newest_epochs_is_not_shown_old_ones_by_all(tmp_path: Path) -> None:
    grown = Grown("a", "b", hide=["a", "b"])
    grown.prover.faults()
    assert grown.prover.faults() == 0  # three founders: none may lie, and a refusal is final
    head = Head(grown.chain, 2, b"r" * 32, b"s" * 32, 9, 900)
    signed = sorted(grown.parties[:4], key=lambda one: one.member)
    lines = [
        sign_head(head, one.member, one.key.public, SuiteNumber.GM, SignatureType.CHECKPOINT, one.key.sign)
        for one in signed
    ]
    memory = FileMemory(tmp_path / "accepted")
    memory.save(
        Remembered(
            grown.chain,
            pack(grown.genesis).hex(),
            [one.hex() for one in grown.states],
            SignedNote(head, tuple(lines)).encode().decode(),
        )
    )
    time = Time(lambda: grown.now, lambda _: None)
    prover = Prover(ChainNamed(grown.chain, GM), grown.nodes, grown.ask, time, Patience(5.0), memory=memory)
    assert prover.faults(of_all=True) == 2
    saved = memory.load()
    assert saved is not None
    memory.save(msgspec.structs.replace(saved, epochs=[grown.states[0].hex()]))
    with pytest.raises(MemoryDamaged):  # its cosigners are of an epoch that it has not
        Prover(ChainNamed(grown.chain, GM), grown.nodes, grown.ask, time, Patience(5.0), memory=memory)
    other = ChainNamed("c" + "a" * 26, GM)
    with pytest.raises(MemoryDamaged):
        Prover(other, grown.nodes, grown.ask, time, Patience(5.0), memory=memory)
