"""What is answered to an engine beside blocks: the beginning, validators, peers, snapshots, what is not done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.abci import MARKED, AbciClient, AbciNode, abci_node, framed, started, timestamp
from tests.support.chain import BLOCK_MS, Chain, found_chain
from tests.support.engine_parties import Node, engine_key, founders_of, peer_id, powers
from xinglin.carrier.access.founding_block import check_founding, first_block_time
from xinglin.carrier.access.registry.model import EndValidator
from xinglin.carrier.consensus.comet.handler import AbciHandler, ChunkAnswer, Misbehaviour
from xinglin.carrier.consensus.comet.messages import Request
from xinglin.carrier.consensus.comet.opening import app_state
from xinglin.carrier.consensus.ports import MARK_FORMAT, SnapshotOffer
from xinglin.carrier.contracts.ports import Opening
from xinglin.carrier.ledger.genesis import genesis_hash
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.stakeholders.kinds import Role


@pytest.fixture
def chain() -> Chain:
    """Return a chain of three founders."""
    return found_chain(parties=3)


@pytest.fixture
def nodes(chain: Chain) -> list[Node]:
    """Return the founders' nodes."""
    return founders_of(chain)


@pytest.fixture
def opening(chain: Chain, nodes: list[Node]) -> Opening:
    """Return how the chain begins: every founder validates."""
    return check_founding(chain.rules, [node.founding(chain) for node in nodes])


@pytest.fixture
def node(ledger: Ledger, tmp_path: Path, opening: Opening) -> Iterator[AbciNode]:
    """Give a home that begins so, behind a socket."""
    with abci_node(ledger, tmp_path, opening=opening) as served:
        yield served


def beginning(chain: Chain, opening: Opening) -> dict[str, Any]:
    """Return what a true engine says in InitChain."""
    digest = genesis_hash(chain.suite.hash, chain.genesis)
    return {
        "chain_id": chain.rules.chain,
        "initial_height": 1,
        "app_state_bytes": json.dumps(app_state(digest, opening.transactions)).encode(),
        "validators": [{"pub_key": {"ed25519": key}, "power": power} for key, power in opening.validators.items()],
    }


def begin(engine: AbciClient, chain: Chain, opening: Opening) -> Any:
    """Begin a chain and commit block 1; return the answer on it."""
    engine.ask("init_chain", **beginning(chain, opening))
    time = first_block_time(chain.genesis)
    return engine.block(1, time, engine.prepare(1, time, []), nanos=7)


class TestInitChain:
    """A genesis document of another chain never gets a block."""

    def test_the_right_one(self, node: AbciNode, engine: AbciClient, chain: Chain, opening: Opening) -> None:
        tip = node.application.ledger.tip
        for _ in range(2):  # an engine that died before block 1 asks again
            answer = engine.ask("init_chain", **beginning(chain, opening))
            assert (answer.app_hash, list(answer.validators)) == (tip.app_hash, [])
        assert engine.info().last_block_app_hash == b""

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"chain_id": "0" * 32}, "founding.engine_genesis"),
            ({"validators": []}, "founding.engine_genesis"),
            ({"validators": [{"pub_key": {"ed25519": bytes(32)}, "power": 10}]}, "founding.engine_genesis"),
            ({"app_state_bytes": json.dumps(app_state(bytes(32), [])).encode()}, "founding.engine_genesis"),
            ({"app_state_bytes": b"{}"}, "engine.file"),
            ({"app_state_bytes": b"[" * 100_000}, "engine.file"),
            ({"initial_height": 2}, "engine.protocol"),
        ],
    )
    def test_another(
        self, changed: dict[str, Any], code: str, node: AbciNode, engine: AbciClient, chain: Chain, opening: Opening
    ) -> None:
        assert engine.ask("init_chain", **(beginning(chain, opening) | changed)).error == code
        assert engine.read() is None
        assert node.application.ledger.tip.height == 0
        with started(node, chain) as again:
            begin(again, chain, opening)
        assert node.application.ledger.tip.height == 1

    def test_when_there_are_blocks(self, node: AbciNode, engine: AbciClient, chain: Chain, opening: Opening) -> None:
        begin(engine, chain, opening)
        assert engine.ask("init_chain", **beginning(chain, opening)).error == "founding.engine_genesis"


