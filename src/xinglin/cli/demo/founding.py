"""Part 1: four founders, accounts by signed transactions, a member that joins by vote, a home that catches up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xinglin.carrier.access.governance.model import Approve, KeyProof, Propose
from xinglin.carrier.access.registry.model import AddNode, SetPeer
from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.consensus.comet.opening import read_opening
from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.genesis import epoch_hash
from xinglin.carrier.ledger.model import Epoch, EpochMember, Founder, Genesis
from xinglin.cli.demo.stage import HOMES, PASSPHRASE, Stage, Together
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes, rules_of
from xinglin.node.consortium.network_setup import found_network, join_network, set_validator
from xinglin.node.founding import ADMINISTRATOR, COSIGNING, SEALING
from xinglin.node.node import Node
from xinglin.node.office.accounts import add_account
from xinglin.node.office.directory import Directory
from xinglin.node.opening import open_for_business
from xinglin.node.setup import GROUP, NewHome, adopt, consortium_genesis, make_home
from xinglin.stakeholders.kinds import MemberKind, Role

APPLICANT = "insurer"


def found(stage: Stage) -> None:
    """Make the homes and found the consortium."""
    stage.head("1. Four institutions found a consortium chain")
    write_durably(stage.folder / PASSPHRASE, stage.passphrase + b"\n")
    for folder, name, kind in HOMES:
        stage.new[folder] = make_home(stage.home(folder), name, kind, stage.passphrase, random_bytes)
    genesis, chain = _found_chain(stage)
    stage.say(f"consortium chain {chain}: {len(genesis.founders)} founders, quorum {genesis.quorum}")
    with stage.group() as group:
        open_for_business(group.nodes, steward=group.nodes[2])
        stage.say("nodes registered, transmission key 1 sealed to each, private chains of both hospitals named")
        for node in group.nodes[:2]:
            added = add_account(node, (Role.PRACTITIONER,), "Responsible physician of the demonstration")
            stage.say(f"{node.settings.name}: practitioner account {added.account}")
        _join_by_vote(stage, group)
    _catch_up(stage)


def _found_chain(stage: Stage) -> tuple[Genesis, str]:
    """Give the homes their chain, with an engine beside each where engines are to run."""
    homes = list(stage.new.values())
    if stage.places:
        genesis = found_network(homes, stage.places[: len(homes)], random_bytes)
        return genesis, rules_of(genesis).chain
    genesis = consortium_genesis(homes, random_bytes)
    for new in homes:
        chain = adopt(new, genesis, GROUP, random_bytes)
    return genesis, chain


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


def _join_by_vote(stage: Stage, group: Together) -> None:
    """An insurer applies; a majority of the founders signs the next member epoch."""
    nodes = group.nodes
    chain = nodes[0].consortium.rules.chain
    new = make_home(stage.home(APPLICANT), "Insurer", MemberKind.DATA_USER, stage.passphrase, random_bytes)
    new = replace(new, organisation=replace(new.organisation, cosigns=False))
    stage.applicant = new
    applicant = new.founder(chain)
    current = Directory(nodes[0].consortium).epoch()
    joining = EpochMember(applicant.member, applicant.key, applicant.votes, applicant.cosigns)
    # On engines blocks go on while people vote.
    proposed = _next_epoch(nodes[0], current, [*current.members, joining], ahead=30 if stage.places else 6)
    for node in _vote(nodes, current, proposed, applicants=(applicant,)):
        stage.say(f"{node.settings.name} votes for {applicant.name.decode()}")
    names = [state.name.decode() for _, state in Directory(nodes[0].consortium).members()]
    stage.require("Insurer" in names, "the applicant is a member")
    stage.say(
        f"member epoch {proposed.number} passed with {current.threshold} votes; members: {', '.join(sorted(names))}"
    )
    compare(stage, nodes)
    if stage.places:
        _join_network(stage, nodes[0], new)


def _join_network(stage: Stage, node: Node, new: NewHome) -> None:
    """Give the new member's home the chain, and register its node, engine and validator through another's node.

    From the next opening on it takes part: it executes all blocks from the first on, then votes on new ones.
    """
    rules, who = node.consortium.rules, new.organisation
    engine = EngineHome(node.home.engine(rules.chain))
    identity = join_network(new, rules.genesis, read_opening(engine).transactions, stage.places[-1], random_bytes)
    own = EngineHome(new.home.engine(rules.chain).resolve())
    administrator = Signer(new.keys.public(ADMINISTRATOR), lambda message: new.keys.sign(ADMINISTRATOR, message))
    calls = {
        "add_node": AddNode(who.node, new.keys.public(SEALING)),
        "set_peer": SetPeer(who.node, identity.peer, stage.places[-1].p2p),
        "set_validator": set_validator(rules, who.member, who.node, own),
    }
    operations = [operation(rules.suite, "registry", name, call) for name, call in calls.items()]
    node.client().call(operations, [administrator])
    stage.new[APPLICANT] = new
    stage.say(f"{who.name}: node, engine and validator registered; it takes part from now on")


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
    away = "regulator"
    with stage.group(*(name for name in stage.new if name != away)) as group:
        add_account(group.nodes[0], (Role.AUDITOR,), "Internal auditor of the demonstration")
        ahead = group.nodes[0].consortium.tip.height
    alone = stage.open(away)
    behind = alone.consortium.tip.height
    alone.close()
    stage.require(behind < ahead, "the regulator's home is behind")
    with stage.group() as group:
        stage.say(
            f"the regulator's home stopped at height {behind}, caught up to {group.nodes[3].consortium.tip.height}"
        )
        compare(stage, group.nodes)


def compare(stage: Stage, nodes: Sequence[Node]) -> None:
    """Show that homes have one state: the app hash at the last height that all of them have."""
    height = min(node.consortium.tip.height for node in nodes)
    hashes = {node.consortium.app_hash_at(height) for node in nodes}
    stage.require(len(hashes) == 1, "all homes have one app hash")
    stage.say(f"all {len(nodes)} homes: app hash {hashes.pop().hex()[:16]}... at height {height}")
