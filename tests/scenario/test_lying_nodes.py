"""A client is told lies by one of its nodes: each is found, the node is named, the submission is settled truly (S6.2f).

The nodes are four homes of one consortium that answer over real HTTP; one of them has one answer changed on its way.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from tests.support.chain import found_chain
from tests.support.contract_parties import Key
from tests.support.lying import Lie, lying
from tests.support.neighbourhood import Neighbourhood, neighbourhood
from tests.support.served import end_account_call, new_identifier
from xinglin.carrier.access.registry.errors import AccountUnknown
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Built, Signer, build_transaction, operation
from xinglin.carrier.ledger.checkpoint import Head, SignatureType, SignedNote, parse_note, sign_head
from xinglin.carrier.ledger.errors import SignerUnknown, TransactionExpired
from xinglin.carrier.ledger.model import Leaf, Operation, Receipt, SuiteNumber, Transaction
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.remote import proving
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Asking, Assurance, Open, Patience, Time
from xinglin.node.remote.errors import NodeAway, RefusalUnproven, SubmissionUnknown
from xinglin.node.remote.forms import PREFIX, Answer, frame_asked, refusal_said
from xinglin.node.remote.looking import Looker, Seen
from xinglin.node.remote.transport import Ask, ask, parse_address
from xinglin.node.remote.trusting import ChainNamed

GM = suite("gm")
SETTINGS = """
[cosigning]
interval_blocks = 20
interval_seconds = 0.1
requests_per_minute = 100_000
[freshness]
stale_seconds = 600.0
"""
LIAR, HONEST = "hospital", ("platform", "insurer")
PATIENCE = Patience(seconds=200, request_seconds=60, quorum_seconds=60)


WITHOUT = Patience(seconds=200, request_seconds=60, quorum_seconds=1)
"""Where no quorum comes."""


@dataclass
class Scene:
    """The consortium, one of whose nodes lies when a test says how."""

    place: Neighbourhood

    @property
    def named(self) -> ChainNamed:
        """The chain."""
        return ChainNamed(self.place[LIAR].node.consortium.rules.chain, GM)

    def lie(self, lie: Lie, *, takes: bool = True) -> None:
        """Have the liar's answers changed from now on; ``takes``: whether submissions reach its node."""
        house = self.place[LIAR]
        house.deaf()
        house.between = lying(lie, takes=takes)
        house.listen()

    def client(self, *names: str, patience: Patience = PATIENCE, **more: Any) -> RemoteChain:
        """Return a client of nodes; of the liar and then two honest ones, if none is named."""
        addresses = [self.place[name].address for name in names or (LIAR, *HONEST)]
        return RemoteChain(addresses, self.named, SystemClock(), random_bytes, patience, **more)

    def signer(self) -> Signer:
        """Return who signs: an administrator of a member whose node does not lie."""
        return self.place[HONEST[0]].node.signer(ADMINISTRATOR)

    def good(self) -> Operation:
        """Return a call that is done."""
        sealing = self.place[HONEST[0]].node.keys.public(SEALING)
        return operation(GM, "registry", "add_node", AddNode(new_identifier(), sealing))

    @contextmanager
    def without_cosigners(self) -> Iterator[None]:
        """Let nobody collect cosignatures meanwhile."""
        for house in self.place.houses.values():
            house.keeper.look = lambda: None  # type: ignore[method-assign]
        try:
            yield
        finally:
            for house in self.place.houses.values():
                del house.keeper.look  # type: ignore[method-assign]

    def logged(self, body: bytes) -> list[int]:
        """Return the log indexes of a body id."""
        ledger = self.place[HONEST[0]].node.consortium
        return [index for index in range(ledger.tip.log_size) if ledger.entry(index).leaf.body == body]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return the four homes; their keepers collect cosignatures; three are a quorum, one may lie."""
    with neighbourhood(tmp_path_factory.mktemp("liars"), SETTINGS) as place:
        end = threading.Event()

        def keep() -> None:
            while not end.wait(0.05):
                for house in place.houses.values():
                    house.keeper.look()

        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        yield Scene(place)
        end.set()
        thread.join()


@pytest.fixture
def scene(four: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Return the homes, none of which lies yet; honest nodes are waited for however slow the machine is."""
    monkeypatch.setattr(proving, "LAST_SECONDS", 60.0)
    yield four
    four.lie(lambda *_: None)


