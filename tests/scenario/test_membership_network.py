"""A fifth institution joins a consortium on CometBFT under load; another is suspended, restored, removed (MB8 to MB12).

Four founders run in this process, each with its own engine. People act by the commands' use cases; the fifth's home is
made, admitted and joined as on a machine of its own, and registers through another's node.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.acting import acting
from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.access.governance.validators import peers_of, validators_of
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.comet.files import EngineHome, identity
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.consensus.errors import ChainStands, ClockBehind
from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.comet_chain import CometChain
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import Place, found_network, local_places
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.membership.contribution import contributions
from xinglin.node.membership.joining import (
    Applying,
    apply,
    make_kit,
    names_private_chain,
    own_request,
    prepare,
    register,
)
from xinglin.node.membership.request import read_request
from xinglin.node.membership.validating import begin_validating, stop_validating
from xinglin.node.membership.voting import Acting, Change, propose, prove_key, vote
from xinglin.node.node import Node, open_node
from xinglin.node.office.directory import Directory
from xinglin.node.opening import anchoring, issue_transmission_key, open_for_business
from xinglin.node.remote.claims import Assured
from xinglin.node.rounds import Rounds
from xinglin.node.setup import make_home
from xinglin.settings import load_settings
from xinglin.stakeholders.kinds import MemberKind, Status

pytestmark = needs_engine
KINDS = {
    "hospital": MemberKind.MEDICAL_INSTITUTION,
    "platform": MemberKind.TECHNOLOGY_PROVIDER,
    "insurer": MemberKind.DATA_USER,
    "regulator": MemberKind.REGULATOR,
}
AHEAD = 400


@dataclass
class Load:
    """A member that registers node after node until it is told to stop; what was committed, and what was refused."""

    node: Node
    committed: int = 0
    refused: list[PlatformError] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        client, signer = self.node.client(), self.node.signer(ADMINISTRATOR)
        while not self._stop.is_set():
            calls = [AddNode(identifier(random_bytes(16)), self.node.keys.public(SEALING)) for _ in range(20)]
            raws = [
                client.build([operation(client.suite, "registry", "add_node", call)], [signer]).raw for call in calls
            ]
            try:
                outcomes = client.submit_many(raws).result(PATIENCE)
            except (ClockBehind, ChainStands):  # blocks may be long on their way on a slow machine
                self._stop.wait(0.5)
                continue
            for outcome in outcomes:
                if isinstance(outcome, Committed) and outcome.code == 0:
                    self.committed += 1
                elif isinstance(outcome, PlatformError):
                    self.refused.append(outcome)

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * PATIENCE)


@dataclass
class Consortium:
    """The founders' homes, open and running, and where the fifth will be."""

    folder: Path
    network: Network
    fifth: Place

    @property
    def nodes(self) -> dict[str, Node]:
        return dict(zip(KINDS, self.network.nodes, strict=True))

    @property
    def tip(self) -> int:
        return self.network.nodes[0].consortium.tip.height

    def rpc(self) -> EngineRpc:
        """Return a client of the first founder's engine."""
        return EngineRpc(self.network.nodes[0].settings.engine.rpc_listen)

    def voting_at(self, height: int) -> set[bytes]:
        """Return the engine keys that vote on a height."""
        with self.rpc() as rpc:
            return set(rpc.validators(height))

    def pass_by(self, change: Change, proposer: str, *voters: str, evidence: bytes | None = None) -> None:
        """Propose a change and let members vote for it."""
        nodes = self.nodes
        proposal, _ = propose(acting(nodes[proposer]), change)
        for name in voters:
            vote(acting(nodes[name]), proposal, None if name == proposer else evidence)

    def status(self, member: str) -> Status:
        return Directory(self.network.nodes[0].consortium).member(member).status


