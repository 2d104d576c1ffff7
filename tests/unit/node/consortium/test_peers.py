"""When a node writes its engine's peers anew, and when it restarts it (docs/spec/membership.md, MB15 to MB18)."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from xinglin.carrier.consensus.comet.config import Peer
from xinglin.node.consortium.peers import REDIAL_SECONDS, PeersKeeper
from xinglin.node.consortium.redial import STANDS_SECONDS

OWN = b"m" * 20
STAGGER = 24.0


def peer(letter: str, port: int = 1) -> Peer:
    """Return a peer whose id is one letter."""
    return Peer(letter.encode() * 20, f"127.0.0.1:{port}")


class Clock:
    """A clock that stands until it is set."""

    now = 1_000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give keepers a clock that the test holds."""
    held = Clock()
    monkeypatch.setattr("xinglin.node.consortium.peers.time", SimpleNamespace(monotonic=lambda: held.now))
    return held


class Engine:
    """An engine whose peers a test sets (port ``Peered``)."""

    own_peer = OWN

    def __init__(self, *peers: Peer) -> None:
        self.begun_with: Sequence[Peer] = peers
        self.peers: Sequence[Peer] = peers
        self.did: list[object] = []
        self.away: list[bytes] = []

    def missed(self) -> Sequence[bytes]:
        """Return what the test set."""
        return self.away

    def stands(self) -> bool:
        """Tell that no block comes."""
        return True

    def admitted(self) -> Sequence[Peer]:
        """Return what the test set."""
        return self.peers

    def write_peers(self, peers: Sequence[Peer]) -> None:
        """Note it."""
        self.did.append([one.id[:1].decode() for one in peers])

    def restart(self) -> None:
        """Note it."""
        self.did.append("restart")


def test_nothing_is_done_while_nothing_changes() -> None:
    engine = Engine(peer("a"), peer("z"))
    keeper = PeersKeeper(engine, 0.0)
    keeper.look()
    assert engine.did == []


def test_an_engine_that_does_not_dial_a_peer_that_can_be_reached_is_restarted(clock: Clock) -> None:
    engine = Engine(peer("a"))
    keeper = PeersKeeper(engine, 0.0)
    engine.away = [b"a" * 20]
    keeper.look()
    assert engine.did == []  # it has only just begun
    for _ in range(3):
        clock.now += max(REDIAL_SECONDS, STANDS_SECONDS)
        keeper.look()
    assert engine.did == ["restart"]
    assert keeper.restarts == 0  # nobody was removed


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


def test_nodes_restart_one_after_the_other_in_the_order_of_their_peers(clock: Clock) -> None:
    first, second = Engine(peer("x"), peer("z")), Engine(peer("a"), peer("x"), peer("z"))
    keepers = [PeersKeeper(engine, STAGGER) for engine in (first, second)]
    first.peers, second.peers = (peer("z"),), (peer("a"), peer("z"))
    for keeper in keepers:
        keeper.look()
    assert ("restart" in first.did, "restart" in second.did) == (True, False)
    clock.now += STAGGER - 0.1
    keepers[1].look()
    assert "restart" not in second.did
    clock.now += 0.1
    keepers[1].look()
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


def test_a_member_that_changes_its_peer_again_and_again_does_not_keep_engines_restarting(clock: Clock) -> None:
    """All of them at once would be down, and one member alone would stop the chain."""
    engine = Engine(peer("x"), peer("z"))
    keeper = PeersKeeper(engine, STAGGER)
    engine.peers = (peer("y"), peer("z"))
    keeper.look()
    assert keeper.restarts == 1
    for letter in "uvw":
        engine.peers = (peer(letter), peer("z"))
        keeper.look()
    assert keeper.restarts == 1
    clock.now += 3 * STAGGER
    keeper.look()
    assert keeper.restarts == 2
