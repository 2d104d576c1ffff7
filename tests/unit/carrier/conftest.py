"""What the tests of the carrier share: a founded chain, and its ledger in an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chain import Chain, found_chain
from xinglin.carrier.ledger.ledger import Ledger


@pytest.fixture
def chain() -> Chain:
    """Return a chain of two founders with the usual parameters."""
    return found_chain()


@pytest.fixture
def ledger(chain: Chain, home: Path) -> Iterator[Ledger]:
    """Give the chain's ledger at height 0."""
    opened = chain.create(home)
    yield opened
    opened.close()
