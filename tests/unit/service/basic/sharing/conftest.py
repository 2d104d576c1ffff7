"""A consortium with the contract of agreements, on the fake and on the real runtime."""

from __future__ import annotations

import pytest

from tests.support.contract_parties import Consortium, found_consortium
from tests.support.fake_context import FakeLedger
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.crypto.suite import suite
from xinglin.service.basic.sharing.agreements.contract import CONTRACT as AGREEMENT


@pytest.fixture(params=[(FakeLedger, "intl"), (RuntimeLedger, "gm")], ids=["fake-intl", "runtime-gm"])
def consortium(request: pytest.FixtureRequest) -> Consortium:
    """Return a consortium just founded."""
    return found_consortium(suite(request.param[1]), request.param[0], (REGISTRY, GOVERNANCE, AGREEMENT))
