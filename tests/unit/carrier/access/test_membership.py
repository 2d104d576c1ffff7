"""Members come and go by votes on the real ledger of two homes; validators, peers and keys follow with the block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chain import found_chain, rules_of
from tests.support.contract_parties import Key, Party, genesis_of
from tests.support.engine_parties import Node
from tests.support.membership import Members
from xinglin.carrier.access.founding_block import check_founding
from xinglin.carrier.access.governance.errors import NoVote, ProposalLapsed, ProposalUnknown, ReviewExists
from xinglin.carrier.access.governance.model import Review, ReviewState
from xinglin.carrier.access.governance.validators import engine_changed
from xinglin.carrier.access.registry.errors import LastValidator
from xinglin.carrier.access.registry.model import EndValidator
from xinglin.carrier.ledger.errors import SignerEnded
from xinglin.kernel.encoding import decode, state_key
from xinglin.service.basic.coordination.audience.contract import CONTRACT as AUDIENCE
from xinglin.service.basic.coordination.errors import AudienceNodeUnknown
from xinglin.service.basic.coordination.model import IssueEpochKey, SealedKey


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    """Give a consortium of three founders, each a validator, after block 1."""
    found = Members(tmp_path, extra=(AUDIENCE,))
    yield found
    found.close()


def others(members: Members, *gone: Party) -> list[Party]:
    """Return the members of the latest epoch without some."""
    return [one for one in members.members() if one not in gone]


def audience(members: Members, number: int, *nodes: Node) -> int:
    """Issue an audience epoch to nodes, as the first member; return the receipt's number."""
    keys = tuple(SealedKey(name, bytes(48)) for name in sorted(node.name for node in nodes))
    call = ("audience.epoch", IssueEpochKey("treatment", number, bytes(32), keys))
    return members.block(members.sign(members.parties[0], call))[0].code


@pytest.mark.requirement(
    "S8.2c", part="keys proven and members voted on the ledger; the network that follows is not shown yet"
)
def test_a_fourth_institution_applies_is_voted_in_and_validates(members: Members) -> None:
    applicant, evidence = members.newcomer(), b"\x07" * 32
    assert members.decide([*members.members(), applicant], joins=[applicant], evidence=evidence) == 0
    members.check()
    node = members.settle(applicant)
    members.check()
    assert members.engine[node.validator.public] == 10
    assert len(members.engine) == 4
    assert members.epoch.threshold == 3
    ledger = members.apps[0].ledger
    proposed = ledger.entry(3)  # after the founding transactions
    facts = {fact.name: fact.value for fact in proposed.receipt.facts}
    proposer = min(party.member for party in members.parties[:3])
    assert facts["evidence"] == evidence
    stored = ledger.value(state_key("governance", "review", facts["proposal"], proposer))
    assert stored is not None
    assert decode(ReviewState, stored).evidence == evidence


def test_a_suspended_member_is_out_with_the_block_and_back_when_restored(members: Members) -> None:
    gone, node = members.parties[2], members.nodes[2]
    assert audience(members, 1, *members.nodes) == 0
    assert members.decide(others(members, gone), suspends=[gone]) == 0
    members.check()
    assert node.validator.public not in members.engine
    assert not members.apps[0].admits_peer(node.peer)
    assert audience(members, 2, *members.nodes) == AudienceNodeUnknown.number
    assert audience(members, 2, *members.nodes[:2]) == 0
    late = members.block(members.sign(gone, ("registry.end_validator", EndValidator())))[0]
    assert (late.logged, late.code) == (False, SignerEnded.number)

    assert members.decide([*members.members(), gone]) == 0
    members.check()
    assert members.engine[node.validator.public] == 10
    assert audience(members, 3, *members.nodes) == 0


def test_a_removed_member_is_out_for_good(members: Members) -> None:
    gone = members.parties[2]
    assert members.decide(others(members, gone)) == 0
    members.check()
    assert len(members.engine) == 2
    proposal = members.proposal([*members.members(), gone], joins=[gone])
    assert members.block(members.sign(members.parties[0], ("governance.propose", proposal)))[0].code == 1414
    proposal = members.proposal([*members.members(), gone])
    assert members.block(members.sign(members.parties[0], ("governance.propose", proposal)))[0].code == 1460


def test_a_new_cosigning_key_changes_no_validator(members: Members) -> None:
    party = members.parties[1]
    old, party.key = party.key, Key(members.chain.suite)
    engine = dict(members.engine)
    assert members.decide(members.members(), old_keys={party.member: old}) == 0
    members.check()
    assert members.engine == engine
    newcomer = members.newcomer()
    assert members.decide([*members.members(), newcomer], joins=[newcomer]) == 0  # it votes with the new one


def test_the_threshold_changes_by_vote(members: Members) -> None:
    for _ in range(2):
        newcomer = members.newcomer(votes=0)
        assert members.decide([*members.members(), newcomer], joins=[newcomer]) == 0
        assert members.epoch.threshold == 2
    newcomer = members.newcomer()
    assert members.decide([*members.members(), newcomer], joins=[newcomer]) == 0
    assert members.epoch.threshold == 3


