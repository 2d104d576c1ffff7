"""What a client accepts and remembers, and whom it blames: by whose epochs and proofs (S6.2f; NH34, NH36)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.support.grown import END, GM, LIAR, Grown, signed
from xinglin.carrier.ledger.checkpoint import Head, SignedNote, parse_note
from xinglin.carrier.ledger.log import Tile, TileLog, TileReader
from xinglin.node.remote.claims import Open, Patience, Time
from xinglin.node.remote.errors import NodeAway
from xinglin.node.remote.forms import (
    MAX_CONSISTENCY_BYTES,
    MAX_EPOCHS_BYTES,
    MAX_GENESIS_BYTES,
    AbsentSaid,
    Answer,
    ConsistencySaid,
    ProofsSaid,
)
from xinglin.node.remote.looking import AHEAD_SECONDS, Look, Looker, Unfit
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.proving import Prover
from xinglin.node.remote.remembered import FileMemory
from xinglin.node.remote.transport import Address, Ask
from xinglin.node.remote.trusting import ChainNamed

NOW_MS = 1_000_000
NEWEST = 90_000
"""The time of the newest true head."""


class Scene(Grown):
    """Nodes that show checkpoints; a client in runs one after the other, with a memory."""

    def __init__(self, folder: Path, *names: str, hide: Sequence[str] = (LIAR,)) -> None:
        super().__init__(*names, hide=hide)
        self.memory = FileMemory(folder / "accepted")
        self.notes: dict[str, SignedNote] = {}
        self.proofs: dict[str, list[str]] = {}
        self.silent: set[str] = set()
        self.asked: list[tuple[str, Ask]] = []
        self.honest = self.sign(Head(self.chain, 50, b"r" * 32, b"s" * 32, 60, NEWEST), 7)

    def sign(self, head: Head, count: int) -> SignedNote:
        """Have so many of today's members sign a head: the founders first."""
        return signed(head, self.parties[:count])

    def run(self, *names: str) -> Prover:
        """Begin a run of a client that is given these nodes."""
        self.nodes = Nodes([Address(one) for one in names], lambda: self.now, lambda: 0.5)
        time = Time(lambda: self.now, self._sleep, lambda: NOW_MS)
        return Prover(ChainNamed(self.chain, GM), self.nodes, self.ask, time, Patience(5.0), memory=self.memory)

    def ask(self, address: Address, asked: Ask) -> Answer:
        """Answer a request."""
        self.asked.append((address.text, asked))
        if "/consistency/" in asked.path:
            if address.text in self.silent:
                self.now += asked.seconds
                raise NodeAway(address=address.text, reason="-")
            proof = self.proofs.get(address.text)
            return Answer(404, b"{}") if proof is None else Answer(200, msgspec.json.encode(ConsistencySaid(proof)))
        if asked.path.endswith("/proofs"):
            note = self.notes.get(address.text, self.honest)
            absent = AbsentSaid(note.head.height, note.head.time)
            return Answer(200, msgspec.json.encode(ProofsSaid(note.encode().decode(), [absent])))
        return super().ask(address, asked)

    def saved(self) -> Head | None:
        """Return the head that is remembered."""
        what = self.memory.load()
        return None if what is None or what.checkpoint is None else parse_note(what.checkpoint.encode()).head


def look(prover: Prover, name: str) -> Look:
    """Have a client look at what a node shows."""
    (found,) = looker(prover).look(Address(name), [Open(b"", bytes(32), END)])
    return found


def looker(prover: Prover) -> Looker:
    return prover._looker


def forged(scene: Scene, time: int, height: int = 10**9) -> SignedNote:
    """A head of a log far ahead, which two of seven sign, who were two of three founders."""
    return scene.sign(Head(scene.chain, 10**9, b"f" * 32, b"s" * 32, height, time), 2)


@pytest.mark.requirement("S6.2f", part="a memory that liars can not poison")
@pytest.mark.parametrize(("time", "height"), [(10**15, 10**9), (NEWEST + 1, 10**9), (NEWEST + 1, 3), (1, 3)])
def test_liars_who_were_a_quorum_once_do_not_poison_the_memory(tmp_path: Path, time: int, height: int) -> None:
    scene = Scene(tmp_path, LIAR, "b", "c", "d")
    scene.notes[LIAR] = forged(scene, time, height)  # at height 3 they are a quorum
    for names in ((LIAR, "b", "c", "d"), ("b", "c", "d"), ("b", "c", "d")):
        client = scene.run(*names)
        for name in names:
            assert isinstance(look(client, name), AbsentSaid)
        assert client.faults() == 2
        assert list(client.doubted) == []
        assert scene.saved() == scene.honest.head


