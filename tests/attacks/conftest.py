"""What the attacks share: a founded chain, and its ledger in an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chain import Chain, found_chain
from xinglin.carrier.ledger.ledger import Ledger


@pytest.fixture(params=["gm", "intl"])
def chain(request: pytest.FixtureRequest) -> Chain:
    """Return a chain of three founders, in each suite."""
    return found_chain(request.param, parties=3)


@pytest.fixture
def ledger(chain: Chain, home: Path) -> Iterator[Ledger]:
    """Give the chain's ledger at height 0."""
    opened = chain.create(home)
    yield opened
    opened.close()