# --- true nodes ---


@pytest.mark.requirement("S6.2f", part="what nodes say is proven by a quorum")
def test_a_submission_is_proven_by_a_quorum(scene: Scene) -> None:
    client = scene.client()
    committed = client.call([scene.good()], [scene.signer()])
    assert (committed.assurance, committed.code, client.doubted) == (Assurance.QUORUM, 0, [])
    assert committed.cosigners >= 3
    with pytest.raises(AccountUnknown):  # a refusal that the chain logged is proven just so
        client.call([end_account_call(new_identifier())], [scene.signer()])
    assert client.doubted == []


def test_a_caller_sees_that_there_is_no_quorum_yet(scene: Scene) -> None:
    client = scene.client(patience=WITHOUT)
    built = client.build([scene.good()], [scene.signer()])
    with scene.without_cosigners():
        committed = client.submit(built.raw)
    assert (committed.assurance, committed.code, client.doubted) == (Assurance.NODE, 0, [])
    found = scene.client().find(built.valid_until, built.body)
    assert found == committed
    assert found is not None
    assert found.assurance is Assurance.QUORUM


def test_many_at_once_are_proven_under_one_head(scene: Scene) -> None:
    client = scene.client()
    raws = [client.build([scene.good()], [scene.signer()]).raw for _ in range(250)]
    began = time.process_time()  # of all four nodes; a machine that stands still meanwhile is no matter of theirs
    outcomes = client.submit_many(raws)
    assert {getattr(one, "assurance", one) for one in outcomes} == {Assurance.QUORUM}
    assert len({one.index for one in outcomes if not isinstance(one, Exception)}) == 250
    assert time.process_time() - began < 20


# --- lies about what was committed ---


def _outcome(change: dict[str, Any]) -> Lie:
    """Change what is said of a commit."""

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if path.endswith("/transactions") and truth and truth["outcomes"][0]["status"] == "committed":
            truth["outcomes"][0] |= change
            return truth
        return None

    return lie


def _proof(change: Any) -> Lie:
    """Change what is shown."""

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if path.endswith("/proofs") and truth and truth["proofs"][0]["status"] == "proven":
            change(truth)
            return truth
        return None

    return lie


