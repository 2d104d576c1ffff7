"""A consortium with the contract ``consent``, on the fake and on the real runtime."""

from __future__ import annotations

import pytest

from tests.support.contract_parties import Consortium, found_consortium, new_id
from tests.support.fake_context import FakeLedger
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.crypto.suite import suite
from xinglin.service.basic.protection.consents.contract import CONTRACT as CONSENT
from xinglin.stakeholders.kinds import Role


@pytest.fixture(params=[(FakeLedger, "intl"), (RuntimeLedger, "gm")], ids=["fake-intl", "runtime-gm"])
def consortium(request: pytest.FixtureRequest) -> Consortium:
    """Return a consortium just founded; the hospital has an account of each role."""
    return found_consortium(suite(request.param[1]), request.param[0], (REGISTRY, GOVERNANCE, CONSENT))


@pytest.fixture
def node(consortium: Consortium) -> str:
    """Return the hospital's node, registered."""
    name = new_id()
    administrator = consortium.hospital.caller(Role.ADMINISTRATOR)
    consortium.ledger.call(administrator, "registry.add_node", AddNode(name, b"\x04" + bytes(64)))
    return name
