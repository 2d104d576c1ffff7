"""The contract governance: proposals and votes, what passes and what it does, each refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Key, Party, new_id, next_epoch
from xinglin.carrier.access.governance.errors import (
    AlreadyVoted,
    ApplicantsInvalid,
    EpochTooFarAhead,
    MemberUnknown,
    NotEpochMember,
    NotNextEpoch,
    NoVote,
    OtherEpoch,
    ProofsInvalid,
    ProposalExists,
    ProposalLapsed,
    ProposalUnknown,
    SuspendsInvalid,
    VoteUnproven,
)
from xinglin.carrier.access.governance.model import (
    Approve,
    EpochState,
    KeyProof,
    LatestEpoch,
    Propose,
)
from xinglin.carrier.access.policy.errors import RoleDenied
from xinglin.carrier.access.registry.errors import (
    AccountExists,
    AccountReserved,
    KeyExists,
    KeyUnproven,
    MemberExists,
    RolesInvalid,
    SuperAdministratorNeeded,
)
from xinglin.carrier.access.registry.model import AccountState, AddAccount, KeyState, MemberState
from xinglin.carrier.ledger.errors import GenesisInvalid
from xinglin.carrier.ledger.genesis import epoch_hash
from xinglin.carrier.ledger.model import Epoch, EpochMember
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import PlatformError
from xinglin.stakeholders.kinds import MemberKind, Role, Status

SUPER = Role.SUPER_ADMINISTRATOR


@pytest.fixture
def clinic(consortium: Consortium) -> Party:
    """Return a hospital that wants to join."""
    return Party(consortium.ledger.suite, MemberKind.MEDICAL_INSTITUTION)


def latest(c: Consortium) -> Epoch:
    """Return the epoch that passed last."""
    pointer = c.ledger.value(LatestEpoch, "governance", "latest")
    assert pointer is not None
    state = c.ledger.value(EpochState, "governance", "epoch", pointer.number)
    assert state is not None
    return state.epoch


def successor(c: Consortium, *members: EpochMember) -> Epoch:
    """Return the epoch after the latest, with these members, ten heights from now."""
    before = latest(c)
    return next_epoch(before, epoch_hash(c.ledger.suite.hash, before), c.ledger.height + 10, *members)


def joining(c: Consortium, *applicants: Party) -> Propose:
    """Return a proposal by which applicants join the members of the latest epoch."""
    epoch = successor(c, *latest(c).members, *(a.entry() for a in applicants))
    founders = sorted((a.founder(c.ledger.chain) for a in applicants), key=lambda f: f.member)
    return Propose(new_id(), epoch, tuple(founders), (), ())


def without(c: Consortium, *gone: Party, suspends: Sequence[Party] = ()) -> Propose:
    """Return a proposal by which members leave."""
    ids = {party.member for party in gone}
    epoch = successor(c, *(m for m in latest(c).members if m.member not in ids))
    return Propose(new_id(), epoch, (), tuple(sorted(p.member for p in suspends)), ())


def propose(c: Consortium, proposal: Propose, by: Party | None = None) -> Propose:
    """Put a proposal."""
    c.ledger.call((by or c.hospital).caller(SUPER), "governance.propose", proposal)
    return proposal


def approve(c: Consortium, party: Party, proposal: Propose) -> dict[str, Any]:
    """Vote for a proposal."""
    return c.ledger.call(party.caller(SUPER), "governance.approve", ballot(c, party, proposal))


def ballot(c: Consortium, party: Party, proposal: Propose) -> Approve:
    """Return a member's vote."""
    return Approve(proposal.proposal, epoch_hash(c.ledger.suite.hash, proposal.epoch), party.vote(proposal.epoch))


