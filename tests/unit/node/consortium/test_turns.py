"""Whatever peers do, engines that go are started one at a time and seldom (docs/spec/membership.md, MB17, MB24)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import pytest

from tests.support.held_clock import Clock
from xinglin.carrier.consensus.comet.config import Peer
from xinglin.node.consortium.peers import PeersKeeper
from xinglin.node.consortium.turns import Everybody, Turn, turn_of

STAGGER, START_SECONDS, OFF_SECONDS = 12.0, 5.0, 2.0
"""How long an engine is away, and what a host's clock is off at most to either side."""
HOUR = 3600.0
HONEST = ("a", "b", "c", "d", "e")
EVIL = ("x", "y")
CYCLE = (len(HONEST) + len(EVIL) + 1) * STAGGER


@dataclass
class Host:
    """A node whose peers are as the others choose (port ``Peered``), with a clock of its own."""

    own_member: str
    own_peer: bytes
    off: float
    seconds: list[float]
    begun_with: Sequence[Peer] = ()
    evil: dict[bytes, str] = field(default_factory=dict)
    missed_ones: set[bytes] = field(default_factory=set)
    dead_ones: set[bytes] = field(default_factory=set)
    starts: list[float] = field(default_factory=list)

    def everybody(self) -> Everybody:
        """Name the members, of which the honest have one peer each."""
        return Everybody((*HONEST, *EVIL), {**{20 * one.encode(): one for one in HONEST}, **self.evil})

    def admitted(self) -> Sequence[Peer]:
        """Return all but its own."""
        return _peers(tuple(sorted(set(self.everybody().whose) - {self.own_peer})))

    def write_peers(self, peers: Sequence[Peer]) -> None:
        """Do nothing."""

    def missed(self) -> set[bytes]:
        """Return what was chosen."""
        return self.missed_ones

    def dead(self) -> set[bytes]:
        """Return what was chosen."""
        return self.dead_ones

    def stands(self) -> bool:
        """Blocks come."""
        return False

    def restart(self) -> None:
        """Note when, by the time that is true."""
        self.starts.append(self.seconds[-1] - self.off)


@cache
def _peers(ids: tuple[bytes, ...]) -> Sequence[Peer]:
    return tuple(Peer(one, "127.0.0.1:1") for one in ids)


Choice = Callable[[float, int, Host], None]
"""At a second, what others show to the node of a rank; it may look at whatever the node did."""


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give keepers a clock whose time is the last of the list that is returned."""
    held = [0.0]
    monkeypatch.setattr("xinglin.node.consortium.peers.time", Clock(held))
    return held


def run(seconds: list[float], choose: Choice, hours: float, begins: float = 1e6, step: float = 0.5) -> list[Host]:
    """Return the honest hosts after so many hours."""
    offs = random.Random(7)
    hosts = [Host(one, 20 * one.encode(), offs.uniform(-OFF_SECONDS, OFF_SECONDS), seconds) for one in HONEST]
    seconds.append(begins)
    for rank, host in enumerate(hosts):
        choose(begins, rank, host)
        host.begun_with = host.admitted()
    keepers = [PeersKeeper(host, STAGGER) for host in hosts]
    for count in range(int(hours * HOUR / step)):
        now = begins + count * step
        for rank, (host, keeper) in enumerate(zip(hosts, keepers, strict=True)):
            choose(now, rank, host)
            seconds[:] = [now + host.off]
            keeper.look()
    return hosts


def always_dead(now: float, rank: int, host: Host) -> None:
    """One peer's connection is always dead."""
    host.evil = {20 * b"x": "x"}
    host.dead_ones = set(host.evil)


