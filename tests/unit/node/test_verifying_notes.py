"""Kept checkpoints of before a home's beginning: compared once the log is whole, and no damage until then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.late import grow, late_pair
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import CheckpointFork
from xinglin.node.verify import _check_note


@pytest.mark.requirement("S6.2c2", part="a home whose older log is still fetched is not called damaged")
def test_checkpoints_of_before_the_beginning_wait_for_the_log(tmp_path: Path) -> None:
    with late_pair(grow(tmp_path / "grown"), tmp_path) as pair:
        begun, tiles = pair.late.begun, pair.peer.ledger.tiles()
        assert begun is not None
        true = Head(begun.chain, 300, tiles.root(300), bytes(32), begun.height - 5, begun.time - 5)
        false = replace(true, log_root=tiles.root(299))
        for head in (true, false):
            _check_note(pair.late, head)
        pair.finish()
        _check_note(pair.late, true)
        with pytest.raises(CheckpointFork):
            _check_note(pair.late, false)
