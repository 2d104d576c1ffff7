"""Random histories of membership: two homes, an engine that follows the updates, and a naive model of who counts agree.

Members apply, are suspended, restored and removed, gain and lose votes, change keys, nodes, peers and validators, in
any order. After each block the validators that an engine would have are those of the state and of the model, and are
never none.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.contract_parties import Key, Party
from tests.support.engine_parties import Node, powers
from tests.support.membership import Members
from xinglin.carrier.access.governance import validators as under_test
from xinglin.carrier.access.governance.validators import EngineMembership
from xinglin.carrier.access.registry.errors import LastValidator, ValidatorUnknown
from xinglin.carrier.access.registry.model import EndNode, EndValidator
from xinglin.carrier.ledger.errors import SignerEnded

MOST_MEMBERS = 6
Step = tuple[str, int, int]


def one_of(parties: list[Party], draw: int) -> Party:
    return parties[draw % len(parties)]


def expected(members: Members, changed: Callable[[], None], undo: Callable[[], None]) -> int:
    """Change the model and return 0; where no validator would be left, undo it and return the refusal's number."""
    had = members.model.validating()
    changed()
    if had and not members.model.validating():
        undo()
        return LastValidator.number
    return 0


def join(members: Members, draw: int, other: int) -> None:
    if len(members.epoch.members) < MOST_MEMBERS:
        newcomer = members.newcomer(votes=int(other % 4 != 0))
        assert members.decide([*members.members(), newcomer], joins=[newcomer]) == 0
        if other % 2:
            members.settle(newcomer, validates=draw % 3 != 0)


def leave(members: Members, draw: int, other: int) -> None:
    gone = one_of(members.members(), draw)
    stay = [one for one in members.members() if one is not gone]
    if sum(one.votes for one in stay) == 0:
        return
    votes = members.model.votes
    undone = dict(votes)
    number = expected(members, lambda: votes.pop(gone.member) and None, lambda: votes.update(undone))
    suspends = [gone] if other % 3 else []
    assert members.decide(stay, suspends=suspends) == number


def restore(members: Members, draw: int, other: int) -> None:
    away = [party for party in members.parties if party.member in members.model.suspended]
    if away:
        assert members.decide([*members.members(), one_of(away, draw)]) == 0


def vote(members: Members, draw: int, other: int) -> None:
    """Give or take a member's vote."""
    party = one_of(members.members(), draw)
    if party.votes and sum(one.votes for one in members.members()) == 1:
        return
    model, before = members.model.votes, party.votes
    party.votes = 1 - before
    number = expected(
        members,
        lambda: model.update({party.member: bool(party.votes)}),
        lambda: model.update({party.member: bool(before)}),
    )
    assert members.decide(members.members()) == number
    if number:
        party.votes = before


def rotate(members: Members, draw: int, other: int) -> None:
    party = one_of(members.members(), draw)
    old, party.key = party.key, Key(members.chain.suite)
    assert members.decide(members.members(), old_keys={party.member: old}) == 0


def settle(members: Members, draw: int, other: int) -> None:
    members.settle(one_of(members.members(), draw), validates=other % 2 == 0)


def move(members: Members, draw: int, other: int) -> None:
    """Give a node a new peer id."""
    node = list(members.model.nodes.values())[draw % len(members.model.nodes)]
    if node.party.member in members.model.votes:
        fresh = Node(node.party, name=node.name)
        assert members.block(members.sign(node.party, ("registry.set_peer", fresh.set_peer)))[0].code == 0
        members.model.peers[node.name] = fresh.peer


def end_node(members: Members, draw: int, other: int) -> None:
    node = list(members.model.nodes.values())[draw % len(members.model.nodes)]
    if node.party.member in members.model.votes and len(members.model.nodes) > 1:
        nodes = members.model.nodes
        number = expected(members, lambda: nodes.pop(node.name) and None, lambda: nodes.update({node.name: node}))
        results = members.block(members.sign(node.party, ("registry.end_node", EndNode(node.name))))
        assert results[0].code == number


def end_validator(members: Members, draw: int, other: int) -> None:
    party, model = one_of(members.members(), draw), members.model.validators
    had = model.get(party.member)
    number = ValidatorUnknown.number
    if had is not None:
        number = expected(members, lambda: model.pop(party.member) and None, lambda: model.update({party.member: had}))
    assert members.block(members.sign(party, ("registry.end_validator", EndValidator())))[0].code == number


def intrude(members: Members, draw: int, other: int) -> None:
    """Act for a member that is suspended."""
    away = [party for party in members.parties if party.member in members.model.suspended]
    if away:
        node = Node(one_of(away, draw))
        result = members.block(members.sign(node.party, ("registry.add_node", node.add)))[0]
        assert (result.logged, result.code) == (False, SignerEnded.number)


def restart(members: Members, draw: int, other: int) -> None:
    members.restart()
    members.block()


STEPS = {
    step.__name__: step
    for step in (join, leave, restore, vote, rotate, settle, move, end_node, end_validator, intrude, restart)
}
histories = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 11), st.integers(0, 11)), min_size=1, max_size=14
)


def run(history: list[Step]) -> None:
    """Begin a chain and take the steps, comparing after each."""
    with tempfile.TemporaryDirectory(prefix="membership-") as folder:
        members = Members(Path(folder))
        try:
            members.check()
            for name, draw, other in history:
                STEPS[name](members, draw, other)
                members.check()
                assert members.engine
        finally:
            members.close()


@pytest.mark.requirement(
    "S8.2c", part="keys proven and members voted on the ledger; the network that follows is not shown yet"
)
@given(history=histories)
@settings(max_examples=40, deadline=None)
def test_random_histories_of_membership(history: list[Step]) -> None:
    run(history)


@pytest.mark.parametrize("fault", ["votes are not asked for", "status is not asked for", "ordinary blocks"])
def test_a_state_that_is_read_wrongly_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison notices: a history that meets the fault ends with it."""
    if fault == "votes are not asked for":
        monkeypatch.setattr(EngineMembership, "validators", lambda _, __: powers([]) | {bytes(32): 10})
    elif fault == "status is not asked for":
        monkeypatch.setattr(under_test, "_active", lambda *_: True)
    else:
        monkeypatch.setattr(EngineMembership, "changed", lambda *_: False)
    with pytest.raises(AssertionError):
        # While all founders are members, so that the node that ends is a member's whatever the ids that were drawn.
        run([("end_node", 0, 0), ("leave", 1, 1), ("settle", 0, 0)])