@pytest.fixture
def consortium(tmp_path: Path) -> Iterator[Consortium]:
    homes = [make_home(tmp_path / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    places = local_places(len(homes) + 1, free_ports(3 * len(homes) + 3))
    found_network(homes, places[:-1], random_bytes)
    network = Network([open_node(tmp_path / name, PASSPHRASE) for name in KINDS])
    try:
        open_for_business(network.nodes, network.nodes[1])
        yield Consortium(tmp_path, network, places[-1])
    finally:
        network.close()


class _Through:
    """A client of the chain as ``RemoteChain`` is one, through an open home: the wire is tested elsewhere."""

    def __init__(self, node: Node) -> None:
        self._client = node.client()
        self.chain, self.suite, self.build = self._client.chain, self._client.suite, self._client.build

    def call_built(self, built: object, *, again: bool = False) -> Assured:
        committed = self._client.submit(built.raw).result(PATIENCE)  # type: ignore[attr-defined]
        if committed.code:
            raise self._client.refusal(committed)
        return Assured(committed.height, committed.time, committed.index, committed.code, committed.receipt_hash)


@pytest.mark.requirement("S8.2c")
@pytest.mark.requirement("S6.1c", part="admitted, suspended and removed; what a node contributes is shown elsewhere")
def test_a_fifth_joins_under_load_and_another_is_suspended_restored_and_removed(consortium: Consortium) -> None:
    nodes, chain = consortium.nodes, consortium.network.nodes[0].consortium.rules.chain
    load = Load(nodes["platform"])
    load.start()
    try:
        _fifth_joins(consortium, chain)
        _insurer_leaves_and_comes_back(consortium, chain)
        _rules_change(consortium)
        _insurer_goes_for_good(consortium)
    finally:
        load.stop()
    assert load.committed > 100
    assert load.refused == []


def _fifth_joins(consortium: Consortium, chain: str) -> None:
    """It applies, is refused while nobody voted, is voted in, joins, catches up, and its signature is in commits."""
    nodes, home = consortium.nodes, consortium.folder / "fifth"
    licence = b"%PDF a licence"
    apply(
        home,
        Applying(
            name="Fifth hospital",
            kind=MemberKind.MEDICAL_INSTITUTION,
            chain=chain,
            address=consortium.fifth.p2p,
            contact="desk@fifth.example",
            documents=[("licence.pdf", licence)],
        ),
        PASSPHRASE,
        CHEAP,
    )
    data, reviewed = own_request(home)
    assert reviewed.has(licence)
    first = nodes["hospital"]
    kit = make_kit(first.home, first.consortium.rules.genesis, first.consortium)
    new = prepare(home, kit, consortium.fifth, PASSPHRASE)
    known = {peer.hex() for peer in peers_of(CommittedState(first.consortium))}
    assert {one.partition("@")[0] for one in load_settings(home).engine.peers} == known  # at height 0 it has only these
    through = _Through(first)
    with pytest.raises(PlatformError) as refused:
        register(new, through)  # type: ignore[arg-type]
    assert refused.value.code == "signer.unknown"
    consortium.pass_by(
        Change(admit=read_request(data, chain), ahead=150),
        "hospital",
        "hospital",
        "platform",
        "regulator",
        evidence=data,
    )
    height = register(prepare(home, kit, consortium.fifth, PASSPHRASE), through).height  # type: ignore[arg-type]
    until(lambda: consortium.tip > height + 2)
    key = identity(EngineHome(new.home.engine(chain).resolve())).validator_key
    assert key not in consortium.voting_at(height + 1)
    assert key in consortium.voting_at(height + 2)
    fifth = open_node(home, PASSPHRASE)
    comet = CometChain(fifth)
    try:
        until(lambda: fifth.consortium.tip.height >= consortium.tip - 1 and fifth.consortium.tip.height > height)
        address = identity(comet.home).address
        until(lambda: _signed(consortium, address))
        _contributions_are_seen(consortium, chain, fifth)
        _private_chain_is_named(fifth)
        same = min(fifth.consortium.tip.height, consortium.tip)
        assert fifth.consortium.app_hash_at(same) == first.consortium.app_hash_at(same)
    finally:
        comet.close()
        fifth.close()
    _fifth_decides_whether_it_validates(consortium, home, key)


@dataclass
class _NoStrangers:
    """Nobody was refused."""

    def flush(self, now_ms: int) -> None:
        """Log nothing."""


def _private_chain_is_named(fifth: Node) -> None:
    """Once its epoch is in force its node names its private chain, and anchors it."""
    fifth.start_own_chains()
    until(lambda: names_private_chain(fifth))
    assert anchoring(fifth).state() is None
    rounds = Rounds(anchoring(fifth), _NoStrangers(), SystemClock(), lambda: names_private_chain(fifth))  # type: ignore[arg-type]
    rounds.step()
    assert anchoring(fifth).state() is not None


def _contributions_are_seen(consortium: Consortium, chain: str, fifth: Node) -> None:
    """Two nodes count the same: the fifth is up since it votes, the one that makes the load has signed most."""
    began = consortium.tip
    until(lambda: consortium.tip > began + 10)

    def seen() -> bool:
        """Count; tell whether both signed most: four of five make a block, and on a busy machine one may be late."""
        with consortium.rpc() as rpc:
            found = contributions(consortium.network.nodes[0].consortium, chain, rpc, 10)
        counted = {one.member: one for one in found.members}
        assert found.last - found.first == 9
        assert sum(one.proposed for one in found.members) == 10
        late = counted[fifth.member]
        assert late.expected == 10
        assert late.node == fifth.settings.node
        busy = counted[consortium.nodes["platform"].member]
        assert busy.transactions == max(one.transactions for one in found.members)
        assert busy.uptime is not None
        assert busy.uptime <= 1
        return late.voted >= 5 and busy.uptime > 0.5 and busy.transactions > 0

    until(seen)
    with EngineRpc(fifth.settings.engine.rpc_listen) as rpc:
        other = contributions(fifth.consortium, chain, rpc, 5)
    assert sum(one.proposed for one in other.members) == other.last - other.first + 1


def _fifth_decides_whether_it_validates(consortium: Consortium, home: Path, key: bytes) -> None:
    """Its owner ends its validator and begins it again with another key, by transactions alone."""
    first = consortium.nodes["hospital"]
    fifth = open_node(home, PASSPHRASE)
    fifth.close()
    client, signer = first.client(), fifth.signer(ADMINISTRATOR)
    stop_validating(
        Acting(fifth.member, client.chain, fifth.keys, first.consortium, lambda calls: client.call(calls, [signer]))
    )
    assert key not in validators_of(CommittedState(first.consortium))
    again = begin_validating(home, fifth.keys, _Through(first))
    assert again != key
    assert again in validators_of(CommittedState(first.consortium))


def _signed(consortium: Consortium, address: bytes) -> bool:
    """Tell whether a validator has signed the newest commit."""
    with consortium.rpc() as rpc:
        lines = rpc.commit(consortium.tip - 1)["signed_header"]["commit"]["signatures"]
    return address.hex().upper() in {one["validator_address"] for one in lines if one["block_id_flag"] == 2}


def _insurer_leaves_and_comes_back(consortium: Consortium, chain: str) -> None:
    """With the block that suspends it its keys sign nothing; two heights later it votes no more; no key is for it."""
    nodes = consortium.nodes
    insurer, steward = nodes["insurer"], nodes["platform"]
    engine = identity(EngineHome(insurer.home.engine(chain).resolve()))
    statement = prove_key(insurer.keys, chain, insurer.member)
    consortium.pass_by(Change(suspend=(insurer.member,), ahead=AHEAD), "hospital", "hospital", "platform", "regulator")
    state = CommittedState(nodes["hospital"].consortium)
    assert consortium.status(insurer.member) is Status.SUSPENDED
    assert engine.validator_key not in validators_of(state)
    assert engine.peer not in peers_of(state)
    enacted = consortium.tip
    until(lambda: consortium.tip > enacted + 3)
    assert engine.validator_key not in consortium.voting_at(consortium.tip)
    with pytest.raises(PlatformError) as refused:
        issue_transmission_key(steward, list(nodes.values()), 2)
    assert refused.value.code == "audience.node"
    issue_transmission_key(steward, [node for node in nodes.values() if node is not insurer], 2)
    with pytest.raises(PlatformError) as ended:
        propose(acting(insurer), Change(suspend=(steward.member,), ahead=AHEAD))
    assert ended.value.code == "signer.ended"
    consortium.pass_by(Change(restore=[statement], ahead=AHEAD), "hospital", "hospital", "platform", "regulator")
    assert consortium.status(insurer.member) is Status.ACTIVE
    enacted = consortium.tip
    until(lambda: consortium.tip > enacted + 3)
    assert engine.validator_key in consortium.voting_at(consortium.tip)


def _rules_change(consortium: Consortium) -> None:
    """A cosigning key is exchanged and the threshold raised, each by vote; the new key votes at once."""
    nodes = consortium.nodes
    regulator = nodes["regulator"]
    consortium.pass_by(Change(rotate=True, ahead=AHEAD), "regulator", "hospital", "platform", "regulator")
    latest = Directory(regulator.consortium).epochs()[-1].epoch
    (key,) = [one.key for one in latest.members if one.member == regulator.member]
    assert key != regulator.keys.public("cosigning")
    consortium.pass_by(Change(threshold=4, ahead=AHEAD), "hospital", "hospital", "platform", "regulator")
    assert Directory(regulator.consortium).epochs()[-1].epoch.threshold == 4


def _insurer_goes_for_good(consortium: Consortium) -> None:
    """Its own vote is one of the four that are needed by now; then nothing brings it back."""
    nodes = consortium.nodes
    insurer = nodes["insurer"]
    consortium.pass_by(Change(remove=(insurer.member,), ahead=AHEAD), "hospital", *KINDS)
    assert consortium.status(insurer.member) is Status.ENDED
    with pytest.raises(PlatformError) as refused:
        propose(
            acting(nodes["hospital"]),
            Change(restore=[prove_key(insurer.keys, acting(insurer).chain, insurer.member)], ahead=AHEAD),
        )
    assert refused.value.code == "member.change"
