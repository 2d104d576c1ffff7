"""A consortium of four members with real keys, on the contracts of the access folder."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.contract_parties import Party, genesis_of
from tests.support.fake_context import FakeLedger
from xinglin.carrier.access.founding import founding
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.stakeholders.kinds import MemberKind, Role


@dataclass
class Consortium:
    """Two hospitals, a platform and a regulator, and their chain at height 1."""

    hospital: Party
    other: Party
    platform: Party
    regulator: Party
    ledger: FakeLedger


@pytest.fixture(scope="session")
def gm() -> Suite:
    """Return the default suite."""
    return suite("gm")


@pytest.fixture
def consortium(gm: Suite) -> Consortium:
    """Return a consortium just founded; the hospital has an account of each role."""
    hospital = Party(gm, MemberKind.MEDICAL_INSTITUTION, tuple(Role))
    other = Party(gm, MemberKind.MEDICAL_INSTITUTION)
    platform = Party(gm, MemberKind.TECHNOLOGY_PROVIDER)
    regulator = Party(gm, MemberKind.REGULATOR, votes=0)
    chain, genesis = genesis_of(hospital, other, platform, regulator)
    ledger = FakeLedger(gm, chain, (REGISTRY, GOVERNANCE), founding(chain, genesis))
    return Consortium(hospital, other, platform, regulator, ledger)
