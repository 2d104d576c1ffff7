"""What the application owes an engine: the beginning, the first block, validators of a block, peers."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.support.chain import BLOCK_MS, Chain, found_chain, leaving_calls, unmoved
from tests.support.damage import alter, data_file, flipped
from tests.support.engine_parties import Node, founders_of, powers
from xinglin.carrier.access.founding_block import check_founding, first_block_time
from xinglin.carrier.access.governance.validators import EngineMembership
from xinglin.carrier.access.registry.model import AddNode, EndNode, EndValidator
from xinglin.carrier.consensus.ports import ValidatorUpdate
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.contracts.errors import EngineGenesisOther
from xinglin.carrier.contracts.ports import Opening
from xinglin.carrier.ledger.errors import ValueDamaged
from xinglin.carrier.ledger.genesis import genesis_hash
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.encoding import ChainObject, decode
from xinglin.stakeholders.kinds import Role

SUPER = Role.SUPER_ADMINISTRATOR
ROOM = 1 << 20


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
    """Return the beginning: the third founder has a peer and no validator."""
    raws = [node.founding(chain, validates=node is not nodes[2]) for node in nodes]
    return check_founding(chain.rules, raws)


@pytest.fixture
def app(ledger: Ledger, opening: Opening, tmp_path: Path) -> LedgerApplication:
    """Return the application of a home that begins so."""
    return LedgerApplication(ledger, EngineMembership(), opening)


def updates(validators: dict[bytes, int]) -> list[ValidatorUpdate]:
    """Return the updates that set these powers, ascending by key."""
    return [ValidatorUpdate(key, validators[key]) for key in sorted(validators)]


def begin(app: LedgerApplication, chain: Chain, *more: bytes) -> tuple[int, list[bytes], list[ValidatorUpdate]]:
    """Commit block 1; return its time, transactions and updates."""
    time = first_block_time(chain.genesis)
    raws = app.prepare_proposal(1, time, more, ROOM)
    assert app.process_proposal(1, time, raws)
    answer = app.finalize_block(1, time, raws)
    assert all(result.code == 0 for result in answer.results)
    app.commit()
    return time, raws, list(answer.validators)


def block(app: LedgerApplication, *raws: bytes) -> list[ValidatorUpdate]:
    """Commit the next block; every transaction must succeed, and the answer be the same when asked again."""
    height, time = app.ledger.tip.height + 1, app.ledger.tip.time + BLOCK_MS
    assert app.process_proposal(height, time, raws)
    answer = app.finalize_block(height, time, raws)
    assert app.finalize_block(height, time, raws) == answer
    assert [result.code for result in answer.results] == [0] * len(raws)
    app.commit()
    return list(answer.validators)


def by(chain: Chain, party: int, *calls: tuple[str, ChainObject] | Operation) -> bytes:
    """Return a transaction of a founder's administrator."""
    operations = [one if isinstance(one, Operation) else chain.call(f"registry.{one[0]}", one[1]) for one in calls]
    return chain.sign(*operations, keys=[chain.key(party, SUPER)])


class TestBeginning:
    """InitChain: the engine begins with exactly what the chain was founded with."""

    def hash_(self, chain: Chain) -> bytes:
        return genesis_hash(chain.suite.hash, chain.genesis)

    def test_the_founders_validators(self, app: LedgerApplication, chain: Chain, nodes: list[Node]) -> None:
        told = updates(powers(nodes[:2]))
        answer = app.init_chain(chain.rules.chain, self.hash_(chain), told[::-1])
        assert answer == app.info().app_hash
        assert app.info().height == 0

    @pytest.mark.parametrize("how", ["missing", "more", "power", "twice", "none"])
    def test_other_validators_are_refused(
        self, app: LedgerApplication, chain: Chain, nodes: list[Node], how: str
    ) -> None:
        good = updates(powers(nodes[:2]))
        told = {
            "missing": good[:1],
            "more": [*good, *updates(powers(nodes[2:]))],
            "power": [good[0], ValidatorUpdate(good[1].key, 11)],
            "twice": [*good, good[0]],
            "none": [],
        }[how]
        with pytest.raises(EngineGenesisOther) as refused, unmoved(app.ledger):
            app.init_chain(chain.rules.chain, self.hash_(chain), told)
        assert "validators" in str(refused.value.facts["what"])

    def test_another_chain_or_genesis_is_refused(self, app: LedgerApplication, chain: Chain, nodes: list[Node]) -> None:
        told = updates(powers(nodes[:2]))
        for name, digest in (("c" + "a" * 26, self.hash_(chain)), (chain.rules.chain, bytes(32))):
            with pytest.raises(EngineGenesisOther):
                app.init_chain(name, digest, told)

    def test_a_chain_that_has_begun_does_not_begin_again(
        self, app: LedgerApplication, chain: Chain, nodes: list[Node]
    ) -> None:
        begin(app, chain)
        with pytest.raises(EngineGenesisOther) as refused:
            app.init_chain(chain.rules.chain, self.hash_(chain), updates(powers(nodes[:2])))
        assert refused.value.facts["what"] == "blocks are committed already"

    def test_without_founding_transactions_no_engine_begins(
        self, ledger: Ledger, chain: Chain, nodes: list[Node], tmp_path: Path
    ) -> None:
        plain = LedgerApplication(ledger, EngineMembership())
        with pytest.raises(EngineGenesisOther):
            plain.init_chain(chain.rules.chain, self.hash_(chain), updates(powers(nodes[:2])))