def refused(c: Consortium, party: Party, method: str, call: ChainObject, refusal: type[PlatformError]) -> None:
    """Call, expect a refusal and an unchanged state."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        c.ledger.call(party.caller(SUPER), f"governance.{method}", call)
    assert type(caught.value) is refusal
    assert c.ledger.state == before


def status(c: Consortium, party: Party) -> Status:
    """Return the status of a member."""
    state = c.ledger.value(MemberState, "registry", "member", party.member)
    assert state is not None
    return state.status


@pytest.mark.requirement("S5.2", "S6.3a")
def test_a_member_joins_by_a_majority(consortium: Consortium, clinic: Party) -> None:
    proposal = propose(consortium, joining(consortium, clinic))
    assert approve(consortium, consortium.hospital, proposal) == {"votes": 1}
    assert consortium.ledger.value(MemberState, "registry", "member", clinic.member) is None
    consortium.ledger.height += 3
    assert approve(consortium, consortium.platform, proposal) == {"votes": 2, "epoch": 1}

    joined = consortium.ledger.value(MemberState, "registry", "member", clinic.member)
    assert joined == MemberState(
        member_kind=MemberKind.MEDICAL_INSTITUTION,
        name=b"member",
        status=Status.ACTIVE,
        from_height=consortium.ledger.height,
    )
    account, key = clinic.accounts[SUPER]
    assert consortium.ledger.value(AccountState, "registry", "account", account) is not None
    entry = consortium.ledger.value(KeyState, "registry", "key", key.public)
    assert entry is not None
    assert entry.from_ms == consortium.ledger.time
    passed = consortium.ledger.value(EpochState, "governance", "epoch", 1)
    assert passed is not None
    assert passed.epoch == proposal.epoch
    voters = sorted([consortium.hospital, consortium.platform], key=lambda p: p.member)
    assert [vote.member for vote in passed.votes] == [voter.member for voter in voters]
    for voter, vote in zip(voters, passed.votes, strict=True):
        hash_ = epoch_hash(consortium.ledger.suite.hash, proposal.epoch)
        assert consortium.ledger.suite.verify(voter.key.public, hash_, vote.signature)


def test_the_newcomer_votes_in_the_epoch_after(consortium: Consortium, clinic: Party) -> None:
    proposal = propose(consortium, joining(consortium, clinic))
    approve(consortium, consortium.hospital, proposal)
    refused(consortium, clinic, "approve", ballot(consortium, clinic, proposal), NotEpochMember)
    approve(consortium, consortium.platform, proposal)
    second = Party(consortium.ledger.suite, MemberKind.SUPPLIER)
    following = joining(consortium, second)
    following = replace(following, epoch=replace(following.epoch, from_height=50))
    propose(consortium, following, by=clinic)
    assert approve(consortium, clinic, following) == {"votes": 1}


def test_members_are_suspended_ended_and_restored(consortium: Consortium) -> None:
    c = consortium
    leave = propose(c, without(c, c.other, c.platform, suspends=[c.other]), by=c.regulator)
    approve(c, c.hospital, leave)
    approve(c, c.platform, leave)
    assert (status(c, c.other), status(c, c.platform)) == (Status.SUSPENDED, Status.ENDED)
    c.ledger.height = 20
    for party in (c.other, c.platform):
        refused(c, party, "propose", without(c, c.regulator), NotEpochMember)

    back = successor(c, *latest(c).members, c.other.entry())
    proof = KeyProof(c.other.member, c.other.key.prove(c.ledger.chain, c.other.member, ""))
    refused(c, c.hospital, "propose", Propose(new_id(), back, (), (), ()), ProofsInvalid)
    approve(c, c.hospital, propose(c, Propose(new_id(), back, (), (), (proof,))))
    assert status(c, c.other) is Status.ACTIVE
    never = successor(c, *latest(c).members, c.platform.entry())
    refused(c, c.hospital, "propose", later(c, Propose(new_id(), never, (), (), ())), MemberUnknown)


def test_a_cosigning_key_changes_with_a_proof(consortium: Consortium) -> None:
    c, old, new = consortium, consortium.other.entry(), Key(consortium.ledger.suite)
    entries = [replace(m, key=new.public) if m == old else m for m in latest(c).members]
    proof = KeyProof(old.member, new.prove(c.ledger.chain, old.member, ""))
    good = Propose(new_id(), successor(c, *entries), (), (), (proof,))
    refused(c, c.hospital, "propose", replace(good, proofs=()), ProofsInvalid)
    refused(c, c.hospital, "propose", replace(good, proofs=(proof, proof)), ProofsInvalid)
    forged = replace(proof, proof=c.other.key.prove(c.ledger.chain, old.member, ""))
    refused(c, c.hospital, "propose", replace(good, proofs=(forged,)), KeyUnproven)
    propose(c, good)
    approve(c, c.hospital, good)
    approve(c, c.other, good)  # with the key of the epoch before
    assert latest(c).number == 1
    assert {m.member: m.key for m in latest(c).members}[old.member] == new.public


Change = Callable[[Consortium, Propose, Party], Propose]


def with_epoch(**fields: Any) -> Change:
    """Return a change of fields of the proposed epoch."""
    return lambda _, p, __: replace(p, epoch=replace(p.epoch, **fields))


def with_applicant(**fields: Any) -> Change:
    """Return a change of fields of the applicant."""
    return lambda _, p, __: replace(p, applicants=(replace(p.applicants[0], **fields),))


def also_in_office(c: Consortium, p: Propose, _: Party) -> Propose:
    return replace(
        p,
        applicants=tuple(sorted((*p.applicants, c.other.founder(c.ledger.chain)), key=lambda f: f.member)),
    )


def with_account(**fields: Any) -> Change:
    """Return a change of fields of the applicant's account."""

    def change(_: Consortium, p: Propose, __: Party) -> Propose:
        applicant = p.applicants[0]
        account = replace(applicant.accounts[0], **fields)
        return replace(p, applicants=(replace(applicant, accounts=(account,)),))

    return change


