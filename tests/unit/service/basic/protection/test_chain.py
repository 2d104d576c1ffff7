"""The port ``ConsortiumFacts``: the ledger of a home and the fake of the tests give the same answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.chain import Chain, commit, found_chain
from tests.support.contract_parties import Consortium, Key, new_id
from tests.support.fake_context import FakeLedger
from tests.support.protection_home import LedgerWorld
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.service.basic.protection.chain import LedgerFacts
from xinglin.service.basic.protection.consents.contract import CONTRACT as CONSENT
from xinglin.service.basic.protection.consents.model import AcknowledgeConsent, GrantConsent, KeyMethod
from xinglin.service.basic.protection.consents.rules import grant_message
from xinglin.service.basic.protection.ports import ConsortiumFacts
from xinglin.stakeholders.kinds import Role

NODE, CONSENTS = new_id(), (new_id(), new_id())


def granted(chain: Chain, consent: str) -> GrantConsent:
    """Return a signed consent."""
    key = Key(chain.suite)
    signature = key.sign(grant_message(chain.suite.hash, chain.rules.chain, consent, b"t" * 32))
    openings = tuple(os.urandom(1121) for _ in range(4))
    return GrantConsent(consent, KeyMethod.OWN_KEY, key.public, b"t" * 32, signature, openings)


@pytest.fixture(scope="module")
def chain() -> Chain:
    """Return a chain that has the contract."""
    return found_chain(extra=(CONSENT,))


@pytest.fixture(scope="module")
def ledger(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Return its ledger with two consents, one of them acknowledged."""
    home = Path(tmp_path_factory.mktemp("home"))
    made = chain.create(home)
    add_node = chain.call("registry.add_node", AddNode(NODE, b"\x04" + bytes(64)))
    commit(made, chain.sign(add_node, keys=[chain.key(role=Role.SUPER_ADMINISTRATOR)]))
    calls = [chain.call("consent.grant", granted(chain, consent)) for consent in CONSENTS]
    commit(made, chain.sign(*calls))
    commit(made, chain.sign(chain.call("consent.acknowledge", AcknowledgeConsent(CONSENTS[0], NODE))))
    yield made
    made.close()


@pytest.fixture(params=["real", "fake"])
def facts(request: pytest.FixtureRequest, chain: Chain, ledger: Ledger) -> ConsortiumFacts:
    """Return the port on both implementations."""
    if request.param == "real":
        return LedgerFacts(ledger)
    with ledger.state() as state:
        fake = FakeLedger(chain.suite, chain.rules.chain, (), dict(state.scan(b"")), ledger.tip.height, ledger.tip.time)
    return LedgerWorld(cast(Consortium, SimpleNamespace(ledger=fake)))


def test_the_registry_and_the_consents_are_read(facts: ConsortiumFacts, chain: Chain, ledger: Ledger) -> None:
    party = chain.parties[0]
    account, key = party.accounts[Role.PRACTITIONER]
    found: Any = facts.key(key.public)
    assert (found.account, found.member) == (account, party.member)
    member, known = facts.member(party.member), facts.account(account)
    assert member is not None
    assert known is not None
    assert (member.member_kind, known.roles) == (party.kind, (Role.PRACTITIONER,))
    node: Any = facts.node(NODE)
    assert node.member == party.member
    assert (facts.chain, facts.time_ms()) == (chain.rules.chain, ledger.tip.time)
    for absent in (facts.member(new_id()), facts.account(new_id()), facts.key(bytes(65)), facts.node(new_id())):
        assert absent is None
    assert sorted(facts.consents()) == sorted(CONSENTS)
    state: Any = facts.consent(CONSENTS[0])
    assert [len(facts.granted_since(time)) for time in (0, state.granted_ms[0], ledger.tip.time + 1)] == [2, 2, 0]
    assert state.terms == b"t" * 32
    assert len(facts.openings(CONSENTS[1])) == 4
    assert (facts.consent(new_id()), facts.openings(new_id())) == (None, ())


def test_acknowledgements_are_those_of_one_consent(facts: ConsortiumFacts, ledger: Ledger) -> None:
    assert facts.acknowledged(CONSENTS[0]) == {NODE: ledger.tip.time}
    assert facts.acknowledged_by(CONSENTS[0], NODE) == ledger.tip.time
    assert facts.acknowledged(CONSENTS[1]) == {}
    assert facts.acknowledged_by(CONSENTS[1], NODE) is None
