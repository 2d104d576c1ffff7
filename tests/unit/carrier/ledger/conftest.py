"""What the tests of the ledger share: the suite, and founders with real keys."""

from __future__ import annotations

import pytest

from tests.support.contract_parties import Party
from tests.support.sample_world import sample
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.stakeholders.kinds import MemberKind, Role

__all__ = ["founders", "gm", "sample"]


@pytest.fixture(scope="session")
def gm() -> Suite:
    """Return the default suite."""
    return suite("gm")


@pytest.fixture(scope="session")
def founders(gm: Suite) -> list[Party]:
    """Return three founders, ascending by member id, each with an administrator and a service account."""
    roles = (Role.SUPER_ADMINISTRATOR, Role.SERVICE)
    return sorted((Party(gm, MemberKind.MEDICAL_INSTITUTION, roles) for _ in range(3)), key=lambda party: party.member)