def _flip(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def _set(name: str, value: Any) -> Any:
    def change(truth: Any) -> None:
        one = truth["proofs"][0]
        one[name] = value(one[name]) if callable(value) else value

    return change


def _another_leaf(truth: Any) -> None:
    one = truth["proofs"][0]
    leaf = decode(Leaf, bytes.fromhex(one["leaf"]))
    one["leaf"] = pack(msgspec.structs.replace(leaf, height=leaf.height - 1)).hex()


def _another_receipt(truth: Any) -> None:
    one = truth["proofs"][0]
    receipt = Receipt(number=1400, facts=())
    leaf = decode(Leaf, bytes.fromhex(one["leaf"]))
    leaf = msgspec.structs.replace(leaf, receipt=tagged(GM.hash, Tag.RECEIPT, receipt))
    one["leaf"], one["receipt"] = pack(leaf).hex(), pack(receipt).hex()


def _strange_line(truth: Any) -> None:
    """Sign a head by somebody who is no member, under a member's name."""
    data = truth["checkpoint"].encode()
    if b"\n\n" in data:
        note = parse_note(data)
        key = Key(GM)
        line = sign_head(
            note.head, note.signatures[0].member, key.public, SuiteNumber.GM, SignatureType.CHECKPOINT, key.sign
        )
        truth["checkpoint"] = SignedNote(note.head, (line,)).encode().decode()


LIES: dict[str, Lie] = {
    "another receipt": _outcome({"receipt": "00" * 32}),
    "another height": _outcome({"height": 1}),
    "another place": _outcome({"index": 0}),
    "another time": _outcome({"time": 1}),
    "a refusal that is none": _outcome({"code": 1400, "facts": {"operation": 0}}),
    "facts that are none": _outcome({"facts": {"of": "nothing"}}),
    "a leaf that is none": _proof(_set("leaf", _flip)),
    "a leaf of another height": _proof(_another_leaf),
    "a receipt that is none": _proof(_set("receipt", _flip)),
    "leaf and receipt of a refusal": _proof(_another_receipt),
    "a path that leads elsewhere": _proof(lambda truth: truth["proofs"][0].update(path=["00" * 32])),
    "not there after all": _proof(lambda truth: truth.update(proofs=[{"status": "absent", "height": 1, "time": 1}])),
    "a signature of a stranger": _proof(_strange_line),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.requirement("S6.2f", part="a node that lies about a commit")
def test_a_lie_about_a_commit_is_found(scene: Scene, name: str) -> None:
    kept: dict[str, bytes] = {}
    scene.lie(LIES[name])
    client = scene.client(keep=kept.__setitem__)
    built = client.build([scene.good()], [scene.signer()])
    committed = client.submit(built.raw)
    assert scene.logged(built.body) == [committed.index]
    assert (committed.code, committed.assurance) == (0, Assurance.QUORUM)
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}
    assert kept == {}  # nobody signed what was changed


@pytest.mark.parametrize("name", ["a path that leads elsewhere", "a leaf of another height", "another receipt"])
def test_what_nobody_signed_is_no_evidence(scene: Scene, name: str) -> None:
    built = scene.client().build([scene.good()], [scene.signer()])
    assert scene.client(*HONEST).submit(built.raw).assurance is Assurance.QUORUM
    kept: dict[str, bytes] = {}
    scene.lie(LIES[name])
    client = scene.client(keep=kept.__setitem__)
    client.submit(built.raw)  # the liar's lie is under a head that a quorum has signed
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}
    assert kept == {}


def test_a_refusal_in_the_log_can_not_be_told_as_done(scene: Scene) -> None:
    kept: dict[str, bytes] = {}
    scene.lie(_outcome({"code": 0, "facts": {}}))
    client = scene.client(keep=kept.__setitem__)
    with pytest.raises(AccountUnknown):
        client.call([end_account_call(new_identifier())], [scene.signer()])
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}


def test_a_node_that_keeps_no_entry_is_no_liar(scene: Scene) -> None:
    scene.lie(_proof(lambda truth: truth.update(proofs=[{"status": "not_kept"}])))
    client = scene.client()
    assert client.call([scene.good()], [scene.signer()]).assurance is Assurance.QUORUM
    assert client.doubted == []


def test_no_byte_of_a_proof_can_be_another(scene: Scene, seeded: random.Random) -> None:
    client = scene.client()
    built = client.build([scene.good()], [scene.signer()])
    truth = client.submit(built.raw)
    address, one = parse_address(scene.place[LIAR].address), Open(built.raw, built.body, built.valid_until)
    asked = Ask("POST", f"{PREFIX}/proofs", frame_asked([(one.valid_until, one.body)]))
    answer = ask(address, asked)
    found = []
    for _ in range(200):
        body = bytearray(answer.body)
        body[seeded.randrange(len(body))] = seeded.choice(b"0123456789abcdefAZ+/=")
        looker = Looker(scene.named, _showing(bytes(body)), Time(time.monotonic, time.sleep), 5)
        try:
            found += looker.look(address, [one])
        except NodeAway:
            continue
    seen = [look for look in found if isinstance(look, Seen)]
    assert len(seen) < 30  # where the byte was the same, or the form bears it
    assert {(look.said.index, look.said.receipt) for look in seen} <= {(truth.index, truth.receipt_hash.hex())}