@pytest.mark.requirement("S6.2f", part="a memory that liars can not poison")
def test_what_most_nodes_could_poison_is_mended_by_the_first_that_shows_the_newest_epochs(tmp_path: Path) -> None:
    scene = Scene(tmp_path, LIAR, "x", "y", "b", hide=(LIAR, "x", "y"))
    scene.notes[LIAR] = forged(scene, NEWEST + 1)
    look(scene.run(LIAR, "x", "y", "b"), LIAR)
    assert scene.saved() == scene.notes[LIAR].head  # nobody who knows better was asked
    client = scene.run("b", "c", "d")
    looker(client).learn(Address("b"))
    what = scene.memory.load()
    assert what is not None
    assert (what.checkpoint, len(what.epochs)) == (None, 2)
    assert scene.run("b").faults() == 2  # such a memory is read again
    for name in ("b", "c", "d"):
        assert isinstance(look(client, name), AbsentSaid)
    assert scene.saved() == scene.honest.head


def test_in_the_same_run_a_poisoned_head_is_forgotten_before_an_honest_node_is_blamed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, LIAR, "x", "y", "b", hide=(LIAR, "x", "y", "b"))
    scene.notes[LIAR] = forged(scene, NEWEST + 1)
    client = scene.run(LIAR, "x", "y", "b")
    assert looker(client)._learn_widely(10.0)
    looker(client).learn(Address("b"))
    look(client, LIAR)
    scene.hide.discard("b")
    scene.notes["b"] = scene.sign(
        replace(scene.honest.head, time=NEWEST + 2), 2
    )  # by lines alone it needs no newer epoch
    assert isinstance(look(client, "b"), AbsentSaid)
    assert scene.saved() is None


def test_a_head_ahead_of_the_clock_is_not_accepted(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "b", "c")
    client = scene.run("b", "c")
    time = NOW_MS + AHEAD_SECONDS * 1000
    scene.notes["b"] = scene.sign(replace(scene.honest.head, time=time + 1), 7)
    look(client, "b")
    assert looker(client).trust.accepted is None
    assert scene.saved() is None
    scene.notes["b"] = scene.sign(replace(scene.honest.head, time=time), 7)
    look(client, "b")
    assert scene.saved() == scene.notes["b"].head


def test_no_head_is_accepted_while_less_than_half_have_shown_their_epochs(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "b", "c", "d", "e")
    scene.dead = {"c", "d"}
    client = scene.run("b", "c", "d", "e")
    look(client, "b")
    assert looker(client).trust.accepted is None
    scene.dead, scene.now = set(), scene.now + 5
    look(client, "b")
    assert scene.saved() == scene.honest.head


def test_epochs_are_saved_when_no_newer_head_is(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "b", hide=("b",))
    first = scene.notes["b"] = scene.sign(replace(scene.honest.head, height=2), 3)
    look(scene.run("b"), "b")
    scene.hide = set()
    looker(scene.run("b")).learn(Address("b"))
    what = scene.memory.load()
    assert what is not None
    assert (len(what.epochs), scene.saved()) == (2, first.head)


def test_of_two_that_save_the_newer_stays(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "b", hide=("b",))
    scene.notes["b"] = scene.sign(replace(scene.honest.head, height=2, size=9, time=900), 3)
    slow = scene.run("b")
    look(slow, "b")
    scene.hide, scene.notes = set(), {}
    scene.notes["b"] = scene.sign(replace(scene.honest.head, size=9, log_root=b"r" * 32), 7)
    look(scene.run("b"), "b")
    newest = scene.saved()
    assert newest == scene.notes["b"].head
    scene.hide, scene.notes["b"] = {"b"}, scene.sign(replace(scene.honest.head, height=3, size=9, time=901), 3)
    look(slow, "b")  # it has its own newest, and knows no newer epochs
    what = scene.memory.load()
    assert what is not None
    assert (scene.saved(), len(what.epochs)) == (newest, 2)


class Logs:
    """The true log at two sizes, and another that continues the shorter one too."""

    def __init__(self, scene: Scene) -> None:
        log, tiles = TileLog(GM), dict[Tile, bytes]()
        leaves = [GM.hash(bytes([number])) for number in range(7)]
        tiles |= log.append(leaves[:5])
        short = log.root()
        tiles |= log.append(leaves[5:])
        self.proof = [one.hex() for one in TileReader(GM, tiles.__getitem__, scene.chain).consistency(5, 7)]
        head = replace(scene.honest.head, size=5, log_root=short)
        self.short = scene.sign(head, 7)
        self.long = scene.sign(replace(head, height=61, size=7, log_root=log.root(), time=NEWEST + 5), 7)
        self.fork = scene.sign(replace(self.long.head, log_root=b"f" * 32), 7)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, "b", LIAR, "c", "d", hide=())