class TestFirstBlock:
    """Block 1 begins with the founding transactions, in order."""

    def test_the_proposer_puts_them_first(self, app: LedgerApplication, chain: Chain, opening: Opening) -> None:
        other = chain.sign()
        for given in ((other,), (other, *opening.transactions), (*opening.transactions, other)):
            proposed = app.prepare_proposal(1, first_block_time(chain.genesis), given, ROOM)
            assert proposed == [*opening.transactions, other]

    def test_they_count_towards_the_size(self, app: LedgerApplication, chain: Chain, opening: Opening) -> None:
        room, other = sum(map(len, opening.transactions)), chain.sign()
        time = first_block_time(chain.genesis)
        assert app.prepare_proposal(1, time, [other], room + len(other) - 1) == list(opening.transactions)
        assert len(app.prepare_proposal(1, time, [other], room + len(other))) == 4

    def test_a_first_block_without_one_of_them_is_refused(
        self, app: LedgerApplication, chain: Chain, opening: Opening
    ) -> None:
        """A proposer would leave out others' validators, and the state would not have what the engine runs with."""
        time, raws, other = first_block_time(chain.genesis), list(opening.transactions), chain.sign()
        with unmoved(app.ledger):
            for bad in ([], [other], raws[1:], raws[:-1], raws[::-1], [other, *raws], [raws[0], other, *raws[1:]]):
                assert not app.process_proposal(1, time, bad)
        assert app.process_proposal(1, time, [*raws, other])

    def test_one_signed_anew_is_another_transaction(
        self, app: LedgerApplication, chain: Chain, opening: Opening
    ) -> None:
        anew = chain.sign_again(opening.transactions[0], chain.key(0, SUPER))
        assert anew != opening.transactions[0]
        raws = [anew, *opening.transactions[1:]]
        assert not app.process_proposal(1, first_block_time(chain.genesis), raws)

    def test_no_other_block_begins_with_them(self, app: LedgerApplication, chain: Chain) -> None:
        begin(app, chain)
        assert app.prepare_proposal(2, chain.start + 2, [], ROOM) == []
        assert app.process_proposal(2, chain.start + 2, [])

    def test_without_an_opening_any_first_block_goes(self, ledger: Ledger, chain: Chain, tmp_path: Path) -> None:
        plain = LedgerApplication(ledger, EngineMembership())
        assert plain.process_proposal(1, chain.start + 1, [])