def test_who_loses_its_vote_keeps_its_peer_and_loses_its_validator(members: Members) -> None:
    party, node = members.parties[1], members.nodes[1]
    party.votes = 0
    assert members.decide(members.members()) == 0
    members.check()
    assert node.validator.public not in members.engine
    assert members.apps[0].admits_peer(node.peer)
    party.votes = 1
    assert members.decide(members.members()) == 0
    members.check()
    assert node.validator.public in members.engine


def test_a_member_without_a_vote_decides_nothing(members: Members) -> None:
    watcher = members.newcomer(votes=0)
    assert members.decide([*members.members(), watcher], joins=[watcher]) == 0
    members.settle(watcher)
    members.check()
    proposal = members.proposal(others(members, members.parties[0]))
    results = members.block(
        members.sign(
            watcher, ("governance.propose", proposal), ("governance.review", Review(proposal.proposal, bytes(32)))
        ),
        members.ballot(watcher, proposal),
    )
    assert [result.code for result in results] == [0, NoVote.number]


def test_a_regulator_without_a_vote_by_genesis_is_a_peer_and_no_validator(tmp_path: Path) -> None:
    chain = found_chain(parties=2)
    chain.parties[1].votes = 0
    _, chain.genesis = genesis_of(*chain.parties)
    chain.rules = rules_of(chain.genesis)
    hospital, regulator = (Node(party) for party in chain.parties)
    opening = check_founding(chain.rules, [hospital.founding(chain), regulator.founding(chain, validates=False)])
    assert list(opening.validators) == [hospital.validator.public]
    assert regulator.peer in opening.peers


def test_a_vote_can_not_take_the_last_validator(members: Members) -> None:
    first, second, third = members.parties
    assert members.block(members.sign(third, ("registry.end_validator", EndValidator())))[0].code == 0
    assert members.block(members.sign(second, ("registry.end_validator", EndValidator())))[0].code == 0
    del members.model.validators[third.member], members.model.validators[second.member]
    members.check()
    assert members.decide(others(members, first), suspends=[first]) == LastValidator.number
    members.check()
    assert (
        members.block(members.sign(first, ("registry.end_validator", EndValidator())))[0].code == LastValidator.number
    )
    members.settle(second)
    assert members.decide(others(members, first), suspends=[first]) == 0
    members.check()
    assert len(members.engine) == 1


def test_a_vote_for_a_lapsed_proposal_is_refused(members: Members) -> None:
    lapsing = members.proposal(others(members, members.parties[2]))
    assert members.block(members.sign(members.parties[0], ("governance.propose", lapsing)))[0].code == 0
    assert members.block(members.ballot(members.parties[0], lapsing))[0].code == 0
    while members.height < lapsing.epoch.from_height:
        members.block()
    results = members.block(
        members.ballot(members.parties[1], lapsing),
        members.sign(members.parties[1], ("governance.review", Review(lapsing.proposal, bytes(32)))),
    )
    assert [result.code for result in results] == [ProposalLapsed.number] * 2
    members.check()


def test_a_review_is_said_once_by_each_and_for_what_is_proposed(members: Members) -> None:
    proposal = members.proposal(others(members, members.parties[2]))
    review = Review(proposal.proposal, b"\1" * 32)
    unknown = members.block(members.sign(members.parties[0], ("governance.review", review)))[0]
    assert unknown.code == ProposalUnknown.number
    results = members.block(
        members.sign(members.parties[0], ("governance.propose", proposal), ("governance.review", review)),
        members.sign(members.parties[0], ("governance.review", Review(proposal.proposal, b"\2" * 32))),
        members.sign(members.parties[1], ("governance.review", Review(proposal.proposal, b"\3" * 32))),
    )
    assert [result.code for result in results] == [0, ReviewExists.number, 0]


@pytest.mark.parametrize(
    ("key", "touches"),
    [
        (("governance", "latest"), True),
        (("registry", "member", "a" * 26), True),
        (("registry", "node", "a" * 26), True),
        (("registry", "peer", bytes(20)), True),
        (("registry", "validator", "a" * 26), True),
        (("governance", "proposal", "a" * 26), False),
        (("governance", "epoch", 1), False),
        (("registry", "account", "a" * 26), False),
        (("registry", "key", bytes(65)), False),
        (("registry", "node-peer", "a" * 26), False),
        (("registry", "validator-key", bytes(32)), False),
        (("records", "peer", bytes(20)), False),
        (("ledger", "quota", "member", "a" * 26), False),
    ],
)
def test_which_keys_may_change_the_engine(key: tuple[str, ...], touches: bool) -> None:
    assert engine_changed([state_key(*key)]) is touches
    assert engine_changed([state_key("a"), state_key(*key)]) is touches
    assert not engine_changed([])
