"""A client that remembers what it accepted, when all nodes that it is given lie together (S6.2f, NH34 to NH36).

The nodes are four homes of one consortium that answer over real HTTP. Their keys are at hand, so a quorum can be made
to sign what it never executed, which is what is to be found out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.lying import Lie, lying
from tests.support.neighbourhood import Neighbourhood, neighbourhood
from tests.support.served import new_identifier
from tests.support.waiting import PATIENCE
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Built, Signer, operation
from xinglin.carrier.ledger.checkpoint import Head, SignatureType, SignedNote, parse_note, sign_head
from xinglin.carrier.ledger.log import Tile, TileLog, TileReader
from xinglin.carrier.ledger.model import Leaf, Operation, Receipt, SuiteNumber, Transaction
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.home import Home
from xinglin.node.office.proofs import cosign_together
from xinglin.node.remote import continuing, looking
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Assurance, Patience
from xinglin.node.remote.continuing import OLDEST_SECONDS
from xinglin.node.remote.errors import RefusalUnproven, SubmissionUnknown
from xinglin.node.remote.remembered import FileMemory, MemoryDamaged, Remembered
from xinglin.node.remote.trusting import ChainNamed

GM = suite("gm")
NAMES = ("hospital", "platform", "insurer", "regulator")
SETTINGS = """
[cosigning]
interval_blocks = 2
interval_seconds = 0.1
requests_per_minute = 100_000
[freshness]
stale_seconds = 600.0
"""
PATIENT = Patience(seconds=200, request_seconds=60, quorum_seconds=20)
LIED_TO = Patience(seconds=10, request_seconds=9, quorum_seconds=1.5)
"""Where patience comes to its end, and no quorum comes."""


@dataclass
class Scene:
    """The consortium, a client's memory, and what all nodes say."""

    place: Neighbourhood
    memory: FileMemory

    def client(self, *names: str, remembers: bool = True, patience: Patience = PATIENT, **more: Any) -> RemoteChain:
        """Return a client of nodes, of all if none is named, in a new run."""
        rules = self.place[NAMES[0]].node.consortium.rules
        addresses = [self.place[name].address for name in names or NAMES]
        named = ChainNamed(rules.chain, GM)
        memory = self.memory if remembers else None
        return RemoteChain(addresses, named, SystemClock(), random_bytes, patience, memory=memory, **more)

    def say(self, lie: Lie, *names: str, takes: bool = True) -> None:
        """Have nodes say this from now on, all if none is named."""
        for name in names or NAMES:
            house = self.place[name]
            house.deaf()
            house.between = lying(lie, takes=takes)
            house.listen()

    def signer(self) -> Signer:
        return self.place[NAMES[0]].node.signer(ADMINISTRATOR)

    def good(self) -> Operation:
        """Return a call that is done."""
        sealing = self.place[NAMES[0]].node.keys.public(SEALING)
        return operation(GM, "registry", "add_node", AddNode(new_identifier(), sealing))

    def commit(self, client: RemoteChain) -> Any:
        """Have a client commit something, and return where it went; a quorum signs meanwhile."""
        built = client.build([self.good()], [self.signer()])
        self.place.group.engine.submit_many([built.raw]).result(PATIENCE)
        self.cosign()
        return client.submit(built.raw)

    def cosign(self) -> SignedNote:
        """Have all sign the newest height."""
        self.place.grow(self.tip.height + 2)
        return cosign_together([self.place[name].node for name in NAMES]).note

    @property
    def tip(self) -> Head:
        ledger = self.place[NAMES[0]].node.consortium
        return ledger.head_at(ledger.tip.height)

    def signed(self, head: Head) -> SignedNote:
        """Have all sign a head that none has executed."""
        lines = []
        for name in NAMES:
            node = self.place[name].node
            signer = node.cosigning_signer()
            lines.append(
                sign_head(head, node.member, signer.key, SuiteNumber.GM, SignatureType.CHECKPOINT, signer.sign)
            )
        return SignedNote(head, tuple(sorted(lines, key=lambda one: one.member)))

    def remember(self, note: SignedNote) -> None:
        """Have the memory hold another checkpoint as the newest."""
        what = self.memory.load()
        assert what is not None
        self.memory.save(Remembered(what.chain, what.genesis, what.epochs, note.encode().decode()))

    def remembered(self) -> Head:
        what = self.memory.load()
        assert what is not None
        return parse_note(what.checkpoint.encode()).head


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each node the time that a slow machine needs to show a proof."""
    monkeypatch.setattr(continuing, "SHORT_SECONDS", PATIENT.request_seconds)
    monkeypatch.setattr(looking, "SHORT_SECONDS", PATIENT.request_seconds)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbourhood]:
    with neighbourhood(tmp_path_factory.mktemp("remembered"), SETTINGS) as place:
        yield place


@pytest.fixture
def scene(four: Neighbourhood, tmp_path: Path) -> Iterator[Scene]:
    """Give the homes, none of which lies yet, and a client that has accepted a checkpoint in a run before."""
    chain = four[NAMES[0]].node.consortium.rules.chain
    scene = Scene(four, FileMemory(Home(tmp_path).remembered(chain)))
    assert scene.commit(scene.client()).assurance is Assurance.QUORUM
    yield scene
    scene.say(lambda *_: None)


def a_fork(scene: Scene, sent: bytes, proof: Sequence[str] | None) -> tuple[Lie, SignedNote]:
    """Say that a transaction is committed in another log, as long as the true one and longer, that a quorum signed.

    ``proof``: what is said to show that it continues the true one; None says nothing.
    """
    transaction, tip = decode(Transaction, sent), scene.tip
    receipt = Receipt(number=0, facts=())
    leaf = Leaf(
        height=tip.height + 1,
        time=tip.time + 1,
        index=tip.size,
        body=tagged(GM.hash, Tag.BODY, transaction.header),
        valid_until=transaction.header.valid_until,
        transaction=tagged(GM.hash, Tag.TRANSACTION, transaction.header, transaction.signatures),
        receipt=tagged(GM.hash, Tag.RECEIPT, receipt),
    )
    log, tiles = TileLog(GM), dict[Tile, bytes]()
    tiles |= log.append([GM.hash(bytes([number])) for number in range(tip.size)] + [GM.leaf_hash(pack(leaf))])
    head = Head(tip.chain, log.size, log.root(), tip.state_root, tip.height + 1, tip.time + 1)
    note = scene.signed(head)
    path = TileReader(GM, tiles.__getitem__, tip.chain).inclusion(tip.size, log.size)
    said = {"status": "committed", "height": leaf.height, "time": leaf.time, "index": leaf.index, "code": 0}
    said["receipt"] = leaf.receipt.hex()
    shown = {"status": "proven", "leaf": pack(leaf).hex(), "receipt": pack(receipt).hex()}
    shown["path"] = [one.hex() for one in path]  # type: ignore[assignment]

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if path.endswith("/transactions"):
            return {"outcomes": [said]}
        if "/consistency/" in path:
            return {} if proof is None else {"proof": list(proof)}
        return {"checkpoint": note.encode().decode(), "proofs": [shown]} if path.endswith("/proofs") else None

    return lie, note


def asked_for_proofs(paths: list[str]) -> Lie:
    """Let the truth stand, and note which proofs of consistency are asked for."""

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if "/consistency/" in path:
            paths.append(path)

    return lie


@pytest.mark.requirement("S6.2f", part="what a client accepted before is not undone by nodes that all lie")
def test_a_newer_head_is_accepted_when_it_continues_the_one_of_the_run_before(scene: Scene) -> None:
    before, paths = scene.remembered(), list[str]()
    scene.say(asked_for_proofs(paths))
    client = scene.client()
    assert scene.commit(client).assurance is Assurance.QUORUM
    after = scene.remembered()
    assert after.height > before.height
    assert after.size > before.size
    assert paths == [f"/ledger/v1/log/consistency/{before.size}"]
    assert client.doubted == []
    assert (scene.memory.path.stat().st_mode & 0o777) == 0o600
    assert scene.memory.path.stat().st_size < 16_384


def submit_under(scene: Scene, lie_of: Callable[[bytes], tuple[Lie, SignedNote]], **more: Any) -> tuple[Any, Any]:
    """Have all nodes lie of a transaction; return what the client says of it, or refuses, and the forged note."""
    client = scene.client(patience=LIED_TO, **more)
    built: Built = client.build([scene.good()], [scene.signer()])
    lie, note = lie_of(built.raw)
    scene.say(lie, takes=False)
    try:
        return client.submit(built.raw), note
    except SubmissionUnknown as refusal:
        return refusal, note


@pytest.mark.requirement("S6.2f", part="what a client accepted before is not undone by nodes that all lie")
def test_nodes_that_all_show_a_fork_are_not_believed_and_it_is_kept(scene: Scene) -> None:
    known, kept = scene.remembered(), dict[str, bytes]()
    outcome, note = submit_under(scene, lambda raw: a_fork(scene, raw, ["00" * 32]), keep=kept.__setitem__)
    assert isinstance(outcome, SubmissionUnknown)
    assert scene.remembered() == known
    said = [json.loads(data) for data in kept.values()]
    everybody = {scene.place[name].address for name in NAMES}
    assert set(said[0]["continuing"]) == everybody  # who gave which false proof
    assert said[0]["continuing"][said[0]["node"]] == ["00" * 32]
    for one in said:
        assert "of one log" in one["reason"]
        assert parse_note(one["checkpoint"].encode()) == note
        assert parse_note(one["known"].encode()).head == known
    forgetful, _ = submit_under(scene, lambda raw: a_fork(scene, raw, ["00" * 32]), remembers=False)
    assert forgetful.assurance is Assurance.QUORUM, "who remembers nothing rests on the quorum"


def test_a_fork_of_which_nothing_is_shown_does_not_count(scene: Scene) -> None:
    known = scene.remembered()
    outcome, _ = submit_under(scene, lambda raw: a_fork(scene, raw, None))
    assert getattr(outcome, "assurance", None) is not Assurance.QUORUM
    assert scene.remembered() == known


@pytest.mark.requirement("S6.2f", part="what a client accepted before is not undone by nodes that all lie")
def test_nodes_that_all_show_an_old_head_are_not_believed(scene: Scene) -> None:
    built = scene.client().build([scene.good()], [scene.signer()])
    scene.place.group.engine.submit_many([built.raw]).result(PATIENCE)
    head = scene.cosign().head
    later = head.time + OLDEST_SECONDS * 1000 + 60_000
    scene.remember(scene.signed(replace(head, height=head.height + 500, time=later)))
    known, kept = scene.remembered(), dict[str, bytes]()
    client = scene.client(patience=LIED_TO, keep=kept.__setitem__)
    with pytest.raises((SubmissionUnknown, RefusalUnproven)):
        client.submit(built.raw)
    assert {one.facts["address"] for one in client.doubted} == {scene.place[name].address for name in NAMES}
    assert all("older" in str(one.facts["reason"]) for one in client.doubted)
    assert kept == {}  # an old head is no lie of those who signed it
    assert scene.remembered() == known


def test_a_node_that_is_late_by_seconds_is_named_for_nothing(scene: Scene) -> None:
    """It can't prove that a longer log continues its own; what it shows counts when it can, or another does."""
    client = scene.client()
    built = client.build([scene.good()], [scene.signer()])
    scene.place.group.engine.submit_many([built.raw]).result(PATIENCE)
    note = scene.cosign()
    longer = replace(note.head, height=note.head.height + 2, time=note.head.time + 5, size=note.head.size + 1)
    scene.remember(scene.signed(replace(longer, log_root=GM.hash(b"later"))))
    late = scene.client(patience=replace(PATIENT, quorum_seconds=1.5))
    committed = late.submit(built.raw)
    assert (committed.assurance, committed.cosigners, late.doubted) == (Assurance.NODE, 0, [])


