"""A chain with the contract ``notice``, on the fake and on the real runtime."""

from __future__ import annotations

import pytest

from tests.support.contract_parties import Consortium, found_consortium
from tests.support.fake_context import FakeLedger
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.crypto.suite import suite
from xinglin.service.basic.notices.contract import CONTRACT

CONTRACTS = (REGISTRY, GOVERNANCE, CONTRACT)


@pytest.fixture(params=[(FakeLedger, "intl"), (RuntimeLedger, "gm")], ids=["fake-intl", "runtime-gm"])
def consortium(request: pytest.FixtureRequest) -> Consortium:
    """Return a chain just founded; the hospital has an account of each role."""
    return found_consortium(suite(request.param[1]), request.param[0], CONTRACTS)
