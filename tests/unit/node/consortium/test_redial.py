"""When an engine is started again because it does not dial a peer that can be reached (MB24)."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace

import pytest

from tests.support.waiting import PATIENCE
from xinglin.carrier.consensus.comet.rpc import PeerLink
from xinglin.node.consortium.redial import (
    DEAD_MS,
    LONG_CALM_SECONDS,
    SILENT_MS,
    Growth,
    Redial,
    dead,
    reachable,
    silent,
)

A, B = b"a" * 20, b"b" * 20


CYCLE = 60.0
WHOSE = {A: "member-a", B: "member-b"}


def goes(redial: Redial, now: float, *missed: bytes, dead: tuple[bytes, ...] = (), turn: bool = True) -> bool:
    """Tell whether an engine is started at a second while blocks come."""
    return redial.due_going(
        {peer: WHOSE.get(peer, "member-a") for peer in missed}, now, turn=turn, cycle_seconds=CYCLE, known_dead=dead
    )


def test_while_no_block_comes_it_is_started_soon_and_often_then_less_and_less() -> None:
    """Who holds a dead connection with a peer lets go of it within minutes; the peer has to be dialling then."""
    redial = Redial()
    found = [now for now in range(0, 1000, 10) if redial.due_standing((A,), 1000.0 + now)]
    assert found[:12] == list(range(10, 240, 20))
    assert found[12:] == [250, 290, 370, 530, 850]


def test_while_blocks_come_it_is_started_late_and_less_and_less_for_one_member() -> None:
    redial = Redial()
    assert [now for now in range(0, 3000, 10) if goes(redial, 1000.0 + now, A, B)] == [30, 630, 1830]


def test_while_blocks_come_it_is_started_in_its_turn_alone() -> None:
    redial = Redial()
    assert [now for now in range(0, 100, 10) if goes(redial, 1000.0 + now, A, turn=now == 60)] == [60]


def test_for_a_connection_that_is_known_to_be_dead_only_the_turn_is_waited_for() -> None:
    redial = Redial()
    assert [goes(redial, 1000.0 + now, A, dead=(A,), turn=now >= 8) for now in (0, 6, 8, 10, 40)] == [
        False, False, True, False, False,
    ]  # fmt: skip
    redial = Redial()
    assert [goes(redial, 1000.0 + now, A) for now in (0, 8, 28, 30)] == [False, False, False, True]


def test_a_member_is_counted_whatever_peer_of_its_is_missed() -> None:
    redial = Redial()
    peers = [number.to_bytes(20, "big") for number in range(300)]
    found = [10 * at for at, one in enumerate(peers) if goes(redial, 1000.0 + 10 * at, one, dead=(one,))]
    assert found == [0, 600, 1800]


def test_it_is_as_at_first_only_when_nobody_was_started_for_during_a_day() -> None:
    assert not any(goes(Redial(), now) for now in (0.0, 1000.0))  # nobody missed is no reason
    redial = Redial()
    assert goes(redial, 1000.0, A, dead=(A,))
    assert goes(redial, 1600.0, A, dead=(A,))
    assert not goes(redial, 1600.0 + 1190.0, A, dead=(A,))  # though it was not missed for long
    calm = 1600.0 + LONG_CALM_SECONDS
    assert [goes(redial, calm + now, A, dead=(A,)) for now in (0.0, 590.0, 600.0)] == [True, False, True]


def test_all_members_together_have_one_rest_that_becomes_longer() -> None:
    redial = Redial()
    whose = {number.to_bytes(20, "big"): f"member-{number}" for number in range(7)}
    found = []
    left = dict(whose)
    for now in range(0, 4000, 10):
        one = next(iter(left), None)
        if one and redial.due_going({one: left[one]}, 1000.0 + now, turn=True, cycle_seconds=CYCLE, known_dead=left):
            found.append(now)
            del left[one]
    assert found == [0, 60, 180, 420, 900, 1800, 2700]


def test_a_start_for_another_reason_counts_too() -> None:
    redial = Redial()
    redial.started(1000.0)
    assert [redial.rested(1000.0 + now, CYCLE) for now in (0, 59, 60)] == [False, False, True]
    assert [goes(redial, 1000.0 + now, A, dead=(A,)) for now in (10, 50, 60)] == [False, False, True]
    assert [redial.rested(1060.0 + now, CYCLE) for now in (59, 60)] == [False, True]
    assert [goes(redial, 1060.0 + now, B, dead=(B,)) for now in (110, 120)] == [False, True]


def test_a_peer_that_is_missed_again_and_again_costs_no_other_its_start() -> None:
    redial = Redial()
    assert goes(redial, 1000.0, A, dead=(A,))
    assert not goes(redial, 1100.0, A, dead=(A,))
    assert goes(redial, 1110.0, A, B, dead=(A, B))
    assert not goes(redial, 1120.0, A, B, dead=(A, B))


def test_starts_while_the_chain_stood_delay_none_while_it_goes() -> None:
    """A node that moved comes in by the first that lets it, and misses the last that still holds its old connection."""
    redial = Redial()
    assert [redial.due_standing((A, B), 1000.0 + now) for now in (0, 10)] == [False, True]
    assert [goes(redial, 1020.0 + now, B) for now in (0, 28, 30)] == [False, False, True]


def test_a_chain_grows_or_stands_whatever_the_time_of_its_blocks() -> None:
    growth = Growth()
    told = [growth.stands(height, now) for height, now in ((5, 100.0), (5, 120.0), (5, 121.0), (6, 122.0), (6, 142.0))]
    assert told == [False, False, True, False, False]


def test_who_comes_and_goes_is_not_missed_long() -> None:
    redial = Redial()
    assert not any(goes(redial, 1000.0 + now * 10, (A, B)[now % 2]) for now in range(99))


def test_what_can_be_reached_is_found_and_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as open_one, socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))
        places = {A: f"127.0.0.1:{open_one.getsockname()[1]}", B: f"127.0.0.1:{shut.getsockname()[1]}", b"c": "a..b:1"}
        assert reachable(places, PATIENCE) == {A}
        known = socket.create_connection

        looked_up, ended = threading.Event(), threading.Event()

        def slow(place: tuple[str, int], *more: float) -> socket.socket:
            if place[0] == "slow.example":
                looked_up.wait(2 * PATIENCE)
                ended.set()
                raise OSError
            return known(place, *more)

        monkeypatch.setattr(socket, "create_connection", slow)
        # The time is over when the three that answer have been waited for.
        times = iter((0.0, 0.0, 0.0, 0.0, PATIENCE))
        monkeypatch.setattr("xinglin.node.consortium.redial.time", SimpleNamespace(monotonic=lambda: next(times)))
        assert reachable({**places, b"d": "slow.example:1"}, PATIENCE) == {A}
        assert not ended.is_set()
        looked_up.set()


def link(peer: bytes, idle_ms: int) -> PeerLink:
    return PeerLink(peer, "node", "192.0.2.1", True, 1_000_000, 1, 1, 0, 0, idle_ms)


def test_a_connection_through_which_nothing_comes_is_dead_after_a_ping_and_half_of_one() -> None:
    assert silent([link(A, 60_000), link(B, SILENT_MS)]) == {B}
    assert silent([link(A, SILENT_MS - 1)]) == set()


def test_a_connection_is_dead_for_sure_where_its_peer_tried_anew_since_it_was_heard_last() -> None:
    assert dead([link(A, DEAD_MS), link(B, DEAD_MS)], {A: 10.0}) == {A}
    assert dead([link(A, DEAD_MS - 1)], {A: 10.0}) == set()
    assert dead([link(A, DEAD_MS)], {A: 30.0}) == set()  # it was heard since: both had dialled at once