def _showing(body: bytes) -> Asking:
    """Return what asks nodes, and is shown these proofs by each."""
    return lambda address, asked: Answer(200, body) if asked.method == "POST" else ask(address, asked)


# --- a log that is made up ---


def made_up(scene: Scene, sent: bytes, *, signed: bool) -> Lie:
    """Say that a transaction is committed that never was, in a log of one entry, which fits together."""
    head_of = scene.place[LIAR].node.consortium
    transaction = decode(Transaction, sent)
    receipt = Receipt(number=0, facts=())
    tip = head_of.head_at(head_of.tip.height)
    leaf = Leaf(
        height=tip.height,
        time=tip.time,
        index=0,
        body=tagged(GM.hash, Tag.BODY, transaction.header),
        valid_until=transaction.header.valid_until,
        transaction=tagged(GM.hash, Tag.TRANSACTION, transaction.header, transaction.signatures),
        receipt=tagged(GM.hash, Tag.RECEIPT, receipt),
    )
    head = Head(tip.chain, 1, GM.leaf_hash(pack(leaf)), tip.state_root, tip.height, tip.time)
    note = head.text.decode()
    if signed:
        node = scene.place[LIAR].node
        signer = node.cosigning_signer()
        line = sign_head(head, node.member, signer.key, SuiteNumber.GM, SignatureType.CHECKPOINT, signer.sign)
        note = SignedNote(head, (line,)).encode().decode()
    said = {"status": "committed", "height": leaf.height, "time": leaf.time, "index": 0, "code": 0}
    said["receipt"] = leaf.receipt.hex()
    proof = {"status": "proven", "leaf": pack(leaf).hex(), "receipt": pack(receipt).hex(), "path": []}

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if path.endswith("/transactions"):
            return {"outcomes": [said]}
        return {"checkpoint": note, "proofs": [proof]} if path.endswith("/proofs") else None

    return lie


@pytest.mark.parametrize("takes", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_a_log_that_is_made_up_is_undone_by_another_node(scene: Scene, *, signed: bool, takes: bool) -> None:
    kept: dict[str, bytes] = {}
    client = scene.client(patience=PATIENCE, keep=kept.__setitem__)
    built = client.build([scene.good()], [scene.signer()])
    scene.lie(made_up(scene, built.raw, signed=signed), takes=takes)
    committed = client.submit(built.raw)
    assert scene.logged(built.body) == [committed.index]
    assert committed.assurance is Assurance.QUORUM
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}
    assert bool(kept) is signed  # what nobody signed is no evidence
    for data in kept.values():
        told = json.loads(data)
        note = parse_note(told["checkpoint"].encode())
        assert (told["node"], note.head.size) == (scene.place[LIAR].address, 1)
        assert {line.member for line in note.signatures} == {scene.place[LIAR].node.member}


@pytest.mark.parametrize("takes", [False, True])
def test_without_a_quorum_more_nodes_than_can_lie_undo_what_is_made_up(scene: Scene, *, takes: bool) -> None:
    client = scene.client(patience=WITHOUT)
    built = client.build([scene.good()], [scene.signer()])
    with scene.without_cosigners():
        scene.place.grow(scene.place[LIAR].node.consortium.tip.height + 1)
        scene.lie(made_up(scene, built.raw, signed=False), takes=takes)
        committed = client.submit(built.raw)
    assert scene.logged(built.body) == [committed.index]
    assert committed.assurance is Assurance.NODE
    doubt = client.doubted[0]
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}
    assert ("shows another outcome" if takes else "does not have it") in str(doubt.facts["reason"])


