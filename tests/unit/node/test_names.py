"""What names of peers mean, and when an engine dials something else than they mean now."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace

import pytest

from xinglin.carrier.consensus.comet.config import Peer
from xinglin.carrier.consensus.comet.errors import EngineUnreachable
from xinglin.node.chains import SystemClock
from xinglin.node.comet_chain import CometChain
from xinglin.node.names import meanings

A, B = Peer(b"a" * 20, "a.example:26656"), Peer(b"b" * 20, "b.example:26656")


def test_names_that_mean_nothing_are_left_out() -> None:
    assert meanings(["127.0.0.1", "[::1]", "a..b", "x" * 64], 5.0) == {
        "127.0.0.1": {"127.0.0.1"},
        "[::1]": {"::1"},
    }


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    known = socket.getaddrinfo

    def slow(host: str, *more: object, **named: object) -> object:
        time.sleep(3.0 if host == "slow.example" else 0.0)
        return known("127.0.0.1", *more, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    begun = time.monotonic()
    assert meanings(["slow.example", "fast.example", "slow.example"], 0.3) == {"fast.example": {"127.0.0.1"}}
    assert time.monotonic() - begun < 2


def chain(age_ms: int, connected: tuple[Peer, ...], before: dict[str, str], now: dict[str, str]) -> object:
    """Return a chain on an engine that knows two peers, by what its method looks at."""

    def links() -> list[object]:
        if connected == ():
            raise EngineUnreachable(address="-", reason="-")
        return [SimpleNamespace(peer=one.id) for one in connected if one.id != b"x" * 20]

    return SimpleNamespace(
        node=SimpleNamespace(consortium=SimpleNamespace(tip=SimpleNamespace(time=SystemClock().now_ms() - age_ms))),
        links=links,
        admitted=lambda: (A, B),
        _meant={name: frozenset({place}) for name, place in before.items()},
        _meanings=lambda: {name: frozenset({place}) for name, place in now.items()},
    )


NOBODY = (Peer(b"x" * 20, "x.example:1"),)
KNOWN = {"a.example": "192.0.2.1", "b.example": "192.0.2.2"}
CASES = {
    "names mean something at last": (60_000, NOBODY, {}, KNOWN, True),
    "one name means another address": (60_000, (A,), KNOWN, {**KNOWN, "b.example": "192.0.2.3"}, True),
    "that of a connected one does": (60_000, (B,), KNOWN, {**KNOWN, "b.example": "192.0.2.3"}, False),
    "blocks come": (1_000, NOBODY, {}, KNOWN, False),
    "nothing has changed": (60_000, NOBODY, KNOWN, KNOWN, False),
    "names mean nothing": (60_000, NOBODY, KNOWN, {}, False),
    "the engine does not answer": (60_000, (), {}, KNOWN, False),
}


@pytest.mark.parametrize("case", CASES)
def test_an_engine_dials_elsewhere(case: str) -> None:
    age, connected, before, now, expected = CASES[case]
    assert CometChain.dials_elsewhere(chain(age, connected, before, now)) is expected  # type: ignore[arg-type]
