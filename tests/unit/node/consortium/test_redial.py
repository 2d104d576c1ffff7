"""When an engine is started again because it does not dial a peer that can be reached (MB24)."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace

import pytest

from tests.support.waiting import PATIENCE
from xinglin.carrier.consensus.comet.rpc import PeerLink
from xinglin.node.consortium.redial import SILENT_MS, Redial, reachable, silent

A, B = b"a" * 20, b"b" * 20


def starts(missed: tuple[bytes, ...], seconds: int, *, stands: bool, turn_seconds: float = 0.0) -> list[int]:
    """Return at which seconds an engine is started, looked at each ten."""
    redial = Redial()
    return [
        now
        for now in range(0, seconds, 10)
        if redial.due(missed, 1000.0 + now, stands=stands, turn_seconds=turn_seconds)
    ]


def test_while_no_block_comes_it_is_started_soon_and_then_less_and_less_often() -> None:
    assert starts((A,), 300, stands=True) == [10, 40, 100, 220]


def test_while_blocks_come_it_is_started_late_and_each_node_in_its_turn() -> None:
    assert starts((A, B), 3000, stands=False) == [60, 660, 1860]
    assert starts((A,), 100, stands=False, turn_seconds=24.0) == [90]


def test_nobody_missed_is_no_reason_and_ends_the_memory_of_it() -> None:
    assert starts((), 1000, stands=True) == []
    redial = Redial()
    assert [redial.due((A,), now, stands=False, turn_seconds=0.0) for now in (1000.0, 1060.0)] == [False, True]
    assert not redial.due((), 1070.0, stands=False, turn_seconds=0.0)
    assert [redial.due((A,), now, stands=False, turn_seconds=0.0) for now in (1080.0, 1140.0)] == [False, True]


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