def twice_one_account(_: Consortium, p: Propose, __: Party) -> Propose:
    applicant = p.applicants[0]
    return replace(p, applicants=(replace(applicant, accounts=applicant.accounts * 2),))


def without_super_administrator(c: Consortium, p: Propose, clinic: Party) -> Propose:
    return replace(p, applicants=(replace(clinic.founder(c.ledger.chain), accounts=()),))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (with_epoch(chain="c" + "a" * 26), NotNextEpoch),
        (with_epoch(number=2), NotNextEpoch),
        (with_epoch(number=0), NotNextEpoch),
        (with_epoch(previous=bytes(32)), NotNextEpoch),
        (with_epoch(from_height=0), NotNextEpoch),
        (with_epoch(from_height=1), ProposalLapsed),
        (with_epoch(from_height=1_000_002), EpochTooFarAhead),
        (with_epoch(threshold=2), GenesisInvalid),
        (with_epoch(quorum=6), GenesisInvalid),
        (
            lambda _, p, __: replace(p, epoch=replace(p.epoch, members=p.epoch.members[::-1])),
            GenesisInvalid,
        ),
        (with_applicant(votes=0), ApplicantsInvalid),
        (with_applicant(member=new_id()), ApplicantsInvalid),
        (lambda _, p, __: replace(p, applicants=p.applicants * 2), ApplicantsInvalid),
        (twice_one_account, ApplicantsInvalid),
        (without_super_administrator, SuperAdministratorNeeded),
        (with_account(roles=(Role.DEVICE, SUPER)), RolesInvalid),
        (with_account(proof=bytes(64)), KeyUnproven),
        (lambda c, p, _: with_account(account=c.other.accounts[SUPER][0])(c, p, _), AccountExists),
        (lambda c, p, _: with_account(key=c.other.accounts[SUPER][1].public)(c, p, _), KeyExists),
        (also_in_office, ApplicantsInvalid),
        (lambda _, p, __: replace(p, applicants=()), MemberUnknown),
        (with_applicant(proof=bytes(64)), KeyUnproven),
        (with_applicant(name=b"x", kind=MemberKind.SUPPLIER, proof=bytes(64)), KeyUnproven),
        (lambda c, p, _: replace(p, suspends=(c.other.member,)), SuspendsInvalid),
        (lambda _, p, clinic: replace(p, suspends=(clinic.member,)), SuspendsInvalid),
        (lambda _, p, clinic: replace(p, proofs=(KeyProof(clinic.member, bytes(64)),)), ProofsInvalid),
    ],
)
def test_one_change_and_the_proposal_is_refused(
    consortium: Consortium, clinic: Party, change: Change, refusal: type[PlatformError]
) -> None:
    good = joining(consortium, clinic)
    refused(consortium, consortium.hospital, "propose", change(consortium, good, clinic), refusal)
    propose(consortium, good)