class TestValidators:
    """The engine learns of changes with the block that makes them."""

    def test_a_member_that_ends_its_validator(
        self, node: AbciNode, engine: AbciClient, chain: Chain, nodes: list[Node], opening: Opening
    ) -> None:
        assert list(begin(engine, chain, opening).validator_updates) == []
        raw = chain.sign(
            chain.call("registry.end_validator", EndValidator()), keys=[chain.key(2, Role.SUPER_ADMINISTRATOR)]
        )
        at = node.application.ledger.tip.time + BLOCK_MS
        for _ in range(2):
            answer = engine.finalize(2, at, [raw])
            assert [result.code for result in answer.tx_results] == [0]
            assert [(one.pub_key.ed25519, one.power) for one in answer.validator_updates] == [
                (nodes[2].validator.public, 0)
            ]
        engine.commit()
        assert list(engine.block(3, at + 1, []).validator_updates) == []

    def test_block_one_begins_with_the_founding_transactions(
        self, engine: AbciClient, chain: Chain, nodes: list[Node], opening: Opening
    ) -> None:
        time = first_block_time(chain.genesis)
        proposed = engine.prepare(1, time, [chain.sign()])
        assert proposed[:3] == list(opening.transactions)
        assert engine.process(1, time, proposed[1:]) == 2
        assert engine.process(1, time, proposed) == 1
        assert opening.validators == powers(nodes)


class TestPeers:
    """Only peers of the registry are let in."""

    @pytest.mark.parametrize("height", [0, 1])
    def test_who_is_let_in(
        self, height: int, engine: AbciClient, chain: Chain, nodes: list[Node], opening: Opening
    ) -> None:
        if height:
            begin(engine, chain, opening)
        for peer in [node.peer for node in nodes]:
            assert engine.ask("query", path=f"/p2p/filter/id/{peer.hex()}").code == 0
        assert engine.ask("query", path=f"/p2p/filter/id/{peer_id(engine_key()).hex()}").code == 1
        assert engine.ask("query", path="/p2p/filter/addr/10.0.0.1:26656").code == 0

    @pytest.mark.parametrize(
        "peer",
        ["", "x" * 40, "0" * 39, "0" * 41, "0" * 42, "0" * 100_000, "../" * 13 + "0", "é" * 40, " " + "0" * 39, "/"],
    )
    def test_what_is_no_peer(self, peer: str, engine: AbciClient, node: AbciNode) -> None:
        assert engine.ask("query", path=f"/p2p/filter/id/{peer}").code == 1
        assert node.server.failure is None

    def test_a_known_peer_written_otherwise(self, engine: AbciClient, nodes: list[Node]) -> None:
        hexed = nodes[0].peer.hex()
        for path in (f"/p2p/filter/id/{hexed.upper()}Z", hexed, f"/p2p/filter/id//{hexed}", f"/{hexed}", ""):
            assert engine.ask("query", path=path).code == 1

    def test_it_waits_for_no_block(self, node: AbciNode, engine: AbciClient) -> None:
        with node.server._handler._turn, node.connect() as other:
            assert other.ask("query", path=f"/p2p/filter/id/{'0' * 40}").code == 1
            assert other.ask("echo", message="x").message == "x"


