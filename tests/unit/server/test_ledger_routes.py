"""Submissions at the border of a node: what no block would log never waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.chain import Chain, commit, found_chain
from tests.support.contract_parties import Key
from xinglin.carrier.consensus.ports import Committed, Outcome
from xinglin.carrier.ledger.errors import StoreFull
from xinglin.node.remote.forms import CommittedSaid, UnknownSaid, frame
from xinglin.server.ledger_routes import LedgerRoutes


@dataclass
class Engine:
    """Keeps what it is handed."""

    had: list[bytes] = field(default_factory=list)

    def submit_many(self, raws: Sequence[bytes]) -> Future[list[Outcome]]:
        """Commit all."""
        self.had += raws
        done: Future[list[Outcome]] = Future()
        done.set_result([Committed(1, 1, index, 0, bytes(32)) for index, _ in enumerate(raws)])
        return done


@pytest.mark.requirement("S8.5c")
def test_what_strangers_send_takes_up_no_room(home: Path) -> None:
    chain: Chain = found_chain()
    ledger = chain.create(home)
    engine, logged = Engine(), chain.sign(chain.add("b"))
    commit(ledger, logged)
    running: Any = SimpleNamespace(consortium=ledger, client=engine, require_fresh=lambda: None)
    routes = LedgerRoutes(running, SimpleNamespace(), 1.0)  # type: ignore[arg-type]  # figures are of the answers
    good = chain.sign()
    unknown = chain.sign(chain.add("c"), keys=[Key(chain.suite)])
    forged = good[:-1] + bytes([good[-1] ^ 1])
    sent = [b"x" * 100, good, unknown, forged, chain.sign(valid_until=chain.start - 1), logged]
    raws, future = routes.hand_in(frame(sent))
    assert raws == sent
    assert engine.had == [good]
    assert [one.code for one in future.result(60)] == [
        "transaction.malformed",
        0,
        "signer.unknown",
        "transaction.malformed",
        "transaction.expired",
        "transaction.replayed",
    ]
    _, future = routes.hand_in(frame([unknown]))
    assert [one.code for one in future.result(60)] == ["signer.unknown"]
    assert engine.had == [good]
    ledger.close()


@pytest.mark.requirement("S6.2f", part="a store without room")
def test_a_store_without_room_is_told_before_anything_is_handed_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain: Chain = found_chain()
    ledger, engine = chain.create(home), Engine()
    running: Any = SimpleNamespace(consortium=ledger, client=engine, require_fresh=lambda: None)
    routes = LedgerRoutes(running, SimpleNamespace(), 1.0)  # type: ignore[arg-type]
    full = StoreFull(chain="c", used=81)

    def check() -> None:
        raise full

    monkeypatch.setattr(ledger, "check_room", check)
    with pytest.raises(StoreFull):
        routes.hand_in(frame([chain.sign()]))
    assert engine.had == []
    ledger.close()


def test_what_ends_the_engine_after_that_is_no_refusal(home: Path) -> None:
    chain: Chain = found_chain()
    ledger = chain.create(home)
    logged, other = chain.sign(), chain.sign(chain.add("b"))
    commit(ledger, logged)
    figures = NoFigures()
    routes = LedgerRoutes(SimpleNamespace(consortium=ledger), figures, 1.0)  # type: ignore[arg-type]
    future: Future[list[Outcome]] = Future()
    future.set_exception(StoreFull(chain="c", used=81))
    found = asyncio.run(routes.outcomes([logged, other], future))
    assert [type(one) for one in found] == [CommittedSaid, UnknownSaid]
    ledger.close()


class NoFigures:
    """Figures that count nothing."""

    def __init__(self) -> None:
        nothing = SimpleNamespace(inc=lambda: None, dec=lambda: None)
        self.waiting, self.transactions = nothing, SimpleNamespace(labels=lambda _: nothing)
