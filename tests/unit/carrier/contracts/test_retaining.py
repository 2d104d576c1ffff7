"""How long an engine keeps its blocks: so many, and never one about which evidence still counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chain import BLOCK_MS, Chain, commit
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.contracts.retaining import Retention
from xinglin.carrier.ledger.ledger import Ledger

pytestmark = pytest.mark.requirement("S6.2c3", part="an engine's blocks are let go")


@pytest.fixture
def long(ledger: Ledger) -> Ledger:
    """Return a ledger of 200 empty blocks."""
    for _ in range(200):
        commit(ledger)
    return ledger


@pytest.mark.parametrize(
    ("blocks", "kept_ms", "height"),
    [
        (50, 0, 150),
        (50, 100 * BLOCK_MS, 100),
        (150, 100 * BLOCK_MS, 50),
        (50, 100 * BLOCK_MS + 1, 99),
        (199, 0, 1),
        (200, 0, 0),
        (50, 10_000 * BLOCK_MS, 0),
    ],
)
def test_both_bounds_hold(long: Ledger, blocks: int, kept_ms: int, height: int) -> None:
    assert Retention(blocks, kept_ms).height(long) == height


def test_it_looks_now_and_then_only(long: Ledger) -> None:
    commit(long)
    assert Retention(50, 0).height(long) == 0


def test_the_engine_is_told_with_the_commit(ledger: Ledger, chain: Chain, tmp_path: Path) -> None:
    app = LedgerApplication(ledger, retention=Retention(10, 0))
    told = []
    for height in range(1, 201):
        app.finalize_block(height, chain.start + height * BLOCK_MS, [])
        told.append(app.commit())
    assert {height + 1: one for height, one in enumerate(told) if one} == {100: 90, 200: 190}