class Restorer:
    """Takes in anything."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def offer(self, snapshot: SnapshotOffer, app_hash: bytes) -> int:
        self.asked.append((snapshot, app_hash))
        return 1

    def apply(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        self.asked.append((index, chunk, sender))
        return ChunkAnswer(3, (2, 4), ("bad",))


class TestSnapshots:
    """What peers may ask for, and what is taken from them."""

    def test_what_is_served(self, node: AbciNode, engine: AbciClient, chain: Chain, opening: Opening) -> None:
        begin(engine, chain, opening)
        [offer] = engine.ask("list_snapshots").snapshots
        assert (offer.height, offer.format, offer.chunks) == (MARKED, MARK_FORMAT, 1)
        chunk = engine.ask("load_snapshot_chunk", height=MARKED, format=MARK_FORMAT, chunk=0).chunk
        assert offer.hash == hashlib.sha256(chunk).digest()
        assert len(chunk) == 1

    @pytest.mark.requirement("S6.1e", part="serving snapshots; other limits are in test_limits_of_nodes")
    def test_an_owner_that_serves_none(
        self, node: AbciNode, engine: AbciClient, chain: Chain, opening: Opening
    ) -> None:
        begin(engine, chain, opening)
        handler = AbciHandler(node.application, node.seen, serves_snapshots=False)
        assert list(handler.answer(Request(list_snapshots={})).list_snapshots.snapshots) == []
        asked = Request(load_snapshot_chunk={"height": MARKED, "format": MARK_FORMAT, "chunk": 0})
        assert handler.answer(asked).load_snapshot_chunk.chunk == b""

    def test_a_chunk_that_is_not_there(self, node: AbciNode, engine: AbciClient, chain: Chain) -> None:
        """Any peer may ask for any: were it a failure, each could stop the engine of each."""
        for height, format_, chunk in (
            (0, 0, 0),
            (MARKED + 1, MARK_FORMAT, 0),
            (MARKED, MARK_FORMAT - 1, 0),
            (MARKED, MARK_FORMAT, 2**31),
            (2**64 - 1, 2**32 - 1, 2**32 - 1),
        ):
            assert engine.ask("load_snapshot_chunk", height=height, format=format_, chunk=chunk).chunk == b""
        assert node.server.failure is None
        assert engine.info().data == chain.rules.chain

    def test_nothing_is_taken_without_a_restorer(self, engine: AbciClient) -> None:
        assert engine.ask("offer_snapshot", snapshot={"height": 5}, app_hash=b"h").result == 2
        assert engine.ask("apply_snapshot_chunk", index=0, chunk=b"c", sender="s").result == 2

    def test_a_restorer_is_asked(self, ledger: Ledger, tmp_path: Path, chain: Chain) -> None:
        restorer = Restorer()
        with abci_node(ledger, tmp_path, restorer) as node, started(node, chain) as engine:
            snapshot = {"height": 5, "format": 1, "chunks": 3, "hash": b"h", "metadata": b"m"}
            assert engine.ask("offer_snapshot", snapshot=snapshot, app_hash=b"a").result == 1
            answer = engine.ask("apply_snapshot_chunk", index=2, chunk=b"c", sender="s")
            assert (answer.result, list(answer.refetch_chunks), list(answer.reject_senders)) == (3, [2, 4], ["bad"])
        assert restorer.asked == [(SnapshotOffer(5, 1, 3, b"h", b"m"), b"a"), (2, b"c", "s")]


def test_a_repeated_check_is_good_without_being_made(
    node: AbciNode, engine: AbciClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.application, "check_txs", lambda raws: pytest.fail("it was made"))
    engine.send(framed(Request(check_tx={"tx": b"x", "type": 1})))
    answer = engine.read()
    assert answer.WhichOneof("value") == "check_tx"
    assert answer.check_tx.code == 0
    assert node.seen.refusals == []


class TestMisbehaviour:
    """What a block says of validators reaches the node before the block is executed."""

    def test_each_is_told_with_whose_it_is_and_when(self, node: AbciNode, chain: Chain) -> None:
        engine = started(node, chain)
        said = [
            {
                "type": 1,
                "validator": {"address": bytes([number]) * 20, "power": 10},
                "height": 7,
                "time": timestamp(chain.genesis.time + number, 5),
                "total_voting_power": 40,
            }
            for number in (1, 2)
        ]
        engine.ask("finalize_block", height=1, time=timestamp(chain.genesis.time), txs=[], misbehavior=said)
        assert node.seen.misbehaviours == [
            Misbehaviour("duplicate_vote", bytes([number]) * 20, 7, chain.genesis.time + number, 10, 40, 1)
            for number in (1, 2)
        ]
