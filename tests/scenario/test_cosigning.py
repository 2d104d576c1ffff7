"""Nodes that collect one another's cosignatures over HTTP: quorum, absence, lies, forks (docs/spec/cosigning.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import msgspec
import pytest
from xinglin_verify.report import Verdict
from xinglin_verify.verify import verify_bundle

from tests.support.acting import acting
from tests.support.neighbourhood import House, Neighbourhood, neighbourhood, wait_for
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.checkpoint import Head, NoteSignature, SignedNote
from xinglin.carrier.ledger.cosign import Cosigner, check_signature
from xinglin.carrier.ledger.errors import CheckpointFork, CheckpointInvalid, CheckpointUnavailable
from xinglin.carrier.ledger.trust import encode_trust
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.cosigning import Asked
from xinglin.node.consortium.neighbours import CosignatureForeign, Met, Neighbour, NodeNotRegistered
from xinglin.node.founding import ADMINISTRATOR, SEALING, SERVICE
from xinglin.node.membership.voting import Change, propose, vote
from xinglin.node.node import Node
from xinglin.node.office.directory import Directory
from xinglin.node.office.proofs import newest_checkpoint, newest_quorum, prove_anchor, trust_of
from xinglin.node.opening import anchoring
from xinglin.node.remote.errors import NodeUnreached
from xinglin.server.errors import SourceTooFast

EVERY = 20
"""More than the blocks by which the homes opened for business."""
SETTINGS = f"\n[cosigning]\ninterval_blocks = {EVERY}\ninterval_seconds = 0.1\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Neighbourhood]:
    """Return four homes that answer one another; three of four are a quorum."""
    with neighbourhood(tmp_path, SETTINGS) as four:
        yield four


def collected(house: House) -> SignedNote:
    """Look until the home has a quorum and nobody is still being asked, and return its note: no line comes after."""

    def done() -> bool:
        house.keeper.look()
        return house.keeper.status.seconds is not None and not any(one.busy for one in house.keeper.asked)

    wait_for(done)
    return newest_checkpoint(house.node, 0)


def asked(house: House, other: House) -> Asked:
    """Return what a home knows of asking another."""
    return next(one for one in house.keeper.asked if one.neighbour.address.endswith(f":{other.port}"))


def settled(house: House) -> None:
    """Look once, and wait until all who were asked have answered or failed."""
    house.keeper.look()
    wait_for(lambda: not any(one.busy for one in house.keeper.asked))


def members(note: SignedNote) -> set[str]:
    """Return who signed a note."""
    return {line.member for line in note.signatures}


@dataclass(slots=True)
class Lying(Node):
    """A home that cosigns by another cosigner than its own."""

    change: Callable[[Cosigner], Cosigner] = lambda cosigner: cosigner

    def cosigner(self) -> Cosigner:
        """Return the changed one."""
        return self.change(Node.cosigner(self))


def lying(node: Node, change: Callable[[Cosigner], Cosigner]) -> Lying:
    """Return a view of an open home that lies."""
    given = {one.name: getattr(node, one.name) for one in fields(Node) if one.init}
    return Lying(**given, change=change)


def another_state(cosigner: Cosigner) -> Cosigner:
    """Return a cosigner of a node that computed another state."""

    def head_at(height: int) -> Head:
        return replace(cosigner.head_at(height), state_root=bytes(32))

    return replace(cosigner, head_at=head_at)


# --- collecting ---


@pytest.mark.requirement("S9.2", part="a quorum of members cosigns a checkpoint between running nodes")
def test_a_quorum_cosigns_a_height_at_intervals_and_none_between(place: Neighbourhood) -> None:
    hospital = place["hospital"]
    place.grow(3 * EVERY + 2)
    note = collected(hospital)
    assert note.head.height == 3 * EVERY
    assert len(members(note)) >= 3
    assert newest_quorum(hospital.node, note.head.height) == note
    place.grow(4 * EVERY - 1)
    settled(hospital)
    assert hospital.node.notes.heights() == [3 * EVERY]
    place.grow(4 * EVERY)
    wait_for(lambda: collected(hospital).head.height == 4 * EVERY)


def test_every_node_that_asks_gets_a_quorum_and_one_that_is_asked_keeps_the_lines_that_it_saw(
    place: Neighbourhood,
) -> None:
    place.grow(EVERY)
    for house in place.houses.values():
        assert len(members(collected(house))) >= 3
    # The hospital asked first: the others were shown its line, and kept it with their own.
    for name in ("platform", "insurer"):
        note = place[name].node.notes.load(EVERY)
        assert note is not None
        assert place["hospital"].node.member in members(note)


def test_who_is_away_holds_nothing_up_and_is_asked_again(place: Neighbourhood) -> None:
    hospital, insurer, regulator = place["hospital"], place["insurer"], place["regulator"]
    for house in (insurer, regulator):
        house.deaf()
    place.grow(EVERY)
    settled(hospital)
    place.grow(EVERY + 3)  # the chain goes on
    assert (hospital.keeper.status.lines, hospital.keeper.status.seconds) == (2, None)
    assert asked(hospital, insurer).code == NodeUnreached.code
    assert newest_quorum(hospital.node, 0) is None
    insurer.listen()
    assert len(members(collected(hospital))) == 3


class Behind(Neighbour):
    """A node that has not come to the height when it is asked first."""

    looks = 0

    def meet(self, seconds: float = 20.0) -> Met:
        """Tell a head of before, twice."""
        met = super().meet(seconds)
        self.looks += 1
        return replace(met, head=msgspec.structs.replace(met.head, height=1)) if self.looks <= 2 else met


def test_a_node_that_is_behind_is_asked_again_until_it_has_the_height(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    for name in ("insurer",):
        place[name].deaf()
    one = asked(hospital, platform)
    one.neighbour = Behind(hospital.node, f"127.0.0.1:{platform.port}")
    place.grow(EVERY)
    settled(hospital)
    assert one.code == CheckpointUnavailable.code
    note = collected(hospital)
    assert platform.node.member in members(note)
    assert one.neighbour.looks == 3


def test_a_checkpoint_can_be_had_at_once(place: Neighbourhood) -> None:
    hospital = place["hospital"]
    hospital.keeper.start()
    place.grow(EVERY + 1)
    note = hospital.keeper.collect(60)
    assert note.head.height == EVERY + 1
    assert len(members(note)) >= 3


# --- lies ---


def test_a_line_of_another_member_is_not_taken(place: Neighbourhood) -> None:
    hospital, platform, insurer = place["hospital"], place["platform"], place["insurer"]

    def as_the_insurer(_: Cosigner) -> Cosigner:
        return insurer.node.cosigner()

    platform.become(lying(platform.node, as_the_insurer))
    insurer.deaf()
    place["regulator"].deaf()
    place.grow(EVERY)
    settled(hospital)
    assert asked(hospital, platform).code == CosignatureForeign.code
    assert members(newest_checkpoint(hospital.node, 0)) == {hospital.node.member}


def test_a_line_that_does_not_verify_is_not_taken(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    for name in ("insurer", "regulator"):
        place[name].deaf()

    class Bad(Cosigner):
        def cosign(self, note: SignedNote) -> NoteSignature:
            line = Cosigner.cosign(self, note)
            return replace(line, signature=bytes(64))

    def badly(cosigner: Cosigner) -> Cosigner:
        return Bad(**{one.name: getattr(cosigner, one.name) for one in fields(Cosigner)})

    platform.become(lying(platform.node, badly))
    place.grow(EVERY)
    settled(hospital)
    assert asked(hospital, platform).code == CheckpointInvalid.code
    assert members(newest_checkpoint(hospital.node, 0)) == {hospital.node.member}


def test_what_answers_must_be_a_node_of_another_member(place: Neighbourhood) -> None:
    hospital = place["hospital"]
    with pytest.raises(NodeNotRegistered):
        Neighbour(hospital.node, f"127.0.0.1:{hospital.port}").meet()


# --- forks ---


def test_a_node_that_computed_another_head_is_evidence_and_ends_cosigning(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    platform.become(lying(platform.node, another_state))
    place.grow(EVERY)
    settled(hospital)
    assert asked(hospital, platform).code == CheckpointFork.code
    assert hospital.node.notes.forked
    status = hospital.keeper.status
    assert (status.forked, status.contradicted) == (True, (platform.node.member,))
    evidence = hospital.node.home.chain(hospital.node.consortium.rules.chain) / "evidence"
    theirs = (evidence / f"fork-{EVERY}-theirs.note").read_text()
    assert platform.node.member in theirs
    place.grow(2 * EVERY)
    settled(hospital)
    assert hospital.keeper.status.height == EVERY
    with pytest.raises(CheckpointUnavailable):
        hospital.keeper.collect(0)


def test_who_asks_for_a_forked_head_gets_no_line_and_leaves_evidence(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    place.grow(EVERY)
    forged = another_state(platform.node.cosigner()).said(EVERY)
    neighbour = Neighbour(platform.node, f"127.0.0.1:{hospital.port}")
    asks = neighbour.asking(neighbour.meet())
    with pytest.raises(CheckpointFork):
        asks.cosign(forged)
    assert hospital.node.notes.forked
    with pytest.raises(CheckpointUnavailable):
        asks.cosign(platform.node.cosigner().said(EVERY))
    # What the hospital had said of that height it still shows: it is evidence for the asker too.
    assert asks.checkpoint(EVERY).head == hospital.node.consortium.head_at(EVERY)


def test_a_node_that_says_there_is_a_fork_and_shows_nothing_stops_nobody(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]

    class Crying(Cosigner):
        def cosign(self, note: SignedNote) -> NoteSignature:
            raise CheckpointFork(chain=note.head.chain, height=note.head.height)

    def crying(cosigner: Cosigner) -> Cosigner:
        return Crying(**{one.name: getattr(cosigner, one.name) for one in fields(Cosigner)})

    platform.become(lying(platform.node, crying))
    place.grow(EVERY)
    note = collected(hospital)
    settled(hospital)
    assert not hospital.node.notes.forked
    assert platform.node.member not in members(note)
    wait_for(lambda: hospital.keeper.status.contradicted == (platform.node.member,))


# --- floods ---


def test_a_member_that_asks_too_often_is_told_to_wait_and_the_others_are_served(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, SETTINGS + "requests_per_minute = 9\n") as place:
        place.grow(EVERY)
        greedy = Neighbour(place["platform"].node, f"127.0.0.1:{place['hospital'].port}")
        asks = greedy.asking(greedy.meet())
        for _ in range(3):
            asks.checkpoint(EVERY)
        with pytest.raises(SourceTooFast):  # noqa: PT012  (one more is let in after seven seconds)
            for _ in range(30):
                asks.checkpoint(EVERY)
        assert place["hospital"].node.notes.heights() == [EVERY]
        other = Neighbour(place["insurer"].node, f"127.0.0.1:{place['hospital'].port}")
        assert other.asking(other.meet()).checkpoint(EVERY).head.height == EVERY


def test_asking_for_the_same_height_again_writes_nothing(place: Neighbourhood) -> None:
    place.grow(EVERY)
    platform, hospital = place["platform"].node, place["hospital"].node
    note = platform.cosigner().checkpoint(EVERY)
    line = hospital.cosigner().cosign(note)
    file = hospital.home.chain(hospital.consortium.rules.chain) / "notes" / str(EVERY)
    before = file.stat().st_mtime_ns, file.stat().st_ino
    assert hospital.cosigner().cosign(note) == line
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_the_key_that_asks_is_the_service_account_s(place: Neighbourhood) -> None:
    node = place["hospital"].node
    assert Neighbour(node, "127.0.0.1:1")._asking("")._signer.key == node.keys.public(SERVICE)


# --- a key that was replaced ---


def replace_key(place: Neighbourhood, ahead: int) -> int:
    """Vote a new cosigning key of the hospital into force, so many blocks from now; return from which height on."""
    proposal, _ = propose(acting(place["hospital"].node), Change(rotate=True, ahead=ahead))
    for name in ("hospital", "platform", "insurer"):
        vote(acting(place[name].node), proposal, None)
    return Directory(place["hospital"].node.consortium).epochs()[-1].epoch.from_height


@pytest.mark.requirement("W19", part="heights from before a key was replaced are cosigned by the key of then")
def test_a_height_of_the_epoch_before_is_cosigned_by_the_key_that_was_replaced(place: Neighbourhood) -> None:
    """Nobody had asked for it when the new key came into force: by that one no line would count."""
    hospital = place["hospital"]
    first = hospital.node.cosigner().keys_at(0)[hospital.node.member]
    begins = replace_key(place, EVERY + 4)
    assert EVERY < begins < 2 * EVERY
    place.grow(begins + 2)
    assert hospital.node.cosigning_signer().key != first
    note = collected(hospital)
    assert note.head.height == EVERY
    lines_verify(hospital, note)
    assert hospital.node.member in members(note)
    place.grow(2 * EVERY)
    later = collected(place["platform"])
    assert later.head.height == 2 * EVERY
    lines_verify(hospital, later)
    asked_now = place["hospital"].node.cosigner().cosign(later)
    assert asked_now.key_id in {line.key_id for line in hospital.node.notes.load(2 * EVERY).signatures}  # type: ignore[union-attr]


def lines_verify(house: House, note: SignedNote) -> None:
    """Check every line of a note as a stranger would: one that is by another key fails a whole bundle (P6)."""
    cosigner = house.node.cosigner()
    for line in note.signatures:
        check_signature(cosigner.rules, note, line, cosigner.keys_at(note.head.height)[line.member])


@pytest.mark.requirement("S9.2", part="what was logged before a key was replaced is proven by a later checkpoint")
def test_what_is_under_no_quorum_of_its_epoch_is_proven_by_a_later_checkpoint(place: Neighbourhood) -> None:
    """Members were away while the key was replaced: no height of the first epoch ever has a quorum."""
    hospital = place["hospital"]
    node, client = hospital.node, hospital.node.client(hospital.node.private_ledger())
    call = AddNode(identifier(random_bytes(16)), node.keys.public(SEALING))
    client.call([operation(client.suite, "registry", "add_node", call)], [node.signer(ADMINISTRATOR)])
    assert anchoring(node).step()
    anchored = hospital.node.consortium.tip.height
    begins = replace_key(place, EVERY + 4)
    place.grow(begins + EVERY)
    note = collected(hospital)
    assert anchored < begins <= note.head.height
    assert hospital.node.notes.heights() == [note.head.height]
    private = hospital.node.private_ledger().rules.chain
    bundle = prove_anchor(hospital.node, private)
    assert verify_bundle(bundle, encode_trust(trust_of(hospital.node.consortium))).verdict is Verdict.HOLDS


def test_a_height_that_somebody_waits_for_is_cosigned_before_the_next_multiple(place: Neighbourhood) -> None:
    place.grow(EVERY)
    hospital = place["hospital"]
    assert collected(hospital).head.height == EVERY
    place.grow(EVERY + 3)
    time.sleep(0.15)  # interval_seconds
    hospital.keeper.look()
    assert hospital.keeper.status.height == EVERY  # nobody waits
    hospital.keeper.want(EVERY + 2)
    hospital.keeper.look()
    assert hospital.keeper.status.height == EVERY + 3
    place.grow(EVERY + 5)
    time.sleep(0.15)
    hospital.keeper.want(EVERY + 3)  # that round has it
    hospital.keeper.look()
    assert hospital.keeper.status.height == EVERY + 3


def test_who_waits_has_no_more_checkpoints_made_than_the_interval_allows(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, SETTINGS.replace("interval_seconds = 0.1", "interval_seconds = 3_600")) as place:
        place.grow(EVERY)
        hospital = place["hospital"]
        collected(hospital)
        for _ in range(5):
            place.grow(place["hospital"].node.consortium.tip.height + 1)
            hospital.keeper.want(10**9)
            hospital.keeper.look()
        assert hospital.keeper.status.height == EVERY