def test_a_false_proof_by_one_is_outdone_by_a_true_one_of_another(scene: Scene) -> None:
    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        return {"proof": ["00" * 32]} if "/consistency/" in path else None

    kept: dict[str, bytes] = {}
    scene.say(lie, *NAMES[:2])
    client = scene.client(keep=kept.__setitem__)
    assert scene.commit(client).assurance is Assurance.QUORUM
    assert kept == {}
    assert {one.facts["address"] for one in client.doubted} == {scene.place[name].address for name in NAMES[:2]}


@pytest.mark.requirement("S6.2f", part="what a client accepted before is not undone by nodes that all lie")
def test_a_false_proof_by_one_is_held_against_no_other(scene: Scene) -> None:
    """The newest accepted head is ahead of all nodes, which can't prove anything yet; one proves falsely."""
    built = scene.client().build([scene.good()], [scene.signer()])
    scene.place.group.engine.submit_many([built.raw]).result(PATIENCE)
    head = scene.cosign().head
    longer = replace(head, height=head.height + 2, time=head.time + 5, size=head.size + 1)
    scene.remember(scene.signed(replace(longer, log_root=GM.hash(b"later"))))

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        return {"proof": ["00" * 32]} if "/consistency/" in path else None

    scene.say(lie, NAMES[1])
    kept: dict[str, bytes] = {}
    late = scene.client(patience=replace(PATIENT, quorum_seconds=3), keep=kept.__setitem__)
    assert late.submit(built.raw).assurance is Assurance.NODE
    assert {one.facts["address"] for one in late.doubted} == {scene.place[NAMES[1]].address}
    assert all(json.loads(one)["node"] == scene.place[NAMES[1]].address for one in kept.values())


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"[" * 100_000,
        lambda data: data.replace(b'"epochs":["', b'"epochs":["00'),
        lambda data: data.replace(b"height ", b"height 1"),
        lambda data: data.replace(b'"genesis":"', b'"genesis":"zz'),
        lambda data: data.replace(b'"epochs"', b'"epoch"'),
    ],
)
def test_a_memory_that_is_not_what_was_saved_is_refused(scene: Scene, change: Callable[[bytes], bytes]) -> None:
    data = scene.memory.path.read_bytes()
    scene.memory.path.write_bytes(change(data))
    with pytest.raises(MemoryDamaged) as refused:
        scene.client()
    assert str(scene.memory.path) in refused.value.sentence()
    scene.memory.path.unlink()
    assert scene.client().doubted == []


def test_a_disk_that_refuses_does_not_end_a_submission(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    client = scene.client()
    before = scene.remembered()
    client._prover._looker._memory = FileMemory(scene.memory.path / "nothing")
    assert scene.commit(client).assurance is Assurance.QUORUM
    assert "can't be remembered" in caplog.text
    assert scene.remembered() == before