def accepted(scene: Scene, note: SignedNote, by: str) -> Prover:
    """Return a client that has accepted a head of a node."""
    client = scene.run("b", LIAR, "c", "d")
    scene.notes = dict.fromkeys(("b", LIAR, "c", "d"), note)
    look(client, by)
    scene.asked.clear()
    return client


@pytest.mark.requirement("S6.2f", part="a liar that has others blamed")
@pytest.mark.parametrize("proof", [["00" * 32], []])
def test_a_false_proof_is_held_against_who_gave_it_alone(scene: Scene, proof: list[str]) -> None:
    logs = Logs(scene)
    client = accepted(scene, logs.long, "c")
    scene.notes["b"] = logs.short
    scene.proofs[LIAR] = proof
    assert isinstance(look(client, "b"), AbsentSaid)  # seconds late, and blamed for nothing
    assert [one.facts["address"] for one in client.doubted] == [LIAR]
    assert LIAR not in [one.text for one in scene.nodes.ready()]
    assert looker(client).trust.accepted == logs.long
    scene.notes[LIAR] = logs.short
    found = look(client, LIAR)
    assert isinstance(found, Unfit)
    assert found.evidence is not None
    assert found.evidence.continuing == {LIAR: proof}


def test_the_true_proof_of_one_shows_that_another_lied(scene: Scene) -> None:
    logs = Logs(scene)
    client = accepted(scene, logs.short, "c")
    scene.notes["b"], scene.proofs = logs.long, {"c": ["00" * 32] * 2, "b": logs.proof}
    assert isinstance(look(client, "b"), AbsentSaid)
    assert looker(client).trust.accepted == logs.long
    assert [one.facts["address"] for one in client.doubted] == ["c"]


def test_who_has_the_true_log_is_not_named_when_another_shows_a_fork(scene: Scene) -> None:
    logs = Logs(scene)
    client = accepted(scene, logs.short, "c")
    scene.notes[LIAR] = logs.fork
    scene.proofs = {"c": logs.proof, "b": logs.proof}
    assert isinstance(look(client, LIAR), AbsentSaid)
    assert looker(client).trust.accepted == logs.short
    assert list(client.doubted) == []
    scene.proofs[LIAR] = logs.proof
    found = look(client, LIAR)
    assert isinstance(found, Unfit)
    assert found.evidence is not None
    assert found.evidence.continuing == {"c": logs.proof, "b": logs.proof, LIAR: logs.proof}
    assert list(client.doubted) == []


@pytest.mark.requirement("S6.2f", part="a node that holds a client up")
def test_a_silent_node_holds_up_one_look_and_for_seconds(scene: Scene) -> None:
    logs = Logs(scene)
    client = accepted(scene, logs.long, "c")
    scene.notes["b"], scene.silent = logs.short, {LIAR}
    begun = scene.now
    look(client, "b")
    assert scene.now - begun < 2.1
    assert LIAR not in [one.text for one in scene.nodes.ready()]
    first = next(name for name, asked in scene.asked if "/consistency/" in asked.path)
    assert first == "c"  # it showed the accepted one
    again = scene.now
    look(client, "b")
    assert scene.now - again < 0.1


def test_proofs_are_asked_for_no_longer_than_the_caller_waits(scene: Scene) -> None:
    logs = Logs(scene)
    client = accepted(scene, logs.long, "c")
    scene.notes["b"], scene.silent = logs.short, {"b", "c", "d", LIAR}
    until = scene.now + 0.5
    looker(client).look(Address("b"), [Open(b"", bytes(32), END)], until)
    assert scene.now <= until + 0.01


def test_an_answer_is_bounded_by_its_kind(scene: Scene) -> None:
    logs = Logs(scene)
    client = accepted(scene, logs.long, "c")
    scene.notes["b"] = logs.short
    other = scene.run("b")
    look(client, "b")
    scene.memory.path.unlink()
    look(scene.run("b"), "b")
    assert other.faults() == 2
    bounds = {asked.path.split("/")[3]: asked.max_bytes for _, asked in scene.asked}
    assert bounds["genesis"] == MAX_GENESIS_BYTES
    assert bounds["epochs"] == MAX_EPOCHS_BYTES
    assert bounds["log"] == MAX_CONSISTENCY_BYTES