def test_a_proof_of_key_for_the_genesis_does_not_join(consortium: Consortium, clinic: Party) -> None:
    good = joining(consortium, clinic)
    bad = replace(good, applicants=(clinic.founder("genesis"),))
    refused(consortium, consortium.hospital, "propose", bad, KeyUnproven)


def test_the_far_edge_of_from_height_is_allowed(consortium: Consortium, clinic: Party) -> None:
    good = joining(consortium, clinic)
    propose(consortium, replace(good, epoch=replace(good.epoch, from_height=1_000_001)))


def test_suspends_are_in_order_and_once(consortium: Consortium) -> None:
    c = consortium
    good = without(c, c.other, c.platform, suspends=[c.other, c.platform])
    for suspends in (good.suspends[::-1], good.suspends[:1] * 2):
        refused(c, c.hospital, "propose", replace(good, suspends=suspends), SuspendsInvalid)
    propose(c, good)


def test_a_proposal_id_serves_once(consortium: Consortium, clinic: Party) -> None:
    good = propose(consortium, joining(consortium, clinic))
    refused(consortium, consortium.other, "propose", good, ProposalExists)


def test_only_administrators_take_part(consortium: Consortium, clinic: Party) -> None:
    good = joining(consortium, clinic)
    for role in set(Role) - {SUPER, Role.ADMINISTRATOR}:
        with pytest.raises(RoleDenied):
            consortium.ledger.call(consortium.hospital.caller(role), "governance.propose", good)


def test_an_applicant_that_exists_is_refused(consortium: Consortium, clinic: Party) -> None:
    c = consortium
    first = propose(c, without(c, c.platform))
    approve(c, c.hospital, first)
    approve(c, c.other, first)
    refused(c, c.hospital, "propose", later(c, joining(c, c.platform)), MemberExists)
    propose(c, later(c, joining(c, clinic)))


def later(c: Consortium, proposal: Propose) -> Propose:
    """Return the proposal for a height after the latest epoch's."""
    return replace(proposal, epoch=replace(proposal.epoch, from_height=latest(c).from_height + 5))


BallotChange = Callable[[Approve, Consortium], Approve]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda b, _: replace(b, proposal=new_id()), ProposalUnknown),
        (lambda b, _: replace(b, epoch_hash=bytes(32)), OtherEpoch),
        (lambda b, _: replace(b, signature=bytes(64)), VoteUnproven),
        (lambda b, c: replace(b, signature=c.other.key.sign(b.epoch_hash)), VoteUnproven),
        (lambda b, c: replace(b, signature=c.hospital.accounts[SUPER][1].sign(b.epoch_hash)), VoteUnproven),
    ],
)
def test_one_change_and_the_vote_is_refused(
    consortium: Consortium, clinic: Party, change: BallotChange, refusal: type[PlatformError]
) -> None:
    proposal = propose(consortium, joining(consortium, clinic))
    good = ballot(consortium, consortium.hospital, proposal)
    refused(consortium, consortium.hospital, "approve", change(good, consortium), refusal)
    approve(consortium, consortium.hospital, proposal)