def another_each_minute(now: float, rank: int, host: Host) -> None:
    """One node names a new peer each minute, and opens its port so that all miss it long enough at one second."""
    peer, since = int(now // 60).to_bytes(20, "big"), now % 60
    host.evil = {peer: "x"}
    opens = since >= (len(HONEST) - rank) * 4
    host.missed_ones = {peer} if opens and not (host.starts and host.starts[-1] >= now - since) else set()


def another_each_few_seconds(now: float, rank: int, host: Host) -> None:
    """The registry changes again and again, nodes see it at different times, and each new peer is dead at once."""
    peer = int((now - rank * 0.7) // 9).to_bytes(20, "big")
    host.evil = {peer: "x"}
    host.dead_ones = {peer}


def thirty_nodes(now: float, rank: int, host: Host) -> None:
    """A member has thirty nodes, which die in turn, each for a node of a higher rank first."""
    host.evil = {bytes([one]) * 20: "x" for one in range(30)}
    since = now % 24
    host.dead_ones = {bytes([int(now // 24) % 30]) * 20} if since >= (len(HONEST) - rank) * 2 else set()


def two_members_after_each_start(now: float, rank: int, host: Host) -> None:
    """Two members with thirty nodes each choose what was not missed yet, and calm down for ten minutes at times."""
    host.evil = {bytes([one]) * 20: EVIL[one % 2] for one in range(60)}
    calm = now % 1800 < 610
    host.dead_ones = set() if calm else {bytes([(len(host.starts) + rank) % 60]) * 20, 20 * b"\x07"}


@pytest.mark.parametrize(
    "choose",
    [always_dead, another_each_minute, another_each_few_seconds, thirty_nodes, two_members_after_each_start],
)
def test_engines_are_away_one_at_a_time_and_seldom_whatever_peers_do(seconds: list[float], choose: Choice) -> None:
    hosts = run(seconds, choose, 1.0)
    assert all(host.starts for host in hosts)
    for host in hosts:
        # By a clock of its own; the host's is off by as much each time.
        assert all(later - sooner >= CYCLE for sooner, later in pairwise(host.starts))
    every = sorted((at, host.own_member, at + host.off) for host in hosts for at in host.starts)
    assert all(later[0] >= sooner[0] + START_SECONDS for sooner, later in pairwise(every))
    slots = [int(by_its_clock // STAGGER) for _, _, by_its_clock in every]
    assert len(slots) == len(set(slots))


@pytest.mark.parametrize(("choose", "most"), [(always_dead, 4), (thirty_nodes, 4), (two_members_after_each_start, 8)])
def test_who_lets_connections_die_costs_less_and_less(seconds: list[float], choose: Choice, most: int) -> None:
    """By member: 0, 10, 30 and 70 minutes from the first."""
    for host in run(seconds, choose, 2.0, step=1.0):
        assert 2 <= len(host.starts) <= most


@pytest.mark.parametrize("begins", [1e6 + 7 * second for second in range(12)])
def test_who_moved_is_let_in_within_a_turn_of_all(seconds: list[float], begins: float) -> None:
    def moves(now: float, rank: int, host: Host) -> None:
        host.evil = {20 * b"e": "e"}
        host.dead_ones = {20 * b"e"} if rank < 4 and not host.starts else set()

    took = sorted(host.starts[0] - begins for host in run(seconds, moves, 0.1, begins)[:4])
    assert took[0] <= 4 * STAGGER + OFF_SECONDS + 1.0  # three turns may be of the mover and of members without a node
    assert took[-1] <= 7 * STAGGER + 2 * OFF_SECONDS + 1.0


@pytest.mark.parametrize("at", [620.0, 0.6 * HOUR, 1.2 * HOUR])
def test_who_moved_is_let_in_though_another_member_lets_its_connections_die(seconds: list[float], at: float) -> None:
    def moves(now: float, rank: int, host: Host) -> None:
        thirty_nodes(now, rank, host)
        moved = now - 1e6
        if rank < 4 and moved >= at and not any(start >= 1e6 + at for start in host.starts):
            host.dead_ones.add(20 * b"e")

    for host in run(seconds, moves, 1.6, step=1.0)[:4]:
        assert any(0 <= start - 1e6 - at <= 900.0 + 7 * STAGGER for start in host.starts)


def test_members_alone_make_turns_and_the_nodes_of_one_member_have_other_rounds() -> None:
    whose = {b"1": "a", b"2": "b", b"3": "b", b"4": "gone"}
    everybody = Everybody(("a", "b", "c"), whose)
    turns = [turn_of(peer, whose[peer], everybody) for peer in sorted(whose)]
    assert turns == [Turn(0, 3, 0, 1), Turn(1, 3, 0, 2), Turn(1, 3, 1, 2), Turn(2, 3, 0, 1)]
    found = [[slot for slot in range(12) if turn.is_now(slot * 12.0 + 1.0, 12.0)] for turn in turns]
    assert found == [[0, 3, 6, 9], [1, 7], [4, 10], [2, 5, 8, 11]]
    assert [turns[0].is_now(within, 12.0) for within in (0.0, 2.9, 3.0, 11.9)] == [True, True, False, False]
    assert turns[0].cycle(12.0) == 48.0
    assert turns[3].is_now(5.0, 0.0)
    assert turn_of(b"9", "", Everybody((), {})) == Turn(0, 1, 0, 1)
