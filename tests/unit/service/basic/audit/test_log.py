"""The access log: what it returned is durable and where it says; one bad entry holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.access import PrivateHome, entry, private_home
from tests.support.chain import found_chain
from tests.support.waiting import PATIENCE
from xinglin.carrier.consensus.errors import EngineClosed
from xinglin.carrier.consensus.ports import Committed
from xinglin.kernel.encoding import decode, encode, state_key
from xinglin.kernel.errors import EncodingInvalid
from xinglin.node.chains import SystemClock
from xinglin.service.basic.audit import log as module
from xinglin.service.basic.audit.contract import CONTRACT as ACCESS
from xinglin.service.basic.audit.errors import EntryCopyInvalid, EntryUnsettled, LogClosed
from xinglin.service.basic.audit.log import AccessLog, Logged
from xinglin.service.basic.audit.model import AccessEntry, AccessHead
from xinglin.service.basic.audit.rules import entry_hash, head_of

RECORD = b"r" * 32


@pytest.fixture
def private(tmp_path: Path) -> Iterator[PrivateHome]:
    with private_home(tmp_path) as made:
        yield made


@pytest.fixture
def log(private: PrivateHome) -> Iterator[AccessLog]:
    made = AccessLog(private.client, private.signer)
    yield made
    made.close()


def now(**fields: Any) -> AccessEntry:
    """Return an entry made now."""
    return entry(time=SystemClock().now_ms(), **fields)


def item_at(private: PrivateHome, place: Logged) -> bytes:
    """Return the item that an answer names."""
    found = private.ledger.entry(place.index)
    assert (found.receipt.number, found.leaf.height) == (0, place.height)
    return found.transaction.operations[0].items[place.item]


@pytest.mark.requirement("H4")
def test_an_entry_is_where_the_answer_says(private: PrivateHome, log: AccessLog) -> None:
    made = now(commitment=RECORD)
    place = log.log(made)
    assert item_at(private, place) == encode(made)
    assert place.entry == entry_hash(private.chain.suite.hash, encode(made))
    assert private.ledger.tip.height >= place.height


def test_entries_of_many_threads_are_logged_once_each(private: PrivateHome, log: AccessLog) -> None:
    made = [now(commitment=RECORD if number % 3 else b"s" * 32) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(log.log, made))
    assert len({(place.index, place.item) for place in places}) == 200
    assert all(item_at(private, place) == encode(one) for place, one in zip(places, made, strict=True))
    assert private.ledger.tip.log_size < 200  # several entries went into one transaction
    in_order = sorted(zip(places, made, strict=True), key=lambda pair: (pair[0].index, pair[0].item))
    for record in (RECORD, b"s" * 32):
        items = [encode(one) for _, one in in_order if one.commitment == record]
        head = decode(AccessHead, private.ledger.value(state_key("access", "head", record)) or b"")
        assert head == head_of(private.chain.suite.hash, items)


class Held:
    """A private chain whose first submission waits until it is let go."""

    def __init__(self, private: PrivateHome) -> None:
        self.ledger, self.build, self.refusal = private.ledger, private.client.build, private.client.refusal
        self._submit = private.client.submit
        self.submitted: list[bytes] = []
        self.begun, self.let_go = threading.Event(), threading.Event()

    def submit(self, transaction: bytes) -> Future[Committed]:
        self.submitted.append(transaction)
        self.begun.set()
        assert self.let_go.wait(PATIENCE)
        return self._submit(transaction)


def test_what_arrives_while_a_block_commits_goes_into_the_next_transaction(private: PrivateHome) -> None:
    held = Held(private)
    log = AccessLog(held, private.signer)
    first = log.submit(now())
    assert held.begun.wait(PATIENCE)
    waiting = [log.submit(now()) for _ in range(7)]
    held.let_go.set()
    places = [first.result(PATIENCE), *[one.result(PATIENCE) for one in waiting]]
    assert len(held.submitted) == 2
    assert [(place.index, place.item) for place in places] == [(0, 0), *[(1, item) for item in range(7)]]
    log.close()


def test_more_than_a_batch_goes_into_several(tmp_path: Path) -> None:
    chain = found_chain(parties=1, extra=(ACCESS,), max_items=3)
    with private_home(tmp_path, chain) as private:
        held = Held(private)
        log = AccessLog(held, private.signer)
        futures = [log.submit(now()) for _ in range(8)]
        held.let_go.set()
        assert len({(place.index, place.item) for place in [one.result(PATIENCE) for one in futures]}) == 8
        log.close()


def test_one_entry_that_the_contract_refuses_holds_up_no_other(private: PrivateHome) -> None:
    held = Held(private)
    log = AccessLog(held, private.signer)
    first = log.submit(now())
    assert held.begun.wait(PATIENCE)
    good, bad, last = now(), now(outcome=5), now()
    futures = [log.submit(one) for one in (good, bad, last)]
    held.let_go.set()
    first.result(PATIENCE)
    assert item_at(private, futures[0].result(PATIENCE)) == encode(good)
    assert item_at(private, futures[2].result(PATIENCE)) == encode(last)
    with pytest.raises(EntryCopyInvalid):
        futures[1].result(PATIENCE)
    log.close()


@pytest.mark.requirement("H4")
def test_an_entry_that_is_not_durable_in_time_is_a_refusal(
    private: PrivateHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    held = Held(private)
    log = AccessLog(held, private.signer)
    held.submit = lambda _: Future()  # type: ignore[method-assign]
    with pytest.raises(EntryUnsettled):
        log.log(now())
    (said,) = log.log_many([now()])
    assert isinstance(said, EntryUnsettled)
    log.close()


def test_an_entry_out_of_form_is_refused_before_it_waits(log: AccessLog) -> None:
    with pytest.raises(EncodingInvalid):
        log.submit(now(purpose="Treat"))
    log.log(now())


def test_nothing_is_left_waiting_when_the_engine_stops(private: PrivateHome, log: AccessLog) -> None:
    private.engine.close()
    with pytest.raises(EngineClosed):
        log.log(now())


def test_a_fault_ends_the_entries_in_hand_and_no_more(private: PrivateHome) -> None:
    held = Held(private)
    held.let_go.set()
    log = AccessLog(held, private.signer)
    held.build = None  # type: ignore[assignment]
    with pytest.raises(TypeError):
        log.log(now())
    held.build = private.client.build
    log.log(now())
    log.close()


def test_closing_commits_what_was_handed_in_and_takes_no_more(private: PrivateHome) -> None:
    log = AccessLog(private.client, private.signer)
    futures = [log.submit(now()) for _ in range(20)]
    log.close()
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(LogClosed):
        log.log(now())