def test_one_member_one_vote(consortium: Consortium, clinic: Party) -> None:
    proposal = propose(consortium, joining(consortium, clinic))
    approve(consortium, consortium.hospital, proposal)
    for _ in range(2):
        again = ballot(consortium, consortium.hospital, proposal)
        refused(consortium, consortium.hospital, "approve", again, AlreadyVoted)
    administrator = consortium.hospital.caller(Role.ADMINISTRATOR)
    with pytest.raises(AlreadyVoted):
        consortium.ledger.call(administrator, "governance.approve", again)


def test_a_member_without_a_vote_does_not_vote(consortium: Consortium, clinic: Party) -> None:
    proposal = propose(consortium, joining(consortium, clinic), by=consortium.regulator)
    vote = ballot(consortium, consortium.regulator, proposal)
    refused(consortium, consortium.regulator, "approve", vote, NoVote)


def test_a_proposal_lapses_when_another_passes(consortium: Consortium, clinic: Party) -> None:
    c = consortium
    loser, winner = propose(c, joining(c, clinic)), propose(c, without(c, c.regulator), by=c.other)
    approve(c, c.hospital, winner)
    approve(c, c.other, winner)
    refused(c, c.other, "approve", ballot(c, c.other, loser), ProposalLapsed)
    refused(c, c.platform, "approve", ballot(c, c.platform, winner), ProposalLapsed)


def test_a_proposal_lapses_when_its_height_is_reached(consortium: Consortium, clinic: Party) -> None:
    proposal = propose(consortium, joining(consortium, clinic))
    approve(consortium, consortium.hospital, proposal)
    consortium.ledger.height = proposal.epoch.from_height
    vote = ballot(consortium, consortium.other, proposal)
    refused(consortium, consortium.other, "approve", vote, ProposalLapsed)
    consortium.ledger.height -= 1
    assert approve(consortium, consortium.other, proposal)["epoch"] == 1


class TestReservedAccounts:
    """What a proposal makes public of an applicant can't be used to keep the applicant out (RG10)."""

    @staticmethod
    def squat(c: Consortium, applicant: Party) -> AddAccount:
        """Return the call by which the platform would take the id of the applicant's account."""
        account, _ = applicant.accounts[SUPER]
        key = Key(c.ledger.suite)
        proof = key.prove(c.ledger.chain, c.platform.member, account)
        return AddAccount(account, (Role.AUDITOR,), bytes(32), key.public, proof)

    def test_another_member_can_not_take_the_id(self, consortium: Consortium, clinic: Party) -> None:
        proposal = propose(consortium, joining(consortium, clinic))
        before = dict(consortium.ledger.state)
        with pytest.raises(AccountReserved):
            consortium.ledger.call(
                consortium.platform.caller(SUPER), "registry.add_account", self.squat(consortium, clinic)
            )
        assert consortium.ledger.state == before
        approve(consortium, consortium.hospital, proposal)
        assert approve(consortium, consortium.platform, proposal)["epoch"] == 1

    def test_another_applicant_can_not_take_the_id(self, consortium: Consortium, clinic: Party) -> None:
        propose(consortium, joining(consortium, clinic))
        rival = Party(consortium.ledger.suite, MemberKind.MEDICAL_INSTITUTION)
        rival.accounts[SUPER] = (clinic.accounts[SUPER][0], rival.accounts[SUPER][1])
        refused(consortium, consortium.platform, "propose", joining(consortium, rival), AccountReserved)

    def test_the_applicant_may_be_proposed_again(self, consortium: Consortium, clinic: Party) -> None:
        propose(consortium, joining(consortium, clinic))
        propose(consortium, joining(consortium, clinic), consortium.platform)

    def test_a_reservation_ends_with_its_height(self, consortium: Consortium, clinic: Party) -> None:
        proposal = propose(consortium, joining(consortium, clinic))
        consortium.ledger.height = proposal.epoch.from_height
        consortium.ledger.call(
            consortium.platform.caller(SUPER), "registry.add_account", self.squat(consortium, clinic)
        )