class TestValidators:
    """A block's answer has the difference that it makes to the engine's validators."""

    def test_the_founding_transactions_change_nothing(
        self, app: LedgerApplication, chain: Chain, nodes: list[Node]
    ) -> None:
        """The engine begins with them; it is told of what else the first block does."""
        late = by(chain, 2, ("set_validator", nodes[2].set_validator(chain.rules.chain)))
        _, raws, told = begin(app, chain, late)
        assert raws[-1] == late
        assert told == updates(powers(nodes[2:]))

    def test_first_blocks_answer_is_the_same_when_asked_again(self, app: LedgerApplication, chain: Chain) -> None:
        time = first_block_time(chain.genesis)
        raws = app.prepare_proposal(1, time, [], ROOM)
        assert app.finalize_block(1, time, raws) == app.finalize_block(1, time, raws)
        assert app.finalize_block(1, time, raws).validators == []

    @pytest.mark.requirement(
        "S8.2c", part="keys proven and members voted on the ledger; the network that follows is not shown yet"
    )
    def test_one_comes_one_is_replaced_one_ends(self, app: LedgerApplication, chain: Chain, nodes: list[Node]) -> None:
        begin(app, chain)
        new = Node(chain.parties[0], name=nodes[0].name)
        told = block(
            app,
            by(chain, 2, ("set_validator", nodes[2].set_validator(chain.rules.chain))),
            by(chain, 0, ("set_validator", new.set_validator(chain.rules.chain))),
            by(chain, 1, ("end_validator", EndValidator())),
        )
        gone = dict.fromkeys((nodes[0].validator.public, nodes[1].validator.public), 0)
        assert told == updates(powers([new, nodes[2]]) | gone)
        assert block(app) == []

    def test_ordinary_blocks_are_not_looked_at(
        self, app: LedgerApplication, chain: Chain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(app, chain)
        asked: list[object] = []
        monkeypatch.setattr(EngineMembership, "validators", lambda _, state: asked.append(state) or {})
        assert block(app, chain.sign()) == []
        assert asked == []
        block(app, by(chain, 0, ("end_node", EndNode(founding_node(app)))))
        assert len(asked) == 4  # before and after, and the answer is asked for twice

    def test_an_altered_value_makes_no_updates(
        self, app: LedgerApplication, chain: Chain, nodes: list[Node], home: Path
    ) -> None:
        """The engine of a node that read another key than was committed would part from the others."""
        begin(app, chain)
        key = nodes[0].validator.public
        assert alter(data_file(home, chain.rules.chain), key, flipped(key))
        raw = by(chain, 1, ("end_validator", EndValidator()))
        with unmoved(app.ledger), pytest.raises(ValueDamaged):
            app.finalize_block(2, app.ledger.tip.time + BLOCK_MS, [raw])

    def test_no_update_would_leave_the_engine_without_validators(
        self, app: LedgerApplication, chain: Chain, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(app, chain)
        sets = itertools.cycle([powers(nodes[:1]), {}])
        monkeypatch.setattr(EngineMembership, "validators", lambda _, __: next(sets))
        assert block(app, by(chain, 0, ("add_node", Node(chain.parties[0]).add))) == []

    def test_a_suspended_member_s_validator_and_peer_go_with_the_block(
        self, app: LedgerApplication, chain: Chain, nodes: list[Node]
    ) -> None:
        begin(app, chain)
        propose, votes = leaving_calls(chain, 50, 1)
        assert block(app, by(chain, 0, propose), by(chain, 0, votes[0])) == []
        assert app.admits_peer(nodes[1].peer)
        assert block(app, by(chain, 2, votes[2])) == [ValidatorUpdate(nodes[1].validator.public, 0)]
        assert not app.admits_peer(nodes[1].peer)
        assert app.admits_peer(nodes[0].peer)

    def test_an_embedded_chain_has_none(self, ledger: Ledger, chain: Chain, tmp_path: Path) -> None:
        plain = LedgerApplication(ledger)
        assert block(plain, chain.sign()) == []
        assert not plain.admits_peer(bytes(20))


def founding_node(app: LedgerApplication) -> str:
    """Return the id of the first founder's node, as the log has it."""
    return decode(AddNode, app.ledger.entry(0).transaction.operations[0].head.arguments).node


class TestPeers:
    """Which connections the engine takes."""

    def test_the_founders_at_height_0_and_the_registrys_after(
        self, app: LedgerApplication, chain: Chain, nodes: list[Node]
    ) -> None:
        stranger = Node(chain.parties[0])
        for _ in range(2):
            assert [app.admits_peer(node.peer) for node in (*nodes, stranger)] == [True, True, True, False]
            if app.info().height == 0:
                begin(app, chain)
        block(app, by(chain, 0, ("add_node", stranger.add), ("set_peer", stranger.set_peer)))
        assert app.admits_peer(stranger.peer)
        assert not app.admits_peer(b"")
        assert not app.admits_peer(bytes(4000))

    def test_nobody_at_height_0_without_founding_transactions(
        self, ledger: Ledger, nodes: list[Node], tmp_path: Path
    ) -> None:
        assert not LedgerApplication(ledger, EngineMembership()).admits_peer(nodes[0].peer)

    def test_whom_the_owner_names_as_long_as_it_does(
        self, ledger: Ledger, chain: Chain, nodes: list[Node], opening: Opening, tmp_path: Path
    ) -> None:
        stranger, named = Node(chain.parties[0]), set[bytes]()
        app = LedgerApplication(ledger, EngineMembership(), opening, named=lambda: named)
        for _ in range(2):
            assert not app.admits_peer(stranger.peer)
            named.add(stranger.peer)
            assert app.admits_peer(stranger.peer)
            assert app.admits_peer(nodes[0].peer)
            named.clear()
            if app.info().height == 0:
                begin(app, chain)
