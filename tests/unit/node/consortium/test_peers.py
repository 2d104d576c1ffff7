"""When a node writes its engine's peers anew, and when it restarts it (docs/spec/membership.md, MB15 to MB18)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.held_clock import Clock
from xinglin.carrier.consensus.comet.config import Peer
from xinglin.node.consortium.peers import PeersKeeper
from xinglin.node.consortium.turns import Everybody

OWN = b"m" * 20
STAGGER = 24.0


def peer(letter: str, port: int = 1) -> Peer:
    """Return a peer whose id is one letter."""
    return Peer(letter.encode() * 20, f"127.0.0.1:{port}")


class Engine:
    """An engine whose peers a test sets (port ``Peered``)."""

    own_peer = OWN
    own_member = "member-m"

    def __init__(self, *peers: Peer) -> None:
        self.begun_with: Sequence[Peer] = peers
        self.peers: Sequence[Peer] = peers
        self.did: list[object] = []
        self.away: list[bytes] = []
        self.dead_ones: list[bytes] = []
        self.standing = True

    def everybody(self) -> Everybody:
        """Name a member for each letter of a peer, and one without a peer."""
        whose = {one.id: f"member-{one.id[:1].decode()}" for one in (*self.peers, Peer(OWN, "127.0.0.1:1"))}
        return Everybody(sorted({*whose.values(), "member-n"}), whose)

    def missed(self) -> Sequence[bytes]:
        """Return what the test set."""
        return self.away

    def dead(self) -> Sequence[bytes]:
        """Return what the test set."""
        return self.dead_ones

    def stands(self) -> bool:
        """Return what the test set."""
        return self.standing

    def admitted(self) -> Sequence[Peer]:
        """Return what the test set."""
        return self.peers

    def write_peers(self, peers: Sequence[Peer]) -> None:
        """Note it."""
        self.did.append([one.id[:1].decode() for one in peers])

    def restart(self) -> None:
        """Note it."""
        self.did.append("restart")


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give keepers a clock whose time is the last of the list that is returned."""
    held = [1000.0]
    monkeypatch.setattr("xinglin.node.consortium.peers.time", Clock(held))
    return held


def test_nothing_is_done_while_nothing_changes() -> None:
    engine = Engine(peer("a"), peer("z"))
    keeper = PeersKeeper(engine, 0.0)
    keeper.look()
    assert engine.did == []


def test_an_engine_that_does_not_dial_a_peer_that_can_be_reached_is_restarted(seconds: list[float]) -> None:
    engine = Engine(peer("a"))
    keeper = PeersKeeper(engine, 0.0)
    engine.away = [b"a" * 20]
    keeper.look()
    assert engine.did == []  # it has only just begun
    for _ in range(12):
        seconds.append(seconds[-1] + 2.0)
        keeper.look()
        keeper.look()  # twice at one second is once
    assert engine.did == ["restart"]
    assert keeper.restarts == 0  # nobody was removed


def test_an_engine_with_a_dead_connection_is_restarted_in_its_turn(seconds: list[float]) -> None:
    engine = Engine(peer("a"), peer("b"))  # the third of four
    engine.standing, engine.dead_ones = False, [b"a" * 20]
    keeper = PeersKeeper(engine, 8.0)
    restarted = []
    for second in range(1001, 1050):
        seconds.append(float(second))
        keeper.look()
        if engine.did:
            restarted.append(second)
            engine.did.clear()
    assert restarted == [1008]  # the turn 126, and 126 is 2 beside times of 4


def test_no_connection_is_taken_for_dead_while_the_chain_stands(seconds: list[float]) -> None:
    engine = Engine(peer("a"))
    engine.dead_ones = [b"a" * 20]
    keeper = PeersKeeper(engine, 0.0)
    for second in range(1001, 1060):
        seconds.append(float(second))
        keeper.look()
    assert engine.did == []


def test_who_is_new_is_written_and_nothing_is_restarted() -> None:
    engine = Engine(peer("a"))
    keeper = PeersKeeper(engine, 0.0)
    engine.peers = (peer("a"), peer("b"))
    keeper.look()
    keeper.look()
    assert engine.did == [["a", "b"]]


