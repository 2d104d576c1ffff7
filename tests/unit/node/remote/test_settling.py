"""Settling on nodes that die, lie, lag and refuse: no outcome before it is certain (S6.2f)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from xinglin.carrier.consensus.errors import ChainStands, ClockBehind, EngineClosed, PassedOver, QueueFull
from xinglin.carrier.ledger.errors import OverQuota, SignerUnknown, StoreFull, TransactionExpired
from xinglin.kernel.errors import PlatformError
from xinglin.node.remote.claims import Assurance, Checks, Claim, Open, Patience, Shown, Time
from xinglin.node.remote.errors import (
    CommitmentUnproven,
    NodeAddressInvalid,
    NodeAway,
    NodesAway,
    NodeUnreached,
    RefusalUnproven,
    SubmissionMalformed,
    SubmissionUnknown,
)
from xinglin.node.remote.forms import (
    PROOF_REQUEST_BYTES,
    AbsentSaid,
    Answer,
    CommittedSaid,
    OutcomesSaid,
    PlaceAnswer,
    ProofsSaid,
    RefusedSaid,
    UnknownSaid,
    refusal_said,
    unframe,
)
from xinglin.node.remote.nodes import LONGEST_REST_SECONDS, Nodes
from xinglin.node.remote.settling import Settling
from xinglin.node.remote.transport import Address, Ask, parse_address
from xinglin.server.errors import (
    BodySlow,
    BodyTooLarge,
    MethodUnfit,
    ParameterInvalid,
    RouteUnknown,
    ServerBusy,
    ServerFault,
    SourceTooFast,
    SubmissionsClosed,
)
from xinglin.server.problems import problem
from xinglin.service.basic.protection.permit_errors import ChainStale

END = 1_000
DONE = CommittedSaid(height=7, time=900, index=3, code=0, receipt="00" * 32)
UNKNOWN = UnknownSaid()
QUOTA = refusal_said(OverQuota(quota=1))
UNKNOWN_SIGNER = refusal_said(SignerUnknown(key=b"k"))
EXPIRED = refusal_said(TransactionExpired(valid_until=END, time=END + 1))
Step = Any


class World:
    """Nodes that answer by a script, one step a request (the last stays), and a clock that moves when one waits."""

    def __init__(self, **scripts: list[Step]) -> None:
        self.now = 0.0
        self.asked: list[tuple[str, str]] = []
        self._scripts = {name: list(script) for name, script in scripts.items()}
        self.nodes = Nodes([Address(name) for name in scripts], lambda: self.now, lambda: 0.5)

    def ask(self, address: Address, asked: Ask) -> Answer:
        """Answer a request."""
        self.asked.append((asked.method, address.text))
        self.now += 0.01
        script = self._scripts[address.text]
        step = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(step, PlatformError):
            raise step
        if isinstance(step, Answer):
            return step
        if asked.method == "GET":
            place = step if isinstance(step, CommittedSaid | AbsentSaid) else AbsentSaid(5, END - 1)
            return Answer(200, msgspec.json.encode(PlaceAnswer(place)))
        said = UNKNOWN if isinstance(step, AbsentSaid) else step
        return Answer(200, msgspec.json.encode(OutcomesSaid([said])))

    def settle(self, patience: float = 30.0, checks: Checks | None = None) -> object:
        """Settle one transaction."""
        time = Time(lambda: self.now, self._sleep)
        settling = Settling(self.nodes, self.ask, time, Patience(patience, 1.0), checks)
        return settling.settle([Open(b"raw", bytes(32), END)])[0]

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Believing:
    """Believes some nodes; of the chain's own so many may lie (None: not known)."""

    believed: Collection[str] = ()
    liars: int | None = 1

    def check(
        self, address: Address, claims: Sequence[Claim], until: float = math.inf
    ) -> list[Shown | CommitmentUnproven]:
        """Believe a node, or not."""
        return [
            Shown(claim.said, Assurance.QUORUM, 3)
            if address.text in self.believed
            else CommitmentUnproven(address=address.text, body=claim.one.body, reason="-")
            for claim in claims
        ]

    def faults(self, *, of_all: bool = False, until: float = math.inf) -> int | None:
        """Return how many may lie."""
        return self.liars


def away(name: str = "a") -> NodeAway:
    """Return what a node that dies gives."""
    return NodeAway(address=name, reason="died")


