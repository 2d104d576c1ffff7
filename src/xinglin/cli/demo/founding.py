"""Part 1: four founders, accounts by signed transactions, a member that joins by vote, a home that catches up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xinglin.carrier.access.governance.model import Approve, KeyProof, Propose
from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.genesis import epoch_hash
from xinglin.carrier.ledger.model import Epoch, EpochMember, Founder
from xinglin.cli.demo.stage import HOMES, PASSPHRASE, Stage
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.identifiers import identifier
from xinglin.node.accounts import add_account
from xinglin.node.chains import random_bytes
from xinglin.node.directory import Directory
from xinglin.node.founding import ADMINISTRATOR, COSIGNING
from xinglin.node.node import Group, Node
from xinglin.node.opening import open_for_business
from xinglin.node.setup import GROUP, adopt, consortium_genesis, make_home
from xinglin.stakeholders.kinds import MemberKind, Role

APPLICANT = "insurer"


def found(stage: Stage) -> None:
    """Make the homes and found the consortium."""
    stage.head("1. Four institutions found a consortium chain")
    write_durably(stage.folder / PASSPHRASE, stage.passphrase + b"\n")
    for folder, name, kind in HOMES:
        stage.new[folder] = make_home(stage.home(folder), name, kind, stage.passphrase, random_bytes)
    genesis = consortium_genesis(list(stage.new.values()), random_bytes)
    for new in stage.new.values():
        chain = adopt(new, genesis, GROUP, random_bytes)
    stage.say(f"consortium chain {chain}: {len(genesis.founders)} founders, quorum {genesis.quorum}")
    with stage.group() as group:
        open_for_business(group.nodes, steward=group.nodes[2])
        stage.say("nodes registered, transmission key 1 sealed to each, private chains of both hospitals named")
        for node in group.nodes[:2]:
            added = add_account(node, (Role.PRACTITIONER,), "Responsible physician of the demonstration")
            stage.say(f"{node.settings.name}: practitioner account {added.account}")
        _join_by_vote(stage, group)
    _catch_up(stage)


def suspend(nodes: Sequence[Node], member: str) -> None:
    """Suspend a member by vote: the next epoch is without it."""
    current = Directory(nodes[0].consortium).epochs()[-1].epoch
    members = [one for one in current.members if one.member != member]
    _vote(nodes, current, _next_epoch(nodes[0], current, members), suspends=(member,))


def readmit(nodes: Sequence[Node], founder: Founder) -> None:
    """Take a suspended member back by vote."""
    current = Directory(nodes[0].consortium).epochs()[-1].epoch
    back = EpochMember(founder.member, founder.key, founder.votes, founder.cosigns)
    proofs = (KeyProof(founder.member, founder.proof),)
    _vote(nodes, current, _next_epoch(nodes[0], current, [*current.members, back]), proofs=proofs)


def _join_by_vote(stage: Stage, group: Group) -> None:
    """An insurer applies; a majority of the founders signs the next member epoch."""
    nodes = group.nodes
    chain = nodes[0].consortium.rules.chain
    new = make_home(stage.home(APPLICANT), "Insurer", MemberKind.DATA_USER, stage.passphrase, random_bytes)
    new = replace(new, organisation=replace(new.organisation, cosigns=False))
    stage.applicant = new
    applicant = new.founder(chain)
    current = Directory(nodes[0].consortium).epoch()
    joining = EpochMember(applicant.member, applicant.key, applicant.votes, applicant.cosigns)
    proposed = _next_epoch(nodes[0], current, [*current.members, joining], ahead=6)
    for node in _vote(nodes, current, proposed, applicants=(applicant,)):
        stage.say(f"{node.settings.name} votes for {applicant.name.decode()}")
    names = [state.name.decode() for _, state in Directory(nodes[0].consortium).members()]
    stage.require("Insurer" in names, "the applicant is a member")
    stage.say(
        f"member epoch {proposed.number} passed with {current.threshold} votes; members: {', '.join(sorted(names))}"
    )
    _compare(stage, nodes)


def _vote(
    nodes: Sequence[Node],
    current: Epoch,
    proposed: Epoch,
    applicants: tuple[Founder, ...] = (),
    suspends: tuple[str, ...] = (),
    proofs: tuple[KeyProof, ...] = (),
) -> Sequence[Node]:
    """Propose an epoch and let as many homes vote for it as are needed; return these."""
    proposal = identifier(random_bytes(16))
    _governance(nodes[0], "propose", Propose(proposal, proposed, applicants, suspends, proofs))
    message = epoch_hash(nodes[0].consortium.rules.suite.hash, proposed)
    for node in nodes[: current.threshold]:
        vote = Approve(proposal, message, node.keys.sign(COSIGNING, message))
        _governance(node, "approve", vote)
    return nodes[: current.threshold]


def _next_epoch(node: Node, current: Epoch, members: Sequence[EpochMember], ahead: int = 30) -> Epoch:
    """The epoch of these members, in force so many blocks from now, or after the last one: blocks go on meanwhile."""
    ordered = tuple(sorted(members, key=lambda one: one.member))
    voters, cosigners = sum(m.votes for m in ordered), sum(m.cosigns for m in ordered)
    return Epoch(
        chain=current.chain,
        number=current.number + 1,
        previous=epoch_hash(node.consortium.rules.suite.hash, current),
        from_height=max(node.consortium.tip.height, current.from_height) + ahead,
        threshold=voters // 2 + 1,
        quorum=cosigners // 2 + 1,
        members=ordered,
    )


def _governance(node: Node, method: str, arguments: ChainObject) -> None:
    call = operation(node.consortium.rules.suite, "governance", method, arguments)
    node.client().call([call], [node.signer(ADMINISTRATOR)])


def _catch_up(stage: Stage) -> None:
    """A home that missed a block executes it from a peer's store when the group opens again."""
    with stage.group("hospital-a", "hospital-b", "platform") as group:
        add_account(group.nodes[0], (Role.AUDITOR,), "Internal auditor of the demonstration")
        ahead = group.nodes[0].consortium.tip.height
    alone = stage.open("regulator")
    behind = alone.consortium.tip.height
    alone.close()
    stage.require(behind == ahead - 1, "the regulator's home is one block behind")
    with stage.group() as group:
        stage.say(
            f"the regulator's home stopped at height {behind}, caught up to {group.nodes[3].consortium.tip.height}"
        )
        _compare(stage, group.nodes)


def _compare(stage: Stage, nodes: Sequence[Node]) -> None:
    hashes = {node.consortium.tip.app_hash for node in nodes}
    stage.require(len(hashes) == 1, "all homes have one app hash")
    stage.say(
        f"all {len(nodes)} homes: app hash {hashes.pop().hex()[:16]}... at height {nodes[0].consortium.tip.height}"
    )
