"""A consortium on the contracts of coordination, on the fake and on the real runtime."""

from __future__ import annotations

import pytest

from tests.support.contract_parties import Consortium, found_consortium, new_id
from tests.support.fake_context import FakeLedger
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.crypto.suite import suite
from xinglin.service.basic.audit.contract import CONTRACT as ACCESS
from xinglin.service.basic.coordination.anchors.contract import CONTRACT as ANCHOR
from xinglin.service.basic.coordination.audience.contract import CONTRACT as AUDIENCE
from xinglin.service.basic.coordination.journal.contract import CONTRACT as JOURNAL
from xinglin.service.basic.coordination.model import IssueEpochKey, SealedKey
from xinglin.service.basic.coordination.records.contract import CONTRACT as RECORDS
from xinglin.service.basic.correction.contract import CONTRACT as CORRECTION
from xinglin.service.basic.destruction.contract import CONTRACT as HOLD
from xinglin.service.basic.episodes.contract import CONTRACT as EPISODE
from xinglin.service.basic.notices.contract import CONTRACT as NOTICE
from xinglin.service.basic.patient_index.identity.contract import CONTRACT as IDENTITY
from xinglin.service.basic.protection.consents.contract import CONTRACT as CONSENT
from xinglin.service.basic.sharing.agreements.contract import CONTRACT as AGREEMENT
from xinglin.stakeholders.kinds import Role

CONTRACTS = (
    REGISTRY,
    GOVERNANCE,
    RECORDS,
    AUDIENCE,
    ANCHOR,
    JOURNAL,
    ACCESS,
    CONSENT,
    AGREEMENT,
    NOTICE,
    CORRECTION,
    EPISODE,
    IDENTITY,
    HOLD,
)


@pytest.fixture(params=[(FakeLedger, "intl"), (RuntimeLedger, "gm")], ids=["fake-intl", "runtime-gm"])
def consortium(request: pytest.FixtureRequest) -> Consortium:
    """Return a consortium just founded; the hospital has an account of each role."""
    return found_consortium(suite(request.param[1]), request.param[0], CONTRACTS)


@pytest.fixture
def node(consortium: Consortium) -> str:
    """Return the hospital's node, registered."""
    name = new_id()
    administrator = consortium.hospital.caller(Role.ADMINISTRATOR)
    consortium.ledger.call(administrator, "registry.add_node", AddNode(name, b"\x04" + bytes(64)))
    return name


@pytest.fixture
def audience(consortium: Consortium, node: str) -> str:
    """Return an audience with one epoch, issued by the platform."""
    key = IssueEpochKey("treatment", 1, bytes(32), (SealedKey(node, bytes(113)),))
    consortium.ledger.call(consortium.platform.caller(Role.SERVICE), "audience.epoch", key)
    return "treatment"