def test_without_a_quorum_one_word_against_another_settles_nothing(scene: Scene) -> None:
    client = scene.client(LIAR, HONEST[0], patience=Patience(6, 60, quorum_seconds=1))
    built = client.build([scene.good()], [scene.signer()])
    with scene.without_cosigners():
        scene.place.grow(scene.place[LIAR].node.consortium.tip.height + 1)
        scene.lie(made_up(scene, built.raw, signed=False))
        with pytest.raises(SubmissionUnknown):
            client.submit(built.raw)
    later = scene.client(LIAR, HONEST[0])
    assert later.submit(built.raw).assurance is Assurance.QUORUM
    assert {one.facts["address"] for one in (*client.doubted, *later.doubted)} <= {scene.place[LIAR].address}


def of_the_future(scene: Scene, sent: bytes, code: int) -> Lie:
    """Say that a transaction is committed at a height that nobody has, in a log that goes with every known head."""
    ledger = scene.place[LIAR].node.consortium
    transaction, receipt = decode(Transaction, sent), Receipt(number=code, facts=())
    tip = ledger.head_at(ledger.tip.height)
    leaf = Leaf(
        height=tip.height + 10**6,
        time=SystemClock().now_ms() + 1_000,
        index=0,
        body=tagged(GM.hash, Tag.BODY, transaction.header),
        valid_until=transaction.header.valid_until,
        transaction=tagged(GM.hash, Tag.TRANSACTION, transaction.header, transaction.signatures),
        receipt=tagged(GM.hash, Tag.RECEIPT, receipt),
    )
    path = [random_bytes(32) for _ in range(40)]
    root = GM.leaf_hash(pack(leaf))
    for one in path:
        root = GM.node_hash(root, one)
    head = Head(tip.chain, 2**40, root, tip.state_root, leaf.height, leaf.time)
    said = {"status": "committed", "height": leaf.height, "time": leaf.time, "index": 0, "code": code}
    said["receipt"] = leaf.receipt.hex()
    proof: dict[str, Any] = {"status": "proven", "leaf": pack(leaf).hex(), "receipt": pack(receipt).hex()}
    proof["path"] = [one.hex() for one in path]

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if path.endswith("/transactions"):
            return {"outcomes": [said]}
        return {"checkpoint": head.text.decode(), "proofs": [proof]} if path.endswith("/proofs") else None

    return lie


@pytest.mark.parametrize("code", [0, 1400])
@pytest.mark.requirement("S6.2f", part="a node that names a height that nobody has")
def test_a_height_that_nobody_has_yet_is_not_believed(scene: Scene, code: int) -> None:
    client = scene.client(patience=Patience(200, 60, quorum_seconds=6))
    client.call([scene.good()], [scene.signer()])
    built = client.build([scene.good()], [scene.signer()])
    scene.lie(of_the_future(scene, built.raw, code), takes=False)
    committed = client.call_built(built)
    assert scene.logged(built.body) == [committed.index]
    assert committed.assurance is Assurance.QUORUM
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}
    assert "nothing of height" in str(client.doubted[0].facts["reason"])


def test_a_refusing_receipt_counts_by_a_quorum_alone(scene: Scene) -> None:
    client = scene.client(LIAR, patience=WITHOUT)
    built = client.build([scene.good()], [scene.signer()])
    scene.lie(of_the_future(scene, built.raw, 1400), takes=False)
    with pytest.raises(RefusalUnproven) as refused:
        client.call_built(built)
    assert refused.value.facts["valid_until"] == built.valid_until
    true = scene.client(patience=WITHOUT)
    with scene.without_cosigners():
        scene.lie(lambda *_: None)
        with pytest.raises(RefusalUnproven):
            true.call([end_account_call(new_identifier())], [scene.signer()])


