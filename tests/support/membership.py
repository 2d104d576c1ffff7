"""A consortium on the real ledger of two homes, whose members come and go by votes, with a naive model of who counts.

Every block goes to both homes: app hashes and validators' updates must be equal, and what an engine would have after
the updates must be what the model says. The model is dictionaries; it knows nothing of states and contracts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.chain import BLOCK_MS, MAP_BYTES, VALID_MS, Chain, found_chain
from tests.support.contract_parties import Key, Party, new_id, next_epoch
from tests.support.engine_parties import Node, founders_of
from xinglin.carrier.access.founding_block import check_founding, first_block_time
from xinglin.carrier.access.governance.model import Approve, KeyProof, Propose, Review
from xinglin.carrier.access.governance.validators import EngineMembership, peers_of, validators_of
from xinglin.carrier.consensus.ports import TxResult
from xinglin.carrier.contracts.api import Contract
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.ledger.genesis import epoch_hash, epoch_zero
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Epoch, Operation
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.kernel.encoding import ChainObject
from xinglin.stakeholders.kinds import MemberKind, Role

SUPER = Role.SUPER_ADMINISTRATOR


@dataclass
class Model:
    """Who counts, by the names of parties' members: votes of the latest epoch, current nodes, peers and validators."""

    votes: dict[str, bool] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    nodes: dict[str, Node] = field(default_factory=dict)  # by id, those that have not ended
    peers: dict[str, bytes] = field(default_factory=dict)  # by node
    validators: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # node and key, by member

    def validating(self) -> dict[bytes, int]:
        """Return the validators' keys."""
        mine = [self.validators[member] for member, votes in self.votes.items() if votes and member in self.validators]
        return {key: 10 for node, key in mine if node in self.nodes}

    def connecting(self) -> set[bytes]:
        """Return the peer ids that are let in."""
        return {peer for node, peer in self.peers.items() if node in self.nodes and self._owner(node) in self.votes}

    def _owner(self, node: str) -> str:
        return self.nodes[node].party.member


