"""Part 1: four founders, accounts by signed transactions, a member that joins by vote, a home that catches up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xinglin.carrier.access.governance.model import Approve, Propose
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


def _join_by_vote(stage: Stage, group: Group) -> None:
    """An insurer applies; a majority of the founders signs the next member epoch."""
    nodes = group.nodes
    chain = nodes[0].consortium.rules.chain
    new = make_home(stage.home(APPLICANT), "Insurer", MemberKind.DATA_USER, stage.passphrase, random_bytes)
    new = replace(new, organisation=replace(new.organisation, cosigns=False))
    applicant = new.founder(chain)
    current = Directory(nodes[0].consortium).epoch()
    proposed = _next_epoch(nodes[0], current, applicant)
    proposal = identifier(random_bytes(16))
    _governance(nodes[0], "propose", Propose(proposal, proposed, (applicant,), (), ()))
    message = epoch_hash(nodes[0].consortium.rules.suite.hash, proposed)
    for node in nodes[: current.threshold]:
        vote = Approve(proposal, message, node.keys.sign(COSIGNING, message))
        _governance(node, "approve", vote)
        stage.say(f"{node.settings.name} votes for {applicant.name.decode()}")
    names = [state.name.decode() for _, state in Directory(nodes[0].consortium).members()]
    stage.require("Insurer" in names, "the applicant is a member")
    stage.say(
        f"member epoch {proposed.number} passed with {current.threshold} votes; members: {', '.join(sorted(names))}"
    )
    _compare(stage, nodes)


def _next_epoch(node: Node, current: Epoch, applicant: Founder) -> Epoch:
    """The present members and the applicant, who votes and does not cosign, in force six blocks from now."""
    joining = EpochMember(applicant.member, applicant.key, applicant.votes, applicant.cosigns)
    members = tuple(sorted([*current.members, joining], key=lambda one: one.member))
    voters, cosigners = sum(m.votes for m in members), sum(m.cosigns for m in members)
    return Epoch(
        chain=current.chain,
        number=current.number + 1,
        previous=epoch_hash(node.consortium.rules.suite.hash, current),
        from_height=node.consortium.tip.height + 6,
        threshold=voters // 2 + 1,
        quorum=cosigners // 2 + 1,
        members=members,
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
