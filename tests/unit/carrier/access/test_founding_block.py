"""Founding transactions: what a founder signs to begin a chain on an engine, one change, one refusal."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from tests.support.chain import Chain, found_chain, rules_of
from tests.support.contract_parties import Party, genesis_of
from tests.support.engine_parties import Node, founders_of, powers
from xinglin.carrier.access.founding_block import (
    check_founding,
    first_block_time,
    founding_valid_until,
    validator_proof_message,
)
from xinglin.carrier.access.founding_errors import FoundingSetInvalid, FoundingTransactionInvalid
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.model import Operation
from xinglin.stakeholders.kinds import MemberKind, Role

SUPER = Role.SUPER_ADMINISTRATOR


@pytest.fixture(scope="module", params=["gm", "intl"])
def chain(request: pytest.FixtureRequest) -> Chain:
    """Return a chain of three founders."""
    return found_chain(request.param, parties=3)


@pytest.fixture
def nodes(chain: Chain) -> list[Node]:
    """Return a node for each founder."""
    return founders_of(chain)


def calls(chain: Chain, node: Node) -> list[Operation]:
    """Return the operations of a founding transaction."""
    return [
        chain.call("registry.add_node", node.add),
        chain.call("registry.set_peer", node.set_peer),
        chain.call("registry.set_validator", node.set_validator(chain.rules.chain)),
    ]


def signed(chain: Chain, node: Node, operations: Sequence[Operation] = (), role: Role = SUPER, **options: int) -> bytes:
    """Return a transaction of a founder with other operations, role or time than a founding one has."""
    until = options.get("valid_until", founding_valid_until(chain.genesis))
    key = node.party.accounts[role][1]
    return chain.sign(*(operations or calls(chain, node)), keys=[key], valid_until=until)


def test_the_founders_validators_and_peers(chain: Chain, nodes: list[Node]) -> None:
    raws = [nodes[0].founding(chain), nodes[1].founding(chain, validates=False), nodes[2].founding(chain)]
    opening = check_founding(chain.rules, raws)
    assert list(opening.transactions) == raws
    assert opening.validators == powers([nodes[0], nodes[2]])
    assert list(opening.validators) == sorted(opening.validators)
    assert opening.peers == {node.peer: node.address for node in nodes}


def test_not_every_founder_must_have_a_node(chain: Chain, nodes: list[Node]) -> None:
    assert check_founding(chain.rules, [nodes[1].founding(chain)]).validators == powers([nodes[1]])


def test_the_first_block_and_its_transactions_have_a_fixed_time(chain: Chain, nodes: list[Node]) -> None:
    assert first_block_time(chain.genesis) == chain.genesis.time + 1
    assert founding_valid_until(chain.genesis) == chain.genesis.time + 1 + 300_000
    short = replace(chain.genesis, parameters=replace(chain.genesis.parameters, max_valid_ms=1000))
    assert founding_valid_until(short) == chain.genesis.time + 1001


def test_what_the_engine_key_signs(chain: Chain, nodes: list[Node]) -> None:
    call = nodes[0].set_validator(chain.rules.chain)
    message = validator_proof_message(chain.rules, nodes[0].party.member, call.key)
    assert call.proof == nodes[0].validator.sign(message)


Change = Callable[[Chain, Node], bytes]


def reordered(chain: Chain, node: Node) -> bytes:
    return signed(chain, node, calls(chain, node)[::-1])


def as_of(other: Callable[[Chain, Node], Node]) -> Change:
    """Return the founding transaction with set_peer and set_validator of another node of the member."""

    def change(chain: Chain, node: Node) -> bytes:
        return signed(chain, node, [*calls(chain, node)[:2], *calls(chain, other(chain, node))[2:]])

    return change


def two_signers(chain: Chain, node: Node) -> bytes:
    keys = [node.party.accounts[SUPER][1], node.party.accounts[Role.SERVICE][1]]
    return chain.sign(*calls(chain, node), keys=keys, valid_until=founding_valid_until(chain.genesis))


def forged_validator(chain: Chain, node: Node) -> bytes:
    forged = replace(node.set_validator(chain.rules.chain), proof=bytes(64))
    return signed(chain, node, [*calls(chain, node)[:2], chain.call("registry.set_validator", forged)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda *_: b"", "transaction.malformed"),
        (lambda c, n: n.founding(c)[:-1], "transaction.malformed"),
        (lambda c, n: c.sign_again(n.founding(c), c.key(1)), "transaction.signature"),
        (lambda c, n: Node(c.parties[1], name=n.name).founding(c), "its founder has signed another"),
        (lambda c, n: signed(c, n, role=Role.SERVICE), "policy.role"),
        (two_signers, "its one signer is no founder's key"),
        (lambda c, n: signed(c, n, calls(c, n)[:1]), "its operations are not"),
        (lambda c, n: signed(c, n, [*calls(c, n), c.add()]), "its operations are not"),
        (lambda c, n: signed(c, n, [c.add()]), "its operations are not"),
        (reordered, "its operations are not"),
        (as_of(lambda _, n: Node(n.party)), "it is about more than one node"),
        (lambda c, n: signed(c, n, valid_until=c.start + 300_000), "it is not valid until"),
        (lambda c, n: signed(c, n, valid_until=c.start + 300_002), "it is not valid until"),
        (forged_validator, "registry.validator_unproven"),
    ],
)
def test_one_change_and_it_is_refused(chain: Chain, nodes: list[Node], change: Change, reason: str) -> None:
    good = nodes[1].founding(chain)
    with pytest.raises(FoundingTransactionInvalid) as refused:
        check_founding(chain.rules, [good, change(chain, nodes[0])])
    assert str(refused.value.facts["reason"]).startswith(reason)
    assert refused.value.facts["position"] == 1


def test_two_founders_can_not_have_one_peer_id_or_engine_key(chain: Chain, nodes: list[Node]) -> None:
    first, second, third = nodes
    second.key, third.validator = first.key, first.validator
    for node, code in ((second, "registry.peer_exists"), (third, "registry.validator_key_exists")):
        with pytest.raises(FoundingTransactionInvalid) as refused:
            check_founding(chain.rules, [first.founding(chain), node.founding(chain)])
        assert refused.value.facts == {"position": 1, "reason": code}


def test_a_stranger_founds_nothing(chain: Chain, nodes: list[Node]) -> None:
    stranger = Party(chain.suite, MemberKind.SUPPLIER)
    with pytest.raises(FoundingTransactionInvalid, match=r"founding\.transaction"):
        check_founding(chain.rules, [nodes[0].founding(chain), Node(stranger).founding(chain)])


def test_another_chain_s_is_refused(chain: Chain, nodes: list[Node]) -> None:
    other = found_chain(chain.suite.name)
    with pytest.raises(FoundingTransactionInvalid) as refused:
        check_founding(chain.rules, [founders_of(other)[0].founding(other)])
    assert refused.value.facts["reason"] == "transaction.other_chain"


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_validator_nothing_begins(chain: Chain, nodes: list[Node], count: int) -> None:
    with pytest.raises(FoundingSetInvalid):
        check_founding(chain.rules, [node.founding(chain, validates=False) for node in nodes[:count]])


def test_they_must_fit_into_one_block(chain: Chain, nodes: list[Node]) -> None:
    raws = [node.founding(chain) for node in nodes]
    room = sum(map(len, raws))
    check_founding(with_room(chain, room), raws)
    with pytest.raises(FoundingSetInvalid):
        check_founding(with_room(chain, room - 1), raws)


def with_room(chain: Chain, max_block_bytes: int) -> ChainRules:
    """Return the chain's rules with another size of blocks, under the same id."""
    parameters = replace(chain.genesis.parameters, max_block_bytes=max_block_bytes)
    return dataclasses.replace(chain.rules, genesis=replace(chain.genesis, parameters=parameters))


def test_a_founder_without_a_vote_has_a_peer_and_no_validator(chain: Chain) -> None:
    parties = [Party(chain.suite, MemberKind.REGULATOR, votes=votes) for votes in (0, 1)]
    _, genesis = genesis_of(*parties)
    silent = Chain(parties, genesis, rules_of(genesis))
    regulator, hospital = founders_of(silent)
    opening = check_founding(silent.rules, [regulator.founding(silent, validates=False), hospital.founding(silent)])
    assert (opening.validators, len(opening.peers)) == (powers([hospital]), 2)
    with pytest.raises(FoundingTransactionInvalid) as refused:
        check_founding(silent.rules, [regulator.founding(silent), hospital.founding(silent)])
    assert refused.value.facts["position"] == 0


def test_the_order_is_the_list_s(chain: Chain, nodes: list[Node]) -> None:
    raws = [node.founding(chain) for node in nodes]
    for order in itertools.permutations(raws):
        assert list(check_founding(chain.rules, order).transactions) == list(order)
