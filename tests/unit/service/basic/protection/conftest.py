"""A consortium with the contract ``consent``, on the fake and on the real runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.contract_parties import Consortium, found_consortium, new_id
from tests.support.fake_context import FakeLedger
from tests.support.protection_home import ProtectionHome
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.crypto.keystore import Stretching
from xinglin.carrier.crypto.suite import suite
from xinglin.service.basic.protection.consents.contract import CONTRACT as CONSENT
from xinglin.service.basic.protection.consents.wallet import Wallet
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


@pytest.fixture
def gm() -> Consortium:
    """Return a consortium of suite gm in memory, for tests of services."""
    return found_consortium(suite("gm"), FakeLedger, (REGISTRY, GOVERNANCE, CONSENT))


@pytest.fixture
def here(gm: Consortium, tmp_path: Path) -> Iterator[ProtectionHome]:
    """Return the node of the hospital that keeps the records."""
    made = ProtectionHome(gm, gm.hospital, tmp_path / "a")
    yield made
    made.store.close()


@pytest.fixture
def there(gm: Consortium, tmp_path: Path) -> Iterator[ProtectionHome]:
    """Return the node of the other hospital."""
    made = ProtectionHome(gm, gm.other, tmp_path / "b")
    yield made
    made.store.close()


@pytest.fixture
def wallet(gm: Consortium, tmp_path: Path) -> Wallet:
    """Return a patient's wallet."""
    return Wallet.create(tmp_path / "wallet", gm.ledger.suite, b"a patient's secret", Stretching(log_n=10, p=1))