def test_the_next_node_takes_what_the_first_may_have_taken() -> None:
    world = World(a=[away()], b=[DONE])
    assert world.settle() == DONE
    assert world.asked == [("POST", "a"), ("POST", "b")]


@pytest.mark.parametrize("garbage", [b"", b"[]", b"\xff", b"{}", b'{"outcomes":[]}', b'{"outcomes":[{"status":"x"}]}'])
def test_an_answer_that_is_none_is_a_death(garbage: bytes) -> None:
    assert World(a=[Answer(200, garbage)], b=[DONE]).settle() == DONE


def test_a_refusal_by_the_only_one_that_was_told_is_final() -> None:
    outcome = World(a=[NodeUnreached(address="a", reason="-")], b=[QUOTA]).settle()
    assert isinstance(outcome, OverQuota)
    assert outcome.facts == {"quota": 1}


def test_a_refusal_is_not_final_when_another_may_have_taken_it() -> None:
    # a dies with it in hand; b refuses it. Only when b has passed its end, and has it not, it is given up.
    world = World(
        a=[away()], b=[QUOTA, AbsentSaid(5, END - 1), QUOTA, AbsentSaid(6, END), QUOTA, AbsentSaid(7, END + 1)]
    )
    assert isinstance(world.settle(), OverQuota)
    assert [one for one in world.asked if one == ("GET", "b")] == [("GET", "b")] * 3


def test_what_another_node_committed_is_found_after_a_refusal() -> None:
    assert World(a=[away()], b=[QUOTA, DONE]).settle() == DONE


def test_expiry_is_believed_only_with_an_index_that_lacks_it() -> None:
    assert World(a=[EXPIRED, DONE]).settle() == DONE
    assert isinstance(World(a=[EXPIRED, AbsentSaid(9, END + 1)]).settle(), TransactionExpired)


def test_a_node_that_lags_settles_nothing() -> None:
    world = World(a=[away("a")], b=[EXPIRED, AbsentSaid(5, END - 1)] * 100)
    assert isinstance(world.settle(patience=5.0), SubmissionUnknown)


@pytest.mark.parametrize("step", [UNKNOWN, away(), refusal_said(StoreFull(chain="c", used=1)), Answer(500, b"")])
def test_without_certainty_the_outcome_is_unknown_never_failed(step: Step) -> None:
    outcome = World(a=[step]).settle(patience=3.0)
    assert isinstance(outcome, SubmissionUnknown)
    assert outcome.facts["valid_until"] == END


@pytest.mark.parametrize("step", [NodeUnreached(address="a", reason="-"), Answer(429, b"", 1.0), Answer(413, b"")])
def test_where_nobody_took_it_nothing_was_changed(step: Step) -> None:
    assert isinstance(World(a=[step]).settle(patience=3.0), NodesAway)


TURNED_AWAY = [
    SubmissionMalformed(reason="-"),
    ChainStale(),
    StoreFull(chain="c", used=81),
    ClockBehind(difference=20_000),
    ChainStands(seconds=20),
    QueueFull(waiting=1, size=1),
    EngineClosed(),
    ServerBusy(),
    SourceTooFast(),
    BodySlow(seconds=1),
    BodyTooLarge(maximum=1),
    SubmissionsClosed(),
    ParameterInvalid(parameter="p"),
    RouteUnknown(),
    MethodUnfit(),
]
"""What the border of a node refuses before it hands anything in (NH28)."""


def told(refusal: PlatformError) -> Answer:
    """Return a problem as a node answers it."""
    answer = problem(refusal)
    return Answer(answer.status_code, bytes(answer.body))


@pytest.mark.parametrize("refusal", TURNED_AWAY, ids=lambda one: one.code)
def test_what_the_border_turns_away_was_taken_by_nobody(refusal: PlatformError) -> None:
    outcome = World(a=[told(refusal)]).settle(patience=3.0)
    assert isinstance(outcome, type(refusal))
    assert outcome.facts == refusal.facts
    assert World(a=[told(refusal)], b=[DONE]).settle() == DONE


@pytest.mark.parametrize("refusal", TURNED_AWAY[:4], ids=lambda one: one.code)
def test_where_a_node_may_lie_it_is_said_to_be_open_with_the_reason(refusal: PlatformError) -> None:
    outcome = World(a=[told(refusal)]).settle(3.0, Believing())
    assert isinstance(outcome, RefusalUnproven)
    assert outcome.facts["reason"] == refusal.code


