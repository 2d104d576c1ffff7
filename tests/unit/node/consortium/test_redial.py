"""When an engine is started again because it does not dial a peer that can be reached (MB24)."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace

import pytest

from tests.support.waiting import PATIENCE
from xinglin.carrier.consensus.comet.rpc import PeerLink
from xinglin.node.consortium.redial import CALM_SECONDS, DEAD_MS, SILENT_MS, Growth, Redial, dead, reachable, silent

A, B = b"a" * 20, b"b" * 20


def starts(missed: tuple[bytes, ...], seconds: int, *, stands: bool, turn_seconds: float = 0.0) -> list[int]:
    """Return at which seconds an engine is started, looked at each ten."""
    redial = Redial()
    return [
        now
        for now in range(0, seconds, 10)
        if redial.due(missed, 1000.0 + now, stands=stands, turn_seconds=turn_seconds)
    ]


def test_while_no_block_comes_it_is_started_soon_and_often_then_less_and_less() -> None:
    """Who holds a dead connection with a peer lets go of it within minutes; the peer has to be dialling then."""
    found = starts((A,), 1000, stands=True)
    assert found[:12] == list(range(10, 240, 20))
    assert found[12:] == [250, 290, 370, 530, 850]


def test_while_blocks_come_it_is_started_late_and_each_node_in_its_turn() -> None:
    assert starts((A, B), 3000, stands=False) == [30, 630, 1830]
    assert starts((A,), 100, stands=False, turn_seconds=24.0) == [60]


def test_for_a_connection_that_is_known_to_be_dead_only_the_turn_is_waited_for() -> None:
    def due(now: float, *known: bytes) -> bool:
        return redial.due((A,), now, stands=False, turn_seconds=8.0, known_dead=known)

    redial = Redial()
    assert [due(1000.0 + now, A) for now in (0, 6, 8, 10, 40)] == [False, False, True, False, False]
    redial = Redial()
    assert [due(1000.0 + now) for now in (0, 8, 36, 38)] == [False, False, False, True]


def test_nobody_missed_is_no_reason_and_after_a_calm_time_it_is_as_at_first() -> None:
    assert starts((), 1000, stands=True) == []
    redial = Redial()

    def due(now: float, *missed: bytes) -> bool:
        return redial.due(missed, now, stands=False, turn_seconds=0.0, known_dead=missed)

    assert due(1000.0, A)
    assert not due(1010.0)
    assert not due(1020.0, A)  # a peer that lets its connections die keeps no engine starting
    assert not due(1030.0)
    assert due(1020.0 + CALM_SECONDS, A)


def test_a_peer_that_is_missed_again_and_again_costs_no_other_its_start() -> None:
    redial = Redial()
    assert [redial.due(missed, now, stands=False, turn_seconds=0.0, known_dead=missed) for missed, now in (
        ((A,), 1000.0), ((A,), 1100.0), ((A, B), 1110.0), ((A, B), 1120.0),
    )] == [True, False, True, False]  # fmt: skip


def test_starts_while_the_chain_stood_delay_none_while_it_goes() -> None:
    """A node that moved comes in by the first that lets it, and misses the last that still holds its old connection."""
    redial = Redial()
    assert [redial.due((A, B), 1000.0 + now, stands=True, turn_seconds=16.0) for now in (0, 10)] == [False, True]
    assert [redial.due((B,), 1020.0 + now, stands=False, turn_seconds=16.0) for now in (0, 44, 46)] == [
        False, False, True,
    ]  # fmt: skip


def test_a_chain_grows_or_stands_whatever_the_time_of_its_blocks() -> None:
    growth = Growth()
    told = [growth.stands(height, now) for height, now in ((5, 100.0), (5, 120.0), (5, 121.0), (6, 122.0), (6, 142.0))]
    assert told == [False, False, True, False, False]


def test_who_comes_and_goes_is_not_missed_long() -> None:
    redial = Redial()
    assert not any(
        redial.due((A, B)[now % 2 :][:1], 1000.0 + now * 10, stands=False, turn_seconds=0.0) for now in range(99)
    )


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
