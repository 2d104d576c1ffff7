"""The contract registry, what it knows of engines: peers and validators, one valid call, one change, one refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Party
from tests.support.engine_parties import Node, engine_key, prove
from xinglin.carrier.access.governance.model import EpochState
from xinglin.carrier.access.governance.validators import Peer, peer_admitted, peers_of, validators_of
from xinglin.carrier.access.policy.errors import RoleDenied
from xinglin.carrier.access.registry.errors import (
    LastValidator,
    NodeEnded,
    NodeUnknown,
    PeerExists,
    ValidatorKeyExists,
    ValidatorUnknown,
    ValidatorUnproven,
)
from xinglin.carrier.access.registry.model import EndNode, EndValidator, MemberState, SetPeer, SetValidator
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.kernel.encoding import ChainObject, encode, state_key
from xinglin.kernel.errors import EncodingInvalid, PlatformError
from xinglin.stakeholders.kinds import Role, Status

SUPER = Role.SUPER_ADMINISTRATOR


class State:
    """Reads the consortium's state."""

    def __init__(self, c: Consortium) -> None:
        self._state = c.ledger.state

    def get(self, key: bytes) -> bytes | None:
        return self._state.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(item for item in self._state.items() if item[0].startswith(prefix)))


@pytest.fixture
def node(consortium: Consortium) -> Node:
    """Return a node of the hospital, registered."""
    return registered(consortium, consortium.hospital)


def registered(c: Consortium, party: Party) -> Node:
    """Return a node of a member, registered."""
    node = Node(party)
    call(c, party, "add_node", node.add)
    return node


def call(c: Consortium, party: Party, method: str, arguments: ChainObject) -> dict[str, int | str | bytes]:
    """Call as the member's administrator."""
    return c.ledger.call(party.caller(SUPER), f"registry.{method}", arguments)