def test_a_store_without_room_is_not_waited_for() -> None:
    world = World(a=[told(StoreFull(chain="c", used=81))], b=[told(StoreFull(chain="c", used=82))])
    assert isinstance(world.settle(), StoreFull)
    assert world.now < 5


def test_after_a_death_a_problem_elsewhere_says_nothing() -> None:
    assert isinstance(World(a=[away()], b=[told(StoreFull(chain="c", used=81))]).settle(3.0), SubmissionUnknown)


@pytest.mark.parametrize("body", [b"", b"{}", told(ServerFault()).body, b'{"code":"storage.full","number":6230}'])
def test_a_fault_and_what_is_no_problem_may_have_been_taken(body: bytes) -> None:
    assert isinstance(World(a=[Answer(503, body)]).settle(3.0), SubmissionUnknown)


def test_what_a_block_passed_over_is_handed_in_again_until_it_is_logged() -> None:
    passed_over = refusal_said(PassedOver(reason=OverQuota.code))
    assert World(a=[passed_over, passed_over, DONE]).settle() == DONE
    assert isinstance(World(a=[passed_over]).settle(3.0), SubmissionUnknown)


def test_a_commit_after_its_end_is_not_believed() -> None:
    late = CommittedSaid(height=7, time=END + 1, index=3, code=0, receipt="00" * 32)
    assert World(a=[late], b=[DONE]).settle() == DONE


def test_a_commit_without_its_proof_is_not_believed() -> None:
    world = World(a=[DONE], b=[DONE])
    assert world.settle(checks=Believing("b")) == DONE
    assert world.asked == [("POST", "a"), ("POST", "b")]


def test_a_false_refusal_keeps_nothing_out_of_the_log() -> None:
    assert World(a=[QUOTA], b=[DONE]).settle(checks=Believing("b")) == DONE
    assert World(a=[UNKNOWN_SIGNER], b=[DONE]).settle(checks=Believing("b")) == DONE


@pytest.mark.parametrize("liars", [1, None])
def test_what_all_refuse_is_open_until_its_end(liars: int | None) -> None:
    world = World(a=[UNKNOWN_SIGNER], b=[UNKNOWN_SIGNER])
    outcome = world.settle(checks=Believing(liars=liars))
    assert isinstance(outcome, RefusalUnproven)
    assert (outcome.facts["reason"], outcome.facts["valid_until"]) == (SignerUnknown.code, END)
    assert world.now < 5  # nobody waits for what no node takes


def test_where_no_node_may_lie_a_refusal_is_final() -> None:
    assert isinstance(World(a=[UNKNOWN_SIGNER]).settle(checks=Believing(liars=0)), SignerUnknown)


PAST = AbsentSaid(9, END + 1)


@pytest.mark.parametrize(("liars", "final"), [(0, True), (1, False), (None, False)])
def test_one_node_alone_does_not_say_that_it_never_came(liars: int | None, *, final: bool) -> None:
    world = World(a=[UNKNOWN, EXPIRED, PAST], b=[UNKNOWN, EXPIRED, AbsentSaid(5, END - 1)], c=[away()])
    outcome = world.settle(5.0, Believing(liars=liars))
    assert isinstance(outcome, TransactionExpired if final else SubmissionUnknown)


def test_more_than_can_lie_say_that_it_never_came() -> None:
    world = World(a=[EXPIRED, PAST], b=[PAST], c=[AbsentSaid(5, END - 1)], d=[away()])
    assert isinstance(world.settle(5.0, Believing(liars=1)), TransactionExpired)


def test_the_only_node_that_a_client_has_is_all_of_them() -> None:
    assert isinstance(World(a=[EXPIRED, PAST]).settle(5.0, Believing(liars=1)), TransactionExpired)


def test_a_socket_of_this_user_is_believed() -> None:
    world = World(a=[UNKNOWN_SIGNER])
    world.nodes = Nodes([Address("a", path="/a")], lambda: world.now, lambda: 0.5)
    assert isinstance(world.settle(checks=Believing()), SignerUnknown)
    world = World(a=[DONE])
    world.nodes = Nodes([Address("a", path="/a")], lambda: world.now, lambda: 0.5)
    assert world.settle(checks=Believing()) == DONE