@pytest.mark.parametrize("after", [(peer("a"),), (peer("a"), peer("c"))], ids=["removed", "replaced"])
def test_who_is_gone_is_taken_out_and_the_engine_restarted_once(after: tuple[Peer, ...]) -> None:
    engine = Engine(peer("a"), peer("b"))
    keeper = PeersKeeper(engine, 0.0)
    engine.peers = after
    keeper.look()
    keeper.look()
    assert engine.did == [[one.id[:1].decode() for one in after], "restart"]
    assert keeper.restarts == 1


def test_who_came_after_the_engine_began_is_shut_out_too() -> None:
    engine = Engine(peer("a"))
    keeper = PeersKeeper(engine, 0.0)
    engine.peers = (peer("a"), peer("b"))
    keeper.look()
    engine.peers = (peer("a"),)
    keeper.look()
    assert engine.did == [["a", "b"], ["a"], "restart"]


@pytest.mark.requirement("S8.2c", part="who was let in while a node caught up is shut out when it has")
def test_who_was_there_when_the_engine_was_started_is_shut_out_if_it_is_gone_since() -> None:
    """A home that joins has a keeper only some blocks later."""
    engine = Engine(peer("a"), peer("b"))
    engine.peers = (peer("a"),)
    keeper = PeersKeeper(engine, 0.0)
    keeper.look()
    assert engine.did == [["a"], "restart"]


def test_nodes_restart_one_after_the_other_by_the_clock(seconds: list[float]) -> None:
    first, second = Engine(peer("x"), peer("z")), Engine(peer("a"), peer("x"), peer("z"))
    keepers = [PeersKeeper(engine, STAGGER) for engine in (first, second)]
    first.peers, second.peers = (peer("z"),), (peer("a"), peer("z"))  # of three members the first, of four the second
    found: list[tuple[float, ...]] = []
    for since in range(240):
        seconds.append(42 * STAGGER + since)
        for keeper in keepers:
            keeper.look()
        found.append(tuple(engine.did.count("restart") for engine in (first, second)))
    assert found[0] == (1, 0)
    assert found[-1] == (1, 1)
    assert found.index((1, 1)) == 3 * STAGGER  # 45 is 1 beside times of 4
    assert second.did == [["a", "z"], "restart"]


def test_who_is_back_before_the_turn_costs_no_restart() -> None:
    engine = Engine(peer("a"), peer("b"))
    keeper = PeersKeeper(engine, 60.0)
    engine.peers = (peer("a"),)
    keeper.look()
    engine.peers = (peer("a"), peer("b"))
    keeper.look()
    assert engine.did == [["a"], ["a", "b"]]
    assert keeper.restarts == 0


def test_another_address_alone_is_written_and_closes_nothing() -> None:
    engine = Engine(peer("a"))
    keeper = PeersKeeper(engine, 0.0)
    engine.peers = (peer("a", port=2),)
    keeper.look()
    assert engine.did == [["a"]]


def test_a_member_that_changes_its_peer_again_and_again_does_not_keep_engines_restarting(seconds: list[float]) -> None:
    """All of them at once would be down, and one member alone would stop the chain."""
    engine = Engine(peer("a"), peer("z"))
    keeper = PeersKeeper(engine, STAGGER)
    seconds.append(14 * 4 * STAGGER + STAGGER)  # the second of four
    engine.peers = (peer("b"), peer("z"))
    keeper.look()
    assert keeper.restarts == 1
    for letter in "cde":
        engine.peers = (peer(letter), peer("z"))
        seconds.append(seconds[-1] + 1.0)
        keeper.look()
    seconds.append(14 * 4 * STAGGER + 5 * STAGGER)  # its next turn, before the rest is over
    keeper.look()
    assert keeper.restarts == 1
    seconds.append(seconds[-1] + 4 * STAGGER)
    keeper.look()
    assert keeper.restarts == 2