class Members:
    """Founders with a node each, two homes of their chain, and the model; ``parties`` has newcomers too."""

    def __init__(self, folder: Path, founders: int = 3, extra: Sequence[Contract] = ()) -> None:
        self.chain: Chain = found_chain(parties=founders, extra=extra)
        self.parties = list(self.chain.parties)
        self.nodes = founders_of(self.chain)
        self.epoch: Epoch = epoch_zero(self.chain.rules.chain, self.chain.genesis)
        self.model = Model({party.member: True for party in self.parties})
        for node in self.nodes:
            self._note(node, validator=True)
        raws = [node.founding(self.chain) for node in self.nodes]
        self.opening = check_founding(self.chain.rules, raws)
        self.engine = dict(self.opening.validators)
        self._homes = [folder / "one", folder / "other"]
        self.apps = [self._app(self.chain.create(home), home) for home in self._homes]
        self.block(*raws, time=first_block_time(self.chain.genesis))

    def _app(self, ledger: Ledger, home: Path) -> LedgerApplication:
        return LedgerApplication(ledger, EngineMembership(), self.opening)

    def _note(self, node: Node, *, validator: bool) -> None:
        member = node.party.member
        self.model.nodes[node.name] = node
        self.model.peers[node.name] = node.peer
        if validator:
            self.model.validators[member] = (node.name, node.validator.public)

    def close(self) -> None:
        """Close both homes."""
        for app in self.apps:
            app.ledger.close()

    def restart(self) -> None:
        """Close and open one of the homes."""
        self.apps[1].ledger.close()
        self.apps[1] = self._app(Ledger.open(self._homes[1], self.chain.rules, MAP_BYTES), self._homes[1])

    @property
    def height(self) -> int:
        """Return the height of the next block."""
        return self.apps[0].ledger.tip.height + 1

    def sign(self, party: Party, *calls: tuple[str, ChainObject] | Operation) -> bytes:
        """Return a transaction of a member's administrator."""
        operations = [one if isinstance(one, Operation) else self.chain.call(*one) for one in calls]
        until = self.apps[0].ledger.tip.time + VALID_MS
        return self.chain.sign(*operations, keys=[party.accounts[SUPER][1]], valid_until=until)

    def block(self, *raws: bytes, time: int | None = None) -> list[TxResult]:
        """Commit a block on both homes; return what became of its transactions."""
        height = self.height
        time = self.apps[0].ledger.tip.time + BLOCK_MS if time is None else time
        assert self.apps[0].process_proposal(height, time, raws)
        answers = [app.finalize_block(height, time, raws) for app in self.apps]
        assert answers[0].app_hash == answers[1].app_hash
        assert (
            answers[0].validators == answers[1].validators == self.apps[0].finalize_block(height, time, raws).validators
        )
        for app in self.apps:
            app.commit()
        keys = [update.key for update in answers[0].validators]
        assert keys == sorted(set(keys))
        for update in answers[0].validators:
            assert (update.key in self.engine) or update.power > 0
            self.engine[update.key] = update.power
        self.engine = {key: power for key, power in self.engine.items() if power}
        return list(answers[0].results)

    def check(self) -> None:
        """Compare engine, state and model, on both homes."""
        expected, peers = self.model.validating(), self.model.connecting()
        assert self.engine == expected
        for app in self.apps:
            state = CommittedState(app.ledger)
            assert validators_of(state) == expected
            assert set(peers_of(state)) == peers
            for peer in self.model.peers.values():
                assert app.admits_peer(peer) == (peer in peers)

    # --- votes ---

    def party(self, member: str) -> Party:
        """Return the party of a member id."""
        return next(party for party in self.parties if party.member == member)

    def proposal(
        self, members: Sequence[Party], *, joins: Sequence[Party] = (), suspends: Sequence[Party] = ()
    ) -> Propose:
        """Return the proposal of an epoch of these members, as they are now, with simple majorities."""
        hash_ = self.chain.suite.hash
        from_height = max(self.epoch.from_height, self.height) + 3
        epoch = next_epoch(self.epoch, epoch_hash(hash_, self.epoch), from_height, *[one.entry() for one in members])
        had = {(entry.member, entry.key) for entry in self.epoch.members}
        joining = {one.member for one in joins}
        changed = [one for one in members if one.member not in joining and (one.member, one.key.public) not in had]
        scope = self.chain.rules.chain
        proofs = [KeyProof(one.member, one.key.prove(scope, one.member, "")) for one in changed]
        return Propose(
            new_id(),
            epoch,
            tuple(sorted((one.founder(scope) for one in joins), key=lambda founder: founder.member)),
            tuple(sorted(one.member for one in suspends)),
            tuple(sorted(proofs, key=lambda proof: proof.member)),
        )

    def ballot(self, party: Party, proposal: Propose, key: Key | None = None) -> bytes:
        """Return the transaction by which a member votes, with its key of the latest epoch."""
        digest = epoch_hash(self.chain.suite.hash, proposal.epoch)
        vote = Approve(proposal.proposal, digest, (key or party.key).sign(digest))
        return self.sign(party, ("governance.approve", vote))

    def decide(
        self,
        members: Sequence[Party],
        *,
        joins: Sequence[Party] = (),
        suspends: Sequence[Party] = (),
        evidence: bytes | None = None,
        old_keys: dict[str, Key] | None = None,
    ) -> int:
        """Propose an epoch and vote for it in one block; return the receipt's number of the last vote needed."""
        proposal = self.proposal(members, joins=joins, suspends=suspends)
        voters = [self.party(entry.member) for entry in self.epoch.members if entry.votes][: self.epoch.threshold]
        review = () if evidence is None else (("governance.review", Review(proposal.proposal, evidence)),)
        raws = [self.sign(voters[0], ("governance.propose", proposal), *review)]
        raws += [self.ballot(one, proposal, (old_keys or {}).get(one.member)) for one in voters]
        results = self.block(*raws)
        assert [result.code for result in results[:-1]] == [0] * len(voters)
        if results[-1].code == 0:
            self._passed(members, suspends, proposal)
        return results[-1].code

    def _passed(self, members: Sequence[Party], suspends: Sequence[Party], proposal: Propose) -> None:
        self.epoch = proposal.epoch
        self.model.suspended |= {one.member for one in suspends}
        self.model.suspended -= {one.member for one in members}
        self.model.votes = {one.member: bool(one.votes) for one in members}

    def members(self) -> list[Party]:
        """Return the parties of the latest epoch."""
        return [self.party(entry.member) for entry in self.epoch.members]

    def newcomer(self, votes: int = 1) -> Party:
        """Return a party that is not a member yet."""
        party = Party(self.chain.suite, MemberKind.MEDICAL_INSTITUTION, votes=votes)
        self.parties.append(party)
        return party

    # --- engines ---

    def settle(self, party: Party, *, validates: bool = True) -> Node:
        """Register a fresh node of a member, with peer and validator, in one block."""
        node = Node(party)
        calls: list[tuple[str, ChainObject]] = [("registry.add_node", node.add), ("registry.set_peer", node.set_peer)]
        if validates:
            calls.append(("registry.set_validator", node.set_validator(self.chain.rules.chain)))
        assert [result.code for result in self.block(self.sign(party, *calls))] == [0]
        self._note(node, validator=validates)
        return node
