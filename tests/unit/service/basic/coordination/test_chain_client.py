"""The port ``ChainClient``: the fake chain and a real ledger behind the embedded engine give the same answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.chain import Chain, found_chain
from tests.support.fake_chain import FakeChain
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.embedded import EmbeddedEngine
from xinglin.carrier.consensus.errors import EngineClosed
from xinglin.carrier.consensus.group import EmbeddedGroup, GroupMember
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Built, Signer, build_transaction, operation
from xinglin.carrier.ledger.errors import TransactionExpired, TransactionReplayed
from xinglin.carrier.ledger.model import Transaction
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.audience.contract import CONTRACT as AUDIENCE
from xinglin.service.basic.coordination.errors import BatchExists
from xinglin.service.basic.coordination.ledger_client import LedgerClient
from xinglin.service.basic.coordination.model import IssueEpochKey, RegisterBatch, SealedKey
from xinglin.service.basic.coordination.ports import ChainClient, Outcome
from xinglin.service.basic.coordination.records.contract import CONTRACT as RECORDS
from xinglin.service.basic.coordination.records.rules import item_bytes
from xinglin.stakeholders.kinds import Role

TIMEOUT = 10


@dataclass
class Case:
    """A chain behind the port, and who signs for it."""

    client: ChainClient
    suite: Suite
    signer: Signer

    def built(self, batch: str, content: int = 0, valid_ms: int = 60_000) -> Built:
        """Return a signed batch of one item."""
        call = RegisterBatch(batch=batch, audience="treatment", audience_epoch=1, salt=bytes(16))
        items = [item_bytes(bytes([content]) * 32, bytes(48))]
        until = self.client.time_ms() + valid_ms
        return build_transaction(
            self.suite,
            self.client.chain,
            os.urandom(16),
            until,
            [operation(self.suite, "records", "register", call, items)],
            [self.signer],
        )

    def submit(self, built: Built) -> Outcome:
        """Hand in a transaction and wait."""
        return self.client.submit(built.raw).result(timeout=TIMEOUT)


class _Clock:
    def __init__(self, ledger_time: int) -> None:
        self._time = ledger_time

    def now_ms(self) -> int:
        return self._time


@pytest.fixture(params=["fake", "real"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Return the port on both implementations."""
    chain = found_chain(extra=(RECORDS, AUDIENCE))
    key = chain.key()
    signer = Signer(key.public, key.sign)
    if request.param == "fake":
        yield Case(FakeChain(chain.suite), chain.suite, signer)
        return
    ledger = chain.create(tmp_path / "home")
    application = LedgerApplication(ledger)
    member = GroupMember("home", application, ledger.blocks, ledger.app_hash_at, lambda *_: None)
    group, clock = EmbeddedGroup([member]), _Clock(ledger.tip.time)
    engine = EmbeddedEngine(group, clock, 1 << 24, 0, max_transaction_bytes=1 << 20)
    try:
        _found_audience(chain, engine)
        yield Case(LedgerClient(ledger, engine, chain.parties[0].member), chain.suite, signer)
    finally:
        engine.close()
        ledger.close()


def _found_audience(chain: Chain, engine: EmbeddedEngine) -> None:
    node, sealing = identifier(bytes(16)), chain.suite.encryption_public_key(chain.suite.generate_encryption_key())
    administrator = chain.key(role=Role.SUPER_ADMINISTRATOR)
    issue = IssueEpochKey("treatment", 1, bytes(32), (SealedKey(node, bytes(97 + 16)),))
    for call in (chain.call("registry.add_node", AddNode(node, sealing)), chain.call("audience.epoch", issue)):
        answer = engine.submit(chain.sign(call, keys=[administrator])).result(timeout=TIMEOUT)
        assert answer.code == 0


def test_a_logged_transaction_is_found_with_the_outcome_that_was_answered(case: Case) -> None:
    batch = identifier(b"a" * 16)
    built = case.built(batch)
    assert case.client.find(built.valid_until, built.body) is None
    before = case.client.time_ms()
    outcome = case.submit(built)
    assert outcome.number == 0
    assert case.client.find(built.valid_until, built.body) == outcome
    assert case.client.find(built.valid_until + 1, built.body) is None
    assert case.client.time_ms() > before


def test_a_batch_is_accepted_once_and_its_root_and_place_are_told(case: Case) -> None:
    batch = identifier(b"a" * 16)
    assert case.client.accepted(batch) is None
    first = case.built(batch)
    outcome = case.submit(first)
    again = case.built(batch, content=1)
    refused = case.submit(again)
    assert refused.number == BatchExists.number
    assert case.client.find(again.valid_until, again.body) == refused
    accepted = case.client.accepted(batch)
    assert accepted is not None
    assert accepted.outcome == outcome
    assert accepted.root == decode(Transaction, first.raw).operations[0].head.batch[0].root
    assert case.client.accepted(identifier(bytes(16))) is None


def test_what_is_refused_unlogged_is_the_exception_of_the_future(case: Case) -> None:
    built = case.built(identifier(b"a" * 16))
    case.submit(built)
    with pytest.raises(TransactionReplayed):
        case.submit(built)
    late = case.built(identifier(b"b" * 16), valid_ms=0)
    with pytest.raises(TransactionExpired):
        case.submit(late)
    assert case.client.find(late.valid_until, late.body) is None


def test_an_engine_that_is_closed_says_so_by_the_future(tmp_path: Path) -> None:
    chain = found_chain()
    ledger = chain.create(tmp_path / "home")
    application = LedgerApplication(ledger)
    member = GroupMember("home", application, ledger.blocks, ledger.app_hash_at, lambda *_: None)
    group, clock = EmbeddedGroup([member]), _Clock(ledger.tip.time)
    engine = EmbeddedEngine(group, clock, 1 << 24, 0, max_transaction_bytes=1 << 20)
    engine.close()
    client = LedgerClient(ledger, engine, chain.parties[0].member)
    with pytest.raises(EngineClosed):
        client.submit(chain.sign()).result(timeout=TIMEOUT)
    ledger.close()