def test_a_refusal_of_a_later_version_is_one_all_the_same() -> None:
    outcome = World(a=[RefusedSaid("of.later", 999_999, {})]).settle()
    assert isinstance(outcome, PlatformError)
    assert outcome.facts == {"refusal": 999_999}


def test_a_dead_node_rests_longer_each_time_and_the_one_that_answers_comes_first() -> None:
    now = 0.0
    nodes = Nodes([Address("a"), Address("b")], lambda: now, lambda: 0.0)
    waits = []
    for _ in range(12):
        nodes.failed(Address("a"))
        nodes.failed(Address("b"), LONGEST_REST_SECONDS * 2)
        waits.append(nodes.wait_seconds())
    assert waits == sorted(waits)
    assert waits[-1] <= LONGEST_REST_SECONDS
    now = 60.0
    nodes.answered(Address("b"))
    assert [one.text for one in nodes.ready()] == ["b", "a"]


BAD_ADDRESSES = [
    "", "http://", "http://a", "http://a:0", "http://a:65536", "https://a", "httpss://a:1", "http://a:1/x",
    "http://a b:1", "unix:", "unix:a", "unix:/a\n", "ftp://a:1", "http://a:１", "http://u@a:1",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_ADDRESSES)
def test_what_is_no_address_of_a_node(text: str) -> None:
    with pytest.raises(NodeAddressInvalid):
        parse_address(text)


def test_addresses_of_nodes() -> None:
    assert parse_address("http://[::1]:7700").host == "::1"
    assert parse_address("http://node-1.example:80").port == 80
    assert parse_address("unix:/home/node.sock").path == "/home/node.sock"
    assert parse_address("https://node-1.example:443/", "/etc/ca.pem").ca_file == "/etc/ca.pem"
    assert parse_address("http://node-1.example:80", "/etc/ca.pem").ca_file == ""


class Slow:
    """Nodes of which one refuses all and takes its time for whatever else it is asked; the others log all.

    Args:
        absent: whether the others, too, refuse, and lack what they are asked for.
    """

    def __init__(self, *, absent: bool = False) -> None:
        self.now = 0.0
        self.looked: list[tuple[str, int]] = []
        self._absent = absent
        self.nodes = Nodes([Address(name) for name in ("liar", "b", "c")], lambda: self.now, lambda: 0.5)

    def ask(self, address: Address, asked: Ask) -> Answer:
        """Answer a request; the liar just before its time is over."""
        if asked.path.endswith("/transactions"):
            self.now += 0.1
            said = UNKNOWN_SIGNER if self._absent or address.text == "liar" else DONE
            return Answer(200, msgspec.json.encode(OutcomesSaid([said] * len(unframe(asked.body)))))
        self.now += asked.seconds - 0.001 if address.text == "liar" else 0.01
        if asked.method == "GET":
            return Answer(200, msgspec.json.encode(PlaceAnswer(AbsentSaid(5, END - 1))))
        count = len(asked.body) // PROOF_REQUEST_BYTES
        self.looked.append((address.text, count))
        return Answer(200, msgspec.json.encode(ProofsSaid("", [AbsentSaid(5, END - 1)] * count)))

    def settle(self, count: int, patience: Patience) -> list[object]:
        """Settle so many transactions."""
        settling = Settling(self.nodes, self.ask, Time(lambda: self.now, self._sleep), patience, Believing("bc"))
        return list(settling.settle([Open(b"%d" % one, one.to_bytes(32, "big"), END) for one in range(count)]))

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.requirement("S6.2f", part="a node that holds a client up")
def test_a_slow_node_that_refuses_does_not_keep_the_others_from_settling() -> None:
    slow = Slow()
    assert slow.settle(2_000, Patience(120.0, 30.0)) == [DONE] * 2_000
    assert slow.now < 40
    assert max(count for _, count in slow.looked) == 200


@pytest.mark.parametrize("count", [1, 2_000])
def test_the_end_of_patience_holds_for_what_is_looked_up_too(count: int) -> None:
    slow = Slow(absent=True)
    outcomes = slow.settle(count, Patience(20.0, 30.0))
    assert {type(one) for one in outcomes} == {RefusalUnproven}
    assert slow.now < 21
