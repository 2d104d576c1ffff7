"""A home behind its ABCI socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.abci import AbciClient, AbciNode, abci_node, started
from tests.support.chain import Chain
from xinglin.carrier.ledger.ledger import Ledger


@pytest.fixture
def node(ledger: Ledger, tmp_path: Path) -> Iterator[AbciNode]:
    """Give the chain's ledger behind a socket."""
    with abci_node(ledger, tmp_path) as served:
        yield served


@pytest.fixture
def engine(node: AbciNode, chain: Chain) -> Iterator[AbciClient]:
    """Give a connection over which an engine has asked for the state."""
    with started(node, chain) as client:
        yield client