def refused(c: Consortium, party: Party, method: str, arguments: ChainObject, refusal: type[PlatformError]) -> None:
    """Call, expect a refusal and an unchanged state."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        call(c, party, method, arguments)
    assert type(caught.value) is refusal
    assert c.ledger.state == before


class TestPeers:
    """A node has one active peer id at a time, and a peer id one node for ever."""

    def test_a_node_is_let_in_by_its_peer_id(self, consortium: Consortium, node: Node) -> None:
        assert not peer_admitted(State(consortium), node.peer)
        assert call(consortium, node.party, "set_peer", node.set_peer) == {"peer": node.peer}
        assert peer_admitted(State(consortium), node.peer)
        expected = Peer(node.peer, node.name, node.party.member, node.address)
        assert peers_of(State(consortium)) == {node.peer: expected}
        assert not peer_admitted(State(consortium), node.peer[:19] + b"x")

    def test_a_new_peer_id_ends_the_one_before(self, consortium: Consortium, node: Node) -> None:
        call(consortium, node.party, "set_peer", node.set_peer)
        other = Node(node.party, name=node.name)
        call(consortium, node.party, "set_peer", other.set_peer)
        assert list(peers_of(State(consortium))) == [other.peer]
        assert not peer_admitted(State(consortium), node.peer)
        refused(consortium, node.party, "set_peer", node.set_peer, PeerExists)

    def test_a_new_address_keeps_the_peer_id(self, consortium: Consortium, node: Node) -> None:
        call(consortium, node.party, "set_peer", node.set_peer)
        call(consortium, node.party, "set_peer", replace(node.set_peer, address="[2001:db8::1]:1"))
        assert [peer.address for peer in peers_of(State(consortium)).values()] == ["[2001:db8::1]:1"]

    def test_a_peer_id_of_another_node_is_refused(self, consortium: Consortium, node: Node) -> None:
        call(consortium, node.party, "set_peer", node.set_peer)
        for party in (consortium.hospital, consortium.other):
            thief = registered(consortium, party)
            refused(consortium, party, "set_peer", replace(thief.set_peer, peer=node.peer), PeerExists)

    def test_it_ends_with_its_node(self, consortium: Consortium, node: Node) -> None:
        call(consortium, node.party, "set_peer", node.set_peer)
        call(consortium, node.party, "end_node", EndNode(node.name))
        assert peers_of(State(consortium)) == {}
        refused(consortium, node.party, "set_peer", Node(node.party, name=node.name).set_peer, NodeEnded)

    def test_only_ones_own_node(self, consortium: Consortium, node: Node) -> None:
        refused(consortium, consortium.other, "set_peer", node.set_peer, NodeUnknown)
        refused(consortium, consortium.hospital, "set_peer", Node(node.party).set_peer, NodeUnknown)
        for role in set(Role) - {SUPER, Role.ADMINISTRATOR}:
            with pytest.raises(RoleDenied):
                consortium.ledger.call(consortium.hospital.caller(role), "registry.set_peer", node.set_peer)

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "node",
            "node:0",
            "node:65536",
            "node:1,evil@host:2",
            "a b:1",
            "node:1\n",
            "-a:1",
            "[::1:1",
            "x@y:1",
            "\u4e2d:1",
            "a" * 254 + ":1",
        ],
    )
    def test_an_address_is_a_host_and_a_port_and_nothing_else(self, address: str) -> None:
        with pytest.raises(EncodingInvalid):
            encode(SetPeer("a" * 26, bytes(20), address))

    def test_a_peer_id_has_20_bytes(self) -> None:
        for size in (19, 21, 32):
            with pytest.raises(EncodingInvalid):
                encode(SetPeer("a" * 26, bytes(size), "node:1"))
        encode(SetPeer("a" * 26, bytes(20), "192.0.2.1:65535"))


Change = Callable[[Consortium, Node, SetValidator], SetValidator]


def proven(scope: str | None = None, member: str | None = None, account: str = "validator") -> Change:
    """Return a change of what the engine key has signed."""

    def change(c: Consortium, node: Node, good: SetValidator) -> SetValidator:
        owner = node.party.member if member is None else member
        message = key_proof_message(c.ledger.suite.hash, scope or c.ledger.chain, owner, account, good.key)
        return replace(good, proof=node.validator.sign(message))

    return change


class TestValidators:
    """A member validates by one engine key that it has proven."""

    @pytest.mark.requirement(
        "S8.2c", part="keys proven and members voted on the ledger; the network that follows is not shown yet"
    )
    def test_a_member_with_a_vote_validates(self, consortium: Consortium, node: Node) -> None:
        good = node.set_validator(consortium.ledger.chain)
        assert call(consortium, node.party, "set_validator", good) == {"node": node.name}
        assert validators_of(State(consortium)) == {good.key: 10}

    def test_the_proof_is_strictly_verified_on_chains_of_both_suites(self, consortium: Consortium, node: Node) -> None:
        good = node.set_validator(consortium.ledger.chain)
        order = 2**252 + 27742317777372353535851937790883648493
        higher = int.from_bytes(good.proof[32:], "little") + order
        refused(
            consortium,
            node.party,
            "set_validator",
            replace(good, proof=good.proof[:32] + higher.to_bytes(32, "little")),
            ValidatorUnproven,
        )
        call(consortium, node.party, "set_validator", good)

    @pytest.mark.parametrize(
        "change",
        [
            proven(scope="genesis"),
            proven(member="b" * 25 + "a"),
            proven(account=""),
            lambda _, __, good: replace(good, proof=bytes(64)),
            lambda _, __, good: replace(good, key=engine_key().public),
            # A key of small order verifies what nobody signed, by a verifier that is not strict.
            lambda _, __, good: replace(good, key=b"\1" + bytes(31), proof=b"\1" + bytes(63)),
        ],
        ids=["scope", "member", "account", "proof", "key", "small-order"],
    )
    def test_a_forged_proof_of_a_validator_key_is_refused(
        self, consortium: Consortium, node: Node, change: Change
    ) -> None:
        good = node.set_validator(consortium.ledger.chain)
        refused(consortium, node.party, "set_validator", change(consortium, node, good), ValidatorUnproven)
        call(consortium, node.party, "set_validator", good)

    def test_another_members_proof_is_refused(self, consortium: Consortium, node: Node) -> None:
        thief = registered(consortium, consortium.other)
        seen = node.set_validator(consortium.ledger.chain)
        refused(consortium, thief.party, "set_validator", replace(seen, node=thief.name), ValidatorUnproven)

    def test_a_member_has_one_validator_however_many_nodes(self, consortium: Consortium, node: Node) -> None:
        call(consortium, node.party, "set_validator", node.set_validator(consortium.ledger.chain))
        second = registered(consortium, node.party)
        call(consortium, node.party, "set_validator", second.set_validator(consortium.ledger.chain))
        assert validators_of(State(consortium)) == {second.validator.public: 10}

    def test_an_engine_key_serves_once(self, consortium: Consortium, node: Node) -> None:
        chain = consortium.ledger.chain
        call(consortium, node.party, "set_validator", node.set_validator(chain))
        refused(consortium, node.party, "set_validator", node.set_validator(chain), ValidatorKeyExists)
        call(consortium, node.party, "set_validator", Node(node.party, name=node.name).set_validator(chain))
        refused(consortium, node.party, "set_validator", node.set_validator(chain), ValidatorKeyExists)
        other = registered(consortium, consortium.other)
        other.validator = node.validator
        refused(consortium, other.party, "set_validator", other.set_validator(chain), ValidatorKeyExists)

    def test_a_member_without_a_vote_has_none(self, consortium: Consortium) -> None:
        node = registered(consortium, consortium.regulator)
        call(consortium, node.party, "set_validator", node.set_validator(consortium.ledger.chain))
        assert validators_of(State(consortium)) == {}

    def test_only_ones_own_active_node(self, consortium: Consortium, node: Node) -> None:
        good = Node(consortium.other, name=node.name).set_validator(consortium.ledger.chain)
        refused(consortium, consortium.other, "set_validator", good, NodeUnknown)
        call(consortium, node.party, "end_node", EndNode(node.name))
        refused(consortium, node.party, "set_validator", node.set_validator(consortium.ledger.chain), NodeEnded)
        for role in set(Role) - {SUPER, Role.ADMINISTRATOR}:
            with pytest.raises(RoleDenied):
                consortium.ledger.call(consortium.hospital.caller(role), "registry.set_validator", good)

    def test_it_ends_at_its_members_word_and_with_its_node(self, consortium: Consortium, node: Node) -> None:
        chain = consortium.ledger.chain
        for one in (node, registered(consortium, consortium.other), registered(consortium, consortium.platform)):
            call(consortium, one.party, "set_validator", one.set_validator(chain))
        refused(consortium, consortium.regulator, "end_validator", EndValidator(), ValidatorUnknown)
        assert call(consortium, node.party, "end_validator", EndValidator()) == {"node": node.name}
        assert node.validator.public not in validators_of(State(consortium))
        refused(consortium, node.party, "end_validator", EndValidator(), ValidatorUnknown)
        call(consortium, one.party, "end_node", EndNode(one.name))
        assert len(validators_of(State(consortium))) == 1

    def test_the_last_one_can_not_end(self, consortium: Consortium, node: Node) -> None:
        """Without a validator the engine could make no block ever after, not even one that registers another."""
        chain = consortium.ledger.chain
        call(consortium, node.party, "set_validator", node.set_validator(chain))
        refused(consortium, node.party, "end_validator", EndValidator(), LastValidator)
        refused(consortium, node.party, "end_node", EndNode(node.name), LastValidator)
        idle = registered(consortium, node.party)
        call(consortium, node.party, "end_node", EndNode(idle.name))
        other = registered(consortium, consortium.other)
        call(consortium, other.party, "set_validator", other.set_validator(chain))
        call(consortium, node.party, "end_node", EndNode(node.name))
        assert validators_of(State(consortium)) == {other.validator.public: 10}


def test_the_proof_is_what_the_specification_says(consortium: Consortium, node: Node) -> None:
    """H("key-proof", chain, member, "validator", key), written out."""
    fields = (consortium.ledger.chain, node.party.member, "validator", node.validator.public)
    message = consortium.ledger.suite.hash(b"key-proof\x00" + msgspec.msgpack.encode(fields))
    hash_ = consortium.ledger.suite.hash
    assert prove(hash_, consortium.ledger.chain, node.party.member, node.validator) == node.validator.sign(message)


def test_the_state_is_where_the_specification_says(consortium: Consortium, node: Node) -> None:
    call(consortium, node.party, "set_peer", node.set_peer)
    call(consortium, node.party, "set_validator", node.set_validator(consortium.ledger.chain))
    keys = (
        ("peer", node.peer),
        ("node-peer", node.name),
        ("validator", node.party.member),
        ("validator-key", node.validator.public),
    )
    assert all(state_key("registry", *key) in consortium.ledger.state for key in keys)


def test_the_epoch_and_the_status_must_both_say_so(consortium: Consortium, node: Node) -> None:
    """They always agree; should they ever not, neither alone lets anybody in."""
    call(consortium, node.party, "set_peer", node.set_peer)
    call(consortium, node.party, "set_validator", node.set_validator(consortium.ledger.chain))
    good = dict(consortium.ledger.state)
    epoch = consortium.ledger.value(EpochState, "governance", "epoch", 0)
    member = consortium.ledger.value(MemberState, "registry", "member", node.party.member)
    assert epoch is not None
    assert member is not None
    entries = tuple(entry for entry in epoch.epoch.members if entry.member != node.party.member)
    for key, value in (
        (("governance", "epoch", 0), replace(epoch, epoch=replace(epoch.epoch, members=entries))),
        (("registry", "member", node.party.member), replace(member, status=Status.SUSPENDED)),
    ):
        assert peer_admitted(State(consortium), node.peer)
        consortium.ledger.state[state_key(*key)] = encode(value)
        assert not peer_admitted(State(consortium), node.peer)
        assert (peers_of(State(consortium)), validators_of(State(consortium))) == ({}, {})
        consortium.ledger.state.update(good)