def test_a_head_that_contradicts_one_of_a_quorum_is_found_at_once(scene: Scene) -> None:
    client = scene.client()
    first = client.call([scene.good()], [scene.signer()])
    kept: dict[str, bytes] = {}
    client._prover._keep = kept.__setitem__
    built = client.build([scene.good()], [scene.signer()])
    scene.lie(made_up(scene, built.raw, signed=True))
    assert client.submit(built.raw).index > first.index
    assert [one.facts["address"] for one in client.doubted] == [scene.place[LIAR].address]
    assert "contradicts" in str(client.doubted[0].facts["reason"])
    (data,) = kept.values()
    assert parse_note(json.loads(data)["known"].encode()).signatures


# --- lies about what was not ---


def refusing(method: str, path: str, body: bytes, truth: Any) -> Any:
    """Refuse every transaction as of an unknown signer, though the node has taken it."""
    said = json.loads(msgspec.json.encode(refusal_said(SignerUnknown(key=b"k"))))
    return {"outcomes": [said]} if path.endswith("/transactions") else None


@pytest.mark.requirement("S6.2f", part="a node that refuses falsely")
def test_a_false_refusal_does_not_keep_a_transaction_out(scene: Scene) -> None:
    scene.lie(refusing)
    client = scene.client()
    built = client.build([scene.good()], [scene.signer()])
    committed = client.submit(built.raw)
    assert scene.logged(built.body) == [committed.index]
    assert committed.assurance is Assurance.QUORUM
    # With the liar alone it is found out by its own log.
    assert scene.client(LIAR, patience=PATIENCE).submit(client.build([scene.good()], [scene.signer()]).raw)


def stranger(scene: Scene, valid_ms: int = 60_000) -> Built:
    """Return a transaction of a key that nobody has registered."""
    key = Key(GM)
    until = SystemClock().now_ms() + valid_ms
    calls, signers = [scene.good()], [Signer(key.public, key.sign)]
    return build_transaction(GM, scene.named.chain, random_bytes(16), until, calls, signers)


def test_what_every_node_refuses_is_said_to_be_open_and_why(scene: Scene) -> None:
    began = time.monotonic()
    with pytest.raises(RefusalUnproven) as refused:
        scene.client().submit(stranger(scene).raw)
    assert refused.value.facts["reason"] == SignerUnknown.code
    assert time.monotonic() - began < PATIENCE.seconds / 2  # not until patience is over


def test_past_its_end_more_nodes_than_can_lie_settle_it(scene: Scene) -> None:
    built = stranger(scene, valid_ms=1_500)
    time.sleep(2)
    scene.place.grow(scene.place[LIAR].node.consortium.tip.height + 1)
    client = scene.client()
    assert client.find(built.valid_until, built.body) is None
    with pytest.raises(TransactionExpired):
        client.submit(built.raw)


def test_one_node_that_calls_it_absent_and_ended_settles_nothing(scene: Scene) -> None:
    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if method == "GET" and "/transactions/" in path:
            return {"place": {"status": "absent", "height": 10**6, "time": 10**15}}
        return {"outcomes": [{"status": "unknown"}]} if path.endswith("/transactions") else None

    scene.lie(lie)
    client = scene.client()
    built = client.build([scene.good()], [scene.signer()])
    committed = scene.client(*HONEST).submit(built.raw)
    assert client.find(built.valid_until, built.body) == committed
    assert client.submit(built.raw) == committed


# --- lies about who the members are ---


def test_members_of_another_chain_are_not_believed(scene: Scene) -> None:
    other = pack(found_chain().genesis)

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        return {"genesis": other.hex()} if path.endswith("/genesis") else None

    scene.lie(lie)
    client = scene.client()
    committed = client.call([scene.good()], [scene.signer()])
    assert committed.assurance is Assurance.QUORUM
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}


def test_an_epoch_without_its_votes_is_not_believed(scene: Scene) -> None:
    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        return {"epochs": truth["epochs"] * 2} if path.endswith("/epochs") else None

    scene.lie(lie)
    client = scene.client()
    assert client.call([scene.good()], [scene.signer()]).assurance is Assurance.QUORUM
    assert {one.facts["address"] for one in client.doubted} == {scene.place[LIAR].address}
